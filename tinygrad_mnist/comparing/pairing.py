"""Autograd beside the hand derivation: every z(l), a(l), δ(l), ∂L/∂W(l) and ∂L/∂b(l) of one batch."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinygrad_mnist import nn
from tinygrad_mnist.comparing.rows import Comparison, GraphNode, Row, Seconds
from tinygrad_mnist.engine import Node, Tensor, grad, toposort
from tinygrad_mnist.engine.errors import describe
from tinygrad_mnist.manual import ACTIVATIONS, Activation, notation, rows
from tinygrad_mnist.manual.rows import Backward, Forward

Array = NDArray[Any]
T = TypeVar("T")

TOLERANCES = {"float64": 1e-12, "float32": 1e-5}
"""The relative difference up to which two results agree, by dtype."""

Quantities = dict[str, dict[int, T]]
"""Something for each quantity of `notation.SYMBOLS` and each layer; the loss stands in layer 0."""

FORWARD, BACKWARD = ("z", "a"), ("delta", "dW", "db")

_FUNCTIONS = ("EXAMPLES_AXIS", "forward", "loss", "backward", "formulas")


class Model(Protocol):
    """A network as an expression: called with X it gives the logits, of tensors W1, W2, … and b1, b2, …"""

    activation: Any

    @property
    def weights(self) -> list[Tensor]: ...
    @property
    def biases(self) -> list[Tensor]: ...
    def __call__(self, x: Tensor, /) -> Tensor: ...


class Derivation(Protocol):
    """Backprop by hand: what `manual.rows` and `manual.columns` offer."""

    @property
    def EXAMPLES_AXIS(self) -> int: ...
    def forward(self, *args: Any, **kwargs: Any) -> Forward: ...
    def loss(self, *args: Any, **kwargs: Any) -> float: ...
    def backward(self, *args: Any, **kwargs: Any) -> Backward: ...
    def formulas(self, *args: Any, **kwargs: Any) -> Mapping[str, str]: ...


class ColumnMLP:
    """An MLP in the tutorials' convention, on copies of its parameters: z = W a + b, with b of shape (out, 1)."""

    def __init__(self, model: nn.MLP) -> None:
        self.activation = model.activation
        self.weights = [Tensor(W.data, requires_grad=True, name=W.name) for W in model.weights]
        self.biases = [Tensor(b.data[:, None], requires_grad=True, name=b.name) for b in model.biases]
        self._like = model

    def __call__(self, x: Tensor) -> Tensor:
        """The logits, shape (outputs, m), of columns x, shape (inputs, m)."""
        f = nn.ACTIVATIONS[self.activation]
        *hidden, (W, b) = zip(self.weights, self.biases, strict=True)
        for W_hidden, b_hidden in hidden:
            x = f(W_hidden @ x + b_hidden)
        return W @ x + b

    def __repr__(self) -> str:
        return repr(self._like)


