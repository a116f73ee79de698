"""What the grader found, for people and for programs."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tinygrad_mnist.grading.derivation import BIAS_SLOTS, WEIGHT_SLOTS
from tinygrad_mnist.grading.diagnosis import Explanation, Unknown
from tinygrad_mnist.grading.mistakes import Placed, placements
from tinygrad_mnist.grading.probes import Convention, Probe

WIDTH = 80

ROUNDING = 1e-12
"""Below this a relative difference in float64 is rounding: which digits it has depends on the CPU."""


@dataclass(frozen=True)
class Parameter:
    """One gradient: its name as the learner returns it, whether it is right, the largest difference.

    difference: relative to the largest number in the right gradient; None for another shape, NaN or no result.
    """

    name: str
    right: bool
    difference: float | None


@dataclass(frozen=True)
class Finding:
    """One mistake, or the choice between several that give the same numbers, or something unknown.

    names: the catalogue's; empty for something unknown. where: the quantities it stands in. what: in a line.
    """

    names: tuple[str, ...]
    where: tuple[str, ...]
    what: str
    formulas: tuple[str, ...]
    explanation: str
    hint: str

    @property
    def known(self) -> bool:
        return bool(self.names)


@dataclass(frozen=True)
class Problem:
    """Something besides wrong numbers: "exception", "syntax", "exit", "missing", "signature", "returned", "changed",
    "varies", "nan", "time", "crash", "import", "file" or "settings"; and in words."""

    kind: str
    message: str


@dataclass(frozen=True)
class Report:
    """The verdict on a learner's backprop."""

    subject: str
    settings: str
    parameters: tuple[Parameter, ...]
    findings: tuple[Finding, ...]
    problems: tuple[Problem, ...]
    notes: tuple[str, ...] = ()
    explained: bool = True
    """Whether the findings explain every exception."""

    @property
    def passed(self) -> bool:
        """Whether every gradient is right and nothing else went wrong."""
        return bool(self.parameters) and all(p.right for p in self.parameters) and not self.problems

    def to_dict(self) -> dict[str, Any]:
        return {"passed": self.passed, **asdict(self)}

    def to_json(self) -> str:
        return json.dumps(self.to_dict(), ensure_ascii=False, indent=2, allow_nan=False)

    def __str__(self) -> str:
        """Plain text, 80 columns wide."""
        rows = [f"  {p.name:10}{'right' if p.right else 'WRONG':9}{_difference(p)}".rstrip() for p in self.parameters]
        table = ["  gradient  verdict  largest difference", *rows] if rows else []
        return "\n".join([*textwrap.wrap(self._heading(), WIDTH), *table, *self._paragraphs(), self.verdict])

    def __rich__(self) -> Any:
        """The same for a terminal, with colour."""
        from rich.console import Group
        from rich.padding import Padding
        from rich.table import Table
        from rich.text import Text

        table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
        for name in ("gradient", "verdict", "largest difference"):
            table.add_column(name, header_style="dim")
        for p in self.parameters:
            table.add_row(p.name, Text("right", "green") if p.right else Text("wrong", "bold red"), _difference(p))
        parts: list[Any] = [Text(self._heading(), "dim"), *([Padding(table, (1, 2))] if self.parameters else [])]
        for problem in self.problems:
            parts.append(Padding(Text.assemble((f"{problem.kind}: ", "bold red"), problem.message), (0, 0, 1, 0)))
        for number, finding in enumerate(self.findings, 1):
            parts.append(Text.assemble((f"{number}. {_places(finding)}: ", "bold"), (finding.what, "bold yellow")))
            body = [Text.assemble(("it should be  ", "dim"), (f, "green")) for f in finding.formulas]
            body += [Text(finding.explanation)] if finding.explanation else []
            body += [Text.assemble(("think again  ", "dim"), (finding.hint, "italic"))] if finding.hint else []
            parts.append(Padding(Group(*body), (0, 0, 1, 3)))
        parts += [Text(f"note: {note}", "dim") for note in self.notes]
        parts.append(Text(self.verdict, "bold green" if self.passed else "bold red"))
        return Group(*parts)

    def _heading(self) -> str:
        return f"{self.subject}: {self.settings}"

    def _paragraphs(self) -> Iterator[str]:
        yield ""
        for problem in self.problems:
            yield _indented(f"{problem.kind}: {problem.message}", "", "  ") + "\n"
        for number, finding in enumerate(self.findings, 1):
            yield _indented(f"{number}. {_places(finding)}: {finding.what}", "", "   ")
            for formula in finding.formulas:
                yield f"   it should be  {formula}"
            if finding.explanation:
                yield _indented(finding.explanation, "   ", "   ")
            if finding.hint:
                yield _indented(f"think again: {finding.hint}", "   ", "   ")
            yield ""
        for note in self.notes:
            yield _indented(f"note: {note}", "", "  ")

    @property
    def verdict(self) -> str:
        """In one line."""
        if self.passed:
            return f"all {len(self.parameters)} gradients are right"
        wrong = sum(not p.right for p in self.parameters)
        verb = "is" if wrong == 1 else "are"
        return f"{wrong} of {len(self.parameters)} gradients {verb} wrong" if wrong else "it did not pass"


