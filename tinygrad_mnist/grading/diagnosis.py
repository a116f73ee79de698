"""Which mistake a learner's numbers come from: the catalogue searched along the structure of backprop.

From the last layer down, every hypothesis about δ(l) is carried on, right or wrong, and ∂L/∂W(l) and ∂L/∂b(l) are
compared with what follows from it, with up to two changed lines in each. The explanations with the fewest mistakes
are kept, all of them where several fit, and each is derived once more from the start before it is named.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import numpy as np

from tinygrad_mnist.grading import derivation
from tinygrad_mnist.grading.candidates import Bench, Mask, Mistakes, Values, combine, same, values_of
from tinygrad_mnist.grading.derivation import BIAS_SLOTS, DELTA_SLOTS, WEIGHT_SLOTS, Gradients
from tinygrad_mnist.grading.mistakes import MISTAKES, Mistake, Placed, lines
from tinygrad_mnist.grading.observations import facts
from tinygrad_mnist.manual.activations import Array

MOST = 2
"""How many mistakes are looked for in δ(l), in ∂L/∂W(l) and in ∂L/∂b(l) each."""

MOST_TOGETHER = 3
"""How many in one gradient and the δ(l) that it comes from."""

MOST_IN_A_LAYER = 4
"""How many in δ(l) and both gradients."""

SLACK = 1
"""An explanation may have so many kinds of mistakes more than the best: it may do with fewer further down."""

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
    def kinds(self) -> int:
        """How many mistakes it is, where the same in several places counts as one."""
        return len({p.mistake.title for p in self.mistakes})

    @property
    def keys(self) -> frozenset[tuple[str, int]]:
        return frozenset(p.key for p in self.mistakes)


@dataclass
class _State:
    """An explanation of the layers from L to l, and the δ(l) and ∂L/∂W(l) that the learner then has."""

    explanation: Explanation
    delta: Values
    dW: Values
    usable: Mask
    known: bool = True
    """Whether δ(l) follows from the explanation alone, so that what follows from it can be kept."""


@dataclass
class _Matched:
    """For a δ(l): the fewest mistakes of its own that explain a gradient, in every way that does."""

    own: int
    ways: list[Mistakes] = field(default_factory=list)


class _Layer:
    """The search in one layer."""

    def __init__(self, on: Bench, l: int, above: _State, found: Sequence[Gradients | None]) -> None:
        self.bench, self.l, self.above = on, l, above
        self.table = on.table(l, above.explanation.mistakes if above.known else None, above.delta)
        self.found = {q: values_of(found, q, l) for q in ("dW", "db")}
        self.usable = above.usable
        self._matched: dict[tuple[str, int], dict[int, _Matched]] = {}
        self._done: set[tuple[str, int, int]] = set()

    def states(self) -> list[_State]:
        """What the layer can have become."""
        return self._from_table() or self._families() or [*self._partial(), *self._recovered()]

    def _from_table(self) -> list[_State]:
        best = 99
        states: list[_State] = []
        for total in range(MOST_IN_A_LAYER + 1):
            for in_delta in range(min(total, MOST) + 1):
                for own in range(min(total, MOST_TOGETHER, MOST + in_delta) - in_delta + 1):
                    self._match("dW", in_delta, own)
                    self._match("db", in_delta, own)
            states = [
                self._state(in_delta, index, w, b)
                for in_delta in range(MOST + 1)
                for index, of_w in self._matched.get(("dW", in_delta), {}).items()
                if (of_b := self._matched[("db", in_delta)].get(index)) and in_delta + of_w.own + of_b.own <= total
                for w, b in product(of_w.ways, of_b.ways)
            ]
            if states:
                best = min(best, total)
            enough = best + SLACK if best < MOST else best  # what is long already is not made longer
            if total >= enough or (total == 2 and not any(self._matched.values())):
                break
        return states

    def _match(self, quantity: str, in_delta: int, own: int) -> None:
        if own > MOST or (quantity, in_delta, own) in self._done:
            return
        self._done.add((quantity, in_delta, own))
        matched = self._matched.setdefault((quantity, in_delta), {})
        for index, placed in self.table.matches(quantity, in_delta, own, self.found[quantity], self.usable):
            entry = matched.setdefault(index, _Matched(own))
            if entry.own == own:
                entry.ways.append(placed)

    def _state(
        self, in_delta: int, index: int, w: Mistakes = (), b: Mistakes = (), unknown: tuple[Unknown, ...] = ()
    ) -> _State:
        """The state with a δ(l) of the table, and mistakes in ∂L/∂W(l) and ∂L/∂b(l)."""
        placed, delta = self.table.deltas(in_delta)[index]
        return _State(self._longer((*placed, *w, *b), unknown), delta, self.found["dW"], self.usable, self.above.known)

    def _longer(self, mistakes: Mistakes, unknown: tuple[Unknown, ...] = ()) -> Explanation:
        before = self.above.explanation
        return Explanation((*before.mistakes, *mistakes), (*before.unknown, *unknown))

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
        in_w, in_b = ([p for n in (0, 1) for p in combine(net, self.l, s, n)] for s in (WEIGHT_SLOTS, BIAS_SLOTS))
        for w in in_w if not other else [()]:
            value = self._fit("dW", *(self.table.gradient("dW", d, w) for d in (at_0, at_1)))
            if value is None:
                continue
            delta = [a if a is None or b is None else a + value * (b - a) for a, b in zip(at_0, at_1, strict=True)]
            if not self._same("dW", self.table.gradient("dW", delta, w), self.usable):
                continue
            for b in in_b:
                if self._same("db", self.table.gradient("db", delta, b), self.usable):
                    explanation = self._longer((*other, Placed(mistake, self.l, value=value), *w, *b))
                    return [_State(explanation, delta, self.found["dW"], self.usable, known=False)]
        return []

    def _same(self, quantity: str, candidate: Values, usable: Mask) -> bool:
        return self.bench.same(self.found[quantity], candidate, self.bench.scale(quantity, self.l), usable)

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
        for in_delta in range(MOST):
            for quantity, other in (("dW", "db"), ("db", "dW")):
                for index, matched in self._matched.get((quantity, in_delta), {}).items():
                    expected = self.table.gradient(other, self.table.deltas(in_delta)[index][1], ())
                    unknown = self._unknown(other, expected)
                    for way in matched.ways if matched.own < MOST else ():
                        states.append(self._state(in_delta, index, way, unknown=(unknown,)))
        delta = self.table.deltas(0)[0][1]
        both = tuple(self._unknown(q, self.table.gradient(q, delta, ())) for q in ("dW", "db"))
        return [*states, self._state(0, 0, unknown=both)]

    def _unknown(self, quantity: str, expected: Values) -> Unknown:
        found = self.found[quantity]
        return Unknown(quantity, self.l, facts(quantity, self.l, found, expected, self.bench.probes, self.usable))

    def _recovered(self) -> list[_State]:
        """The state with an unknown δ(l), where it can be had from the learner's ∂L/∂W(l) and is seen to be wrong."""
        delta = self._delta_behind_the_weights()
        usable = np.array([d is not None for d in delta])
        if not usable.any():
            return []
        expected = self.table.deltas(0)[0][1]
        said = facts("delta", self.l, delta, expected, self.bench.probes, usable)
        if not said:
            return []
        unknown = Unknown("delta", self.l, said)
        of_bias: tuple[Unknown, ...] = (self._unknown("db", self.table.gradient("db", delta, ())),)
        mistakes: Mistakes = ()
        for placed in (p for n in range(MOST + 1) for p in combine(self.bench.nets[0], self.l, BIAS_SLOTS, n)):
            if self._same("db", self.table.gradient("db", delta, placed), usable):
                mistakes, of_bias = placed, ()
                break
        explanation = self._longer(mistakes, (unknown, *of_bias))
        return [_State(explanation, delta, self.found["dW"], usable, known=False)]

    def _delta_behind_the_weights(self) -> Values:
        """δ(l) solved from ∂L/∂W(l) = δ(l) a(l-1)ᵀ/m + λ W(l), which with m ≤ inputs determines it.

        Only if the rest of ∂L/∂W(l) proves right where m < inputs: its rows lie in the span of the a(l-1).
        """
        nothing: Values = [None] * len(self.bench.nets)
        delta: list[Array | None] = []
        proofs = 0
        for net, w, use in zip(self.bench.nets, self.found["dW"], self.usable, strict=True):
            a, delta = net.a[self.l - 1], [*delta, None]
            if not use or w is None or w.shape != net.W[self.l].shape or not np.isfinite(w).all():
                continue
            if net.m > len(a) or np.linalg.cond(a) > 1e6:
                continue
            total = (w - net.l2 * net.W[self.l]) * net.m
            delta[-1] = solved = total @ np.linalg.pinv(a).T
            if np.abs(solved @ a.T - total).max() > 1e-4 * np.abs(total).max():
                return nothing
            proofs += net.m < len(a)
        return delta if proofs else nothing


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
        unknown = len(states[0].explanation.unknown)
        kinds = min(s.explanation.kinds for s in states if len(s.explanation.unknown) == unknown)
        kept: dict[Any, _State] = {}
        for s in states:
            beyond = len(s.explanation.unknown) - unknown
            if beyond == 1 or (beyond == 0 and s.explanation.kinds <= kinds + SLACK):
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
