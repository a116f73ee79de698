"""Updates by moments of the gradients, θ := θ - η m̂ / (√v̂ + ε), as the textbook has them and with one mistake each.

Momentum (Polyak 1964), Nesterov's (Sutskever et al. 2013), AdaGrad (Duchi et al. 2011), RMSprop (Hinton 2012), Adam and
AdaMax (Kingma and Ba 2015) are one rule with parts left out.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from tinygrad_mnist.manual.activations import Array

Moment = Callable[[float, Any, Any], Any]
"""A moment's new value, from β, its old value and the gradient or its square; or what a step takes of both."""

Power = Callable[[float, int], float]
"""βᵗ, from β and t."""


def mean(beta: float, old: Any, new: Any) -> Any:
    return beta * old + (1 - beta) * new


def total(beta: float, old: Any, new: Any) -> Any:
    return beta * old + new


def newest(beta: float, old: Any, new: Any) -> Any:
    return new


def oldest(beta: float, old: Any, new: Any) -> Any:
    return old


def largest(beta: float, old: Any, new: Any) -> Any:
    return np.maximum(beta * old, new)


def none(beta: float, old: Any, new: Any) -> Any:
    return np.ones_like(new)


@dataclass(frozen=True)
class Moments:
    """What an update computes on its way: the moments, the first one corrected, and what η is multiplied with."""

    m: Array
    v: Array
    m_corrected: Array
    step: Array


@dataclass(frozen=True)
class Rule:
    """One way in which updates are made of moments.

    taken: what a step takes of m and the gradient; by Nesterov's rule both.
    corrected: whether m and v are divided by 1 - βᵗ, as moments that begin at 0 are too small at first; corrected_by:
    by which β, 0 for β₁.
    within: whether ε is added below the root.
    """

    first: Moment
    second: Moment = none
    taken: Moment = oldest
    corrected: tuple[bool, bool] = (False, False)
    within: bool = False
    squared: Callable[[Any], Any] = np.square
    root: Callable[[Any], Any] = np.sqrt
    by_root: Callable[[Any, Any], Any] = np.divide
    powers: tuple[Power, Power] = (operator.pow, operator.pow)
    by_power: Callable[[Any, Any], Any] = np.divide
    corrected_by: tuple[int, int] = (0, 1)
    keeps_corrected: bool = False

    def steps(self, gradients: Sequence[Array], betas: tuple[float, float], epsilon: float) -> Iterator[Moments]:
        """The moments after each of the gradients, from zeros on."""
        m: Any = 0.0
        v: Any = 0.0
        for t, g in enumerate(gradients, 1):
            m, v = self.first(betas[0], m, g), self.second(betas[1], v, self.squared(g))
            divisors = (
                1 - power(betas[which], t) if corrected else 1.0
                for which, corrected, power in zip(self.corrected_by, self.corrected, self.powers, strict=True)
            )
            m_hat, v_hat = (self.by_power(x, divisor) for x, divisor in zip((m, v), divisors, strict=True))
            scale = self.root(v_hat + epsilon) if self.within else self.root(v_hat) + epsilon
            yield Moments(m, v, m_hat, self.by_root(self.taken(betas[0], m_hat, g), scale))
            if self.keeps_corrected:
                m, v = m_hat, v_hat


ADAM = Rule(mean, mean, corrected=(True, True))
RMSPROP = Rule(newest, mean)
ADAMAX = Rule(mean, largest, squared=np.abs, root=np.asarray, corrected=(True, False))
DESCENT = Rule(newest)
NESTEROV = Rule(total, taken=total)
MOMENTUM = (Rule(mean), Rule(total), NESTEROV)
ADAPTIVE = (
    ADAM, replace(ADAM, within=True),
    RMSPROP, replace(RMSPROP, within=True), Rule(newest, total), Rule(newest, total, within=True),
)  # fmt: skip
UNCORRECTED = Rule(mean, mean), Rule(mean, mean, within=True)
"""Adam without correction: almost what it is with that of the first step in every step."""

RULES = (DESCENT, *MOMENTUM, *ADAPTIVE, ADAMAX, replace(ADAMAX, corrected=(False, False)))
"""What is right as it stands."""


CORRECTION = {"corrected", "corrected_by", "powers", "by_power", "keeps_corrected"}
"""The parts of a rule that correct both moments."""

MOST = 8
"""For up to how many parameters one t is tried."""


