"""Which network of the textbook a learner means: activation, head and penalty, found where they were not asked for.

A network is taken for the learner's only where the numbers hold for it on every probe: every gradient is right, or
every wrong one is explained. What is cheap comes first: whether one gradient points where it would have to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import product

import numpy as np

from tinygrad_mnist.grading.textbook.candidates import candidates
from tinygrad_mnist.grading.textbook.derivation import CORRECT, Values, run
from tinygrad_mnist.grading.textbook.diagnosis import explain
from tinygrad_mnist.grading.textbook.mistakes import Explanation, rounded
from tinygrad_mnist.grading.textbook.probes import Found, Probes, given, probes_for, values_of
from tinygrad_mnist.manual import ACTIVATIONS, Activation, leaky_relu
from tinygrad_mnist.manual.activations import Array, linear, softplus
from tinygrad_mnist.manual.columns import CLASSES_AXIS
from tinygrad_mnist.manual.heads import HALF, HEADS, PENALTIES, SOFTMAX_CROSS_ENTROPY, Head, Penalty, scales

USUAL = {**ACTIVATIONS, "softplus": softplus, "no activation": linear}
"""What is looked for in the hidden layers, beside a leaky ReLU of any slope."""

TRIED = 6
"""For how many networks mistakes are looked for."""


@dataclass(frozen=True)
class Model:
    """What a network of the textbook is besides its sizes."""

    name: str
    activation: Activation
    head: Head = SOFTMAX_CROSS_ENTROPY
    l2: float = 0.0
    penalty: Penalty = HALF

    def __str__(self) -> str:
        head = "" if self.head == SOFTMAX_CROSS_ENTROPY else f", {self.head}"
        penalty = "" if self.penalty == HALF else f" in {self.penalty.words}"
        return f"{self.name}{head}{f', λ = {rounded(self.l2)}{penalty}' if self.l2 else ''}"

    def probes(self, depth: int) -> Probes:
        return probes_for(depth, self.activation, float(self.l2), self.head, self.penalty)


@dataclass(frozen=True)
class Asked:
    """What was asked for; None where nothing was. A head by its name is one of any scale."""

    activation: str | Activation | None = None
    head: str | Head | None = None
    l2: float | None = None
    penalty: str | None = None

    @cached_property
    def usual(self) -> Model:
        """What is meant, unless the numbers say otherwise."""
        activation = "relu" if self.activation is None else self.activation
        name = activation if isinstance(activation, str) else "own activation"
        f = ACTIVATIONS[activation] if isinstance(activation, str) else activation
        head = HEADS[self.head] if isinstance(self.head, str) else self.head or SOFTMAX_CROSS_ENTROPY
        return Model(name, f, head, self.l2 or 0.0, PENALTIES[self.penalty] if self.penalty else HALF)

    def admits(self, model: Model) -> bool:
        """Whether a model is as it was asked for."""
        head = model.head.name if isinstance(self.head, str) else model.head
        return (
            (self.activation is None or model.activation is self.usual.activation)
            and (self.head is None or head == self.head)
            and (self.l2 is None or model.l2 == self.l2)
            and (self.penalty is None or model.penalty.name == self.penalty)
        )


@dataclass(frozen=True)
class Fit:
    """A model with the explanations of a learner's gradients under it."""

    model: Model
    explanations: list[Explanation]

    @property
    def named(self) -> bool:
        """Whether they leave nothing unknown."""
        return bool(self.explanations) and not any(e.unknown for e in self.explanations)

    @property
    def mistakes(self) -> int:
        """How many are made, where the same in several places counts as one."""
        return self.explanations[0].kinds if self.explanations else 0


def fit(found: Found, depth: int, asked: Asked) -> Fit:
    """The model that the gradients are right for, or have the fewest mistakes for and all of them with names.

    What was asked for comes first; where nothing holds, the explanations are those for the usual one.
    """
    usual = asked.usual
    if _right(found, depth, usual):
        return Fit(usual, [Explanation()])
    likely = sorted(_likely(found, depth, asked), key=lambda model: not asked.admits(model))
    admitted = [model for model in likely if asked.admits(model)]
    for model in admitted:
        if _right(found, depth, model):
            return Fit(model, [Explanation()])
    best = Fit(usual, explain(found, usual.probes(depth)))
    if best.named and best.mistakes == 1:
        return best
    best = _best(best, _explained(found, depth, admitted))
    if best.named:
        return best
    others = likely[len(admitted) :]
    right = next((Fit(model, [Explanation()]) for model in others if _right(found, depth, model)), None)
    if right:
        return right
    best = _best(best, _explained(found, depth, others))
    return best if best.named or likely else _best(best, _explained(found, depth, list(_remote(found, depth, asked))))


def _best(best: Fit, fits: Sequence[Fit]) -> Fit:
    return min((f for f in (best, *fits) if f.named), key=lambda f: f.mistakes, default=best)


def _explained(found: Found, depth: int, models: Sequence[Model]) -> list[Fit]:
    """The explanations under those models for which most gradients are right."""

    def wrong(model: Model) -> int:
        probes = model.probes(depth)
        return sum(not probes.agree(*key, found, probes.correct) for key in probes.gradients)

    return [Fit(model, explain(found, model.probes(depth))) for model in sorted(models, key=wrong)[:TRIED]]


def _right(found: Found, depth: int, model: Model) -> bool:
    probes = model.probes(depth)
    return any(found) and probes.all_agree(found, probes.correct)


