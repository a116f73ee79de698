"""Which mistake a learner's numbers come from: the catalogue searched along the structure of backprop.

From the last layer down, every hypothesis about δ(l) is carried on, right or wrong, and ∂L/∂W(l) and ∂L/∂b(l) are
compared with what follows from it, with up to two changed lines in each. The explanations with the fewest mistakes
are kept, all of them where several fit, and each is derived once more from the start before it is named.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from itertools import combinations, product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_mnist.checks import derivation
from tinygrad_mnist.checks.derivation import BIAS_SLOTS, DELTA_SLOTS, WEIGHT_SLOTS, Gradients, Network
from tinygrad_mnist.checks.facts import facts
from tinygrad_mnist.checks.mistakes import MISTAKES, Mistake, Placed, lines
from tinygrad_mnist.checks.probes import Probe, probes
from tinygrad_mnist.manual import Activation
from tinygrad_mnist.manual.activations import Array

Values = Sequence[Array | None]
"""A quantity on each probe; None where it could not be computed."""

Mistakes = tuple[Placed, ...]

MOST_IN_A_LINE_OF_WORK = 2
"""How many mistakes are looked for in δ(l), in ∂L/∂W(l) and in ∂L/∂b(l) each."""

MOST_TOGETHER = 3
"""How many are looked for in one gradient and the δ(l) that it comes from."""

MOST_IN_A_LAYER = 4
SLACK = 1
"""An explanation of a layer may have so many mistakes more than the shortest: it may explain the layers below."""

WIDTH = 40
"""How many explanations are carried on."""


@dataclass(frozen=True)
class Unknown:
    """A quantity that is wrong in a way that the catalogue does not know: "delta", "dW" or "db" of a layer."""

    quantity: str
    layer: int
    facts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Explanation:
    """Mistakes that together give the learner's numbers, all but those of the unknown quantities."""

    mistakes: Mistakes = ()
    unknown: tuple[Unknown, ...] = ()

    @property
    def rank(self) -> tuple[int, int, bool]:
        """Fewer unknown quantities are better, then fewer mistakes, then knowing δ."""
        return len(self.unknown), len(self.mistakes), any(u.quantity == "delta" for u in self.unknown)

    @property
    def keys(self) -> frozenset[tuple[str, int]]:
        return frozenset(p.key for p in self.mistakes)


@dataclass
class _State:
    """An explanation of the layers from L to l, and the δ(l) and ∂L/∂W(l) that the learner then has."""

    explanation: Explanation
    delta: Values
    dW: Values
    usable: NDArray[np.bool_]
    known: bool = True
    """Whether δ(l) follows from the explanation alone, so that what follows from it can be kept."""


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
        self._tables: dict[Any, _Table] = {}
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

    def same(self, found: Values, candidate: Values, scale: Sequence[float], usable: NDArray[np.bool_]) -> bool:
        """Whether a candidate is what was found, on every probe that is evidence."""
        return all(
            same(f, c, s, p.rtol)
            for f, c, s, p, use in zip(found, candidate, scale, self.probes, usable, strict=True)
            if use
        )

    def table(self, state: _State, l: int) -> _Table:
        """What can follow in layer l from a state of the layer above."""
        if not state.known:
            return _Table(self, l, state)
        key = (l, tuple((p.key, p.way) for p in state.explanation.mistakes if p.mistake.slot in DELTA_SLOTS))
        if key not in self._tables:
            self._tables[key] = _Table(self, l, state)
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


