"""Which mistake a learner's numbers come from: the catalogue searched along the structure of backprop.

From the last layer down, every hypothesis about δ(l) is carried on, right or wrong, and ∂L/∂W(l) and ∂L/∂b(l) are
compared with what follows from it, with up to two changed lines in each. The explanations with the fewest mistakes
are kept, all of them where several fit, and each is derived once more from the start before it is named.
"""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np

from tinygrad_mnist.grading.textbook.derivation import SLOTS, Values
from tinygrad_mnist.grading.textbook.layer import Layer, State
from tinygrad_mnist.grading.textbook.mistakes import Explanation, Mistakes, Unknown, lines
from tinygrad_mnist.grading.textbook.probes import Found, Probes, given
from tinygrad_mnist.grading.textbook.solving import alone, fitted, recovered

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


def explain(found: Found, probes: Probes) -> list[Explanation]:
    """The shortest explanations of a learner's gradients, written in columns, on the probes.

    An empty explanation says that everything is right.
    """
    nothing: Values = [None] * len(probes.nets)
    states = [State(Explanation(), nothing, nothing, given(found))]
    with np.errstate(all="ignore"):
        for l in range(probes.L, 0, -1):
            states = _best([below for above in states for below in _states(Layer(probes, l, above, found))])
        explanations = [s.explanation for s in states]
        confirmed = [e for e in explanations if e.unknown or probes.all_agree(found, probes.derive(lines(e.mistakes)))]
    best = min((e.rank for e in confirmed), default=None)
    chosen = {(e.keys, e.unknown): e for e in reversed(confirmed) if e.rank == best}
    return list(chosen.values())


def _best(states: list[State]) -> list[State]:
    """The states to carry on: those with the fewest unknown quantities and kinds of mistakes, and a few beside."""
    states = sorted(states, key=lambda s: s.explanation.rank)
    unknown = len(states[0].explanation.unknown)
    kinds = min(s.explanation.kinds for s in states if len(s.explanation.unknown) == unknown)
    kept: dict[Any, State] = {}
    for state in states:
        e = state.explanation
        beyond = len(e.unknown) - unknown
        if beyond == 1 or (beyond == 0 and e.kinds <= kinds + SLACK):
            variants = tuple(p.variant for p in e.mistakes if p.mistake.slot in SLOTS["delta"])
            kept.setdefault((e.keys, e.unknown, variants), state)
    return list(kept.values())[:WIDTH]


def _states(layer: Layer) -> list[State]:
    """What a layer can have become."""
    search = _Search(layer)
    explained = search.explained() or fitted(layer)
    if explained and min(len(s.explanation.mistakes) for s in explained) > len(layer.above.explanation.mistakes) + 1:
        explained += alone(layer)
    return explained or [*search.partly_explained(), *recovered(layer)]


class _Search:
    """The search through the catalogue in one layer.

    matches: for a gradient and a number of mistakes in δ(l), by the δ(l) that explain it: the fewest mistakes of its
    own that it then has, in every way that does.
    """

    def __init__(self, layer: Layer) -> None:
        self.layer = layer
        self.matches: dict[tuple[str, int], dict[int, list[Mistakes]]] = {
            key: {} for key in product(("dW", "db"), range(MOST + 1))
        }

    def explained(self) -> list[State]:
        """The layer with as few mistakes as explain both gradients, and with a few more."""
        limit = MOST_IN_A_LAYER
        for total in range(MOST_IN_A_LAYER + 1):
            self._match(total)
            states = self._explained_by(total)
            if states:  # what is long already is not made longer, and what leaves δ(l) right changes nothing below
                limit = min(limit, total + SLACK if total < MOST and all(map(self._changes_delta, states)) else total)
            if total >= limit or (total == 2 and not any(self.matches.values())):
                break
        return states

    def _changes_delta(self, state: State) -> bool:
        """Whether a mistake is made in δ(l)."""
        own = [p for p in state.explanation.mistakes if p.layer == self.layer.l]
        return any(p.mistake.slot in SLOTS["delta"] for p in own)

    def _match(self, total: int) -> None:
        """Compare the gradients with so many mistakes in δ(l) and in themselves."""
        if total > MOST_TOGETHER:
            return
        layer = self.layer
        for quantity, in_delta in self.matches:
            own = total - in_delta
            if 0 <= own <= MOST:
                matches = self.matches[quantity, in_delta]
                found = layer.found[quantity]
                for index, mistakes in layer.candidates.matches(quantity, in_delta, own, found, layer.usable):
                    ways = matches.setdefault(index, [])
                    if not ways or len(ways[0]) == own:
                        ways.append(mistakes)

    def _explained_by(self, most: int) -> list[State]:
        """Every state in which both gradients are explained by up to so many mistakes in the layer."""
        return [
            self._state(in_delta, index, (*in_weights, *in_bias))
            for in_delta in range(MOST + 1)
            for index, ways in self.matches["dW", in_delta].items()
            for in_weights, in_bias in product(ways, self.matches["db", in_delta].get(index, ()))
            if in_delta + len(in_weights) + len(in_bias) <= most
        ]

    def partly_explained(self) -> list[State]:
        """The layer with one gradient explained by as few mistakes as will do, or none: the other is unknown."""
        states = []
        for quantity, other in (("dW", "db"), ("db", "dW")):
            every = [
                (in_delta, index, way)
                for in_delta in range(MOST)
                for index, ways in self.matches[quantity, in_delta].items()
                for way in ways
                if len(way) < MOST
            ]
            fewest = min((in_delta + len(way) for in_delta, _, way in every), default=0)
            for in_delta, index, way in every:
                if in_delta + len(way) == fewest:
                    unknown = self.layer.unknown(other, self.layer.candidates.deltas(in_delta)[index][1])
                    states.append(self._state(in_delta, index, way, (unknown,)))
        right = self.layer.candidates.deltas(0)[0][1]
        there = [q for q in ("dW", "db") if (q, self.layer.l) not in self.layer.probes.missing]
        both = tuple(self.layer.unknown(quantity, right) for quantity in there)
        return [*states, self._state(0, 0, (), both)]

    def _state(self, in_delta: int, index: int, mistakes: Mistakes, unknown: tuple[Unknown, ...] = ()) -> State:
        """The state with a δ(l) of the catalogue, and mistakes in the gradients."""
        in_this_delta, delta = self.layer.candidates.deltas(in_delta)[index]
        return self.layer.state(delta, (*in_this_delta, *mistakes), unknown)
