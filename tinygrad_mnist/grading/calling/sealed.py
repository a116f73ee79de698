"""A child process that answers with a result which its program can't easily write in its place.

A process that grades a class can fork its children from what it has imported, which saves half of the time. Where the
answer goes and the word that seals it come through stdin: they stand neither in argv, in the environment
nor in a file, so that forging takes more than a line. What the program leaves running is ended with it: its process
group, and on Linux what left the group too. Where the system can, its memory, files and processor time are bounded.
"""

from __future__ import annotations

import glob
import importlib
import json
import os
import pickle
import secrets
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import Any

THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
"""One thread: arrays are small, and a class is graded on every core."""


PAUSE = 0.01
"""Seconds between two looks at a forked child."""

MARK = "TINYGRAD_MNIST_GRADED"
"""In the environment of a process that runs programs, and so of all that these start."""

MEMORY = 4 * 2**30
"""Bytes of address space for a program."""

LARGEST_FILE = 256 * 2**20
"""Bytes that it may write into one file."""

LARGEST_ANSWER = 64 * 2**20
"""Bytes of an answer that are read."""

TIMES = 12
"""How many time limits of a processor's time a program, and what it started, may take before it is ended."""

_forks = False


def fork_from_here() -> None:
    """From now on fork the children that are named by a module, on a system that can.

    For a process with one thread that others can do without: what it has imported and knows, the program may find.
    """
    global _forks
    _forks = hasattr(os, "fork")


class Programs:
    """Children that can be ended from another thread, all that are started for one visitor."""

    def __init__(self) -> None:
        self._lock, self._running, self._over = threading.Lock(), set[int](), False

    @contextmanager
    def owning(self) -> Iterator[None]:
        """What is started in the block is among them."""
        before = _owner.set(self)
        try:
            yield
        finally:
            _owner.reset(before)

    def add(self, pid: int) -> None:
        """A child that leads a session of its own."""
        with self._lock:
            self._running.add(pid)
        if self._over:
            self.end()

    def discard(self, pid: int) -> None:
        """It is about to be ended, and its number may soon be another's."""
        with self._lock:
            self._running.discard(pid)

    def end(self) -> None:
        """End them, and from now on each that is started, at once."""
        self._over = True
        with self._lock:
            for pid in self._running:
                kill(pid)


LATE = "it takes longer than that, or a loop in it never ends"
"""What is known of a program that was stopped."""

_owner: ContextVar[Programs | None] = ContextVar("owner of programs", default=None)


def run(
    command: Sequence[str],
    task: Any,
    time_limit: float,
    module: str | None = None,
    memory: int = MEMORY,
    forked: bool = False,
    late: str = LATE,
) -> Any:
    """What a child answers to a task; or {"time": …}, {"crash": …} or {"forged": …} in words.

    It runs in a folder of its own, with so many bytes of memory, and is ended after so many seconds. A browser, which
    has no processes, does the work in this one, without bounds: its worker can be ended.
    module: that of the command, with a function `work`. forked: whether the child may be a copy of this process.
    late: what is said of one that is ended.
    """
    if sys.platform == "emscripten" and module:
        from tinygrad_mnist.grading.calling.within import run_within

        return run_within(module, task)
    with tempfile.TemporaryDirectory(prefix="tinygrad-mnist-grade-", ignore_cleanup_errors=True) as folder:
        results, seal = Path(folder, f"{secrets.token_hex(8)}.json"), secrets.token_hex(16)
        working = Path(folder, "working")
        working.mkdir()
        given = (str(results), seal, limits(memory, time_limit), task)
        if module and forked and _forks:
            code = _forked(module, given, working, time_limit)
        else:
            code = _started(command, given, working, time_limit)
        if code is None:
            return {"time": f"it was stopped after {time_limit:g} seconds: {late}"}
        return _read(results, seal, code)


def _started(command: Sequence[str], given: Any, working: Path, time_limit: float) -> int | None:
    """The exit code of a new process; None where its time was over."""
    nowhere = subprocess.DEVNULL
    mark = f"{os.environ.get(MARK, '')}/{secrets.token_hex(8)}"  # what ends all of a worker's ends this too
    process = subprocess.Popen(
        command, cwd=working, stdin=subprocess.PIPE, stdout=nowhere, stderr=nowhere, start_new_session=True,
        env=environment(mark),
    )  # fmt: skip
    programs = _owner.get() or Programs()
    programs.add(process.pid)
    try:
        process.communicate(pickle.dumps(given), timeout=time_limit)
    except subprocess.TimeoutExpired:
        return None
    finally:
        programs.discard(process.pid)
        kill(process.pid)
        process.kill()
        process.wait()
        end_marked(mark)
    return process.returncode


def environment(mark: str) -> dict[str, str]:
    """Of a process that runs programs: this one's, with the mark of all that is to be ended with it."""
    return {**os.environ, **dict.fromkeys(THREADS, "1"), MARK: mark}


def kill(pid: int) -> None:
    """End a session by the process that leads it; where there are none, as on Windows, the process alone."""
    with suppress(ProcessLookupError, PermissionError):
        if hasattr(os, "killpg"):
            os.killpg(pid, signal.SIGKILL)
        else:
            os.kill(pid, signal.SIGTERM)


def end_marked(mark: str) -> None:
    """End every process that has this mark in its environment, where Linux's /proc tells: what a program left."""
    wanted = f"{MARK}={mark}".encode()
    for _ in range(20):  # one that multiplies may need some rounds
        found = [pid for pid in marked(wanted) if pid != os.getpid()]
        for pid in found:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        if not found:
            return


def marked(words: bytes) -> Iterator[int]:
    """The processes that have these words in their environment, as far as they may be looked at."""
    for process in map(Path, glob.glob("/proc/[0-9]*")):
        with suppress(OSError):
            if words in (process / "environ").read_bytes():
                yield int(process.name)


def limits(memory: int, time_limit: float) -> dict[str, int]:
    """What a program may use, by the names of `resource`."""
    seconds = int(TIMES * time_limit) + 1
    return {"RLIMIT_AS": memory, "RLIMIT_FSIZE": LARGEST_FILE, "RLIMIT_CORE": 0, "RLIMIT_CPU": seconds}


def bound(limits: Mapping[str, int], for_good: bool = False) -> None:
    """Bound what this process and those it starts may use, where the system can. for_good: it can't be undone."""
    try:
        import resource
    except ImportError:
        return
    for name, most in limits.items():
        kind = getattr(resource, name, None)
        if kind is not None:
            hard = resource.getrlimit(kind)[1]
            least = most if hard == resource.RLIM_INFINITY else min(most, hard)
            with suppress(ValueError, OSError):  # what this system doesn't bound
                resource.setrlimit(kind, (least, least if for_good else hard))


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
    kill(pid)
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
    from tinygrad_mnist.files import read_bounded  # not in the child, which imports little

    try:
        sealed = json.loads(read_bounded(results, LARGEST_ANSWER))
    except (OSError, ValueError, RecursionError):
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
    results, seal, limits, task = given
    bound(limits, for_good=True)
    write, replace, leave, text = open, os.replace, os._exit, json.dumps
    result = work(task)
    part = f"{results}.part"
    with write(part, "w", encoding="utf-8") as file:
        file.write(text({"seal": seal, "result": result}, default=default))
    replace(part, results)
    leave(0)