@dataclass(frozen=True, eq=False)
class Slip:
    """A mistake in one part of a rule: what the part then may be, where it first shows, and what is said of it.

    multiple: whether it may show as a multiple, with the rate in it.
    """

    name: str
    parts: tuple[dict[str, Any], ...]
    shows: Literal["m", "v", "m_corrected", "step"]
    what: str
    formula: str
    explanation: str
    hint: str
    multiple: bool = field(default=False, kw_only=True)

    def of(self, rule: Rule) -> Iterator[Rule]:
        """A rule with the mistake in it, in each way; none where it has no such part."""
        corrects = any(CORRECTION & part.keys() for part in self.parts)
        if not corrects or rule.corrected == (True, True):
            yield from (changed for part in self.parts if (changed := replace(rule, **part)) != rule)


_AT_ZERO = "The moments begin at 0, and are too small by 1 - βᵗ after t steps."
_SQUARES = "v := β₂ v + (1 - β₂) g²"
_MEAN = "m := β₁ m + (1 - β₁) g"
_CORRECTED = "m̂ = m / (1 - β₁ᵗ), v̂ = v / (1 - β₂ᵗ)"


def _only_new(beta: float, old: Any, new: Any) -> Any:
    return (1 - beta) * new


def _growing(beta: float, old: Any, new: Any) -> Any:
    return (1 - beta) * new + (1 + beta) * old


def _exchanged(beta: float, old: Any, new: Any) -> Any:
    return (1 - beta) * old + beta * new


def _powers(wrong: Power) -> tuple[dict[str, Any], ...]:
    """Both powers of a correction wrong, or one of them."""
    right = operator.pow
    return {"powers": (wrong, wrong)}, {"powers": (wrong, right)}, {"powers": (right, wrong)}


CORRECTED: dict[str, Any] = {"corrected": (True, True)}
"""The part of Adam alone, beside which a mistake is one: another rule may have it on purpose."""


def _counted(parameters: int, i: int) -> dict[str, Any]:
    """Powers in which t is increased for each of so many parameters, for the one that is updated as the i-th."""

    def power(beta: float, t: int) -> float:
        return float(beta ** (parameters * (t - 1) + i))

    return {"powers": (power, power)}


