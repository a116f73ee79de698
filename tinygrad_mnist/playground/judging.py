"""A visitor's backprop graded: in a process of its own where there are processes."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import Any

from tinygrad_mnist.grading import grade
from tinygrad_mnist.grading.calling.sealed import Programs
from tinygrad_mnist.playground.errors import PlaygroundError

LONGEST = 2_000_000
"""Characters of a program, or of a notebook with its pictures."""

TIME_LIMIT = 20.0
"""Seconds, as of the command `grade`."""


def graded(source: str, name: str, programs: Programs) -> dict[str, Any]:
    """The report on it. name: that of its file; .ipynb makes it a notebook. programs: what ends it."""
    if len(source) > LONGEST:
        raise PlaygroundError(f"source has {len(source):,} characters, and {LONGEST:,} are the most")
    stem, _, suffix = re.sub(r"[^\w.-]", "_", name)[-80:].rpartition(".")
    if suffix not in ("py", "ipynb"):
        raise PlaygroundError(f"name is {name[:80]!r}: give a program, .py, or a notebook, .ipynb")
    with tempfile.TemporaryDirectory(prefix="tinygrad-mnist-playground-") as folder:
        path = Path(folder, f"{stem.strip('.') or 'backprop'}.{suffix}")
        path.write_text(source, encoding="utf-8", errors="replace")
        with programs.owning():
            report = grade(path, time_limit=TIME_LIMIT)
    return {"passed": report.passed, "text": str(report), "html": report.to_html(), "report": report.to_dict()}
