"""A worker, which grades one program after another, and what is left when a program ends it or runs on.

It is no sandbox: a program can read, write and delete what its reader can. It is a ring of distance: a copy of the
program in a folder of its own, a process and a session of its own, bounds of time and memory, and a coordinator that
is no relative of it and goes on without it.
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import tempfile
import threading
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from tinygrad_mnist.grading.calling import sealed
from tinygrad_mnist.grading.classroom.submissions import Submission

START = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from tinygrad_mnist.grading.classroom import worker; worker.main()"
)


class WorkerEndedError(Exception):
    """The worker's process ended, or was ended, before it answered."""


class WorkerHungError(WorkerEndedError):
    """It took too long and was ended."""


class Grader(Protocol):
    """What grades one program after another: a `Worker`, or a way to one on another machine."""

    def grade(self, submission: Submission, settings: dict[str, Any], memory: int, patience: float) -> dict[str, Any]:
        """The answer about a program. Raises WorkerEndedError, or WorkerHungError after so many seconds."""

    def close(self) -> None:
        """End it for good."""


class Worker:
    """A process that grades; started when it is needed, and again when it was ended."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._closed = False
        self._mark = secrets.token_hex(16)

    def grade(self, submission: Submission, settings: dict[str, Any], memory: int, patience: float) -> dict[str, Any]:
        """The worker's answer about a copy of the program.

        Raises WorkerEndedError, or WorkerHungError after so many seconds.
        """
        with tempfile.TemporaryDirectory(prefix="tinygrad-mnist-class-", ignore_cleanup_errors=True) as folder:
            own, temporary = Path(folder, "submission"), Path(folder, "temporary")
            own.mkdir()
            temporary.mkdir()
            task = {
                "path": str(submission.copy_to(own)), "folder": str(own), "temporary": str(temporary),
                "settings": settings, "memory": memory, "seal": secrets.token_hex(16),
            }  # fmt: skip
            try:
                return self._answer(task, patience)
            except WorkerEndedError:
                self.end()
                raise

    def _answer(self, task: dict[str, Any], patience: float) -> dict[str, Any]:
        if self._closed:
            raise WorkerEndedError
        process = self._process = self._process or _started(self._mark)
        hung = threading.Event()

        def give_up() -> None:
            hung.set()
            _end(process)

        timer = threading.Timer(patience, give_up)
        timer.daemon = True
        timer.start()
        try:
            assert process.stdin
            assert process.stdout
            process.stdin.write(json.dumps(task) + "\n")
            process.stdin.flush()
            for line in iter(partial(process.stdout.readline, sealed.LARGEST_ANSWER), ""):
                with suppress(ValueError):
                    answer = json.loads(line)
                    if isinstance(answer, dict) and answer.get("seal") == task["seal"]:
                        return answer
        except (OSError, ValueError):  # a pipe without a reader, or closed by end()
            pass
        finally:
            timer.cancel()
        raise WorkerHungError if hung.is_set() else WorkerEndedError

    def close(self) -> None:
        """End it for good."""
        self._closed = True
        self.end()

    def end(self) -> None:
        """End the process; the next program gets a new one."""
        process, self._process = self._process, None
        if process:
            _end(process)
            process.wait()
            sealed.end_marked(self._mark)
            for pipe in (process.stdin, process.stdout):
                with suppress(OSError):
                    pipe and pipe.close()


def _started(mark: str) -> subprocess.Popen[str]:
    path = [os.path.abspath(p) for p in sys.path]
    own = {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": os.pathsep.join(path)}
    return subprocess.Popen(
        [sys.executable, "-c", START, json.dumps(path)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, encoding="utf-8",
        errors="replace", start_new_session=True, cwd=tempfile.gettempdir(), env={**sealed.environment(mark), **own},
    )  # fmt: skip


def _end(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        sealed.kill(process.pid)
