"""A learner's program run in a process of its own, and the report that comes back from it."""

from __future__ import annotations

import sys
from pathlib import Path

from tinygrad_mnist.grading.calling import sealed
from tinygrad_mnist.grading.report import Problem, Report

CHILD = "tinygrad_mnist.grading.watching.child"
"""The program that watches."""

SHARE = 0.5
"""How much of the time limit a program may run for; the rest is for the judge."""


def grade_program(path: Path, time_limit: float) -> Report | None:
    """The report on a program that trains a network; None for one that was not seen to."""
    command = [sys.executable, "-B", "-m", CHILD]
    answer = sealed.run(command, (str(path), SHARE * time_limit), time_limit, CHILD)
    if answer is None or "crash" in answer:
        return None
    if "time" in answer or "forged" in answer:
        kind = "time" if "time" in answer else "cheating"
        return Report(path.name, "", problems=(Problem(kind, next(iter(answer.values()))),))
    return Report.from_dict(answer)
