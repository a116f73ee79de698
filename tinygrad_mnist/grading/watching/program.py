"""A learner's program run in a process of its own, and the report that comes back from it."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from tinygrad_mnist.grading.report import Problem, Report


def grade_program(path: Path, time_limit: float) -> Report | None:
    """The report on a program that trains a network; None for one that was not seen to."""
    with tempfile.TemporaryDirectory(prefix="tinygrad-mnist-grade-") as folder:
        results = Path(folder, "results.json")
        command = [sys.executable, "-B", "-m", "tinygrad_mnist.grading.watching.child", str(path), str(results)]
        command += [str(0.6 * time_limit)]
        nowhere = subprocess.DEVNULL
        working = Path(folder, "working")
        working.mkdir()
        try:
            subprocess.run(
                command, cwd=working, stdin=nowhere, stdout=nowhere, stderr=nowhere, timeout=time_limit, check=False
            )
        except subprocess.TimeoutExpired:
            limit = f"it was stopped after {time_limit:g} seconds: an endless loop?"
            return Report(path.name, "", problems=(Problem("time", limit),))
        try:
            saved = json.loads(results.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return Report.from_dict(saved) if saved else None
