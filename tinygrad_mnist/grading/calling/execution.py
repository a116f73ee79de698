"""A learner's program is run: here, or, from a file, in a process of its own. Neither is a sandbox.

The result is that of `runner`, or a word about what stopped it: "time", "crash".
"""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_mnist.grading.calling import runner
from tinygrad_mnist.grading.calling.conventions import Convention
from tinygrad_mnist.grading.calling.trying import Task


def run_here(target: Any, task: Task) -> dict[str, Any]:
    """What a function, a method or a class gives on the probes, without a time limit."""
    return _with_conventions(runner.printed(lambda: runner.examine_target(target, task)))


def run_apart(path: Path, time_limit: float, task: Task) -> dict[str, Any]:
    """What a file's backward pass gives on the probes; stopped after so many seconds."""
    with tempfile.TemporaryDirectory(prefix="tinygrad-mnist-grade-") as folder:
        inputs, results = Path(folder, "inputs.pickle"), Path(folder, "results.json")
        inputs.write_bytes(pickle.dumps((str(path), task.plain())))
        command = [sys.executable, "-B", str(Path(runner.__file__).with_name("apart.py")), str(inputs), str(results)]
        nowhere = subprocess.DEVNULL
        try:
            done = subprocess.run(
                command, stdin=nowhere, stdout=nowhere, stderr=nowhere, timeout=time_limit, check=False
            )
        except subprocess.TimeoutExpired:
            return {"time": f"it was stopped after {time_limit:g} seconds: an endless loop?"}
        return _read(results, done.returncode)


def _read(results: Path, code: int) -> dict[str, Any]:
    try:
        result: dict[str, Any] = json.loads(results.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return {"crash": f"its process ended with exit code {code} before it had given a result"}
    return _with_conventions(result)


def _with_conventions(result: dict[str, Any]) -> dict[str, Any]:
    for candidate in (*result.get("candidates", ()), *result.get("others", ())):
        candidate["convention"] = Convention(**candidate["convention"])
        for outcome in candidate["outcomes"]:
            if "arrays" in outcome:
                outcome["arrays"] = [np.array(a, np.float64) for a in outcome["arrays"]]
    return result
