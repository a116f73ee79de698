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
from pathlib import Path
from typing import Any

from tinygrad_mnist.grading.calling import sealed
from tinygrad_mnist.grading.grader import TIME_LIMIT, grade
from tinygrad_mnist.grading.settings import GradeError


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
            report = grade(Path(task["path"]), memory=task["memory"], **task["settings"])
            answer: dict[str, Any] = {"report": report.to_dict()}
        except GradeError as error:
            answer = {"refused": str(error)}
        except Exception as error:  # a grader's own mistake is one learner's trouble, not the class's
            answer = {"failed": f"{type(error).__name__}: {error}"}
        os.chdir(home)
        sealed.end_marked(os.environ[sealed.MARK])
        answers.write(json.dumps({"seal": task["seal"], **answer}) + "\n")
        answers.flush()


def _limit(task: dict[str, Any]) -> None:
    """Bound this process and those it starts; the seconds that it took for others do not count."""
    limits = sealed.limits(task["memory"], task["settings"].get("time_limit", TIME_LIMIT))
    sealed.bound(limits | {"RLIMIT_CPU": limits["RLIMIT_CPU"] + int(time.process_time())})
