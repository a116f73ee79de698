"""A learner's program is run: here, or, from a file, in a process of its own. Neither is a sandbox.

The result is that of `runner`, or a word about what stopped it: "time", "crash", "forged".
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_mnist.grading.calling import runner, sealed
from tinygrad_mnist.grading.calling.conventions import Convention
from tinygrad_mnist.grading.calling.trying import Task


def run_here(target: Any, task: Task) -> dict[str, Any]:
    """What a function, a method or a class gives on the probes, without a time limit."""
    return _with_conventions(runner.printed(lambda: runner.examine_target(target, task)))


def run_apart(
    path: Path, time_limit: float, task: Task, text: str | None = None, memory: int = sealed.MEMORY
) -> dict[str, Any]:
    """What a file's backward pass gives on the probes; stopped after so many seconds. text: a notebook's code."""
    command = [sys.executable, "-B", str(Path(runner.__file__).with_name("apart.py"))]
    given = str(path), text, task.plain()
    return _with_conventions(sealed.run(command, given, time_limit, runner.__name__, memory))


def _with_conventions(result: dict[str, Any]) -> dict[str, Any]:
    for candidate in (*result.get("candidates", ()), *result.get("others", ())):
        candidate["convention"] = Convention(**candidate["convention"])
        for outcome in candidate["outcomes"]:
            if "arrays" in outcome:
                outcome["arrays"] = [np.array(a, np.float64) for a in outcome["arrays"]]
    return result
