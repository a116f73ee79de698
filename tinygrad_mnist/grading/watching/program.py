"""A learner's program run in a process of its own, and the report that comes back from it."""

from __future__ import annotations

import ast
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from tinygrad_mnist.grading.calling import sealed
from tinygrad_mnist.grading.report import Problem, Report
from tinygrad_mnist.grading.watching.rewriting import largest_batch
from tinygrad_mnist.grading.watching.source import SourceError, read

CHILD = "tinygrad_mnist.grading.watching.child"
"""The program that watches."""

RUNS = 5.0
"""Seconds that a program is watched for, and at most half of the time limit; the rest is for the judge."""


LONG = (
    "to run and to judge it takes longer than that. Fewer examples, units or layers take less (--time-limit: more time)"
)
"""What is said of a program that is not judged by then; what loops endlessly is not watched for so long."""

FEW = 4
"""How many examples a batch has where of larger ones no step was seen in time."""

SMALLER = f"its batches have {FEW} examples here, and not {{}}: with those no step was seen in time"

MOST_ABSENT = 4
"""Without so many modules at most a program is tried."""


def grade_program(path: Path, time_limit: float, memory: int = sealed.MEMORY) -> Report | None:
    """The report on a program that trains a network, or defines a training; None for one that was not seen to.

    It is run without modules that are not here, one more each time.
    """
    absent: list[str] = []
    deadline = time.monotonic() + time_limit
    answer = _watched(path, time_limit, memory, absent)
    while answer and answer.get("absent", "") not in ("", None, *absent) and len(absent) < MOST_ABSENT:
        absent.append(answer["absent"])
        answer = _watched(path, max(1.0, deadline - time.monotonic()), memory, absent)
    found = _report(path, answer)
    if found and not found.parameters and [problem.kind for problem in found.problems] == ["time"]:
        return _in_small_batches(path, deadline - time.monotonic(), memory, absent) or found
    return found


def _report(path: Path, answer: dict[str, Any] | None) -> Report | None:
    if answer is None or "crash" in answer or "absent" in answer:
        return None
    if "time" in answer or "forged" in answer:
        kind = "time" if "time" in answer else "cheating"
        return Report(path.name, "", problems=(Problem(kind, next(iter(answer.values()))),))
    return Report.from_dict(answer)


def _in_small_batches(path: Path, seconds: float, memory: int, absent: list[str]) -> Report | None:
    """The report on a program whose batches have few examples; None where they have no more, or it is too slow too."""
    largest = largest_batch(read(path).text)
    if largest <= FEW or seconds < RUNS:
        return None
    found = _report(path, _watched(path, seconds, memory, absent, FEW))
    if found is None or not found.parameters:
        return None
    return replace(found, notes=(*found.notes, SMALLER.format(largest)))


def _watched(path: Path, time_limit: float, memory: int, absent: list[str], batch: int = 0) -> dict[str, Any] | None:
    """What the child that watches answers."""
    command, task = [sys.executable, "-B", "-m", CHILD], (str(path), min(RUNS, time_limit / 2), absent, batch)
    answer: dict[str, Any] | None = sealed.run(command, task, time_limit, CHILD, memory, forked=True, late=LONG)
    return answer


def only_defines(path: Path) -> bool:
    """Whether nothing happens in a program but definitions, and imports of what does not lie beside it."""
    try:
        tree = ast.parse(read(path).text)
    except (SourceError, SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return all(_defines(statement, path.parent) for statement in tree.body)


def _defines(statement: ast.stmt, folder: Path) -> bool:
    if isinstance(statement, ast.Import):
        return not any(_lies_in(folder, alias.name) for alias in statement.names)
    if isinstance(statement, ast.ImportFrom):
        return not statement.level and not _lies_in(folder, statement.module or "")
    if isinstance(statement, (ast.Assign, ast.AnnAssign, ast.Expr)):
        return statement.value is None or isinstance(statement.value, ast.Constant)
    return isinstance(statement, (ast.FunctionDef, ast.ClassDef))


def _lies_in(folder: Path, module: str) -> bool:
    name = module.partition(".")[0]
    return (folder / f"{name}.py").exists() or (folder / name).is_dir()
