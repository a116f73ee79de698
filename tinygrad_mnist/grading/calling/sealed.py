"""A child process that answers with a result which its program can't easily write in its place.

A process that grades a class can fork its children from what it has imported, which saves half of the time. Where the
answer goes and the word that seals it come through stdin: they stand neither in argv, in the environment
nor in a file, so that forging takes more than a line. What the program leaves running is ended with it.
"""

from __future__ import annotations

import importlib
import json
import os
import pickle
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
"""One thread: arrays are small, and a class is graded on every core."""


PAUSE = 0.01
"""Seconds between two looks at a forked child."""

_forks = False


def fork_from_here() -> None:
    """From now on fork the children that are named by a module, on a system that can.

    For a process with one thread that others can do without: what it has imported and knows, the program may find.
    """
    global _forks
    _forks = hasattr(os, "fork")


def run(command: Sequence[str], task: Any, time_limit: float, module: str | None = None) -> Any:
    """What a child answers to a task; or {"time": …}, {"crash": …} or {"forged": …} in words.

    It runs in a folder of its own, and is ended after so many seconds.
    module: that of the command, with a function `work`, where the child may be forked.
    """
    with tempfile.TemporaryDirectory(prefix="tinygrad-mnist-grade-", ignore_cleanup_errors=True) as folder:
        results, seal = Path(folder, f"{secrets.token_hex(8)}.json"), secrets.token_hex(16)
        working = Path(folder, "working")
        working.mkdir()
        given = (str(results), seal, task)
        if module and _forks:
            code = _forked(module, given, working, time_limit)
        else:
            code = _started(command, given, working, time_limit)
        if code is None:
            return {"time": f"it was stopped after {time_limit:g} seconds: an endless loop?"}
        return _read(results, seal, code)


def _started(command: Sequence[str], given: Any, working: Path, time_limit: float) -> int | None:
    """The exit code of a new process; None where its time was over."""
    nowhere = subprocess.DEVNULL
    process = subprocess.Popen(
        command, cwd=working, stdin=subprocess.PIPE, stdout=nowhere, stderr=nowhere, start_new_session=True,
        env={**os.environ, **dict.fromkeys(THREADS, "1")},
    )  # fmt: skip
    try:
        process.communicate(pickle.dumps(given), timeout=time_limit)
    except subprocess.TimeoutExpired:
        return None
    finally:
        _end(process)
    return process.returncode


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process and those that it left in its session."""
    if hasattr(os, "killpg"):
        _end_session(process.pid)
    else:
        process.kill()
    process.wait()


def _end_session(pid: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def _forked(module: str, given: Any, working: Path, time_limit: float) -> int | None:
    """The exit code of a copy of this process; None where its time was over."""
    work = importlib.import_module(module).work
    leave, until = os._exit, time.monotonic() + time_limit
    pid = os.fork()
    if pid == 0:
        try:
            _become_apart(working)
            _answer(given, work)
        finally:
            leave(1)
    ended, status = os.waitpid(pid, os.WNOHANG)
    while not ended and time.monotonic() < until:
        time.sleep(PAUSE)
        ended, status = os.waitpid(pid, os.WNOHANG)
    _end_session(pid)
    if ended:
        return os.waitstatus_to_exitcode(status)
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return None


def _become_apart(working: Path) -> None:
    """In a forked child: a session of its own, and none of the files and pipes of the process that it is a copy of."""
    os.setsid()
    nowhere = os.open(os.devnull, os.O_RDWR)
    for standard in range(3):
        os.dup2(nowhere, standard)
    os.closerange(3, 1024)
    os.chdir(working)


def _read(results: Path, seal: str, code: int) -> Any:
    try:
        sealed = json.loads(results.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {"crash": f"its process ended with exit code {code} before it had given a result"}
    if not isinstance(sealed, dict) or sealed.get("seal") != seal:
        return {"forged": "it wrote a result itself, in the place of the grader's"}
    return sealed["result"]


def answer(work: Callable[[Any], Any], default: Callable[[Any], Any] | None = None) -> None:
    """In the child: do the work for the task, write what it gives, and end the process.

    Whatever the program replaces, the answer is written with what was there before it ran; what it left running is
    not waited for.
    """
    _answer(pickle.load(sys.stdin.buffer), work, default)


def _answer(given: Any, work: Callable[[Any], Any], default: Callable[[Any], Any] | None = None) -> None:
    results, seal, task = given
    write, replace, leave, dump = open, os.replace, os._exit, json.dump
    result = work(task)
    part = f"{results}.part"
    with write(part, "w", encoding="utf-8") as file:
        dump({"seal": seal, "result": result}, file, default=default)
    replace(part, results)
    leave(0)
