"""Which network a learner means: activation, head, λ and penalty, found where they were not asked for.

A network is taken for the learner's only where the numbers hold for it on every probe: every gradient is right, or
every wrong one is explained. What is cheap comes first: whether one gradient points where it would have to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from itertools import product
from typing import TypeGuard

import numpy as np

from tinygrad_mnist.grading.textbook.candidates import candidates
from tinygrad_mnist.grading.textbook.derivation import Values, bias_gradient, run, weight_gradient
from tinygrad_mnist.grading.textbook.diagnosis import explain
from tinygrad_mnist.grading.textbook.mistakes import Explanation, rounded
from tinygrad_mnist.grading.textbook.models import Asked, Model
from tinygrad_mnist.grading.textbook.probes import Found, Probes, given, probes_for, values_of
from tinygrad_mnist.manual import ACTIVATIONS, leaky_relu
from tinygrad_mnist.manual.activations import Array, linear
from tinygrad_mnist.manual.columns import CLASSES_AXIS
from tinygrad_mnist.manual.heads import HEADS, PENALTIES, Head, Penalty, scales

USUAL = {**ACTIVATIONS, "no activation": linear}
"""What is looked for in the hidden layers, beside a leaky ReLU of any slope."""

NEAR = 0.1
"""How far from each other directions may be at a slope beside that which is looked for."""

TRIED = 6
"""For how many networks mistakes are looked for."""


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
        """How many it takes, where the same in several places counts as one."""
        return self.explanations[0].kinds

    @property
    def rank(self) -> tuple[int, bool]:
        """How many mistakes it takes, and whether one has a number that was solved for."""
        return self.mistakes, any(p.value is not None for p in self.explanations[0].mistakes)


def fit(found: Found, depth: int, asked: Asked) -> Fit:
    """The model that the gradients are right for, or have the fewest mistakes for and all of them with names.

    What was asked for comes first. Where something stays unknown, it is the model that most gradients are right for,
    and the usual one where none is.
    """
    return _Search(found, depth, asked).fit()


class _Search:
    """The search for the model of gradients that were found in a network of so many layers."""

    def __init__(self, found: Found, depth: int, asked: Asked) -> None:
        self.found, self.depth, self.asked = found, depth, asked
        self._explained = cache(lambda model: Fit(model, explain(found, model.probes(depth))))  # searched for once

    def fit(self) -> Fit:
        usual = self.asked.usual
        likely = [usual] if self._is_right(usual) else list(_likely(self.found, self.depth, self.asked))
        admitted = [model for model in likely if self.asked.admits(model)]
        others = [model for model in likely if model not in admitted]
        if usual not in admitted and (self.asked != Asked() or not likely):
            admitted.insert(0, usual)
        return (
            self._right(admitted)
            or self._simplest(admitted, usual)
            or self._right(others)
            or self._simplest(others or ([] if likely else list(_remote(self.found, self.depth, self.asked))), usual)
            or self._explained(min((usual, *admitted), key=self._wrong))
        )

    def _is_right(self, model: Model) -> bool:
        probes = model.probes(self.depth)
        return any(self.found) and probes.all_agree(self.found, probes.correct)

    def _right(self, models: Sequence[Model]) -> Fit | None:
        return next((Fit(model, [Explanation()]) for model in models if self._is_right(model)), None)

    def _simplest(self, models: Sequence[Model], usual: Model) -> Fit | None:
        """The fewest mistakes, all with names, under the usual model and those for which most gradients are right.

        Where a factor of the loss and a mistake make up for each other, what holds for either factor is a choice.
        """
        best: Fit | None = None
        wrong = {model: self._wrong(model) for model in models}
        near = [model for model in models if model == usual or wrong[model] <= min(wrong.values()) + 1]
        for model in sorted(near, key=lambda model: (model != usual, wrong[model]))[:TRIED]:
            if best and best.mistakes <= 1 and not self._only_scaled(model, best.model):
                continue
            here = self._explained(model)
            if not here.named or (best and here.rank > best.rank):
                continue
            if best and here.rank == best.rank:
                more = here.explanations if self._only_scaled(model, best.model) else []
                best = replace(best, explanations=[*best.explanations, *more])
            else:
                best = here
        return best

    def _only_scaled(self, model: Model, other: Model) -> bool:
        """Whether two models differ in nothing but a factor of the loss, and as many gradients are wrong for either."""
        return (
            replace(model, head=model.head.unscaled) == replace(other, head=other.head.unscaled)
            and model != other
            and self._wrong(model) == self._wrong(other)
        )

    def _wrong(self, model: Model) -> int:
        probes = model.probes(self.depth)
        return sum(not probes.agree(*key, self.found, probes.correct) for key in probes.gradients)


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
    decays = list(_decays(found, depth, model)) if asked.l2 is None else []
    yield from [replace(model, l2=l2, penalty=penalty) for l2, penalty in decays] or [model]


def _decays(found: Found, depth: int, model: Model) -> Iterator[tuple[float, Penalty]]:
    """A λ with its penalty, where ∂L/∂W(l) lacks a multiple of W(l), the same or the same over m on every network."""
    probes = model.probes(depth)
    for l in range(depth, 0, -1):
        rates = []
        for f, right, probe in zip(found, probes.correct, probes, strict=True):
            if f is not None and probe.strict and f.dW[l].shape == right.dW[l].shape:
                rate, near = _share_of_weights(f.dW[l], right.dW[l], probe.net.W[l])
                rates.append((rate, rate * probe.net.m) if near and rate > 1e-9 else (np.nan, np.nan))
        for values, averaged in zip(zip(*rates, strict=True), (False, True), strict=False):
            if len(values) > 1 and np.ptp(values) <= 1e-4 * max(values):
                l2 = float(f"{np.mean(values):.4g}")
                yield l2, next(p for p in PENALTIES.values() if p.factor == 0.5 and p.averaged == averaged)
                return


def _share_of_weights(found: Array, right: Array, W: Array) -> tuple[float, bool]:
    """By what W is multiplied in a sum of multiples of what is right and of W, and whether what was found is one."""
    parts = np.stack([right.ravel(), W.ravel()], axis=1)
    if not np.isfinite(found).all():
        return 0.0, False
    shares = np.linalg.lstsq(parts, found.ravel(), rcond=None)[0]
    rate = float(shares[1])
    return rate, bool(np.abs(found.ravel() - parts @ shares).max() <= 1e-4 * abs(rate) * np.abs(W).max())


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
    """The leaky ReLU of the slope with which a gradient of the last layer points where it should, if there is one."""
    for quantity in ("db", "dW"):
        slope = _slope(found, quantity, depth, head)
        for number in () if slope is None else (float(f"{slope:.3g}"), slope):
            model = Model(f"leaky_relu with a slope of {rounded(number)}", _leaky_relu(number), head)
            if _resembles(found, depth, model, 0.0):
                yield model
                return


def _slope(found: Found, quantity: str, depth: int, head: Head) -> float | None:
    """Where the directions of a gradient of the last layer and of the right one come nearest, on three networks."""
    probes = probes_for(depth, ACTIVATIONS["relu"], 0.0, head)
    values = zip(values_of(found, quantity, depth), values_of(probes.correct, quantity, depth), probes, strict=True)
    pairs = [(f, probe.net) for f, right, probe in values if probe.strict and _comparable(f, right)][:3]
    rule = {"dW": weight_gradient, "db": bias_gradient}[quantity]

    def distance(slope: float) -> float:
        activation, total = leaky_relu(slope), 0.0
        for f, net in pairs:
            ran = run(net.a[0], net.Y, [*net.W.values()], [*net.b.values()], activation, 0.0, head)
            right = rule(ran, depth, {}, head.error(ran.a[depth], net.Y, CLASSES_AXIS))
            total += float(((_unit(f) - _unit(right)) ** 2).sum())
        return total

    return _lowest(distance, -0.5, 1.0, 31) if len(pairs) == 3 else None


def _comparable(f: Array | None, right: Array | None) -> TypeGuard[Array]:
    return f is not None and right is not None and f.shape == right.shape and bool(np.isfinite(f).all() and f.any())


_leaky_relu = lru_cache(leaky_relu)
"""The same object for the same slope, so that its probes are kept."""


def _unit(array: Array) -> Array:
    return np.asarray(array / (np.linalg.norm(array) or 1))


def _lowest(function: Callable[[float], float], start: float, end: float, count: int) -> float | None:
    """Where a function is lowest, to eight digits: the lowest of some points, then of those around it.

    None where it is nowhere near 0 at the first points.
    """
    while True:
        points = np.linspace(start, end, count)
        values = [function(float(x)) for x in points]
        lowest = int(np.argmin(values))
        step = points[1] - points[0]
        if values[lowest] > NEAR:
            return None
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
