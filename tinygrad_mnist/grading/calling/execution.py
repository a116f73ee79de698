"""A learner's function is run: here, or, from a file, in a process of its own. Neither is a sandbox.

The result is that of `runner`, or a word about what stopped it: "time", "crash", "forged".
"""

from __future__ import annotations

import json
import os
import pickle
import secrets
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
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
    """What a file's function of this name gives on the probes; stopped after so many seconds, with all it started."""
    depths = [settings.depth] if settings.depth else range(1, runner.DEEPEST + 1)
    with tempfile.TemporaryDirectory(prefix="tinygrad-mnist-grade-", ignore_cleanup_errors=True) as folder:
        results, seal = Path(folder, f"{secrets.token_hex(8)}.json"), secrets.token_hex(16)
        task = {
            "path": str(path), "function": function, "depth": settings.depth, "results": str(results), "seal": seal,
            "inputs": {depth: settings.inputs(depth) for depth in depths},
        }  # fmt: skip
        command = [sys.executable, "-B", str(Path(runner.__file__))]
        nowhere = subprocess.DEVNULL
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=nowhere, stderr=nowhere, start_new_session=True
        )
        try:
            process.communicate(pickle.dumps(task), timeout=time_limit)
        except subprocess.TimeoutExpired:
            return {"time": f"it was stopped after {time_limit:g} seconds: an endless loop?"}
        finally:
            _end(process)
        return _read(results, seal, process.returncode)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process and those that it left in its session."""
    with suppress(ProcessLookupError, PermissionError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    process.wait()


def _read(results: Path, seal: str, code: int) -> dict[str, Any]:
    try:
        result: dict[str, Any] = json.loads(results.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return {"crash": f"its process ended with exit code {code} before it had given a result"}
    if result.get("seal") != seal:
        return {"forged": "it wrote a result itself, in the place of the grader's"}
    for outcome in result.get("outcomes", ()):
        if "arrays" in outcome:
            outcome["arrays"] = [np.array(a, np.float64) for a in outcome["arrays"]]
    return result