def compare(
    model: Model,
    batch: tuple[ArrayLike, ArrayLike],
    manual: Derivation = rows,
    l2: float = 0.0,
    *,
    tolerance: float | None = None,
    repeats: int = 3,
) -> Comparison:
    """Compare the gradients that autograd finds in a model's expression with those of the hand derivation.

    model: an `nn.MLP`, or any function of X that has `weights`, `biases` and `activation` (a name in
        `manual.ACTIVATIONS`, or a `manual.Activation`). z(l) is the sum in its graph that b(l) goes into, a(l)
        the factor that W(l+1) is multiplied with; δ(l) is m ∂L/∂z(l).
    batch: X as the model takes it, (m, inputs) with `manual.rows`, (inputs, m) with `manual.columns`; and m
        integer labels.
    manual: the derivation to compare with, or a changed one that has the same functions.
    l2: λ of the penalty (λ/2) Σ W² that is added to the mean cross-entropy.
    tolerance: the relative difference that is allowed; by default 1e-12 in float64 and 1e-5 in float32.
    repeats: how often each side is run; the fastest run is its time.

    Raises ValueError for an activation or a dtype that can't be judged, for a model whose graph has no such
    nodes, and for a batch that does not fit; TypeError for a derivation that lacks a function.
    """
    X, labels = np.asarray(batch[0]), np.asarray(batch[1])
    _check_derivation(manual)
    axis = manual.EXAMPLES_AXIS
    f = _activation(model.activation)
    _check_batch(X, labels, axis)
    if not 0 <= l2 < np.inf:
        raise ValueError(f"l2 is {l2}: λ must be a number from 0 on")
    nodes, by_autograd, seconds_by_autograd = _by_autograd(model, X, labels, axis, l2, repeats)
    dtype = by_autograd["loss"][0].dtype
    allowed = _tolerance(dtype) if tolerance is None else tolerance
    Y = np.moveaxis(nn.one_hot(labels, model.weights[-1].shape[0], dtype), 0, axis)
    formulas, by_hand, seconds_by_hand = _by_hand(manual, model, X, Y, f, l2, repeats)

    def row(key: str, layer: int) -> Row:
        formula, node = formulas[key][layer], GraphNode.of(nodes[key][layer])
        hand, autograd = np.asarray(by_hand[key][layer]), by_autograd[key][layer]
        return Row(notation.SYMBOLS[key], layer or None, formula, node, hand, autograd, allowed)

    return Comparison(
        model=getattr(model, "__name__", repr(model)).partition("  #")[0],
        convention=("rows", "columns")[axis],
        examples=len(labels),
        dtype=str(dtype),
        l2=l2,
        tolerance=allowed,
        rows=tuple(row(key, layer) for key, layer in _in_order(len(model.weights))),
        seconds_by_hand=seconds_by_hand,
        seconds_by_autograd=seconds_by_autograd,
    )


def _in_order(L: int) -> list[tuple[str, int]]:
    """Every quantity and layer, in the order of computation."""
    layers = range(1, L + 1)
    forward = [(key, layer) for layer in layers for key in FORWARD]
    return [*forward, ("loss", 0), *((key, layer) for layer in reversed(layers) for key in BACKWARD)]


def _by_autograd(
    model: Model, X: Array, labels: Array, axis: int, l2: float, repeats: int
) -> tuple[Quantities[Tensor], Quantities[Array], Seconds]:
    """The nodes, their numbers, or gradients, and the time they took."""

    def forward() -> tuple[Tensor, Tensor]:
        logits = model(Tensor(X, name="X"))
        loss = nn.cross_entropy(logits if axis == 0 else logits.T, labels)
        if l2:
            loss = loss + l2 / 2 * sum((w * w).sum() for w in model.weights)
        return logits, loss

    (logits, loss), seconds_forward = _timed(forward, repeats)
    z, a = _layers(logits, model, axis)
    W, b = _by_layer(model.weights), _by_layer(model.biases)
    nodes: Quantities[Tensor] = {"z": z, "a": a, "loss": {0: loss}, "delta": z, "dW": W, "db": b}
    targets = [node for key in BACKWARD for node in nodes[key].values()]
    gradients, seconds_backward = _timed(lambda: [g.numpy() for g in grad(loss, targets)], repeats)

    L, m = len(z), len(labels)
    values = {key: {layer: node.numpy() for layer, node in nodes[key].items()} for key in (*FORWARD, "loss")}
    values |= {key: _by_layer(gradients[i * L : (i + 1) * L]) for i, key in enumerate(BACKWARD)}
    values["delta"] = {layer: m * dz for layer, dz in values["delta"].items()}
    return nodes, values, Seconds(seconds_forward, seconds_backward)


def _by_hand(
    manual: Derivation, model: Model, X: Array, Y: Array, f: Activation, l2: float, repeats: int
) -> tuple[Quantities[str], Quantities[Any], Seconds]:
    """The formulas, their numbers, and the time they took."""
    W, b = [w.numpy() for w in model.weights], [c.numpy() for c in model.biases]

    def forward() -> tuple[Forward, float]:
        run = manual.forward(X, W, b, f)
        return run, manual.loss(run, Y, W, l2)

    (run, loss), seconds_forward = _timed(forward, repeats)
    back, seconds_backward = _timed(lambda: manual.backward(run, Y, W, f, l2), repeats)

    L = len(W)
    values: Quantities[Any] = {"z": run.z, "a": run.a, "delta": back.delta, "dW": back.dW, "db": back.db}
    _check_layers(values, L)
    book = {layer: manual.formulas(layer, L, l2) for layer in range(1, L + 1)}
    formulas = {key: {layer: equations[key] for layer, equations in book.items()} for key in values}
    formulas["loss"], values["loss"] = {0: notation.loss(l2)}, {0: loss}
    return formulas, values, Seconds(seconds_forward, seconds_backward)


