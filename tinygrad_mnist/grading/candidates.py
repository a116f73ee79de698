"""Every gradient that the catalogue can make of a layer, worked out as it is asked for, and found again by its numbers.

What follows from a δ(l+1) depends on the probes alone, so it is kept: for the next learner it is a look-up.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import combinations, product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_mnist.grading import derivation
from tinygrad_mnist.grading.derivation import BIAS_SLOTS, DELTA_SLOTS, WEIGHT_SLOTS, Gradients, Network
from tinygrad_mnist.grading.mistakes import MISTAKES, Mistake, Placed, lines
from tinygrad_mnist.grading.probes import Probe, probes
from tinygrad_mnist.manual import Activation
from tinygrad_mnist.manual.activations import Array

Values = Sequence[Array | None]
"""A quantity on each probe; None where it could not be computed."""

Mistakes = tuple[Placed, ...]
Mask = NDArray[np.bool_]


@dataclass
class _Fingerprints:
    """Candidates reduced to two numbers for each probe, to be compared all at once."""

    entries: list[tuple[int, Mistakes, Values]]
    codes: NDArray[np.int64]
    sums: Array
    bounds: Array


class Bench:
    """The probes, and what has been derived on them already."""

    def __init__(self, given: Sequence[Probe]) -> None:
        self.probes = given
        self.nets = [p.net for p in given]
        self.correct = [derivation.derive(net) for net in self.nets]
        self.L = self.nets[0].L
        self._tables: dict[Any, Table] = {}
        self._weights: dict[tuple[int, ...], Array] = {}

    def scale(self, quantity: str, l: int) -> list[float]:
        """How large the correct gradient is on each probe."""
        return [float(np.abs(getattr(g, quantity)[l]).max()) for g in self.correct]

    def fingerprint(self, values: Values, scale: Sequence[float]) -> tuple[list[int], list[float], list[float]]:
        """For each probe: a code of the shape and of what is not finite; a weighted sum; what rounding may add."""
        codes, sums, bounds = [], [], []
        for x, probe, size in zip(values, self.probes, scale, strict=True):
            if x is None:
                codes.append(0)
                sums.append(0.0)
                bounds.append(0.0)
                continue
            finite = np.isfinite(x)
            good = x if finite.all() else np.where(finite, x, 0)
            weights = self._weights.get(x.shape)
            if weights is None:
                weights = self._weights[x.shape] = np.random.default_rng(x.size).uniform(0.5, 1.5, x.shape)
            codes.append(hash((x.shape, finite.tobytes())))
            sums.append(float((good * weights).sum()))
            bounds.append(2 * probe.rtol * max(size, float(np.abs(good).max(initial=0))) * float(weights.sum()))
        return codes, sums, bounds

    def same(self, found: Values, candidate: Values, scale: Sequence[float], usable: Mask) -> bool:
        """Whether a candidate is what was found, on every probe that is evidence."""
        return all(
            same(f, c, s, p.rtol)
            for f, c, s, p, use in zip(found, candidate, scale, self.probes, usable, strict=True)
            if use
        )

    def table(self, l: int, above: Mistakes | None, delta_above: Values) -> Table:
        """What can follow in layer l from a δ(l+1): that of these mistakes above, or, with None, a learner's own."""
        if above is None:
            return Table(self, l, delta_above)
        key = l, tuple((p.key, p.way) for p in above if p.mistake.slot in DELTA_SLOTS)
        if key not in self._tables:
            self._tables[key] = Table(self, l, delta_above)
        return self._tables[key]


@lru_cache
def bench(depth: int, activation: Activation, l2: float) -> Bench:
    """The bench for networks of so many layers."""
    return Bench(probes(depth, activation, l2))


def same(found: Array | None, expected: Array | None, scale: float, rtol: float) -> bool:
    """Whether two arrays are equal up to rounding, relative to the largest number in them or in the right one."""
    if found is None or expected is None:
        return found is expected
    if found.shape != expected.shape:
        return False
    finite = np.isfinite(expected)
    if finite.all():
        size = max(scale, float(np.abs(expected).max(initial=0)))
        return bool((np.abs(found - expected) <= rtol * size).all())  # a NaN compares false
    if not np.array_equal(finite, np.isfinite(found)):
        return False
    return same(found[finite], expected[finite], scale, rtol)


def _attempt(function: Callable[..., Array], *arguments: Any) -> Array | None:
    """The function's value, or None where the shapes don't fit."""
    if any(a is None for a in arguments):
        return None
    try:
        return function(*arguments)
    except ValueError:
        return None


def values_of(gradients: Sequence[Gradients | None], quantity: str, l: int) -> Values:
    """One gradient of a layer on each probe: "dW" or "db"."""
    return [None if g is None else getattr(g, quantity)[l] for g in gradients]


