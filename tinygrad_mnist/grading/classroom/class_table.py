"""The table of a class: as text, in colour, in a notebook, and for programs and spreadsheets."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from tinygrad_mnist.grading.classroom.points import shown, sums
from tinygrad_mnist.grading.report import WIDTH
from tinygrad_mnist.screens.cell import cell, line, styled, table
from tinygrad_mnist.shown import no_formula, one_line

if TYPE_CHECKING:
    from tinygrad_mnist.grading.classroom.class_report import ClassReport

Piece = tuple[str, str]
"""Words, and a style of Rich's."""


def text(whole: ClassReport) -> str:
    """Plain text, 80 columns wide."""
    lines = [" ".join(words for words, _ in row).rstrip() for row in _aligned(whole)]
    return "\n".join([*lines, "", *(words for words, _ in _summary(whole))])


def coloured(whole: ClassReport) -> Any:
    """The same for Rich."""
    from rich.text import Text

    lines = [Text(" ").join(Text(*piece) for piece in row) for row in _aligned(whole)]
    for row in lines:
        row.rstrip()
    return Text("\n").join([*lines, Text(), *(Text(*piece) for piece in _summary(whole))])


def in_notebook(whole: ClassReport) -> str:
    """The same as HTML."""
    head, *rows = _rows(whole)
    body = ([styled(*piece) for piece in row] for row in rows)
    return cell(table([words for words, _ in head], body), *map(line, _summary(whole)))


def to_csv(whole: ClassReport) -> str:
    """A line for each learner."""
    out = io.StringIO()
    written = csv.writer(out, lineterminator="\n")
    points = ["points", "of"] if whole.points else []
    head = ["learner", "file", "passed", *points, "verdict", *whole.gradients, "mistakes", "names", "seconds", "page"]
    written.writerow(head)
    for g in whole.results:
        sum_ = [shown(n) for n in sums(whole.scores(g))] if whole.points else []
        verdicts = [p.verdict if (p := whole.parameter(g, n)) else "" for n in whole.gradients]
        names = " ".join(name for f in g.report.findings for name in f.names)
        row = [g.name, g.submission.file, "yes" if g.report.passed else "no", *sum_, g.report.verdict, *verdicts]
        row += ["; ".join(g.mistakes), names, f"{g.seconds:g}", f"{g.submission.page}.html"]
        written.writerow(map(no_formula, row))
    return out.getvalue()


def _rows(whole: ClassReport) -> Iterator[list[Piece]]:
    """The cells of the table, its head first."""
    points = [("points", "dim")] if whole.points else []
    yield [("learner", "dim"), ("passed", "dim"), *points, ("what is wrong", "dim")]
    for g in whole.results:
        more = f" (+{len(g.mistakes) - 1})" if len(g.mistakes) > 1 else ""
        wrong = f"{g.mistakes[0]}{more}" if g.mistakes else "" if g.report.passed else g.report.verdict
        passed = ("yes", "green") if g.report.passed else ("no", "bold red")
        points = [(whole.score(g), "")] if whole.points else []
        yield [(one_line(g.name), ""), passed, *points, (one_line(wrong), "")]


def _summary(whole: ClassReport) -> Iterator[Piece]:
    """How the class did, in a few lines."""
    for count in whole.mistakes[:5]:
        yield _fit(f"{len(count.who):>4} × {count.what}"), ""
    if whole.hardest:
        yield _fit(f"the hardest step is {whole.hardest.what}, wrong in {len(whole.hardest.who)}"), ""
    yield f"{len(whole.passed)} of {len(whole.results)} passed", "bold"


def _aligned(whole: ClassReport) -> Iterator[list[Piece]]:
    """The rows in columns."""
    rows = list(_rows(whole))
    widths = _widths([[words for words, _ in row] for row in rows])
    for row in rows:
        yield [(f"{_fit(words, n):{n + 1}}", style) for (words, style), n in zip(row, widths, strict=True)]


def _widths(rows: Sequence[Sequence[str]]) -> list[int]:
    """Of the columns: no name longer than 28 letters, and the last takes what is left."""
    first, *others, _ = (max(map(len, column)) for column in zip(*rows, strict=True))
    widths = [min(first, 28), *others]
    return [*widths, WIDTH - sum(widths) - 2 * len(widths)]


def _fit(words: str, width: int = WIDTH) -> str:
    return words if len(words) <= width else f"{words[: width - 1]}…"
