"""What stands at the end of a network: the output ŷ = f(z(L)), the loss of an example, and the penalty on the weights.

    softmax   cross-entropy  -Σ y log ŷ                          δ(L) = ŷ - y
    sigmoid   log loss       -Σ (y log ŷ + (1 - y) log (1 - ŷ))  δ(L) = ŷ - y
    any f     squared error  ½ Σ (ŷ - y)²                        δ(L) = (ŷ - y), through the derivative of f

A sum over the outputs, or twice that, or their mean; the loss of the batch is always the mean over its examples. A
squared error behind a sigmoid is Nielsen's (Neural Networks and Deep Learning, chapter 1).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from tinygrad_mnist.manual.activations import Array, sigmoid


def softmax(z: Array, axis: int) -> Array:
    """The probabilities along an axis; the maximum is subtracted first, so that exp can't overflow."""
    e: Array = np.exp(z - z.max(axis=axis, keepdims=True))
    probabilities: Array = e / e.sum(axis=axis, keepdims=True)
    return probabilities


@dataclass(frozen=True)
class Output:
    """ŷ = f(z) along the axis of the classes, and back(g, ŷ, axis): a derivative g by ŷ carried back to z.

    formula: the latter for g = ŷ - y, as text.
    """

    name: str
    f: Callable[[Array, int], Array]
    back: Callable[[Array, Array, int], Array]
    formula: str


SOFTMAX = Output(
    "softmax",
    softmax,
    lambda g, y_hat, axis: y_hat * (g - (g * y_hat).sum(axis=axis, keepdims=True)),
    "ŷ ⊙ (ŷ - y - Σ ŷ ⊙ (ŷ - y))",
)
SIGMOID = Output(
    "sigmoid", lambda z, axis: sigmoid.f(z), lambda g, y_hat, axis: g * y_hat * (1 - y_hat), "(ŷ - y) ⊙ ŷ ⊙ (1 - ŷ)"
)
TANH = Output("tanh", lambda z, axis: np.tanh(z), lambda g, y_hat, axis: g * (1 - y_hat**2), "(ŷ - y) ⊙ (1 - ŷ²)")
LINEAR = Output("linear", lambda z, axis: z, lambda g, y_hat, axis: g, "ŷ - y")


@dataclass(frozen=True)
class Head:
    """An output with a loss, each scaled by a factor, and by 1/n where it is the mean over the n outputs.

    total: the loss from z and y, summed over outputs and examples, with the axis of the classes.
    by_output: its derivative by ŷ, from ŷ and y. terms: the loss as text, without its scale.
    folded: whether by_output and the output's derivative are one in δ(L) = ŷ - y.
    """

    output: Output
    loss: str
    terms: str
    total: Callable[[Array, Array, int], float]
    by_output: Callable[[Array, Array], Array]
    folded: bool
    factor: float = 1.0
    averaged: bool = False

    @property
    def name(self) -> str:
        """As it is asked for, whatever its scale."""
        return f"{self.output.name}-{self.loss.replace(' ', '-')}"

    def __str__(self) -> str:
        return f"{self.output.name} outputs, {self.loss} {self.words}"

    def f(self, z: Array, axis: int) -> Array:
        """ŷ from z(L)."""
        return self.output.f(z, axis)

    @property
    def unscaled(self) -> Head:
        """The same with its usual scale."""
        return replace(self, factor=1.0, averaged=False)

    def scale(self, outputs: int) -> float:
        """What the sum is multiplied by, for so many outputs."""
        return self.factor / (outputs if self.averaged else 1)

    def value(self, z: Array, Y: Array, axis: int) -> float:
        """The loss of every example, summed over them."""
        return self.scale(int(Y.shape[axis])) * self.total(z, Y, axis)

    def error(self, y_hat: Array, Y: Array, axis: int) -> Array:
        """δ(L), the derivative of each example's loss by its z(L)."""
        difference = y_hat - Y
        back = difference if self.folded else self.output.back(difference, y_hat, axis)
        scale = self.scale(Y.shape[axis])
        return back if scale == 1 else scale * back

    @property
    def formula(self) -> str:
        """δ(L) as text; n is the number of outputs."""
        formula = "ŷ - y" if self.folded else self.output.formula
        before = {(1, False): "", (2, False): "2 ", (1, True): "(1/n) ", (2, True): "(2/n) "}[self._scale]
        return f"{before}({formula})" if before and formula == "ŷ - y" else before + formula

    @property
    def words(self) -> str:
        """The loss of an example as text; n is the number of outputs."""
        if self.loss != "squared error":
            return f"(1/n) ({self.terms})" if self.averaged else self.terms
        before = {(1, False): "½", (2, False): "", (1, True): "(1/2n)", (2, True): "(1/n)"}[self._scale]
        return f"{before} {self.terms}".strip()

    @property
    def _scale(self) -> tuple[int, bool]:
        return int(self.factor), self.averaged


