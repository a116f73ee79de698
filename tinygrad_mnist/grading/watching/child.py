"""`python -m tinygrad_mnist.grading.watching.child`: watch the program that stdin names, and answer with its report."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_mnist.grading import honesty, standins
from tinygrad_mnist.grading.calling import sealed
from tinygrad_mnist.grading.calling.runner import Beginning, functions_of_numpy, replaced_in_numpy
from tinygrad_mnist.grading.report import Problem, Report
from tinygrad_mnist.grading.standins.loading import Data
from tinygrad_mnist.grading.watching import driving, reading, running
from tinygrad_mnist.grading.watching.program import only_defines
from tinygrad_mnist.grading.watching.running import Run
from tinygrad_mnist.grading.watching.source import Source, SourceError, read
from tinygrad_mnist.grading.watching.tape import MOST_NODES

ASK = "Say which function is its backward pass (--backward NAME), and it is called"

DRIVES = 1.0
"""Seconds for each way to call a training that the program defines."""

UNSEEN = (
    "it was stopped after {}, in which no training was seen that could be followed. Smaller batches, fewer units and "
    f"products of whole arrays take less. {ASK}"
)

UNREAD = (
    "it trains, and no loss was found whose gradients its updates would be. Where it computes none, let it compute one "
    f"in each step. {ASK}"
)

UNFINISHED = (
    "its training was called with {} digits, and was not seen to make a step that could be followed: it computes more "
    f"than {DRIVES:g} second or {MOST_NODES:,} values take. Fewer units or layers take less; or call it in the program "
    "itself, on fewer inputs"
)
"""Of a training that the program only defines."""

FAILED = (
    "the grader itself failed on this program ({}: {}). That is a mistake of the grader's, and says nothing of the "
    f"program's. {ASK}"
)

TOO_LARGE = "its values take more memory than there is to judge it: train on fewer examples, or give it more (--memory)"


def report(program: Path, seconds: float, absent: Sequence[str] = (), batch: int = 0) -> Report | None:
    """The report on a program, run in this process; None where nothing was trained.

    absent: modules without which it is run. batch: how large its batches may be, if that is bounded. Raises
    ModuleNotFoundError where it stopped for another one.
    """
    try:
        source = replace(read(program), batch=batch)
    except SourceError as error:
        return Report(program.name, "", problems=(Problem("file", str(error)),))
    with silence():
        run, data, patched = watched(program, source, seconds, absent)
        if isinstance(run.error, ModuleNotFoundError) and not run.steps:
            raise run.error
        try:
            found = reading.report(run, data) or _driven(run, data, program)
        except MemoryError:
            return Report(program.name, "", problems=(Problem("memory", TOO_LARGE),))
        except Exception as error:
            message = FAILED.format(type(error).__name__, error)
            return Report(program.name, "", problems=(Problem("grader", message),))
        if found is None and (run.tape.full or run.tape.late):
            watched_for = f"{MOST_NODES:,} values" if run.tape.full else f"{seconds:g} seconds"
            return Report(program.name, "", problems=(Problem("time", UNSEEN.format(watched_for)),))
        if found is None and run.steps:
            return Report(program.name, "", problems=(Problem("training", UNREAD),))
        found = found or (None if absent else reading.before_training(run))  # what is absent may have raised it
        found = found and replace(found, problems=(*patched, *found.problems), notes=(*found.notes, *_old_names()))
        return _without(absent, found) if found and absent else found


def _old_names() -> Iterator[str]:
    """What of NumPy was used that it has no more."""
    names = sorted(whole.partition(".")[2] for whole in standins.used if whole.startswith("numpy."))
    if names:
        listed = " and ".join(f"np.{name}" for name in names)
        yield f"{listed} {'is' if len(names) == 1 else 'are'} of an older NumPy than {np.__version__}"


def _without(absent: Sequence[str], found: Report) -> Report | None:
    """The report on a program that was run without modules; None where what is wrong may come of that."""
    taken = [name for name in absent if any(whole.startswith(f"{name}.") for whole in standins.used)]
    if taken and not found.passed:
        return None
    said = f"{' and '.join(absent)} can't be imported here; what would be done with it was left out"
    return replace(found, notes=(*found.notes, said))


def _driven(run: Run, data: Data, program: Path) -> Report | None:
    """The best of the reports on the trainings that a program defines; None where there are none."""
    reports, is_cut = [], False
    for training in driving.trainings(run, data.known, DRIVES):
        found = reading.report(training, data)
        if found and found.passed:
            return found
        reports += [found] if found else []
        is_cut = is_cut or training.tape.full or training.tape.late
    if is_cut and not reports and only_defines(program):
        message = UNFINISHED.format(driving.EXAMPLES)
        return Report(program.name, "", problems=(Problem("time", message),))
    return max(reports, key=lambda r: sum(p.right for p in r.parameters), default=None)


@contextlib.contextmanager
def silence() -> Iterator[None]:
    """What is printed goes nowhere."""
    silent = Beginning()
    with contextlib.redirect_stdout(silent), contextlib.redirect_stderr(silent):
        yield


def watched(
    program: Path, source: Source, seconds: float, absent: Sequence[str] = ()
) -> tuple[Run, Data, list[Problem]]:
    """A program run for so long in this process, the data that it was given, and what it put in NumPy's place."""
    sys.path.insert(0, str(program.parent))
    sys.argv = [str(program)]
    data = standins.install(program.parent, absent=absent)
    before = functions_of_numpy()
    run = running.watch(source, str(program), program.parent, seconds)
    return run, data, honesty.changed_numpy(replaced_in_numpy(before))


def work(task: tuple[str, float, Sequence[str], int]) -> dict[str, Any] | None:
    """The report as a dict, or {"absent": …}: a module that is not here."""
    path, seconds, absent, batch = task
    try:
        found = report(Path(path), seconds, absent, batch)
    except ModuleNotFoundError as error:
        return {"absent": error.name}
    return found.to_dict() if found else None


if __name__ == "__main__":
    sealed.answer(work)
