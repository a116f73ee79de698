"""Grades one program after another, in a process of its own that the coordinator can do without.

It reads a task from each line of stdin and answers with a line: the report, or why there is none. What a program
prints, and what others write to the same pipe, lacks the task's seal and is not read.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from tinygrad_mnist.grading.calling import sealed
from tinygrad_mnist.grading.classroom.isolation import MARK, end_marked
from tinygrad_mnist.grading.grader import TIME_LIMIT, grade
from tinygrad_mnist.grading.settings import GradeError

LARGEST_FILE = 256 * 2**20
"""Bytes that a program may write into one file."""

TIMES = 12
"""How many time limits of a processor's time a program, and what it started, may take before it is ended."""


def main() -> None:
    """Grade what stdin asks for until it ends."""
    answers = os.fdopen(os.dup(1), "w", encoding="ascii")
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 1)
    home = os.getcwd()
    sealed.fork_from_here()
    for line in sys.stdin:
        task = json.loads(line)
        _limit(task)
        os.chdir(task["folder"])
        os.environ.update(dict.fromkeys(("TMPDIR", "TEMP", "TMP"), task["temporary"]))
        tempfile.tempdir = task["temporary"]
        try:
            answer: dict[str, Any] = {"report": grade(Path(task["path"]), **task["settings"]).to_dict()}
        except GradeError as error:
            answer = {"refused": str(error)}
        except Exception as error:  # a grader's own mistake is one learner's trouble, not the class's
            answer = {"failed": f"{type(error).__name__}: {error}"}
        os.chdir(home)
        end_marked(os.environ[MARK])
        answers.write(json.dumps({"seal": task["seal"], **answer}) + "\n")
        answers.flush()


def _limit(task: dict[str, Any]) -> None:
    """Bound memory, files and processor time, for this process and those it starts; where there is such a thing."""
    try:
        import resource
    except ImportError:
        return
    seconds = time.process_time() + TIMES * task["settings"].get("time_limit", TIME_LIMIT)
    limits = {
        "RLIMIT_AS": task["memory"],
        "RLIMIT_FSIZE": LARGEST_FILE,
        "RLIMIT_CORE": 0,
        "RLIMIT_CPU": int(seconds) + 1,
    }
    for name, most in limits.items():
        kind = getattr(resource, name, None)
        if kind is not None:
            hard = resource.getrlimit(kind)[1]
            with suppress(ValueError, OSError):  # what this system doesn't bound
                resource.setrlimit(kind, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))