def _cross_entropy(z: Array, Y: Array, axis: int) -> float:
    """log ŷ is z - log Σ exp z, and never the log of a rounded zero."""
    shifted = z - z.max(axis=axis, keepdims=True)
    return float(-(Y * (shifted - np.log(np.exp(shifted).sum(axis=axis, keepdims=True)))).sum())


def _log_loss(z: Array, Y: Array, axis: int) -> float:
    """-log ŷ is log(1 + exp(-z)), and -log(1 - ŷ) is z more."""
    return float((np.logaddexp(0, z) - Y * z).sum())


def _squared(output: Output) -> Head:
    def total(z: Array, Y: Array, axis: int) -> float:
        return float(((output.f(z, axis) - Y) ** 2).sum() / 2)

    return Head(output, "squared error", "Σ (ŷ - y)²", total, lambda y_hat, Y: y_hat - Y, folded=False)


SOFTMAX_CROSS_ENTROPY = Head(
    SOFTMAX, "cross-entropy", "-Σ y log ŷ", _cross_entropy, lambda y_hat, Y: -Y / y_hat, folded=True
)
SIGMOID_LOG_LOSS = Head(
    SIGMOID,
    "log loss",
    "-Σ (y log ŷ + (1 - y) log (1 - ŷ))",
    _log_loss,
    lambda y_hat, Y: (1 - Y) / (1 - y_hat) - Y / y_hat,
    folded=True,
)

HEADS = {
    head.name: head
    for head in (SOFTMAX_CROSS_ENTROPY, SIGMOID_LOG_LOSS, *map(_squared, (SIGMOID, SOFTMAX, LINEAR, TANH)))
}
"""Every head by its name, with its usual scale."""


def scales(head: Head) -> tuple[Head, ...]:
    """The head with every scale that its loss is written with, the usual one first.

    A cross-entropy has one term for each example: neither a factor nor a mean over the outputs belongs to it.
    """
    if head.loss == "cross-entropy":
        return (head,)
    factors = (1.0, 2.0) if head.loss == "squared error" else (1.0,)
    return tuple(replace(head, factor=factor, averaged=averaged) for averaged in (False, True) for factor in factors)


@dataclass(frozen=True)
class Penalty:
    """λ times a factor times Σ W², divided by the number of examples m where it is averaged.

    words: as it stands in the loss. rate_words: what W(l) is multiplied by in the gradient.
    """

    name: str
    words: str
    rate_words: str
    factor: float
    averaged: bool

    def value(self, l2: float, W: Sequence[Array], m: int) -> float:
        """The penalty of all weights; λ = l2."""
        return self.rate(l2, m) / 2 * sum(float((w**2).sum()) for w in W)

    def rate(self, l2: float, m: int) -> float:
        """What W is multiplied by in the derivative."""
        return 2 * self.factor * l2 / (m if self.averaged else 1)


HALF = Penalty("1/2", "½ λ Σ W²", "λ", 0.5, False)

PENALTIES = {
    penalty.name: penalty
    for penalty in (
        HALF,
        Penalty("1/2m", "(λ/2m) Σ W²", "(λ/m)", 0.5, True),
        Penalty("1", "λ Σ W²", "2λ", 1, False),
        Penalty("1/m", "(λ/m) Σ W²", "(2λ/m)", 1, True),
    )
}
"""By what λ Σ W² is multiplied with."""
