"""What came of a class: who passed, how often each mistake was made, and which step is the hardest."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from tinygrad_mnist.grading.classroom import class_page, class_table
from tinygrad_mnist.grading.classroom.points import Points, Score, common, shown, sums, usual
from tinygrad_mnist.grading.classroom.submissions import Submission
from tinygrad_mnist.grading.report import Parameter, Report

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
    "training": "trains by no loss that was found",
    "crash": "ended without a result",
    "import": "can't be imported",
    "file": "has no program that can be read",
    "settings": "means another network",
    "memory": "takes too much memory to be judged",
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
        problems = (p.message if p.kind == "file" else KINDS.get(p.kind, p.kind) for p in self.report.problems)
        return [*found, *dict.fromkeys(problems)]


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
        by_length = sorted(self.results, key=lambda g: -len(g.report.parameters))
        return tuple(dict.fromkeys(usual(p) for g in by_length for p in g.report.parameters))

    @property
    def mistakes(self) -> tuple[Count, ...]:
        """How often each was made, the most frequent first; those without a name together, at the end."""
        by_name: dict[tuple[str, ...], list[Graded]] = {}
        words: dict[tuple[str, ...], Counter[str]] = {}
        for graded, finding in ((g, f) for g in self.results for f in g.report.findings):
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
        wrong = _counted(self.results, lambda g: [usual(p) for p in g.report.parameters if not p.right])
        return next(iter(steps or wrong), None)

    def scores(self, graded: Graded) -> list[Score]:
        """The points for each gradient; none where they weren't asked for."""
        return self.points.scores(graded.report) if self.points else []

    def parameter(self, graded: Graded, name: str) -> Parameter | None:
        """Its gradient of this name."""
        return next((p for p in graded.report.parameters if usual(p) == name), None)

    @property
    def pointless(self) -> tuple[str, ...]:
        """Gradients that are worth points and that no program has: perhaps misspelt."""
        asked = (self.points and self.points.by_name) or {}
        return tuple(name for name in asked if self.gradients and common(name) not in self.gradients)

    def score(self, graded: Graded) -> str:
        """ "7.5/10"; nothing where no points were asked for."""
        got, most = sums(self.scores(graded))
        return f"{shown(got)}/{shown(most)}" if self.points else ""

    def to_csv(self) -> str:
        """A table for programs and spreadsheets, a line for each learner."""
        return class_table.to_csv(self)

    def to_html(self) -> str:
        """The page of the class; it links to each learner's."""
        return class_page.class_page(self)

    def learner_html(self, graded: Graded) -> str:
        """A learner's page."""
        return class_page.learner_page(self, graded)

    def _repr_html_(self) -> str:
        return class_table.in_notebook(self)

    def __str__(self) -> str:
        """Plain text, 80 columns wide."""
        return class_table.text(self)

    __repr__ = __str__

    def __rich__(self) -> Any:
        """The same for a terminal, with colour."""
        return class_table.coloured(self)


def _counted(results: Sequence[Graded], of: Callable[[Graded], list[str]]) -> tuple[Count, ...]:
    """Who has what, the most frequent first."""
    who: dict[str, list[Graded]] = {}
    for graded in results:
        for what in dict.fromkeys(of(graded)):
            who.setdefault(what, []).append(graded)
    return tuple(sorted((Count(w, tuple(g)) for w, g in who.items()), key=lambda c: (-len(c.who), c.what)))
