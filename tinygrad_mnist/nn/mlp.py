"""The multilayer perceptron, written as an expression of tensors."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from tinygrad_mnist.arguments import check_name
from tinygrad_mnist.engine import Tensor
from tinygrad_mnist.nn.activations import ACTIVATIONS
from tinygrad_mnist.nn.init import INITIALISERS
from tinygrad_mnist.nn.module import Module, as_tensor


class MLP(Module):
    """Fully connected layers with an activation between them: z = a Wᵀ + b, a = f(z).

    layer_sizes: inputs, hidden widths…, outputs, e.g. (784, 128, 64, 10).
    activation: of the hidden layers, a name in ACTIVATIONS. init: a name in INITIALISERS; biases start at 0.
    seed: of the initial weights.

    The parameters are W1, b1, W2, …, with W of shape (out, in). Raises ValueError for sizes that make no
    network and for unknown names.
    """

    def __init__(
        self,
        layer_sizes: Sequence[int],
        activation: str = "leaky_relu",
        init: str = "he",
        seed: int = 0,
        dtype: DTypeLike = np.float32,
    ) -> None:
        _check_sizes(layer_sizes)
        check_name("activation", activation, ACTIVATIONS)
        check_name("init", init, INITIALISERS)
        self.layer_sizes, self.activation = tuple(layer_sizes), activation
        rng = np.random.default_rng(seed)
        for layer, (inputs, outputs) in enumerate(pairwise(layer_sizes), start=1):
            W = INITIALISERS[init](rng, (outputs, inputs)).astype(dtype)
            setattr(self, f"W{layer}", Tensor(W, requires_grad=True))
            setattr(self, f"b{layer}", Tensor(np.zeros(outputs, dtype), requires_grad=True))

    @property
    def weights(self) -> list[Tensor]:
        """W1, W2, …"""
        return [getattr(self, f"W{layer}") for layer in range(1, len(self.layer_sizes))]

    @property
    def biases(self) -> list[Tensor]:
        """b1, b2, …"""
        return [getattr(self, f"b{layer}") for layer in range(1, len(self.layer_sizes))]

    def forward(self, x: Any) -> Tensor:
        """The logits, shape (batch, outputs), of rows x, shape (batch, inputs)."""
        f = ACTIVATIONS[self.activation]
        a = _rows(x, self.layer_sizes[0])
        *hidden, last = zip(self.weights, self.biases, strict=True)
        for W, b in hidden:
            a = f(a @ W.T + b)
        W, b = last
        return a @ W.T + b

    def __repr__(self) -> str:
        sizes = ", ".join(map(str, self.layer_sizes))
        count = sum(p.size for p in self.parameters())
        return f"MLP([{sizes}], activation={self.activation!r})  # {count:,} parameters"


def _check_sizes(sizes: Any) -> None:
    if isinstance(sizes, str) or not isinstance(sizes, Sequence | np.ndarray):
        raise TypeError(f"layer sizes {sizes!r} are no list of numbers: give them as (784, 128, 10)")
    if len(sizes) < 2 or not all(isinstance(size, int | np.integer) and size > 0 for size in sizes):
        raise ValueError(f"layer sizes {tuple(sizes)} make no network: give two or more integers, each positive")


def _rows(x: Any, inputs: int) -> Tensor:
    rows = as_tensor(x)
    if rows.ndim != 2 or rows.shape[1] != inputs:
        raise ValueError(f"the model takes rows of {inputs} numbers, shape (batch, {inputs}), not {rows.shape}")
    return rows
