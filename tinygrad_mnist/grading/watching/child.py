"""`python -m tinygrad_mnist.grading.watching.child`: watch the program that stdin names, and answer with its report."""

from __future__ import annotations

import ast
import contextlib
import io
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from tinygrad_mnist.grading import honesty
from tinygrad_mnist.grading.calling import sealed
from tinygrad_mnist.grading.calling.runner import functions_of_numpy, replaced_in_numpy
from tinygrad_mnist.grading.report import Problem, Report
from tinygrad_mnist.grading.watching import reading, running, standins
from tinygrad_mnist.grading.watching.source import Source, SourceError, read

WHOLE = {60000, 42000, 70000, 50000, 10000}
"""How many examples MNIST has, and its parts: a program that names them needs so many."""


def report(program: Path, seconds: float) -> Report | None:
    """The report on a program, run in this process; None where nothing was trained."""
    try:
        source = read(program)
    except SourceError as error:
        return Report(program.name, "", problems=(Problem("file", str(error)),))
    silent = io.StringIO()
    with contextlib.redirect_stdout(silent), contextlib.redirect_stderr(silent):
        sys.path.insert(0, str(program.parent))
        sys.argv = [str(program)]
        standins.install(program.parent, _examples(source))
        before = functions_of_numpy()
        run = running.watch(source.text, str(program), program.parent, seconds)
        patched = honesty.changed_numpy(replaced_in_numpy(before))
        found = reading.report(run, source)
        return found and replace(found, problems=(*patched, *found.problems))


def _examples(source: Source) -> int:
    """How many examples the program needs to find what it looks for: more than any number that it slices with."""
    try:
        tree = ast.parse(source.text)
    except SyntaxError:
        return standins.COUNT
    numbers = {n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and type(n.value) is int}
    whole = numbers & WHOLE
    sliced = {
        n.value
        for s in ast.walk(tree) if isinstance(s, (ast.Slice, ast.Call, ast.Assign)) for n in ast.walk(s)
        if isinstance(n, ast.Constant) and type(n.value) is int and standins.COUNT < n.value < 10_000
        and n.value not in (784, 785, 256, 255)
    }  # fmt: skip
    if whole:
        return 60_000 if whole & {60000, 70000, 50000} else 42_000 if 42000 in whole else 12_000
    return max(standins.COUNT, *(2 * n for n in sliced)) if sliced else standins.COUNT


def work(task: tuple[str, float]) -> dict[str, Any] | None:
    """The report as a dict."""
    path, seconds = task
    found = report(Path(path), seconds)
    return found.to_dict() if found else None


if __name__ == "__main__":
    sealed.answer(work)