class Table:
    """What the catalogue can make of a layer, given the layer above; worked out as it is asked for."""

    def __init__(self, on: Bench, l: int, delta_above: Values) -> None:
        self.bench, self.l, self.delta_above = on, l, delta_above
        self._deltas: dict[int, list[tuple[Mistakes, Values]]] = {}
        self._groups: dict[tuple[str, int, int], _Fingerprints] = {}

    def deltas(self, count: int) -> list[tuple[Mistakes, Values]]:
        """δ(l) with so many mistakes of its own."""
        if count not in self._deltas:
            made = []
            for placed in combine(self.bench.nets[0], self.l, DELTA_SLOTS, count):
                values = self.delta(placed)
                if count == 0 or any(v is not None for v in values):
                    made.append((placed, values))
            self._deltas[count] = made
        return self._deltas[count]

    def delta(self, placed: Mistakes, dW_above: Values | None = None) -> Values:
        """δ(l) with these mistakes; what needs the learner's own ∂L/∂W(l+1) can't be kept for the next."""
        replaced = lines(placed)
        if self.l == self.bench.L:
            return [_attempt(lambda n: derivation.delta(n, self.l, None, None, replaced), n) for n in self.bench.nets]
        if dW_above is None:
            return [
                _attempt(lambda n, d: derivation.delta(n, self.l, d, None, replaced), net, d)
                for net, d in zip(self.bench.nets, self.delta_above, strict=True)
            ]
        return [
            _attempt(lambda n, d, w: derivation.delta(n, self.l, d, w, replaced), net, d, w)
            for net, d, w in zip(self.bench.nets, self.delta_above, dW_above, strict=True)
        ]

    def gradient(self, quantity: str, delta: Values, placed: Mistakes) -> Values:
        """∂L/∂W(l) or ∂L/∂b(l) from δ(l), with mistakes of its own."""
        replaced = lines(placed)
        rule = derivation.weight_gradient if quantity == "dW" else derivation.bias_gradient
        return [
            _attempt(lambda n, d: rule(n, self.l, d, replaced), net, d)
            for net, d in zip(self.bench.nets, delta, strict=True)
        ]

    def group(self, quantity: str, in_delta: int, own: int) -> _Fingerprints:
        """Every gradient with so many mistakes in δ(l) and so many of its own."""
        key = quantity, in_delta, own
        if key not in self._groups:
            entries = []
            scale = self.bench.scale(quantity, self.l)
            slots = WEIGHT_SLOTS if quantity == "dW" else BIAS_SLOTS
            choices = combine(self.bench.nets[0], self.l, slots, own)
            for index, (_, delta) in enumerate(self.deltas(in_delta)):
                for placed in choices:
                    values = self.gradient(quantity, delta, placed)
                    if any(v is not None for v in values):
                        entries.append((index, placed, values))
            prints = [self.bench.fingerprint(values, scale) for _, _, values in entries]
            codes, sums, bounds = (np.array([p[i] for p in prints]).reshape(len(prints), -1) for i in range(3))
            self._groups[key] = _Fingerprints(entries, codes, sums, bounds)
        return self._groups[key]

    def matches(
        self, quantity: str, in_delta: int, own: int, found: Values, usable: Mask
    ) -> list[tuple[int, Mistakes]]:
        """Which of a group are what was found: the number of the δ(l) in `deltas(in_delta)`, and the mistakes."""
        group = self.group(quantity, in_delta, own)
        if not group.entries:
            return []
        scale = self.bench.scale(quantity, self.l)
        codes, sums, _ = (np.array(x) for x in self.bench.fingerprint(found, scale))
        near = (group.codes == codes) & (np.abs(group.sums - sums) <= group.bounds)
        return [
            group.entries[i][:2]
            for i in np.flatnonzero(near[:, usable].all(axis=1))
            if self.bench.same(found, group.entries[i][2], scale, usable)
        ]


@cache
def _choices(fitting: tuple[int, ...], l: int, slots: tuple[str, ...], count: int) -> tuple[Mistakes, ...]:
    by_slot = [[Placed(MISTAKES[i], l, way) for i in fitting for way in _ways_in(MISTAKES[i], slot)] for slot in slots]
    return tuple(chosen for some in combinations(by_slot, count) for chosen in product(*some))


def _ways_in(mistake: Mistake, slot: str) -> range:
    return range(len(mistake.ways) if mistake.slot == slot else 0)


def combine(net: Network, l: int, slots: tuple[str, ...], count: int) -> tuple[Mistakes, ...]:
    """Every choice of so many mistakes in different slots of layer l, those with an unknown number left out."""
    fitting = tuple(i for i, m in enumerate(MISTAKES) if not m.family and m.slot in slots and m.fits(net, l))
    return _choices(fitting, l, slots, count)
