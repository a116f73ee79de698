"""How many points a report is worth."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from tinygrad_mnist.grading.report import Parameter, Report
from tinygrad_mnist.grading.settings import GradeError


@dataclass(frozen=True)
class Score:
    """The points for one gradient, and how many there are for it."""

    name: str
    right: bool
    most: float

    @property
    def got(self) -> float:
        return self.most if self.right else 0.0


@dataclass(frozen=True)
class Points:
    """So many in total, shared equally over the gradients; or so many for each by its name; else one for each."""

    total: float | None = None
    by_name: Mapping[str, float] | None = None

    @classmethod
    def parse(cls, text: str) -> Points:
        """Of "10", or of "dW1=2,db1=1"; GradeError where it is neither, or where one is no number from 0 up."""
        parts = [part.partition("=") for part in text.replace(" ", "").split(",")]
        try:
            numbers = [float(value if equals else name) for name, equals, value in parts]
        except ValueError:
            numbers = []
        named = [bool(equals) for _, equals, _ in parts]
        in_range = bool(numbers) and all(0 <= n < float("inf") for n in numbers)
        if not in_range or not all(name for name, _, _ in parts) or not (all(named) or len(named) == 1):
            raise GradeError(f"points are such as 10, or dW1=2,db1=1 for each gradient, not {text!r}")
        if not all(named):
            return cls(total=numbers[0])
        if len({common(name) for name, _, _ in parts}) < len(parts):
            raise GradeError(f"points are given twice for one gradient: {text}")
        return cls(by_name={name: number for (name, _, _), number in zip(parts, numbers, strict=True)})

    def scores(self, report: Report) -> list[Score]:
        """For each gradient: all of its points where it is right; none for anything where there is cheating."""
        honest = all(p.kind != "cheating" for p in report.problems)
        right = {usual(p): p.right and honest for p in report.parameters}
        return [Score(name, right.get(common(name), False), most) for name, most in self._most(report)]

    def _most(self, report: Report) -> list[tuple[str, float]]:
        if self.by_name is not None:
            return [*self.by_name.items()]
        names = [p.name for p in report.parameters]
        total = self.total if self.total is not None else float(len(names) or 1)
        return [(name, total / len(names)) for name in names] or [("gradients", total)]


def sums(scores: list[Score]) -> tuple[float, float]:
    """What was got of what there is."""
    return round(sum(s.got for s in scores), 4), round(sum(s.most for s in scores), 4)


def shown(number: float) -> str:
    """With two decimals at most."""
    return f"{round(number, 2):g}"


def usual(parameter: Parameter) -> str:
    """What the textbook calls a learner's gradient, as the grader knows it, or as its name tells."""
    return parameter.textbook or common(parameter.name)


def common(name: str) -> str:
    """What the textbook calls a gradient: dW1 for dw1, gW1, grad_w_1, W1 alike; its own name where that is not told."""
    match = re.fullmatch(r"[A-Za-z_.]*?(?:^|[_.]|(?<=[dgD])|grad|delta)([WwBb])_?(\d+)", name)
    return f"d{'W' if match[1] in 'Ww' else 'b'}{match[2]}" if match else name
