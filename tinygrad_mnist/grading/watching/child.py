"""`python -m tinygrad_mnist.grading.watching.child PROGRAM RESULTS SECONDS`: watches a program, and writes its report."""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
from pathlib import Path

from tinygrad_mnist.grading.watching import reading, running


def main(program: Path, results: Path, seconds: float) -> None:
    """Write the report as JSON, or null where nothing was trained."""
    silent = io.StringIO()
    with contextlib.redirect_stdout(silent), contextlib.redirect_stderr(silent):
        text = program.read_text(encoding="utf-8")
        sys.path.insert(0, str(program.parent))
        sys.argv = [str(program)]
        run = running.watch(text, str(program), program.parent, seconds)
        report = reading.report(run, program.name, text.splitlines())
    part = results.with_suffix(".part")
    part.write_text(json.dumps(report and report.to_dict(), allow_nan=True), encoding="utf-8")
    os.replace(part, results)
    os._exit(0)  # what the program left running is not waited for


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3]))
