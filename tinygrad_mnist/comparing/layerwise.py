"""The hand derivation of networks that are more than dense layers: the layers by the book, the rest by the graph.

A normalisation, a dropout, a pooling or a convolution's windows stand between what the book derives. So each layer is
derived from what enters it, and its error is carried back to the layer below by the graph's own rules.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from tinygrad_mnist.engine import Tensor, grad
from tinygrad_mnist.graph.layers import Layer, unmoved
from tinygrad_mnist.manual.activations import Activation, Array
from tinygrad_mnist.manual.notation import COLUMNS, ROWS, ROWS_IN_OUT, Notation
from tinygrad_mnist.manual.rows import Backward, Forward


def is_textbook(layers: Sequence[Layer], textbook: Any) -> bool:
    """Whether the layers are what the book derives: X and each a(l) enter the next layer as they are, as matrices."""
    if any(_takes_weight_as_it_is(layer) == (textbook.EXAMPLES_AXIS == 0) for layer in layers):
        return False
    chained = all(above.entering is below.activation and below.before is below.z for below, above in pairwise(layers))
    plain = all(layer.z.data.ndim == layer.weight.data.ndim == 2 and layer.bias is not None for layer in layers)
    return chained and plain and layers[0].entering.op is None


def _takes_weight_as_it_is(layer: Layer) -> bool:
    factor = _factor(layer)
    return factor is layer.weight or (str(factor.op) == "reshape" and factor.shape == layer.weight.shape)


def _factor(layer: Layer) -> Tensor:
    """The operand beside what enters: the weight, transposed or arranged as the product takes it."""
    factor: Tensor = next(x for x in layer.product.inputs if x is not layer.entering)
    return factor


class Layerwise:
    """A derivation as `manual.rows` and `manual.columns` are, for the layers of one graph.

    textbook: which of the two it follows. activation: None where the graph's has no hand derivation. A single example
    without an axis of its own is a column, or a row.
    """

    def __init__(self, layers: Sequence[Layer], textbook: Any, activation: Activation | None) -> None:
        self.layers = dict(enumerate(layers, start=1))
        self.activation = activation
        self.textbook, self.EXAMPLES_AXIS = textbook, textbook.EXAMPLES_AXIS

    def forward(self, X: Array, W: Sequence[Array], b: Sequence[Array], activation: Any) -> Forward:
        """z(l) from what enters the layer, and a(l) from what the activation is applied to."""
        z: dict[int, Array] = {}
        a: dict[int, Array] = {}
        for l, layer in self.layers.items():
            x, w = self._factors(layer)
            product = w @ x if self.EXAMPLES_AXIS else x @ w
            z[l] = (product + self._matrix(b[l - 1])).reshape(layer.z.shape)
            if layer is self.layers[len(self.layers)]:
                a[l] = self.textbook.softmax(self._matrix(z[l])).reshape(z[l].shape)
            elif layer.activation is not None:
                a[l] = self.activation.f(layer.before.data) if self.activation else layer.activation.data
        return Forward(z, a)

    def loss(self, run: Forward, Y: Array, W: Sequence[Array], l2: float = 0.0) -> float:
        """The mean cross-entropy, and the penalty."""
        L = len(W)
        cross_entropy: float = self.textbook.loss(Forward({L: self._matrix(run.z[L])}, {}), self._matrix(Y), W, l2)
        return cross_entropy

    def backward(self, run: Forward, Y: Array, W: Sequence[Array], activation: Any, l2: float = 0.0) -> Backward:
        """Each layer's δ, carried from the layer above through what stands between, and what follows from it."""
        L, examples = len(W), self.EXAMPLES_AXIS
        delta, dW, db = {L: run.a[L] - Y}, {}, {}
        m = self._matrix(Y).shape[examples]
        for l in range(L, 0, -1):
            layer = self.layers[l]
            x, w = self._factors(layer)
            error = self._matrix(delta[l])
            product = error @ x.T if examples else x.T @ error
            dW[l] = _back(layer.weight, _factor(layer), product) / m + l2 * W[l - 1]
            if layer.bias is not None:
                db[l] = (error.sum(axis=examples) / m).reshape(layer.bias.shape)
            if l > 1:
                below = self.layers[l - 1]
                carried = (w.T @ error if examples else error @ w.T).reshape(layer.entering.shape)
                if self.activation and self._is_plain(l - 1):
                    delta[l - 1] = carried * self.activation.f_prime(below.z.data)
                else:
                    delta[l - 1] = _back(below.z, layer.entering, carried)
        return Backward(delta, dW, db)

    def formulas(self, l: int, L: int, l2: float = 0.0) -> dict[str, str]:
        """The equations of the textbook; x(l) is what enters layer l where that is no activation of its layer below."""
        layer, below = self.layers[l], self.layers.get(l - 1)
        book = _notation(layer, self.textbook).formulas(l, L, l2)
        if layer.entering is not (below.activation if below else None) and (below or layer.entering.op):
            book |= {key: book[key].replace(f"a({l - 1})", f"x({l})") for key in ("z", "dW")}
        if l < L:
            if not (self.activation and self._is_plain(l)):
                carried = _notation(self.layers[l + 1], self.textbook).formulas(l, L)["delta"].partition(" ⊙ ")[0]
                book["delta"] = f"{carried}, back through the graph"
            if unmoved(layer.before) is not layer.z:
                book["a"] = f"f(n({l}))"
        if layer.bias is None:
            book["z"] = book["z"].removesuffix(f" + b({l})")
        return book

    def _is_plain(self, l: int) -> bool:
        """Whether nothing but an activation leads from z(l) to the layer above."""
        layer = self.layers[l]
        return self.layers[l + 1].entering is layer.activation and layer.before is layer.z

    def _factors(self, layer: Layer) -> tuple[Array, Array]:
        return self._matrix(layer.entering.data), _factor(layer).data

    def _matrix(self, x: Array) -> Array:
        """An array as a matrix: a single example is a column, or a row."""
        if x.ndim > 1:
            return x
        return x.reshape(-1, 1) if self.EXAMPLES_AXIS else x.reshape(1, -1)


def _notation(layer: Layer, textbook: Any) -> Notation:
    if textbook.EXAMPLES_AXIS:
        return COLUMNS
    return ROWS_IN_OUT if _takes_weight_as_it_is(layer) else ROWS


def _back(target: Any, output: Any, cotangent: Array) -> Array:
    """A cotangent carried from one node of the graph back to another."""
    if target is output:
        return cotangent
    (carried,) = grad(output, [target], gradient=cotangent)
    numbers: Array = carried.numpy()
    return numbers
