"""A program's way back beside autograd's, as it is shown: plain text, a table for a terminal, JSON."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import zip_longest
from typing import Any

from tinygrad_mnist.shown import json_text

WIDTH = 80
SIDE, FORMULA = 9, 52
"""The columns of a table in plain text, in characters; the last one takes the rest."""


@dataclass(frozen=True)
class Row:
    """One derivative: ∂L/∂name.

    called, own: what the program calls it, and computes it by, "" where it doesn't; place: where. formula: autograd's.
    verdict: "equal", "m times", "differs" and the like; equal: whether it is the derivative, or a multiple of it.
    difference: the largest, relative to the largest number in the right one; None where the numbers can't be compared.
    """

    name: str
    called: str
    own: str
    place: str
    formula: str
    verdict: str
    equal: bool
    difference: float | None = None

    def cells(self) -> Iterator[tuple[str, str, str]]:
        """The lines of a table: the name or nothing, a formula, and what is said of it."""
        yield self.name, " = ".join(filter(None, [self.called, self.own])) or "–", self.verdict
        yield "", self.formula or "–", self.place


@dataclass(frozen=True)
class Beside:
    """The first step of a program's training, from the loss back to the first parameter.

    loss: in words. where: what letters in the formulas stand for. notes: what else there is to know. problem: why
    there is nothing to compare, "" where there is.
    """

    subject: str
    loss: str = ""
    rows: tuple[Row, ...] = ()
    where: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    problem: str = ""

    @property
    def passed(self) -> bool:
        """Whether all that was compared is the right derivative, or a multiple of it."""
        return bool(self.rows) and all(row.equal for row in self.rows)

    @property
    def verdict(self) -> str:
        """In one line."""
        if not self.rows:
            return "nothing to compare"
        wrong = [row.name for row in self.rows if not row.equal]
        if not wrong:
            return f"all {len(self.rows)} agree with autograd"
        return f"{len(wrong)} of {len(self.rows)} differ from autograd, {wrong[0]} first"

    @property
    def heading(self) -> str:
        """The first line."""
        return f"{self.subject}: its first step beside autograd of {self.loss}" if self.loss else self.subject

    def to_dict(self) -> dict[str, Any]:
        return {"passed": self.passed, **asdict(self)}

    @classmethod
    def from_dict(cls, saved: dict[str, Any]) -> Beside:
        """What `to_dict` was made of, also by way of JSON."""
        parts: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in saved.items() if k != "passed"}
        return cls(**parts | {"rows": tuple(Row(**row) for row in saved["rows"])})

    def to_json(self) -> str:
        return json_text(self.to_dict())

    def __str__(self) -> str:
        """Plain text, 80 columns wide."""
        lines = [*_wrapped(self.heading), ""]
        for row in self.rows:
            lines += [line for cells in row.cells() for line in _aligned(cells)]
        return "\n".join([*lines, *self._below()])

    def _below(self) -> Iterator[str]:
        if self.rows:
            yield ""
        for equation in self.where:
            yield from _wrapped(f"  {equation}", indent=6)
        if self.where:
            yield ""
        for note in (*self.notes, *filter(None, [self.problem])):
            yield from _wrapped(note)
        yield self.verdict

    def __rich__(self) -> Any:
        """The same for a terminal, with colour."""
        from rich.console import Group
        from rich.padding import Padding
        from rich.table import Table
        from rich.text import Text

        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
        table.add_column("∂L/∂", header_style="dim", no_wrap=True)
        table.add_column("yours, and autograd's", header_style="dim", ratio=1)
        table.add_column("", max_width=WIDTH - SIDE - FORMULA)
        for row in self.rows:
            (name, own, verdict), (_, formula, place) = row.cells()
            table.add_row(Text(name, "bold"), Text(own), Text(verdict, "green" if row.equal else "bold red"))
            table.add_row("", Text(formula, "cyan"), Text(place, "dim"))
        tables = [Padding(table, (1, 2, 0, 2))] if self.rows else []
        *below, verdict = self._below()
        style = "bold green" if self.passed else "bold red"
        return Group(Text(self.heading, "dim"), *tables, *(Text(line) for line in below), Text(verdict, style))


def _aligned(cells: tuple[str, str, str]) -> Iterator[str]:
    """The lines of one line of the table, each cell wrapped in its column."""
    widths = (SIDE - 2, FORMULA - 1, WIDTH - SIDE - FORMULA)
    columns = [textwrap.wrap(cell, width, break_on_hyphens=False) for cell, width in zip(cells, widths, strict=True)]
    for name, formula, verdict in zip_longest(*columns, fillvalue=""):
        yield f"{name:{SIDE}}{formula:{FORMULA}}{verdict}".rstrip()


def _wrapped(text: str, indent: int = 0) -> list[str]:
    return textwrap.wrap(text, WIDTH, subsequent_indent=" " * indent, break_on_hyphens=False)