SLIPS = (
    Slip(
        "moment-root-missing", ({"root": np.asarray},), "step", "divided by v, and not by its root",
        "θ := θ - η m̂ / (√v̂ + ε)",
        "v is a mean of squares. Its root has the gradient's unit, and steps then are of one size.",
        "In which unit is v, if the gradient is in volts?",
    ),
    Slip(
        "moment-root-times", ({"by_root": np.multiply},), "step", "multiplied with √v, and not divided by it",
        "θ := θ - η m̂ / (√v̂ + ε)", "Where gradients are large, steps are to be smaller, and not larger.",
        "Which moves further, a parameter with large or one with small gradients?",
    ),
    Slip(
        "moment-square-missing", ({"squared": np.asarray},), "v", "v is made of the gradient, and not of its square",
        _SQUARES, "Positive and negative gradients cancel in it, and what is below 0 has no root.",
        "Can the mean of g be negative?",
    ),
    Slip(
        "moment-square-missing", ({"squared": np.abs},), "v", "v is made of |g|, and not of g²", _SQUARES,
        "The root is that of a mean of squares.", "What is √v, if all gradients are 4?",
    ),
    Slip(
        "moment-square-missing", ({"squared": lambda g: np.sqrt(np.abs(g))},), "v",
        "v is made of the gradient's root, and not of its square", _SQUARES,
        "The root is taken of v, the mean of squares.", "What is √v, if all gradients are 4?",
    ),
    Slip(
        "moment-forgotten", ({"first": _only_new},), "m", "m forgets the gradients of earlier steps", _MEAN,
        "", "What is m multiplied with, and when?",
    ),
    Slip(
        "moment-forgotten", ({"second": _only_new}, {"second": newest}), "v",
        "v forgets the gradients of earlier steps", _SQUARES, "", "What is v multiplied with, and when?",
    ),
    Slip(
        "moment-exchanged",
        ({"first": _exchanged} | CORRECTED, {"first": _exchanged, "second": _exchanged} | CORRECTED),
        "m", "β₁ and 1 - β₁ are exchanged", _MEAN,
        "It then keeps little of what it was, and is corrected for keeping much.",
        "Which part of m is to stay in a step?",
    ),
    Slip(
        "moment-exchanged", ({"second": _exchanged} | CORRECTED,), "v", "β₂ and 1 - β₂ are exchanged", _SQUARES,
        "It then keeps little of what it was, and is corrected for keeping much.",
        "Which part of v is to stay in a step?",
    ),
    Slip(
        "moment-turned", ({"first": lambda beta, old, new: (1 - beta) * new - beta * old},), "m",
        "what m was is subtracted from it, and not kept", _MEAN,
        "The way of earlier steps is to be kept. So it turns in each step.", "Which sign has m after equal gradients?",
        multiple=True,
    ),
    Slip(
        "moment-growing", ({"first": _growing},), "m", "m grows: it is kept, and β₁ times it is added", _MEAN,
        "m += β₁ m is m := (1 + β₁) m, which has no bound.", "What is m after many equal gradients?", multiple=True,
    ),
    Slip(
        "moment-growing", ({"first": lambda beta, old, new: (1 - beta) * new + old},), "m",
        "m grows: it is kept whole, and not β₁ times", _MEAN, "Nothing is ever forgotten then.",
        "What is m after many equal gradients?", multiple=True,
    ),
    Slip(
        "moment-growing", ({"second": _growing},), "v", "v grows: it is kept, and β₂ times it is added", _SQUARES,
        "v += β₂ v is v := (1 + β₂) v, which has no bound.", "What is v after many equal gradients?", multiple=True,
    ),
    Slip(
        "moment-ahead",
        ({"taken": lambda beta, v, g: g - beta * v}, {"taken": lambda beta, v, g: (2 + beta) * v - g}), "step",
        "looks elsewhere than the velocity leads",
        "v := β v + g, θ := θ - η (g + β v)", "Nesterov's step takes the gradient and β times the new velocity.",
        "What is the velocity after this step, and with which sign does the step take it?",
    ),
    Slip(
        "moment-correction", ({"corrected": (True, False)},), "step",
        "m is corrected by 1 - β₁ᵗ, and v is not by 1 - β₂ᵗ", _CORRECTED, _AT_ZERO, "Which of them begins at 0?",
    ),
    Slip(
        "moment-correction", ({"corrected": (False, True)},), "step",
        "v is corrected by 1 - β₂ᵗ, and m is not by 1 - β₁ᵗ", _CORRECTED, _AT_ZERO, "Which of them begins at 0?",
    ),
    Slip(
        "moment-count", _powers(lambda beta, t: beta), "m_corrected", "t is 1 in every step", _CORRECTED,
        f"{_AT_ZERO} Later there is less and less to correct.", "Where is t increased?",
    ),
    Slip(
        "moment-count", _powers(lambda beta, t: beta ** (t - 1)), "m_corrected", "t is 0 in the first step", _CORRECTED,
        f"{_AT_ZERO} With t = 0 that is 0, and nothing can be divided by it.", "How many steps were made?",
    ),
    Slip(
        "moment-count", tuple(_counted(n, i) for n in range(2, MOST + 1) for i in range(1, n + 1)), "m_corrected",
        "t is increased for each parameter, not once in a step", _CORRECTED, _AT_ZERO,
        "How many steps were made?",
    ),
    Slip(
        "moment-power", _powers(operator.mul), "m_corrected", "β is multiplied by t, and not raised to it", _CORRECTED,
        _AT_ZERO, "Which of * and ** is a power?",
    ),
    Slip(
        "moment-correction", tuple({"corrected_by": by} for by in ((1, 0), (1, 1), (0, 0))), "step",
        "corrected by the other moment's β", _CORRECTED, _AT_ZERO, "Which β is whose?",
    ),
    Slip(
        "moment-correction", ({"by_power": np.multiply},), "m_corrected", "multiplied with 1 - βᵗ, not divided by it",
        _CORRECTED, _AT_ZERO, "Is m too large or too small after the first step?",
    ),
    Slip(
        "moment-correction", ({"keeps_corrected": True},), "m", "the corrected moments are kept, and corrected again",
        _CORRECTED, "m̂ and v̂ are used in this step alone; the next one goes on from m and v.",
        "Which of m and m̂ is in the next step's m?",
    ),
)  # fmt: skip
"""The mistakes that are made in updates by moments."""

OF_THE_RATE = (
    Slip(
        "moment-share-missing", ({"first": total} | CORRECTED,), "m", "1 - β₁ is missing before the gradient", _MEAN,
        "m then is 1 / (1 - β₁) times the mean, which the correction takes it for, and each step is so much longer.",
        "What is m, if all gradients are 1 and t is large?",
    ),
    Slip(
        "moment-share-missing", ({"second": total} | CORRECTED,), "v", "1 - β₂ is missing before the square", _SQUARES,
        "v then is 1 / (1 - β₂) times the mean, which the correction takes it for, and steps are shorter by its root.",
        "What is v, if all gradients are 1 and t is large?",
    ),
)  # fmt: skip
"""Mistakes by which a rule stays what it is, with another rate."""