def _difference(p: Parameter) -> str:
    if p.difference is None:
        return ""
    return f"{p.difference:.1e}" if p.difference >= ROUNDING else "rounding"


def _places(finding: Finding) -> str:
    return ", ".join(finding.where)


def _indented(text: str, first: str, rest: str) -> str:
    return "\n".join(textwrap.wrap(text, WIDTH, initial_indent=first, subsequent_indent=rest, break_on_hyphens=False))


def formula(slot: str, l: int, probe: Probe, convention: Convention) -> str:
    """What a line of layer l belongs to, as it should be, in the learner's convention."""
    L, penalty = probe.net.L, f" + λ W({l})" if probe.net.l2 else ""
    before, after = f"a({l - 1})" if l > 1 else "X", l + 1
    style = 0 if convention.columns else 2 if convention.weights_in_out else 1
    if slot == "softmax":
        return f"ŷ = softmax(z({L}) - max z({L})), both over each example's classes"
    if slot in ("error", "factor"):
        return f"δ({L}) = ŷ - y"
    if slot in WEIGHT_SLOTS:
        products = (f"δ({l}) {before}ᵀ", f"δ({l})ᵀ {before}", f"{before}ᵀ δ({l})")
        return f"∂L/∂W({l}) = (1/m) {products[style]}{penalty}"
    if slot in BIAS_SLOTS:
        return f"∂L/∂b({l}) = (1/m) Σ_{'columns' if convention.columns else 'rows'} δ({l})"
    carried = (f"W({after})ᵀ δ({after})", f"δ({after}) W({after})", f"δ({after}) W({after})ᵀ")
    return f"δ({l}) = {carried[style]} ⊙ f'(z({l}))"


def quantity(slot: str, l: int) -> str:
    """What a line belongs to: "δ(2)", "∂L/∂W(1)"."""
    if slot in WEIGHT_SLOTS or slot == "dW":
        return f"∂L/∂W({l})"
    if slot in BIAS_SLOTS or slot == "db":
        return f"∂L/∂b({l})"
    return "ŷ" if slot == "softmax" else f"δ({l})"


def findings(explanations: Sequence[Explanation], probe: Probe, convention: Convention) -> Iterator[Finding]:
    """The mistakes that all explanations share, one by one; then those between which they differ, as a choice."""
    if not explanations:
        return
    shared = frozenset.intersection(*(e.keys for e in explanations))
    certain = [p for p in explanations[0].mistakes if p.key in shared]
    titles = dict.fromkeys((p.mistake.title, p.value if p.value is None else round(p.value, 6)) for p in certain)
    for title, _ in titles:
        yield _one([p for p in certain if p.mistake.title == title], probe, convention)
    choices = [[p for p in e.mistakes if p.key not in shared] for e in explanations]
    if len(explanations) > 1 and all(choices):
        yield _choice(choices, probe, convention)
    unknown = explanations[0].unknown
    for u in unknown:
        yield _unknown_finding(u, unknown, probe, convention)


