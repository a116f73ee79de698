"""What passes through each layer of weights: activations on the way forward, gradients on the way back.

All of it is read from the recorded graph, so that it holds for any model.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_mnist.engine import Tensor, grad, toposort
from tinygrad_mnist.nn import Module, cross_entropy

Array = NDArray[Any]

FLAT = 0.05
"""Where an activation's derivative is below this, hardly any gradient comes through."""

PRODUCTS = {"matmul", "einsum"}
NONLINEAR = {"relu", "leaky_relu", "elu", "sigmoid", "tanh", "softplus", "maximum", "minimum", "where"}
"""Of each activation, one operation at least: gelu has its tanh, silu its sigmoid."""


@dataclass(frozen=True)
class LayerSignals:
    """What passes through a layer: activations a = f(z) and gradients ∂L/∂z, of one shape, (n, …).

    flat: the share of a where f'(z) is below 0.05, so that hardly any gradient passes; None without an f.
    """

    name: str
    values: Array
    gradients: Array
    flat: float | None


def layer_signals(model: Module, x: Array, labels: Array) -> list[LayerSignals]:
    """The activations of each layer of weights, and ∂L/∂z for the cross-entropy; the last layer's are the logits.

    x: as the model takes it, (n, 784) or (n, 1, 28, 28). labels: (n,). What z is: the layer's product with its bias,
    normalised where a normalisation follows; the model stays in its mode, training or use.
    """
    inputs = Tensor(x, requires_grad=True)
    logits = model(inputs)
    *hidden, _ = stretches = list(_stretches(inputs, logits))
    pairs = [*map(_activation, hidden), (logits, logits)]
    gradients = grad(cross_entropy(logits, labels), [z for z, _ in pairs])
    names = [*(f"layer {number}" for number in range(1, len(stretches))), "logits"]
    return [
        LayerSignals(name, a.numpy(), gradient.numpy(), None if a is z else _flat(z, a))
        for name, (z, a), gradient in zip(names, pairs, gradients, strict=True)
    ]


def _stretches(x: Tensor, output: Tensor) -> Iterator[list[Tensor]]:
    """What was computed from x, cut before each product of it with weights; before the first there is no layer."""
    signal: set[Any] = {x}
    stretch: list[Tensor] = []
    for node in toposort(output):
        from_x = [isinstance(value, Tensor) and value in signal for value in node.inputs]
        if any(from_x):
            signal.add(node)
            if str(node.op) in PRODUCTS and not all(from_x):
                yield from [stretch] if stretch else []
                stretch = [node]
            elif stretch:
                stretch.append(node)
    yield stretch


def _activation(stretch: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """z and a of a layer: a computed from z alone, by something that is not linear.

    Without such a step they are one: the last node of the product's size, so that no pool follows it.
    """
    ends = _bottlenecks(stretch)
    for start, end in pairwise(ends):
        if any(str(node.op) in NONLINEAR for node in stretch[start + 1 : end + 1]):
            return stretch[start], stretch[end]
    last = max(end for end in ends if stretch[end].size == stretch[0].size)
    return stretch[last], stretch[last]


def _bottlenecks(nodes: Sequence[Tensor]) -> list[int]:
    """The positions past which no earlier node reaches: all that follows is computed from the node there alone."""
    position = {node: i for i, node in enumerate(nodes)}
    last_use = list(range(len(nodes)))
    for i, node in enumerate(nodes):
        for x in node.inputs:
            if isinstance(x, Tensor) and x in position:
                last_use[position[x]] = i
    furthest = np.maximum.accumulate([0, *last_use])[:-1]
    return [i for i, reach in enumerate(furthest) if reach <= i]


def _flat(z: Tensor, a: Tensor) -> float:
    (slopes,) = grad(a.sum(), [z])
    return float(np.mean(np.abs(slopes.numpy()) < FLAT))
