"""A network in a line: 784,128,64,10 or 1x28x28,16c3,mp2,32c3,mp2,128,10.

The notation is that of Ciresan et al. 2012 (Multi-column deep neural networks for image classification), where it
reads 1x28x28-16C3-MP2-…: first the input, then one item for each layer.

    784       so many numbers             16c3   16 maps, kernels of 3 × 3, the image keeps its size
    1x28x28   channels, height, width     mp2    the maximum of each 2 × 2       ap2   their mean
    128       fully connected

The activation follows every layer of weights but the last, which puts out the logits.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from math import prod

import numpy as np

from tinygrad_mnist.arguments import check_name
from tinygrad_mnist.nn.activations import ACTIVATION_MODULES
from tinygrad_mnist.nn.convolutions import AvgPool2d, Conv2d, MaxPool2d
from tinygrad_mnist.nn.init import initialise
from tinygrad_mnist.nn.layers import BatchNorm1d, BatchNorm2d, Dropout, Flatten, Linear, Sequential
from tinygrad_mnist.nn.mlp import MLP
from tinygrad_mnist.nn.module import Module

Item = int | str
Shape = tuple[int, ...]

POOLS: dict[str, Callable[[int], Module]] = {"m": MaxPool2d, "a": AvgPool2d}
NORMS: dict[int, Callable[[int], Module]] = {1: BatchNorm1d, 3: BatchNorm2d}

LARGEST = 1_000_000
"""Of units and maps in a layer: what is far too large for any memory is named, before anything is made."""

_INPUT = re.compile(r"\d+(x\d+x\d+)?")
_CONVOLUTION = re.compile(r"(\d+)c(\d+)")
_POOL = re.compile(r"([ma])p(\d+)")


def network(
    layers: str | Sequence[Item],
    activation: str = "leaky_relu",
    init: str = "he",
    *,
    batch_norm: bool = False,
    dropout: float = 0.0,
    input_dropout: float = 0.0,
    seed: int = 0,
) -> Module:
    """The network of these items: an MLP where that is all it is, else a Sequential.

    batch_norm: between every layer of weights and its activation (Ioffe and Szegedy 2015, section 3.2).
    dropout: share of the inputs of every fully connected layer that is dropped in training, but for the input
    itself, of which it is input_dropout. seed: of the initial weights.

    Raises ValueError for items that make no network and for unknown names.
    """
    items = parse_layers(layers if isinstance(layers, str) else ",".join(map(str, layers)))
    if all(isinstance(item, int) for item in items) and not (batch_norm or dropout or input_dropout):
        return MLP([int(item) for item in items], activation, init, seed)
    check_name("activation", activation, ACTIVATION_MODULES)
    first = [Dropout(input_dropout)] if input_dropout else []
    model = Sequential(*first, *_modules(items, ACTIVATION_MODULES[activation], batch_norm, dropout))
    initialise(model, init, np.random.default_rng(seed))
    return model


def parse_layers(text: str) -> tuple[Item, ...]:
    """The items of a network in a line, sizes as integers; raises ValueError for a line that is none."""
    items = tuple(int(item) if item.isdecimal() else item for item in text.lower().replace(" ", "").split(","))
    stages = list(_stages(items))
    if not stages or not isinstance(items[-1], int):
        raise ValueError(f"layers {text}: the last one must be a number, that of the classes, after the input")
    return items


def count_weights(layers: Sequence[Item]) -> int:
    """How many numbers the weights of such a network have, without biases; raises ValueError as `network` does."""
    return sum(_count(*stage) for stage in _stages(parse_layers(",".join(map(str, layers)))))


def count_products(layers: Sequence[Item]) -> int:
    """How many multiplications such a network takes for one example; raises ValueError as `network` does.

    What a pool looks at counts too, so that no image that the network makes has more numbers.
    """
    stages = _stages(parse_layers(",".join(map(str, layers))))
    return sum(_count(*stage) * prod(stage[2][1:]) or prod(stage[1]) for stage in stages)


def _count(item: Item, before: Shape, behind: Shape) -> int:
    """How many weights a layer has."""
    if _POOL.fullmatch(str(item)):
        return 0
    kernel = int(str(item).partition("c")[2] or 0)
    return before[0] * behind[0] * kernel**2 or prod(before) * behind[0]


def _stages(items: Sequence[Item]) -> Iterator[tuple[Item, Shape, Shape]]:
    """Each layer's item, and the shapes of one example before and behind it."""
    shape = _input_shape(items[0])
    for item in items[1:]:
        behind = _next_shape(item, shape)
        yield item, shape, behind
        shape = behind


def _input_shape(item: Item) -> Shape:
    shape = tuple(map(int, str(item).split("x"))) if _INPUT.fullmatch(str(item)) else (0,)
    if min(shape) < 1:
        raise ValueError(f"the first layer is {item!r}, and must be the input: 784 for rows, 1x28x28 for images")
    return shape


def _next_shape(item: Item, shape: Shape) -> Shape:
    """The shape of one example behind a layer."""
    if isinstance(item, int) and 1 <= item <= LARGEST:
        return (item,)
    if convolution := _CONVOLUTION.fullmatch(str(item)):
        maps, kernel = map(int, convolution.groups())
        if len(shape) == 3 and 1 <= maps <= LARGEST and kernel % 2 and kernel // 2 <= max(shape[1:]):
            return (maps, *shape[1:])
    elif (pool := _POOL.fullmatch(str(item))) and len(shape) == 3 and 0 < int(pool[2]) <= min(shape[1:]):
        return (shape[0], *(size // int(pool[2]) for size in shape[1:]))
    raise ValueError(
        f"layer {item!r} does not fit behind {'x'.join(map(str, shape))}: give 1 to {LARGEST:,} units, or, behind "
        f"images, maps and an odd kernel such as 16c3, or a pool such as mp2, no larger than the image"
    )


def _modules(items: Sequence[Item], activation: type[Module], batch_norm: bool, dropout: float) -> Iterator[Module]:
    *hidden, last = _stages(items)
    for position, (item, before, behind) in enumerate(hidden):
        if pool := _POOL.fullmatch(str(item)):
            yield POOLS[pool[1]](int(pool[2]))
            continue
        yield from _weights(item, before, behind, dropout if position else 0, bias=not batch_norm)
        if batch_norm:
            yield NORMS[len(behind)](behind[0])
        yield activation()
    yield from _weights(*last, dropout if hidden else 0)


def _weights(item: Item, before: Shape, behind: Shape, dropout: float, bias: bool = True) -> Iterator[Module]:
    """A layer of weights, and what it needs before it."""
    if len(behind) == 3:
        kernel = int(str(item).partition("c")[2])
        yield Conv2d(before[0], behind[0], kernel, padding=kernel // 2, bias=bias)
        return
    if len(before) == 3:
        yield Flatten()
    if dropout:
        yield Dropout(dropout)
    yield Linear(prod(before), behind[0], bias=bias)