class _Table:
    """What the catalogue can make of a layer, given the layer above; worked out as it is asked for."""

    def __init__(self, on: Bench, l: int, above: _State) -> None:
        self.bench, self.l, self.above = on, l, above
        self._deltas: dict[int, list[tuple[Mistakes, Values]]] = {}
        self._groups: dict[tuple[str, int, int], _Fingerprints] = {}
        self._first: dict[int, int] = {}

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
                for net, d in zip(self.bench.nets, self.above.delta, strict=True)
            ]
        return [
            _attempt(lambda n, d, w: derivation.delta(n, self.l, d, w, replaced), net, d, w)
            for net, d, w in zip(self.bench.nets, self.above.delta, dW_above, strict=True)
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
        self, quantity: str, in_delta: int, own: int, found: Values, usable: NDArray[np.bool_]
    ) -> list[tuple[int, Mistakes, Values]]:
        """Which of a group are what was found."""
        group = self.group(quantity, in_delta, own)
        if not group.entries:
            return []
        scale = self.bench.scale(quantity, self.l)
        codes, sums, _ = (np.array(x) for x in self.bench.fingerprint(found, scale))
        near = (group.codes == codes) & (np.abs(group.sums - sums) <= group.bounds)
        return [
            group.entries[i]
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


@dataclass
class _Matched:
    """For a δ(l): the fewest mistakes of its own that explain a gradient, in every way that does."""

    own: int
    ways: list[tuple[Mistakes, Values]] = field(default_factory=list)


class _Layer:
    """The search in one layer."""

    def __init__(self, on: Bench, l: int, above: _State, found: Sequence[Gradients | None]) -> None:
        self.bench, self.l, self.above = on, l, above
        self.table = on.table(above, l)
        self.found = {q: values_of(found, q, l) for q in ("dW", "db")}
        self.usable = above.usable
        self._matched: dict[tuple[str, int], dict[int, _Matched]] = {}
        self._done: set[tuple[str, int, int]] = set()

    def states(self) -> list[_State]:
        """What the layer can have become, best first."""
        complete = self._from_table()
        fewest = min((len(s.explanation.mistakes) for s in complete), default=99) - len(self.above.explanation.mistakes)
        if fewest > 1 and self.l < self.bench.L:
            complete += [s for s in self._families() if not any(_has_a_name(s, other) for other in complete)]
        return complete or [*self._partial(), *self._recovered()]

    def _from_table(self) -> list[_State]:
        best = 99
        states: list[_State] = []
        for total in range(MOST_IN_A_LAYER + 1):
            for in_delta in range(min(total, MOST_IN_A_LINE_OF_WORK) + 1):
                for own in range(min(total, MOST_TOGETHER, MOST_IN_A_LINE_OF_WORK + in_delta) - in_delta + 1):
                    self._match("dW", in_delta, own)
                    self._match("db", in_delta, own)
            states = [
                self._state(in_delta, index, w, b)
                for in_delta in range(MOST_IN_A_LINE_OF_WORK + 1)
                for index, of_w in self._matched.get(("dW", in_delta), {}).items()
                if (of_b := self._matched[("db", in_delta)].get(index)) and in_delta + of_w.own + of_b.own <= total
                for w, b in product(of_w.ways, of_b.ways)
            ]
            if states:
                best = min(best, total)
            if total >= best + SLACK or (total == 2 and not any(self._matched.values())):
                break
        return states

    def _match(self, quantity: str, in_delta: int, own: int) -> None:
        if own > MOST_IN_A_LINE_OF_WORK or (quantity, in_delta, own) in self._done:
            return
        self._done.add((quantity, in_delta, own))
        matched = self._matched.setdefault((quantity, in_delta), {})
        for index, placed, values in self.table.matches(quantity, in_delta, own, self.found[quantity], self.usable):
            entry = matched.setdefault(index, _Matched(own))
            if entry.own == own:
                entry.ways.append((placed, values))

    def _state(
        self,
        in_delta: int,
        index: int,
        w: tuple[Mistakes, Values] | None,
        b: tuple[Mistakes, Values] | None,
        unknown: tuple[Unknown, ...] = (),
    ) -> _State:
        placed, delta = self.table.deltas(in_delta)[index]
        return self._next(placed, delta, w, b, unknown, self.above.known)

    def _next(
        self,
        placed: Mistakes,
        delta: Values,
        w: tuple[Mistakes, Values] | None,
        b: tuple[Mistakes, Values] | None,
        unknown: tuple[Unknown, ...] = (),
        known: bool = True,
        usable: NDArray[np.bool_] | None = None,
    ) -> _State:
        before = self.above.explanation
        mistakes = (*before.mistakes, *placed, *(w[0] if w else ()), *(b[0] if b else ()))
        return _State(
            Explanation(mistakes, (*before.unknown, *unknown)),
            delta,
            self.found["dW"],
            self.usable if usable is None else usable,
            known,
        )

    def _families(self) -> list[_State]:
        """Mistakes with a number in them: δ is linear in it, so two values give the line, and a fit the number."""
        states = []
        net = self.bench.nets[0]
        for mistake in MISTAKES:
            if not mistake.family or not mistake.fits(net, self.l):
                continue
            others = [(), *(o for o in combine(net, self.l, DELTA_SLOTS, 1) if o[0].mistake.slot != mistake.slot)]
            for other in others:
                at = [self.table.delta((*other, Placed(mistake, self.l, value=v)), self.above.dW) for v in (0.0, 1.0)]
                states += self._fitted(mistake, other, at[0], at[1])
        return states

    def _fitted(self, mistake: Mistake, other: Mistakes, at_0: Values, at_1: Values) -> list[_State]:
        net = self.bench.nets[0]
        own = {
            "dW": [p for n in (0, 1) for p in combine(net, self.l, WEIGHT_SLOTS, n)],
            "db": [p for n in (0, 1) for p in combine(net, self.l, BIAS_SLOTS, n)],
        }
        scale = self.bench.scale("dW", self.l)
        for placed in own["dW"] if not other else [()]:
            ends = [self.table.gradient("dW", d, placed) for d in (at_0, at_1)]
            value = self._fit("dW", ends[0], ends[1])
            if value is None:
                continue
            delta = [a if a is None or b is None else a + value * (b - a) for a, b in zip(at_0, at_1, strict=True)]
            w = self.table.gradient("dW", delta, placed)
            if not self.bench.same(self.found["dW"], w, scale, self.usable):
                continue
            whole = (*other, Placed(mistake, self.l, value=value))
            for bias in own["db"]:
                b = self.table.gradient("db", delta, bias)
                if self.bench.same(self.found["db"], b, self.bench.scale("db", self.l), self.usable):
                    return [self._next(whole, delta, (placed, w), (bias, b), known=False)]
        return []

    def _fit(self, quantity: str, at_0: Values, at_1: Values) -> float | None:
        """The number for which the line through two values comes nearest to what was found, or None."""
        top = bottom = 0.0
        for f, a, b, size, use in zip(
            self.found[quantity], at_0, at_1, self.bench.scale(quantity, self.l), self.usable, strict=True
        ):
            if not use or f is None or a is None or b is None or not f.shape == a.shape == b.shape:
                continue
            if not (np.isfinite(f).all() and np.isfinite(a).all() and np.isfinite(b).all()):
                continue
            top += float(((f - a) * (b - a)).sum()) / size**2
            bottom += float(((b - a) ** 2).sum()) / size**2
        return top / bottom if bottom > 1e-12 else None

    def _partial(self) -> list[_State]:
        """One gradient explained, or none: the other is unknown."""
        states = []
        for in_delta in range(MOST_IN_A_LINE_OF_WORK):
            for quantity, other in (("dW", "db"), ("db", "dW")):
                for index, matched in self._matched.get((quantity, in_delta), {}).items():
                    expected = self.table.gradient(other, self.table.deltas(in_delta)[index][1], ())
                    unknown = self._unknown(other, expected)
                    for way in matched.ways if matched.own < MOST_IN_A_LINE_OF_WORK else ():
                        w, b = (way, None) if quantity == "dW" else (None, way)
                        states.append(self._state(in_delta, index, w, b, (unknown,)))
        delta = self.table.deltas(0)[0][1]
        both = tuple(self._unknown(q, self.table.gradient(q, delta, ())) for q in ("dW", "db"))
        return [*states, self._state(0, 0, None, None, both)]

    def _unknown(self, quantity: str, expected: Values) -> Unknown:
        found = self.found[quantity]
        return Unknown(quantity, self.l, facts(quantity, self.l, found, expected, self.bench.probes, self.usable))

    def _recovered(self) -> list[_State]:
        """δ(l) as the learner must have it, from ∂L/∂W(l): with no more examples than inputs it is determined.

        Only where the rest of ∂L/∂W(l) proves right: its rows lie in the span of the examples' a(l-1).
        """
        deltas: list[Array | None] = []
        proofs = 0
        for net, w, use in zip(self.bench.nets, self.found["dW"], self.usable, strict=True):
            a = net.a[self.l - 1]
            deltas.append(None)
            if not use or w is None or w.shape != net.W[self.l].shape or not np.isfinite(w).all() or net.m > len(a):
                continue
            if np.linalg.cond(a) > 1e6:
                continue
            total = (w - net.l2 * net.W[self.l]) * net.m
            delta = total @ np.linalg.pinv(a).T
            if np.abs(delta @ a.T - total).max() > 1e-4 * np.abs(total).max():
                return []
            proofs += net.m < len(a)
            deltas[-1] = delta
        if not proofs:
            return []
        usable = np.array([d is not None for d in deltas]) & self.usable
        expected = self.table.deltas(0)[0][1]
        unknown = Unknown("delta", self.l, facts("delta", self.l, deltas, expected, self.bench.probes, usable))
        scale = self.bench.scale("db", self.l)
        for own in range(MOST_IN_A_LINE_OF_WORK + 1):
            for placed in combine(self.bench.nets[0], self.l, BIAS_SLOTS, own):
                b = self.table.gradient("db", deltas, placed)
                if self.bench.same(self.found["db"], b, scale, usable):
                    return [self._next((), deltas, None, (placed, b), (unknown,), known=False, usable=usable)]
        bias = Unknown("db", self.l, facts("db", self.l, self.found["db"], b, self.bench.probes, usable))
        return [self._next((), deltas, None, None, (unknown, bias), known=False, usable=usable)]


def _has_a_name(state: _State, other: _State) -> bool:
    """Whether another state says the same with a mistake of its own name where this one has a fitted number."""
    left = {p.key for p in state.explanation.mistakes if not p.mistake.family}
    slots = [{(p.mistake.slot, p.layer) for p in s.explanation.mistakes} for s in (state, other)]
    return left <= other.explanation.keys and slots[0] == slots[1]


def explain(found: Sequence[Gradients | None], on: Bench) -> list[Explanation]:
    """The shortest explanations of a learner's gradients, written in columns, on the probes of a bench.

    found: for each probe what the learner's function gave, or None where it gave nothing.
    An empty explanation says that everything is right.
    """
    with np.errstate(all="ignore"):
        return _explain(found, on)


def _explain(found: Sequence[Gradients | None], on: Bench) -> list[Explanation]:
    nothing: Values = [None] * len(on.probes)
    beam = [_State(Explanation(), nothing, nothing, np.array([g is not None for g in found]))]
    for l in range(on.L, 0, -1):
        states = [s for state in beam for s in _Layer(on, l, state, found).states()]
        states.sort(key=lambda s: s.explanation.rank)
        fewest = states[0].explanation.rank
        kept: dict[Any, _State] = {}
        for s in states:
            unknown, mistakes, _ = s.explanation.rank
            if unknown <= fewest[0] + 1 and (unknown > fewest[0] or mistakes <= fewest[1] + SLACK):
                kept.setdefault((s.explanation.keys, s.explanation.unknown, _ways(s.explanation)), s)
        beam = list(kept.values())[:WIDTH]
    confirmed = [s.explanation for s in beam if s.explanation.unknown or _confirmed(s.explanation, found, on)]
    if not confirmed:
        return []
    best = min(e.rank for e in confirmed)
    chosen = {(e.keys, e.unknown): e for e in reversed(confirmed) if e.rank == best}
    return list(chosen.values())


def _ways(explanation: Explanation) -> tuple[int, ...]:
    return tuple(p.way for p in explanation.mistakes if p.mistake.slot in DELTA_SLOTS)


def _confirmed(explanation: Explanation, found: Sequence[Gradients | None], on: Bench) -> bool:
    """Whether the mistakes, put into the derivation, give the learner's numbers from beginning to end."""
    replaced = lines(explanation.mistakes)
    for gradients, net, probe, correct in zip(found, on.nets, on.probes, on.correct, strict=True):
        if gradients is None:
            continue
        try:
            derived = derivation.derive(net, replaced)
        except ValueError:
            return False
        for quantity, l in product(("dW", "db"), range(1, on.L + 1)):
            size = float(np.abs(getattr(correct, quantity)[l]).max())
            if not same(getattr(gradients, quantity)[l], getattr(derived, quantity)[l], size, probe.rtol):
                return False
    return True
