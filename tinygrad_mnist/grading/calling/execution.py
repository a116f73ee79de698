"""A learner's function is run: here, or, from a file, in a process of its own. Neither is a sandbox.

The result is that of `runner`, or a word about what stopped it: "time", "crash".
"""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_mnist.grading.calling import runner
from tinygrad_mnist.grading.settings import Settings


def run_here(function: Callable[..., Any], settings: Settings) -> dict[str, Any]:
    """What a function gives on the probes, without a time limit."""
    code = getattr(function, "__code__", None)
    file = code and code.co_filename
    return runner.printed(lambda: runner.examine(function, settings.depth, settings.inputs, file))


def run_apart(path: Path, function: str, time_limit: float, settings: Settings) -> dict[str, Any]:
    """What a file's function of this name gives on the probes; stopped after so many seconds."""
    depths = [settings.depth] if settings.depth else range(1, runner.DEEPEST + 1)
    task = {
        "path": str(path), "function": function, "depth": settings.depth,
        "inputs": {depth: settings.inputs(depth) for depth in depths},
    }  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="tinygrad-mnist-grade-") as folder:
        inputs, results = Path(folder, "inputs.pickle"), Path(folder, "results.json")
        inputs.write_bytes(pickle.dumps(task))
        command = [sys.executable, "-B", str(Path(runner.__file__)), str(inputs), str(results)]
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
    for outcome in result.get("outcomes", ()):
        if "arrays" in outcome:
            outcome["arrays"] = [np.array(a, np.float64) for a in outcome["arrays"]]
    return result
