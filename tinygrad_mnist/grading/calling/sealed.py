"""A child process that answers with a result which its program can't easily write in its place.

Where the answer goes and the word that seals it come through stdin: they stand neither in argv, in the environment
nor in a file, so that forging takes more than a line. What the program leaves running is ended with it.
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
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
"""One thread: arrays are small, and a class is graded on every core."""


def run(command: Sequence[str], task: Any, time_limit: float) -> Any:
    """What a child answers to a task; or {"time": …}, {"crash": …} or {"forged": …} in words.

    It runs in a folder of its own, and is ended after so many seconds.
    """
    with tempfile.TemporaryDirectory(prefix="tinygrad-mnist-grade-", ignore_cleanup_errors=True) as folder:
        results, seal = Path(folder, f"{secrets.token_hex(8)}.json"), secrets.token_hex(16)
        working = Path(folder, "working")
        working.mkdir()
        nowhere = subprocess.DEVNULL
        process = subprocess.Popen(
            command, cwd=working, stdin=subprocess.PIPE, stdout=nowhere, stderr=nowhere, start_new_session=True,
            env={**os.environ, **dict.fromkeys(THREADS, "1")},
        )  # fmt: skip
        try:
            process.communicate(pickle.dumps((str(results), seal, task)), timeout=time_limit)
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
    results, seal, task = pickle.load(sys.stdin.buffer)
    write, replace, leave, dump = open, os.replace, os._exit, json.dump
    result = work(task)
    part = f"{results}.part"
    with write(part, "w", encoding="utf-8") as file:
        dump({"seal": seal, "result": result}, file, default=default)
    replace(part, results)
    leave(0)
