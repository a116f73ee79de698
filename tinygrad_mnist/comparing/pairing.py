"""Autograd beside the hand derivation: every z(l), a(l), δ(l), ∂L/∂W(l) and ∂L/∂b(l) of one batch."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import ArrayLike

from tinygrad_mnist import nn
from tinygrad_mnist.comparing.layerwise import Layerwise, is_textbook
from tinygrad_mnist.comparing.rows import Array, Comparison, GraphNode, Row, Seconds
from tinygrad_mnist.engine import Tensor, grad
from tinygrad_mnist.engine.errors import describe
from tinygrad_mnist.graph.layers import PRODUCTS, Layer, Layers
from tinygrad_mnist.graph.recording import Recording
from tinygrad_mnist.manual import ACTIVATIONS, Activation, leaky_relu, notation, rows
from tinygrad_mnist.manual.rows import Backward, Forward

T = TypeVar("T")

TOLERANCES = {"float64": 1e-12, "float32": 1e-5}
"""The relative difference up to which two results agree, by dtype."""

Quantities = dict[str, dict[int, T]]
"""Something for each quantity of `notation.SYMBOLS` and each layer; the loss stands in layer 0."""

FORWARD, BACKWARD = ("z", "a"), ("delta", "dW", "db")

_HOW = "write layers as x @ W.T + b, or W @ x + b"
_FUNCTIONS = ("EXAMPLES_AXIS", "forward", "loss", "backward", "formulas")


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
    model: Callable[..., Tensor],
    batch: tuple[ArrayLike, ArrayLike],
    manual: Derivation = rows,
    l2: float = 0.0,
    *,
    tolerance: float | None = None,
    repeats: int = 3,
) -> Comparison:
    """Compare the gradients that autograd finds in a model's expression with those of the hand derivation.

    model: any function of X that gives the logits. Its layers are found in its graph (`graph.layers`): z(l) is a
        layer's weighted sum, a(l) its activation, which is the model's `activation` where it has one (a name in
        `manual.ACTIVATIONS`, or a `manual.Activation`), else that of the graph; δ(l) is m ∂L/∂z(l). Where more
        stands between two layers, a normalisation, a dropout or a pooling, the graph carries the error through it.
    batch: X as the model takes it, (m, …) with `manual.rows`, (…, m) with `manual.columns`, and m integer labels;
        or one example without an axis of its own, and its label.
    manual: the derivation to compare with, or a changed one that has the same functions.
    l2: λ of the penalty (λ/2) Σ W² that is added to the mean cross-entropy.
    tolerance: the relative difference that is allowed; by default 1e-12 in float64 and 1e-5 in float32.
    repeats: how often each side is run; the fastest run is its time.

    Raises ValueError for an activation or a dtype that can't be judged, for a model whose graph has no such
    layers, and for a batch that does not fit; TypeError for a derivation that lacks a function.
    """
    X, labels = np.asarray(batch[0]), np.asarray(batch[1])
    _check_derivation(manual)
    axis = manual.EXAMPLES_AXIS
    f = _activation(model.activation) if hasattr(model, "activation") else None
    _check_batch(X, labels, axis)
    if not 0 <= l2 < np.inf:
        raise ValueError(f"l2 is {l2}: λ must be a number from 0 on")
    with _buffers_kept(model):
        network, nodes, by_autograd, seconds_by_autograd = _by_autograd(model, X, labels, axis, l2, repeats)
    layers = network.layers
    dtype = by_autograd["loss"][0].dtype
    dtypes = {array.dtype for found in by_autograd.values() for array in found.values()}  # X may have its own
    allowed = max(map(_tolerance, dtypes)) if tolerance is None else tolerance
    f = f or _activation_of(layers)
    derivation = manual if f and is_textbook(layers, manual) else Layerwise(layers, manual, f)
    Y = nn.one_hot(labels, layers[-1].z.data.size // labels.size, dtype)
    Y = np.moveaxis(Y, 0, axis) if labels.ndim else Y
    formulas, by_hand, seconds_by_hand = _by_hand(derivation, layers, X, Y, f, l2, repeats)

    def row(key: str, layer: int) -> Row:
        node, hand, autograd = nodes[key][layer], np.asarray(by_hand[key][layer]), by_autograd[key][layer]
        found = GraphNode.of(node, node.name if node.op else network.name(node))
        summed = float(np.abs(by_autograd["delta"][layer]).mean()) if key == "db" else 0.0
        return Row(notation.SYMBOLS[key], layer or None, formulas[key][layer], found, hand, autograd, allowed, summed)

    return Comparison(
        model=getattr(model, "__name__", repr(model)).partition("  #")[0],
        convention=("rows", "columns")[axis],
        examples=labels.size,
        dtype=str(dtype),
        l2=l2,
        tolerance=allowed,
        rows=tuple(row(key, layer) for key, layer in _in_order(len(layers)) if layer in nodes[key]),
        seconds_by_hand=seconds_by_hand,
        seconds_by_autograd=seconds_by_autograd,
    )


def _in_order(L: int) -> list[tuple[str, int]]:
    """Every quantity and layer, in the order of computation."""
    layers = range(1, L + 1)
    forward = [(key, layer) for layer in layers for key in FORWARD]
    return [*forward, ("loss", 0), *((key, layer) for layer in reversed(layers) for key in BACKWARD)]


@contextmanager
def _buffers_kept(model: Any) -> Iterator[None]:
    """A model in training moves its running statistics at every run; a comparison leaves it as it was."""
    buffers = list(model.buffers()) if isinstance(model, nn.Module) else []
    kept = [buffer.data.copy() for buffer in buffers]
    try:
        yield
    finally:
        for buffer, data in zip(buffers, kept, strict=True):
            buffer.data = data


def _by_autograd(
    model: Callable[..., Tensor], X: Array, labels: Array, axis: int, l2: float, repeats: int
) -> tuple[Layers, Quantities[Any], Quantities[Array], Seconds]:
    """The layers, their nodes, the numbers or gradients of these, and the time they took."""
    weights: list[Any] = [layer.weight for layer in _layers(model, model(Tensor(X, name="X")))]

    def forward() -> tuple[Tensor, Tensor]:
        logits = model(Tensor(X, name="X"))
        loss = nn.cross_entropy(logits.T if axis and logits.ndim > 1 else logits, labels)
        if l2:
            loss = loss + l2 / 2 * sum(w.vdot(w) for w in weights)
        return logits, loss

    (logits, loss), seconds_forward = _timed(forward, repeats)
    network = _layers(model, logits)
    layers = network.layers
    z = _by_layer([layer.z for layer in layers])
    a = {l: layer.activation for l, layer in enumerate(layers, start=1) if layer.activation is not None}
    a[len(z)] = logits.softmax(axis=1 - axis if logits.ndim > 1 else 0)  # no node of the loss, which takes log ŷ
    b = {l: layer.bias for l, layer in enumerate(layers, start=1) if layer.bias is not None}
    W = _by_layer([layer.weight for layer in layers])
    nodes: Quantities[Any] = {"z": z, "a": a, "loss": {0: loss}, "delta": z, "dW": W, "db": b}

    targets = [(key, l) for key in BACKWARD for l in nodes[key]]
    gradients, seconds_backward = _timed(lambda: grad(loss, [nodes[key][l] for key, l in targets]), repeats)
    values: Quantities[Any] = {key: {l: node.data for l, node in nodes[key].items()} for key in (*FORWARD, "loss")}
    for (key, l), gradient in zip(targets, gradients, strict=True):
        values.setdefault(key, {})[l] = gradient.data * labels.size if key == "delta" else gradient.data
    return network, nodes, values, Seconds(seconds_forward, seconds_backward)


def _by_hand(
    manual: Any, layers: Sequence[Layer], X: Array, Y: Array, f: Activation | None, l2: float, repeats: int
) -> tuple[Quantities[str], Quantities[Any], Seconds]:
    """The formulas, their numbers, and the time they took."""
    W = [layer.weight.data for layer in layers]
    b = [np.zeros(1, layer.z.dtype) if layer.bias is None else layer.bias.data for layer in layers]

    def forward() -> tuple[Forward, float]:
        run = manual.forward(X, W, b, f)
        return run, manual.loss(run, Y, W, l2)

    (run, loss), seconds_forward = _timed(forward, repeats)
    back, seconds_backward = _timed(lambda: manual.backward(run, Y, W, f, l2), repeats)

    L = len(W)
    values: Quantities[Any] = {"z": run.z, "a": run.a, "delta": back.delta, "dW": back.dW, "db": back.db}
    if not isinstance(manual, Layerwise):
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
    if labels.ndim == 0 and X.ndim == 1:
        return
    if labels.ndim != 1 or not labels.size:
        raise ValueError(f"the labels are one class number for each example, not an array of shape {labels.shape}")
    if X.ndim < 2 or X.shape[-1 if axis else 0] != len(labels):
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


def _layers(model: Any, logits: Tensor) -> Layers:
    """The layers of weights in the graph of the logits, each a function of the one before."""
    found = Layers(Recording(logits))
    layers = found.layers
    frozen = (
        [name for name, p in model.named_parameters() if not p.requires_grad] if isinstance(model, nn.Module) else []
    )
    if frozen:
        raise ValueError(
            f"{frozen[0]} is frozen, so that its gradient is not computed: set its requires_grad for a comparison"
        )
    for what, given, used in (
        ("matmul", getattr(model, "weights", ()), [layer.weight for layer in layers]),
        ("add", getattr(model, "biases", ()), [layer.bias for layer in layers]),
    ):
        for leaf in given:
            if not any(leaf is x for x in used):
                raise ValueError(f"no {what} of {describe(leaf)} leads to the logits: {_HOW}")
    if not layers:
        raise ValueError(f"no product with a weight leads to the logits: {_HOW}")
    nearest = found.recording.nearest([layer.z for layer in layers])
    products = {layer.product for layer in layers}
    for node in found.recording.operations:
        if str(node.op) in PRODUCTS and node not in products and any(x in found.parameters for x in node.inputs):
            weight = next(x for x in node.inputs if x in found.parameters)
            raise ValueError(
                f"a product with {describe(weight)} is no layer of its own: each layer needs a weight used once, "
                f"called W or weight, or nothing"
            )
    if any(nearest[above.entering] != {below.z} for below, above in pairwise(layers)):
        raise ValueError("a signal goes past a layer of this model, which is not derived by hand: compare a chain")
    return found


def _activation_of(layers: Sequence[Layer]) -> Activation | None:
    """The activation that all hidden layers have in the graph, where there is a hand derivation for it."""
    found = {(str(h.activation.op), *h.activation.params.values()) for h in layers[:-1] if h.activation is not None}
    if len(found) > 1:
        return None
    name, *slope = found.pop() if found else ("relu",)
    return leaky_relu(*slope) if name == "leaky_relu" else ACTIVATIONS.get(name)
