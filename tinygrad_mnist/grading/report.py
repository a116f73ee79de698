"""What the grader found, for people and for programs."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import numpy as np

from tinygrad_mnist.grading import report_page
from tinygrad_mnist.shown import json_text

WIDTH = 80

ROUNDING = 1e-12
"""Below this a relative difference in float64 is rounding: which digits it has depends on the CPU."""

_WORDS = {
    "WRONG": "wrong", "NaN": "NaN or infinite on some networks, else right", "none": "not computed, so not judged",
}  # fmt: skip
"""What the last line says of gradients with a verdict."""

HUGE = 1e6
"""Above this a relative difference is that to what is almost 0, and says no more."""

HEADINGS = ("gradient", "verdict", "relative difference")


LONGEST = 1000
"""Characters of what is shown of a stranger's program in one place."""

_UNSEEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""What would move a terminal's cursor, turn its text around, or be no text at all."""


def plain(text: str) -> str:
    """A stranger's text as it may be shown: no longer than `LONGEST`, control characters as their escapes."""
    shown = _UNSEEN.sub(lambda c: c.group().encode("unicode_escape").decode(), text[:LONGEST])
    return f"{shown[: LONGEST - 2]} …" if max(len(text), len(shown)) > LONGEST else shown


def incomparable(pairs: Iterable[tuple[Any, Any]]) -> str:
    """Why gradients have no difference from the right ones, in words: of the first pair in which something is amiss."""
    for found, right in pairs:
        if np.shape(found) != np.shape(right):
            return "another shape"
        if not np.isfinite(found).all():
            return "not finite"
    return "the right one is 0"


@dataclass(frozen=True)
class Parameter:
    """One gradient: its name as the learner returns it, whether it is right, the largest difference.

    difference: relative to the largest number in the right gradient; None for another shape, NaN or no result.
    not_finite: whether it is right wherever its numbers are finite, and they are not everywhere.
    computed: whether there was one on any network. textbook: what the textbook calls it, where the learner's name is
    another, and it is known. why: why a wrong one has no difference, in words.
    """

    name: str
    right: bool
    difference: float | None
    not_finite: bool = False
    computed: bool = True
    textbook: str = ""
    why: str = ""

    @property
    def verdict(self) -> str:
        """In a word."""
        if not self.computed:
            return "none"
        return "right" if self.right else "NaN" if self.not_finite else "WRONG"

    def __str__(self) -> str:
        """The difference in words."""
        if self.difference is None:
            return "" if self.right else self.why
        if self.difference < ROUNDING and self.verdict != "WRONG":
            return "rounding"
        if self.difference > HUGE:
            return "huge"
        return f"{self.difference:,.0f}" if self.difference >= 100 else f"{self.difference:.2g}"


@dataclass(frozen=True)
class Finding:
    """One mistake, or the choice between several that give the same numbers, or something unknown.

    names: the catalogue's; empty for something unknown. where: the quantities it stands in. what: in a line.
    places: the learner's own lines, where they are known.
    """

    names: tuple[str, ...]
    where: tuple[str, ...]
    what: str
    formulas: tuple[str, ...]
    explanation: str
    hint: str
    places: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "places", tuple(map(plain, self.places)))


@dataclass(frozen=True)
class Problem:
    """Something besides wrong numbers: "exception", "syntax", "exit", "missing", "signature", "unfinished", "returned",
    "changed", "varies", "nan", "time", "training", "crash", "import", "file", "settings", "memory", "grader" or
    "cheating"; and in words."""

    kind: str
    message: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "message", plain(self.message))


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


@dataclass(frozen=True)
class Paragraph:
    """Pieces of text with a style of Rich's each, and by how much the first line and the others are indented."""

    pieces: tuple[tuple[str, str], ...] = ()
    first: int = 0
    rest: int = 0

    def __str__(self) -> str:
        text = "".join(piece for piece, _ in self.pieces)
        first, rest = " " * self.first, " " * self.rest
        return textwrap.fill(text, WIDTH, initial_indent=first, subsequent_indent=rest, break_on_hyphens=False)