def _by_layer(values: Sequence[T]) -> dict[int, T]:
    return dict(enumerate(values, start=1))


def _timed(function: Callable[[], T], repeats: int) -> tuple[T, float]:
    """What the function returned, and the seconds of its fastest run."""
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        result = function()
        seconds.append(time.perf_counter() - start)
    return result, min(seconds)


def _activation(activation: str | Activation) -> Activation:
    if isinstance(activation, Activation):
        return activation
    if activation not in ACTIVATIONS:
        raise ValueError(
            f"there is no hand derivation for {activation!r}, only for {', '.join(ACTIVATIONS)}; a "
            f"manual.Activation(f, f_prime) of your own can stand in the model's .activation"
        )
    return ACTIVATIONS[activation]


def _check_derivation(manual: Derivation) -> None:
    missing = [name for name in _FUNCTIONS if not hasattr(manual, name)]
    if missing:
        raise TypeError(
            f"the derivation has no {', '.join(missing)}: take what you did not write from manual.rows "
            f'or manual.columns, as in SimpleNamespace(**{{**vars(manual.rows), "backward": yours}})'
        )


def _check_batch(X: Array, labels: Array, axis: int) -> None:
    if labels.ndim != 1 or not labels.size:
        raise ValueError(f"the labels are one class number for each example, not an array of shape {labels.shape}")
    if X.ndim != 2 or X.shape[axis] != len(labels):
        shape = f"({len(labels)}, inputs)" if axis == 0 else f"(inputs, {len(labels)})"
        raise ValueError(f"X has shape {X.shape}; {len(labels)} labels in this convention need {shape}")


def _check_layers(given: dict[str, dict[int, Array]], L: int) -> None:
    for what, by_layer in given.items():
        missing = {*range(1, L + 1)} - by_layer.keys()
        if missing:
            raise ValueError(f"the hand derivation gives no {what} of layer {min(missing)}: layers are 1 to {L}")


def _tolerance(dtype: np.dtype[Any]) -> float:
    if str(dtype) not in TOLERANCES:
        raise ValueError(f"no tolerance is known for {dtype}, only for {', '.join(TOLERANCES)}: give tolerance=")
    return TOLERANCES[str(dtype)]


def _layers(logits: Tensor, model: Model, axis: int) -> tuple[dict[int, Tensor], dict[int, Tensor]]:
    """The nodes z(l) and a(l) of the graph: where b(l) is added, and what W(l+1) is multiplied with.

    a(L) = softmax(z(L)) is no node of the loss, which takes log ŷ at once; it is computed here.
    """
    order = toposort(logits)
    z = {layer: _first_use(order, b, "add")[0] for layer, b in _by_layer(model.biases).items()}
    a = {}
    for layer, W in _by_layer(model.weights[1:]).items():
        product, downstream = _first_use(order, W, "matmul")
        a[layer] = next((x for x in product.inputs if x not in downstream), product)
    a[len(z)] = z[len(z)].softmax(axis=1 - axis)
    return z, a


def _first_use(order: list[Tensor], leaf: Tensor, op: str) -> tuple[Tensor, set[Node]]:
    """The first operation of this name that a leaf flows into, and what it flows through on the way."""
    downstream: set[Node] = {leaf}
    for node in order:
        if downstream.intersection(x for x in node.inputs if isinstance(x, Node)):
            if str(node.op) == op:
                return node, downstream
            downstream.add(node)
    raise ValueError(f"no {op} of {describe(leaf)} leads to the logits: write layers as x @ W.T + b, or W @ x + b")
