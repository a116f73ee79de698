"""How comparisons are shown: lines of 80 columns, and Markdown."""

from __future__ import annotations

import platform
import textwrap
from collections.abc import Iterator, Sequence

import numpy as np

from tinygrad_mnist.files import static
from tinygrad_mnist.frameworks.pairing import DIGITS, Comparison, Row, shown_digits
from tinygrad_mnist.frameworks.running import BACKENDS, OURS
from tinygrad_mnist.training import percent

COLUMNS = (
    ("", "<24"), ("test", ">8"), ("s/epoch", ">8"), ("times", ">6"), ("memory", ">8"), ("lines", ">5"),
    ("digits", ">6"), ("in all", ">6"),
)  # fmt: skip
"""Of a table: what they are called, and how they are aligned."""


def head(comparison: Comparison) -> str:
    """The tutorial and its network."""
    return f"{comparison.task.tutorial}: {comparison.task.title}"


def cells(comparison: Comparison, row: Row) -> list[str]:
    """A framework's line of the table."""
    memory = f"{row.found.memory / 1e6:,.0f} MB" if row.found.memory else "–"
    agreed = [comparison.digits(row, comparison.compared), comparison.digits(row)]
    return [
        row.framework.version,
        percent(row.found.accuracy),
        f"{row.seconds:.3g}",
        f"{comparison.times(row):.2g}",
        memory,
        str(row.lines),
        *("" if row.framework is OURS else shown_digits(number) for number in agreed),
    ]


def facts(comparison: Comparison) -> Iterator[str]:
    """Whether the losses agree, and of each framework whose losses don't, where they part and why."""
    steps = f"the {comparison.compared:,} steps" + (" of an epoch" if comparison.task.batch else "")
    same = [row.framework.title for row in comparison.rows[1:] if not row.parting]
    if same:
        yield f"{', '.join(same)}: the losses of {steps} agree with ours in {DIGITS} digits and more"
    for row in comparison.rows:
        if row.parting:
            yield f"{row.framework.title}: the losses {row.parting}"


def lines(comparison: Comparison) -> str:
    """A table and what there is to say, 80 columns wide."""
    table = [[name for name, _ in COLUMNS], *(cells(comparison, row) for row in comparison.rows)]
    text = [" ".join(f"{cell:{align}}" for cell, (_, align) in zip(line, COLUMNS, strict=True)) for line in table]
    said = [textwrap.fill(fact, 80, initial_indent="  ", subsequent_indent="    ") for fact in facts(comparison)]
    return "\n".join(["", head(comparison), *(line.rstrip() for line in text), *said])


def verdict(comparisons: Sequence[Comparison]) -> str:
    """Whether all compute the same, in a sentence."""
    pairs = [(c, row) for c in comparisons for row in c.rows[1:]]
    parted = [(c, row) for c, row in pairs if row.parting]
    wrong = [
        f"{c.task.name} in {row.framework.title}" for c, row in parted if row.parting and not row.parting.is_explained
    ]
    if wrong:
        return f"not the same: {', '.join(wrong)}"
    if not pairs:
        return "there is no other framework to compare with"
    explained = f", {len(parted)} part for a reason that is known" if parted else ""
    return f"{len(pairs) - len(parted)} of {len(pairs)} agree with ours in {DIGITS} digits{explained}"


def machine() -> str:
    """What a run was made with."""
    return f"Python {platform.python_version()}, NumPy {np.__version__}"


def markdown(comparisons: Sequence[Comparison], data: str, call: str, picture: str | None) -> str:
    """The tables as a document; picture: where it is, seen from there."""
    tables = [f"![Differences of the losses, times, memory and lines of code]({picture})\n"] if picture else []
    for comparison in comparisons:
        programs = " · ".join(_link(row, comparison) for row in comparison.rows)
        tables += [
            f"## {head(comparison)}\n",
            f"{programs}\n",
            _row([name for name, _ in COLUMNS]),
            "|---|" + "---:|" * 7,
        ]
        tables += [_row(cells(comparison, row)) for row in comparison.rows]
        tables += ["", *(f"- {fact}" for fact in facts(comparison)), ""]
    return static("frameworks", "document.md").format(
        call=call, data=data, verdict=verdict(comparisons), digits=DIGITS, tables="\n".join(tables),
        backends=", ".join(BACKENDS), machine=machine(),
    )  # fmt: skip


def _link(row: Row, comparison: Comparison) -> str:
    name = row.framework.program(comparison.task).name
    return f"[{name}](../examples/frameworks/{name})"


def _row(line: Sequence[str]) -> str:
    return f"| {' | '.join(line)} |"
