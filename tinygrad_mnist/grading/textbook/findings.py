"""Explanations in words: what is wrong, where, how it should be in the learner's own convention, and why."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from tinygrad_mnist.grading.report import Finding
from tinygrad_mnist.grading.textbook.catalogue import possible
from tinygrad_mnist.grading.textbook.derivation import HIDDEN_ONLY, LAST_ONLY, QUANTITY, Network
from tinygrad_mnist.grading.textbook.mistakes import Explanation, Placement, Unknown
from tinygrad_mnist.manual.heads import SOFTMAX
from tinygrad_mnist.manual.notation import SYMBOLS, Notation

EVERY = "every gradient"
"""Where a mistake is that all gradients share."""


def symbol(slot: str, l: int) -> str:
    """What a line of layer l belongs to: "ŷ", "δ(2)", "∂L/∂W(1)"."""
    return "ŷ" if slot == "output" else f"{SYMBOLS[QUANTITY[slot]]}({l})"


def findings(explanations: Sequence[Explanation], net: Network, notation: Notation) -> Iterator[Finding]:
    """The mistakes that all explanations share, one by one; then those between which they differ, as a choice."""
    if not explanations:
        return
    words = _Words(net, notation, explanations)
    shared = frozenset.intersection(*(e.keys for e in explanations))
    certain = [p for p in explanations[0].mistakes if p.key in shared]
    alike: dict[tuple[str, float | None], list[Placement]] = {}
    for p in certain:
        alike.setdefault((p.mistake.title, p.value and round(p.value, 6)), []).append(p)
    yield from map(words.mistake, alike.values())
    choices = [[p for p in e.mistakes if p.key not in shared] for e in explanations]
    if len(explanations) > 1 and all(choices):
        yield words.choice(choices)
    unknown = explanations[0].unknown
    for u in unknown:
        yield words.unknown(u, unknown)


class _Words:
    """Findings about one network, with formulas in one notation."""

    def __init__(self, net: Network, notation: Notation, explanations: Sequence[Explanation]) -> None:
        self.net, self.notation = net, notation
        self.placements = [p for e in explanations for p in e.mistakes]

    def mistake(self, places: Sequence[Placement]) -> Finding:
        """One mistake, or several of the same title, wherever it is made."""
        first = places[0]
        title, explanation, hint = first.mistake.title, first.mistake.explanation, first.mistake.hint
        if len(places) == 1:
            title, explanation, hint = (_in_layer(text, first) for text in (title, explanation, hint))
        names = tuple(dict.fromkeys(p.mistake.name for p in places))
        where, formulas = self._where(places, names)
        return Finding(names, where, title + self._number(first), formulas, explanation, hint)

    def _where(self, places: Sequence[Placement], names: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The quantities that a mistake stands in, and how they should be; only once where it is everywhere."""
        slot, layer = places[0].mistake.slot, places[0].layer
        if slot == "factor":
            return (EVERY,), (self.formula("mean_W", layer), self.formula("mean_b", layer))
        by_place = {symbol(p.mistake.slot, p.layer): self.formula(p.mistake.slot, p.layer) for p in places}
        where, formulas = tuple(by_place), tuple(by_place.values())
        all_possible = [p for p in possible(self.net) if p.mistake.name in names]
        if not len(all_possible) == len(places) > 1 or slot in LAST_ONLY:
            return where, formulas
        kinds = sorted({SYMBOLS[QUANTITY[p.mistake.slot]] for p in places})
        layers = "every hidden layer" if slot in HIDDEN_ONLY else "every layer"
        return (f"{' and '.join(kinds)} in {layers}",), formulas[:1]

    def choice(self, choices: Sequence[Sequence[Placement]]) -> Finding:
        """Several mistakes between which the numbers can't decide."""
        every = [p for choice in choices for p in choice]
        return Finding(
            tuple(dict.fromkeys(p.mistake.name for p in every)),
            tuple(dict.fromkeys(symbol(p.mistake.slot, p.layer) for p in every)),
            "either " + ", or ".join(" with ".join(map(self._title_and_place, choice)) for choice in choices),
            tuple(dict.fromkeys(self.formula(p.mistake.slot, p.layer) for p in every)),
            "These give the same numbers, so the numbers can't tell which it is.",
            every[0].mistake.hint,
        )

    def unknown(self, unknown: Unknown, every: Sequence[Unknown]) -> Finding:
        """What is known about a quantity whose mistake is not in the catalogue, among all that are."""
        known = "; ".join(unknown.facts)
        return Finding(
            (),
            (f"{SYMBOLS[unknown.quantity]}({unknown.layer})",),
            f"wrong, in a way that is not in the catalogue{': ' + known if known else ''}",
            (self._equation(unknown.quantity, unknown.layer),),
            "",
            self._where_to_look(unknown, every),
        )

    def _where_to_look(self, unknown: Unknown, every: Sequence[Unknown]) -> str:
        l = unknown.layer
        if unknown.quantity == "delta":
            first = "This is the first wrong quantity on the way back; what" if unknown is every[0] else "What"
            return f"{first} comes after it may follow from it."
        both = {(u.quantity, u.layer) for u in every} >= {("dW", l), ("db", l)}
        if not both or unknown.quantity == "db":
            return ""
        forward = " and the forward pass that leads to it, from X to ŷ" if l == self.net.L else ""
        return f"∂L/∂W({l}) and ∂L/∂b({l}) are both wrong. Look first at what they share: δ({l}){forward}."

    def formula(self, slot: str, l: int) -> str:
        """What a line of layer l belongs to, as it should be."""
        if slot == "output" and self.net.head.output is SOFTMAX:
            return f"ŷ = softmax(z({l}) - max z({l})), both over each example's classes"
        return self._equation(QUANTITY[slot], l)

    def _title_and_place(self, p: Placement) -> str:
        return f"{_in_layer(p.mistake.title, p)}{self._number(p)} in {symbol(p.mistake.slot, p.layer)}"

    def _number(self, p: Placement) -> str:
        """The number in a mistake, or those between which the explanations differ."""
        values = [q.value for q in self.placements if q.key == p.key and q.value is not None]
        numbers = dict.fromkeys(map(p.mistake.number, values))
        return f" ({' or '.join(numbers)})" if numbers else ""

    def _equation(self, quantity: str, l: int) -> str:
        net = self.net
        right = self.notation.formulas(l, net.L, net.l2, net.head, net.penalty)[quantity]
        return _input_is_X(f"{SYMBOLS[quantity]}({l}) = {right}")


def _in_layer(text: str, p: Placement) -> str:
    """A text about layer l, about the layer of the mistake."""
    return _input_is_X(re.sub(r"\(l([+-]\d)?\)", lambda match: f"({p.layer + int(match[1] or 0)})", text))


def _input_is_X(text: str) -> str:
    return text.replace("a(0)", "X")