@dataclass(frozen=True, repr=False)
class Report:
    """The verdict on a learner's backprop.

    remarks: what is not wrong, and would be better another way.
    explained: whether the findings explain every exception. updates_judged: whether what is made of gradients was
    judged, where they are watched.
    """

    subject: str
    settings: str
    parameters: tuple[Parameter, ...] = ()
    findings: tuple[Finding, ...] = ()
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()
    explained: bool = True
    remarks: tuple[Finding, ...] = ()
    updates_judged: bool = True

    def __post_init__(self) -> None:
        for name in ("subject", "settings"):
            object.__setattr__(self, name, plain(getattr(self, name)))
        object.__setattr__(self, "notes", tuple(map(plain, self.notes)))

    headings: ClassVar[tuple[str, ...]] = HEADINGS

    @property
    def passed(self) -> bool:
        """Whether every gradient is right and nothing else went wrong."""
        right = bool(self.parameters) and all(p.right for p in self.parameters)
        return right and not self.problems and not self.findings

    @property
    def verdict(self) -> str:
        """In one line."""
        every = len(self.parameters)
        if self.passed:
            right = f"all {every} gradients are right" if every > 1 else "the gradient is right"
            return right if self.updates_judged else f"{right}; the updates were not judged"
        for verdict, words in _WORDS.items():
            count = sum(p.verdict == verdict for p in self.parameters)
            if count:
                of = f"{count} of {every} gradients" if every > 1 else "the gradient"
                return f"{of} {'is' if count == 1 else 'are'} {words}"
        if self.findings and not self.problems:
            return "the gradients are right, what is made of them is not"
        return "it did not pass"

    def to_dict(self) -> dict[str, Any]:
        return {"passed": self.passed, **asdict(self)}

    @classmethod
    def from_dict(cls, saved: dict[str, Any]) -> Report:
        """The report that `to_dict` was made of, also by way of JSON."""
        kinds = {"parameters": Parameter, "findings": Finding, "problems": Problem, "remarks": Finding}
        parts: dict[str, Any] = {k: v for k, v in saved.items() if k != "passed"}
        for key, kind in kinds.items():
            parts[key] = tuple(kind(**{k: _frozen(v) for k, v in part.items()}) for part in saved[key])
        return cls(**parts | {"notes": tuple(saved["notes"])})

    def to_json(self) -> str:
        return json_text(self.to_dict())

    def to_html(self) -> str:
        """A whole page, which needs nothing else."""
        return report_page.whole(self)

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        return report_page.piece(self)

    def __str__(self) -> str:
        """Plain text, 80 columns wide."""
        cells = [HEADINGS, *((p.name, p.verdict, str(p)) for p in self.parameters)]
        width = max(len(name) for name, *_ in cells) + 2
        table = ["  {:{}}{:9}{}".format(row[0], width, *row[1:]).rstrip() for row in cells] if self.parameters else []
        return "\n".join([str(self.heading), *table, *map(str, self.paragraphs())])

    __repr__ = __str__

    def __rich__(self) -> Any:
        """The same for a terminal, with colour."""
        from rich.console import Group
        from rich.padding import Padding
        from rich.table import Table
        from rich.text import Text

        def rich(paragraph: Paragraph) -> Text | Padding:
            text = Text.assemble(*paragraph.pieces)
            return Padding(text, (0, 0, 0, paragraph.first)) if paragraph.first else text

        table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
        for name in HEADINGS:
            table.add_column(name, header_style="dim")
        for p in self.parameters:
            table.add_row(p.name, Text(p.verdict, "green" if p.right else "bold red"), str(p))
        tables = [Padding(table, (1, 2, 0, 2))] if self.parameters else []
        return Group(rich(self.heading), *tables, *map(rich, self.paragraphs()))

    @property
    def heading(self) -> Paragraph:
        """The first line."""
        return Paragraph(((": ".join(filter(None, [self.subject, self.settings])), "dim"),))

    def paragraphs(self) -> Iterator[Paragraph]:
        """What stands below the table; an empty paragraph is a blank line."""
        blank = Paragraph()
        yield blank
        for problem in self.problems:
            yield Paragraph(((f"{problem.kind}: ", "bold red"), (problem.message, "")), rest=2)
            yield blank
        for number, finding in enumerate(self.findings, 1):
            head = f"{number}. {', '.join(finding.where)}: "
            yield Paragraph(((head, "bold"), (finding.what, "bold yellow")), rest=3)
            for place in finding.places:
                yield Paragraph((("you wrote     ", "dim"), (place, "")), 3, 17)
            for formula in finding.formulas:
                yield Paragraph((("it should be  ", "dim"), (formula, "green")), 3, 17)
            if finding.explanation:
                yield Paragraph(((finding.explanation, ""),), 3, 3)
            if finding.hint:
                yield Paragraph((("think again: ", "dim"), (finding.hint, "italic")), 3, 3)
            yield blank
        for remark in self.remarks:
            where = f"{', '.join(remark.where)}: " if remark.where else ""
            yield Paragraph((("remark: ", "bold"), (f"{where}{remark.what}", "")), rest=2)
            for place in remark.places:
                yield Paragraph((("you wrote  ", "dim"), (place, "")), 2, 13)
            if remark.explanation:
                yield Paragraph(((remark.explanation, ""),), 2, 2)
            yield blank
        for note in self.notes:
            yield Paragraph(((f"note: {note}", "dim"),), rest=2)
        yield Paragraph(((self.verdict, "bold green" if self.passed else "bold red"),))
