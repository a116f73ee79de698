"""What came of a class: who passed, how often each mistake was made, and which step is the hardest."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tinygrad_mnist.grading.classroom import class_page
from tinygrad_mnist.grading.classroom.points import Points, Score, common, shown, sums
from tinygrad_mnist.grading.classroom.submissions import Submission
from tinygrad_mnist.grading.report import WIDTH, Finding, Parameter, Report
from tinygrad_mnist.screens.cell import cell, line, styled, table
from tinygrad_mnist.shown import no_formula, one_line

KINDS = {
    "exception": "stops with an exception",
    "syntax": "is no Python",
    "exit": "calls sys.exit",
    "missing": "has no such function",
    "signature": "takes other arguments",
    "unfinished": "returns nothing yet",
    "returned": "returns something else",
    "changed": "changes its arguments in place",
    "varies": "differs from call to call",
    "nan": "gives NaN or infinite numbers",
    "time": "takes too long",
    "crash": "ended without a result",
    "import": "can't be imported",
    "file": "has no program",
    "settings": "means another network",
    "grader": "could not be judged: the grader failed",
    "cheating": "cheating",
}
"""What a problem of each kind is, said of a program."""

UNKNOWN = "wrong in a way that has no name"


@dataclass(frozen=True)
class Graded:
    """A submission and its report. is_judged: whether there could be one."""

    submission: Submission
    report: Report
    seconds: float = 0.0
    is_judged: bool = True

    @property
    def name(self) -> str:
        return self.submission.name

    @property
    def mistakes(self) -> list[str]:
        """What is wrong, in a line each: findings, then problems of other kinds."""
        found = [f"{', '.join(f.where)}: {f.what}" for f in self.report.findings]
        return [*found, *dict.fromkeys(KINDS.get(p.kind, p.kind) for p in self.report.problems)]


@dataclass(frozen=True)
class Count:
    """Something that several learners have in common, and who they are."""

    what: str
    who: tuple[Graded, ...]


@dataclass(frozen=True, repr=False)
class ClassReport:
    """All that were graded, by name, and what the gradients are worth; no points where they weren't asked for."""

    results: tuple[Graded, ...]
    points: Points | None = None

    @classmethod
    def of(cls, results: Iterable[Graded], points: Points | None = None) -> ClassReport:
        """Of results in any order."""
        return cls(tuple(sorted(results, key=lambda g: (g.name.casefold(), g.submission.page))), points)

    @property
    def passed(self) -> tuple[Graded, ...]:
        return tuple(g for g in self.results if g.report.passed)

    @property
    def all_judged(self) -> bool:
        return all(g.is_judged for g in self.results)

    @property
    def gradients(self) -> tuple[str, ...]:
        """The textbook's names of all that were judged, in the order in which most return them."""
        return tuple(dict.fromkeys(common(p.name) for g in self._by_length() for p in g.report.parameters))

    @property
    def mistakes(self) -> tuple[Count, ...]:
        """How often each was made, the most frequent first; those without a name together, at the end."""
        by_name: dict[tuple[str, ...], list[Graded]] = {}
        words: dict[tuple[str, ...], Counter[str]] = {}
        for graded, finding in self._findings():
            if graded not in by_name.setdefault(finding.names, []):
                by_name[finding.names].append(graded)
            words.setdefault(finding.names, Counter()).update([re.sub(r" \([^()]*\d[^()]*\)", "", finding.what)])
        counts = [Count(words[n].most_common(1)[0][0] if n else UNKNOWN, tuple(who)) for n, who in by_name.items()]
        return tuple(sorted(counts, key=lambda c: (c.what == UNKNOWN, -len(c.who), c.what)))

    @property
    def problems(self) -> tuple[Count, ...]:
        """How often something else went wrong, by its kind."""
        return _counted(self.results, lambda g: [KINDS.get(p.kind, p.kind) for p in g.report.problems])

    @property
    def hardest(self) -> Count | None:
        """The step of the derivation in which most learners have a mistake; a gradient where no mistake was found."""
        steps = _counted(self.results, lambda g: [where for f in g.report.findings for where in f.where])
        wrong = _counted(self.results, lambda g: [common(p.name) for p in g.report.parameters if not p.right])
        return next(iter(steps or wrong), None)

    def scores(self, graded: Graded) -> list[Score]:
        """The points for each gradient; none where they weren't asked for."""
        return self.points.scores(graded.report) if self.points else []

    def parameter(self, graded: Graded, name: str) -> Parameter | None:
        """Its gradient of this name."""
        return next((p for p in graded.report.parameters if common(p.name) == name), None)

    def score(self, graded: Graded) -> str:
        """ "7.5/10"; nothing where no points were asked for."""
        got, most = sums(self.scores(graded))
        return f"{shown(got)}/{shown(most)}" if self.points else ""

    def to_csv(self) -> str:
        """A table for programs and spreadsheets, a line for each learner."""
        out = io.StringIO()
        table = csv.writer(out, lineterminator="\n")
        points = ["points", "of"] if self.points else []
        head = [
            "learner",
            "file",
            "passed",
            *points,
            "verdict",
            *self.gradients,
            "mistakes",
            "names",
            "seconds",
            "page",
        ]
        table.writerow(head)
        for g in self.results:
            sum_ = [shown(n) for n in sums(self.scores(g))] if self.points else []
            verdicts = [p.verdict if (p := self.parameter(g, n)) else "" for n in self.gradients]
            names = " ".join(name for f in g.report.findings for name in f.names)
            row = [g.name, g.submission.file, "yes" if g.report.passed else "no", *sum_, g.report.verdict, *verdicts]
            row += ["; ".join(g.mistakes), names, f"{g.seconds:g}", f"{g.submission.page}.html"]
            table.writerow(map(no_formula, row))
        return out.getvalue()

    def to_html(self) -> str:
        """The page of the class; it links to each learner's."""
        return class_page.class_page(self)

    def _repr_html_(self) -> str:
        head, *rows = self._rows()
        summary = [line((text, style)) for text, style in self._summary()]
        return cell(table([text for text, _ in head], ([styled(*piece) for piece in row] for row in rows)), *summary)

    def learner_html(self, graded: Graded) -> str:
        """A learner's page."""
        return class_page.learner_page(self, graded)

    def __str__(self) -> str:
        """Plain text, 80 columns wide."""
        rows = [tuple(text for text, _ in row) for row in self._rows()]
        widths = self._widths(rows)
        lines = [_row(row, widths) for row in rows]
        return "\n".join([*lines, "", *(text for text, _ in self._summary())])

    __repr__ = __str__

    def __rich__(self) -> Any:
        """The same for a terminal, with colour."""
        from rich.text import Text

        rows = list(self._rows())
        widths = self._widths([tuple(text for text, _ in row) for row in rows])
        whole = Text()
        for row in rows:
            for (text, style), width in zip(row, widths, strict=True):
                whole.append(_cell(text, width) + "  ", style)
            whole.rstrip()
            whole.append("\n")
        whole.append("\n")
        return whole.append_text(Text("\n").join(Text(text, style) for text, style in self._summary()))

    def _rows(self) -> Iterator[tuple[tuple[str, str], ...]]:
        """The cells of the table with a style of Rich's each, its head first."""
        points = [("points", "dim")] if self.points else []
        yield ("learner", "dim"), ("passed", "dim"), *points, ("what is wrong", "dim")
        for g in self.results:
            more = f" (+{len(g.mistakes) - 1})" if len(g.mistakes) > 1 else ""
            wrong = f"{g.mistakes[0]}{more}" if g.mistakes else "" if g.report.passed else g.report.verdict
            cells = [(self.score(g), "")] if self.points else []
            yield (
                (one_line(g.name), ""),
                ("yes", "green") if g.report.passed else ("no", "bold red"),
                *cells,
                (one_line(wrong), ""),
            )

    def _widths(self, rows: Sequence[tuple[str, ...]]) -> list[int]:
        """Of the columns: no name longer than 28 letters, and the last takes what is left."""
        widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]) - 1)]
        widths[0] = min(widths[0], 28)
        return [*widths, WIDTH - sum(widths) - 2 * len(widths)]

    def _summary(self) -> Iterator[tuple[str, str]]:
        """How the class did, in a few lines."""
        for count in self.mistakes[:5]:
            yield _fit(f"{len(count.who):>4} × {count.what}"), ""
        if self.hardest:
            yield _fit(f"the hardest step is {self.hardest.what}, wrong in {len(self.hardest.who)}"), ""
        yield f"{len(self.passed)} of {len(self.results)} passed", "bold"

    def _findings(self) -> Iterator[tuple[Graded, Finding]]:
        for graded in self.results:
            for finding in graded.report.findings:
                yield graded, finding

    def _by_length(self) -> list[Graded]:
        return sorted(self.results, key=lambda g: -len(g.report.parameters))


def _counted(results: Sequence[Graded], of: Callable[[Graded], list[str]]) -> tuple[Count, ...]:
    """Who has what, the most frequent first."""
    who: dict[str, list[Graded]] = {}
    for graded in results:
        for what in dict.fromkeys(of(graded)):
            who.setdefault(what, []).append(graded)
    return tuple(sorted((Count(w, tuple(g)) for w, g in who.items()), key=lambda c: (-len(c.who), c.what)))


def _row(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(_cell(text, width) for text, width in zip(cells, widths, strict=True)).rstrip()


def _cell(text: str, width: int) -> str:
    return f"{_fit(text, width):{width}}"


def _fit(text: str, width: int = WIDTH) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}…"