def _likely(found: Found, depth: int, asked: Asked) -> Iterator[Model]:
    """The models for which one gradient points where it should on every network, the usual activation first."""
    usual = asked.usual
    activations = {usual.name: usual.activation, **{n: f for n, f in USUAL.items() if f is not usual.activation}}
    models = [Model(name, f, head) for (name, f), head in product(activations.items(), HEADS.values())]
    likely = [model for model in models if _resembles(found, depth, model, usual.l2)]
    if not likely and depth > 1:
        likely = [model for head in HEADS.values() for model in _leaky(found, depth, head)]
    for model in likely:
        for head in scales(model.head):
            yield from _penalized(found, depth, replace(model, head=head), asked)


def _penalized(found: Found, depth: int, model: Model, asked: Asked) -> Iterator[Model]:
    """The model with every penalty: of the λ that was asked for, and else of that which the gradients have."""
    if asked.l2:
        yield from (replace(model, l2=asked.l2, penalty=penalty) for penalty in PENALTIES.values())
    yield model
    if asked.l2 is None:
        yield from (replace(model, l2=l2, penalty=penalty) for l2, penalty in _decays(found, depth, model))


def _decays(found: Found, depth: int, model: Model) -> Iterator[tuple[float, Penalty]]:
    """A λ with its penalty, where ∂L/∂W(l) lacks a multiple of W(l), the same or the same over m on every network."""
    probes = model.probes(depth)
    for l in range(depth, 0, -1):
        rates = []
        for f, right, probe in zip(found, probes.correct, probes, strict=True):
            if f is not None and probe.strict and f.dW[l].shape == right.dW[l].shape:
                W, rest = probe.net.W[l], f.dW[l] - right.dW[l]
                rate = float((rest * W).sum() / (W * W).sum())
                near = np.abs(rest - rate * W).max() <= 1e-4 * abs(rate) * np.abs(W).max()
                rates.append((rate, rate * probe.net.m) if near and rate > 1e-9 else (np.nan, np.nan))
        for values, averaged in zip(zip(*rates, strict=True), (False, True), strict=False):
            if len(values) > 1 and np.ptp(values) <= 1e-4 * max(values):
                l2 = float(f"{np.mean(values):.4g}")
                yield l2, next(p for p in PENALTIES.values() if p.factor == 0.5 and p.averaged == averaged)
                return


def _resembles(found: Found, depth: int, model: Model, l2: float) -> bool:
    """Whether one gradient is a multiple of the right one, with any penalty of this λ or none."""
    penalized = [replace(model, l2=l2, penalty=penalty) for penalty in PENALTIES.values()] if l2 else []
    return any(
        _parallel(values_of(found, *key), values_of(probes.correct, *key), probes)
        for probes in (m.probes(depth) for m in (model, *penalized))
        for key in probes.gradients
    )


def _parallel(found: Values, right: Values, probes: Probes) -> bool:
    """Whether arrays are multiples of others, each network its own, on two networks at least."""
    seen = 0
    for f, r, probe in zip(found, right, probes, strict=True):
        if f is None or r is None or not probe.strict:
            continue
        if f.shape != r.shape or not np.isfinite(f).all() or not f.any():
            return False
        ratio = float((f * r).sum() / (r * r).sum())
        if np.abs(f - ratio * r).max() > 1e-4 * abs(ratio) * np.abs(r).max():
            return False
        seen += 1
    return seen > 1


def _leaky(found: Found, depth: int, head: Head) -> Iterator[Model]:
    """The leaky ReLU of the slope with which ∂L/∂b(L) points where it should, if there is one."""
    probes = probes_for(depth, ACTIVATIONS["relu"], 0.0, head)
    shape = probes.correct[0].db[depth].shape
    pairs = [(f.db[depth], probe.net) for f, probe in zip(found, probes, strict=True) if f and probe.strict][:3]
    if not pairs or not all(f.shape == shape and np.isfinite(f).all() and f.any() for f, _ in pairs):
        return

    def distance(slope: float) -> float:
        """Between the directions."""
        activation, total = leaky_relu(slope), 0.0
        for f, net in pairs:
            ran = run(net.a[0], net.Y, [*net.W.values()], [*net.b.values()], activation, 0.0, head)
            right = CORRECT["sum"](ran, depth, head.error(ran.a[depth], net.Y, CLASSES_AXIS))
            total += float(((_unit(f) - _unit(right)) ** 2).sum())
        return total

    slope = _lowest(distance, -0.5, 1.0, 31)
    for digits in (3, 9):
        short = float(f"{slope:.{digits}g}")
        model = Model(f"leaky_relu with a slope of {rounded(short)}", _leaky_relu(short), head)
        if _resembles(found, depth, model, 0.0):
            yield model
            return


@lru_cache
def _leaky_relu(slope: float) -> Activation:
    """The same object for the same slope, so that its probes are kept."""
    return leaky_relu(slope)


def _unit(array: Array) -> Array:
    return np.asarray(array / (np.linalg.norm(array) or 1))


def _lowest(function: Callable[[float], float], start: float, end: float, count: int) -> float:
    """Where a function is lowest, to eight digits: the lowest of some points, then of those around it."""
    while True:
        points = np.linspace(start, end, count)
        lowest = int(np.argmin([function(float(x)) for x in points]))
        step = points[1] - points[0]
        if step < 1e-9:
            return float(points[lowest])
        start, end, count = points[lowest] - step, points[lowest] + step, 9


def _remote(found: Found, depth: int, asked: Asked) -> Iterator[Model]:
    """The models for which one mistake explains a gradient of the last layer."""
    usable = given(found)
    for (name, f), head in product(USUAL.items(), HEADS.values()):
        model = Model(name, f, head, asked.l2 or 0.0)
        last = candidates(model.probes(depth), depth, ())
        ways = [("dW", 1, 0), ("dW", 0, 1), ("db", 1, 0), ("db", 0, 1)]
        if any(last.matches(q, in_delta, own, values_of(found, q, depth), usable) for q, in_delta, own in ways):
            yield model