def _one(placed: Sequence[Placed], probe: Probe, convention: Convention) -> Finding:
    mistake = placed[0].mistake
    by_place = {quantity(p.mistake.slot, p.layer): p for p in placed}
    mistakes = dict.fromkeys(p.mistake for p in placed)
    possible = [l for m, l in placements(probe.net) if m in mistakes]
    everywhere = len(possible) == len(placed) > 1 and mistake.slot not in ("softmax", "error", "factor")
    layers = "every hidden layer" if mistake.slot in ("carried", "slope") else "every layer"
    kinds = {quantity(p.mistake.slot, 0).replace("(0)", "") for p in placed}
    where = (f"{' and '.join(sorted(kinds))} in {layers}",) if everywhere else tuple(by_place)
    formulas = tuple(formula(p.mistake.slot, p.layer, probe, convention) for p in by_place.values())
    if mistake.of_all:
        where = ("every gradient",)
        formulas = tuple(formula(slot, placed[0].layer, probe, convention) for slot in ("mean_W", "mean_b"))
    return Finding(
        tuple(m.name for m in mistakes),
        where,
        _worded(placed[0]) if len(placed) == 1 else mistake.title + _number(placed[0]),
        formulas[:1] if everywhere else formulas,
        _in_layer(mistake.explanation, placed[0]) if len(placed) == 1 else mistake.explanation,
        _in_layer(mistake.hint, placed[0]) if len(placed) == 1 else mistake.hint,
    )


def _choice(choices: Sequence[Sequence[Placed]], probe: Probe, convention: Convention) -> Finding:
    every = [p for choice in choices for p in choice]
    worded = [" with ".join(map(_worded_with_place, choice)) for choice in choices]
    return Finding(
        tuple(dict.fromkeys(p.mistake.name for p in every)),
        tuple(dict.fromkeys(quantity(p.mistake.slot, p.layer) for p in every)),
        "either " + ", or ".join(worded),
        tuple(dict.fromkeys(formula(p.mistake.slot, p.layer, probe, convention) for p in every)),
        "These give the same numbers, so the numbers can't tell which it is.",
        every[0].mistake.hint,
    )


def _unknown_finding(unknown: Unknown, every: Sequence[Unknown], probe: Probe, convention: Convention) -> Finding:
    """What is known about a quantity whose mistake is not in the catalogue, among all that are."""
    of_delta = "error" if unknown.layer == probe.net.L else "carried"
    slot = {"dW": "product", "db": "sum", "delta": of_delta}[unknown.quantity]
    known = "; ".join(unknown.facts)
    return Finding(
        (),
        (quantity(unknown.quantity, unknown.layer),),
        f"wrong, in a way that is not in the catalogue{': ' + known if known else ''}",
        (formula(slot, unknown.layer, probe, convention),),
        "",
        _where_to_look(unknown, every, probe.net.L),
    )


def _where_to_look(unknown: Unknown, every: Sequence[Unknown], L: int) -> str:
    l = unknown.layer
    if unknown.quantity == "delta":
        first = "This is the first wrong quantity on the way back; what" if unknown is every[0] else "What"
        return f"{first} comes after it may follow from it."
    both = {(u.quantity, u.layer) for u in every} >= {("dW", l), ("db", l)}
    if not both or unknown.quantity == "db":
        return ""
    forward = " and the forward pass that leads to it, from X to ŷ" if l == L else ""
    return f"∂L/∂W({l}) and ∂L/∂b({l}) are both wrong. Look first at what they share: δ({l}){forward}."


def _worded_with_place(p: Placed) -> str:
    return f"{_worded(p)} in {quantity(p.mistake.slot, p.layer)}"


def _worded(p: Placed) -> str:
    return _in_layer(p.mistake.title, p) + _number(p)


def _number(p: Placed) -> str:
    if p.value is None:
        return ""
    return f" (a learning rate of {p.value:.4g})" if p.mistake.slot == "carried" else f" ({p.value:.4g})"


def _in_layer(text: str, p: Placed) -> str:
    for shift in (-2, -1, 0, 1, 2):
        text = text.replace(f"(l{shift:+d})" if shift else "(l)", f"({p.layer + shift})")
    return text.replace("a(0)", "X")
