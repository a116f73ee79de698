"""Every gradient that the catalogue can make of a layer, worked out as it is asked for, and found again by its numbers.

What follows from a δ(l+1) depends on the probes alone, so it is kept: for the next learner it is a look-up. A candidate
is compared on one probe first, and worked out on the others only where it holds there.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import combinations, product, takewhile
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_mnist.grading.textbook import derivation
from tinygrad_mnist.grading.textbook.catalogue import MISTAKES
from tinygrad_mnist.grading.textbook.derivation import SLOTS, Derived, Values, attempt
from tinygrad_mnist.grading.textbook.mistakes import Mistakes, Placement, lines
from tinygrad_mnist.grading.textbook.probes import Mask, Probes, is_zero
from tinygrad_mnist.manual.activations import Array

GRADIENTS = {"dW": derivation.weight_gradient, "db": derivation.bias_gradient}

NOTHING = Derived({}, {}, {}, {})


class _OnDemand(Sequence[Array | None]):
    """What a rule with some lines replaced gives on each probe, worked out where it is looked at."""

    def __init__(self, work: Callable[[int], Array | None], count: int) -> None:
        self._work, self._count = work, count
        self._known: dict[int, Array | None] = {}

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, i: Any) -> Any:
        if not 0 <= i < self._count:
            raise IndexError(i)
        if i not in self._known:
            self._known[i] = self._work(i)
        return self._known[i]


@dataclass(frozen=True)
class _Group:
    """Candidates with their fingerprints on one probe, to be compared all at once.

    entries: the number of the δ(l), the mistakes in the gradient, and its values.
    """

    entries: list[tuple[int, Mistakes, Values]]
    codes: NDArray[np.int64]
    sums: Array
    bounds: Array


class Candidates:
    """What the catalogue can make of layer l, given what the layers above have on each probe."""

    def __init__(self, probes: Probes, l: int, above: Sequence[Derived | None]) -> None:
        self.probes, self.l, self.above = probes, l, above
        self._deltas: dict[int, list[tuple[Mistakes, Values]]] = {}
        self._groups: dict[tuple[str, int, int, int], _Group] = {}

    def deltas(self, count: int) -> list[tuple[Mistakes, Values]]:
        """δ(l) with so many mistakes of its own."""
        if count not in self._deltas:
            choices = combine(self.probes, self.l, "delta", count)
            made = [(mistakes, self.delta(mistakes)) for mistakes in choices if not (count and self.probes.late)]
            self._deltas[count] = [(m, values) for m, values in made if count == 0 or _any(values)]
        return self._deltas[count]

    def delta(self, mistakes: Mistakes, dW_above: Values | None = None) -> Values:
        """δ(l) with these mistakes; what needs the learner's own ∂L/∂W(l+1) can't be kept for the next."""
        above = self.above
        if dW_above is not None:
            pairs = zip(above, dW_above, strict=True)
            above = [a and replace(a, dW={} if dW is None else {self.l + 1: dW}) for a, dW in pairs]
        return self._derived(derivation.delta, mistakes, above)

    def gradient(self, quantity: str, delta: Values, mistakes: Mistakes = ()) -> Values:
        """∂L/∂W(l) or ∂L/∂b(l) from δ(l), with mistakes of its own."""
        return self._derived(GRADIENTS[quantity], mistakes, delta)

    def matches(
        self, quantity: str, in_delta: int, own: int, found: Values, usable: Mask
    ) -> list[tuple[int, Mistakes]]:
        """Which gradients with so many mistakes in δ(l) and so many of their own are what was found.

        Each as the number of its δ(l) in `deltas(in_delta)`, and the mistakes in the gradient itself.
        """
        if (quantity, self.l) in self.probes.missing:
            return [] if own else [(index, ()) for index in range(len(self.deltas(in_delta)))]
        if in_delta + own and is_zero(found, usable):
            return []
        first = int(np.argmax(usable))
        group = self._group(quantity, in_delta, own, first)
        code, total, _ = self._fingerprint(quantity, found, first)
        near = (group.codes == code) & (np.abs(group.sums - total) <= group.bounds)
        return [
            group.entries[i][:2]
            for i in np.flatnonzero(near)
            if _any(group.entries[i][2]) and self.probes.same(quantity, self.l, found, group.entries[i][2], usable)
        ]

    def _derived(self, rule: Callable[..., Array], mistakes: Mistakes, inputs: Sequence[Any]) -> Values:
        replaced, nets = lines(mistakes), self.probes.nets
        return _OnDemand(lambda i: attempt(rule, nets[i], self.l, replaced, inputs[i]), len(nets))

    def _group(self, quantity: str, in_delta: int, own: int, probe: int) -> _Group:
        key = quantity, in_delta, own, probe
        if key not in self._groups:
            choices = combine(self.probes, self.l, quantity, own)
            entries = [
                (index, mistakes, self.gradient(quantity, delta, mistakes))
                for index, (_, delta) in enumerate(self.deltas(in_delta))
                for mistakes in choices
            ]
            in_time = takewhile(lambda entry: not self.probes.late, entries)
            prints = [self._fingerprint(quantity, values, probe) for _, _, values in in_time]
            codes, sums, bounds = (np.array([p[i] for p in prints]) for i in range(3))
            self._groups[key] = _Group(entries, codes, sums, bounds)
        return self._groups[key]

    def _fingerprint(self, quantity: str, values: Values, probe: int) -> tuple[int, float, float]:
        """On a probe: a code of the shape and of what is not finite; a weighted sum; what rounding may add."""
        rtol = self.probes.rtol[probe]
        return _fingerprint(values[probe], rtol, self.probes.scale[quantity, self.l][probe])


def _fingerprint(x: Array | None, rtol: float, size: float) -> tuple[int, float, float]:
    if x is None:
        return 0, 0.0, 0.0
    (weights, whole), finite = _weights(x.shape), b""
    total, squares = float(np.vdot(x, weights)), float(np.vdot(x, x))
    if not math.isfinite(squares):
        where = np.isfinite(x)
        good = np.where(where, x, 0)
        total, squares, finite = float(np.vdot(good, weights)), float(np.vdot(good, good)), where.tobytes()
    return hash((x.shape, finite)), total, 2 * rtol * max(size, math.sqrt(squares)) * whole


@lru_cache
def _weights(shape: tuple[int, ...]) -> tuple[Array, float]:
    """Random weights, so that a sum tells arrays apart that hold the same numbers elsewhere; and their sum."""
    weights = np.random.default_rng(0).uniform(0.5, 1.5, shape)
    return weights, float(weights.sum())


def _any(values: Values) -> bool:
    return any(v is not None for v in values)


@lru_cache(maxsize=1024)
def combine(probes: Probes, l: int, quantity: str, count: int) -> tuple[Mistakes, ...]:
    """Every choice of so many mistakes in different lines of a quantity of layer l, those with a number left out."""
    fitting = [mistake for mistake in MISTAKES if mistake.fits(probes.nets[0], l)]
    by_slot = [
        [Placement(m, l, variant) for m in fitting if m.slot == slot for variant in range(len(m.variants))]
        for slot in SLOTS[quantity]
    ]
    return tuple(chosen for some in combinations(by_slot, count) for chosen in product(*some))


@lru_cache(maxsize=16)
def _known(probes: Probes) -> dict[Any, Candidates]:
    return {}


def candidates(probes: Probes, l: int, above: Mistakes) -> Candidates:
    """What can become of layer l where these mistakes, which alone determine δ(l+1), are made above; kept."""
    in_delta = [p for p in above if p.mistake.slot in SLOTS["delta"]]
    key = l, tuple((p.key, p.variant) for p in in_delta)
    known = _known(probes)
    if key not in known:
        known[key] = Candidates(probes, l, [d and replace(d, dW={}) for d in probes.derive(lines(in_delta), l + 1)])
    return known[key]


def below(probes: Probes, l: int, above: Mistakes, delta_above: Values) -> Candidates:
    """What can become of layer l, given δ(l+1) as the learner has it, and what else these mistakes leave above."""
    known = [
        None if d is None else replace(derived or NOTHING, delta={**(derived or NOTHING).delta, l + 1: d}, dW={})
        for d, derived in zip(delta_above, probes.derive(lines(above), l + 1), strict=True)
    ]
    return Candidates(probes, l, known)
