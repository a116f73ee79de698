"""What processes, and the signals sent to them, must leave each other: locks, and steps that are not cut in two."""

from __future__ import annotations

import errno
import os
import re
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

LOCK = ".lock"
"""The file by which a process keeps a folder to itself."""

_STDERR = 2
"""The number by which every program knows it."""

_BEYOND = 1 << 20
"""What Windows locks can't be read by others: a byte behind all that stands in the file."""


def cores() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def signals_held() -> Iterator[None]:
    """Ctrl-C and SIGTERM that come in the meantime are acted on at the end of the block."""
    if threading.current_thread() is not threading.main_thread():  # Python gives signals to the main thread alone
        yield
        return
    came: list[int] = []
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    for number in before:
        signal.signal(number, lambda number, _: came.append(number))
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)
        if came:
            signal.raise_signal(came[0])


def drop_signals() -> None:
    """From here on Ctrl-C and SIGTERM change nothing: all is done, and what would be said of them is not true."""
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGINT):
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, lambda *_: None)


@contextmanager
def unsaid() -> Iterator[None]:
    """What a library of C writes to stderr in the block goes nowhere; Python's own is what it was."""
    try:
        kept = os.dup(_STDERR)
    except OSError:  # it is closed
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, _STDERR)
        yield
    finally:
        os.dup2(kept, _STDERR)
        os.close(nowhere)
        os.close(kept)


def lock(handle: int) -> bool:
    """Lock an open file for this process, until it is closed or the process ends; False where another has it.

    Where a system or a file system has no locks, everyone gets one.
    """
    try:
        if sys.platform == "win32":
            import msvcrt

            position = os.lseek(handle, 0, os.SEEK_CUR)
            os.lseek(handle, _BEYOND, os.SEEK_SET)
            try:
                msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
            finally:
                os.lseek(handle, position, os.SEEK_SET)
        else:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (ImportError, OSError) as error:
        return getattr(error, "errno", None) not in (errno.EACCES, errno.EAGAIN, errno.EDEADLK)
    return True


class FolderLock:
    """A folder for one process at a time: its lock ends with the process, however that ends."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / LOCK
        self._file: BinaryIO | None = None

    def __enter__(self) -> FolderLock:
        self.acquire()
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def acquire(self) -> None:
        """Take it; raises BlockingIOError, which says who has it, and OSError where the folder can't be written."""
        while self._file is None:
            file = open(self.path, "a+b", buffering=0)  # noqa: SIM115  # it is held
            if not lock(file.fileno()):
                file.close()
                who = self._holder()
                busy = f"another run is going on in it{who}: wait for its end, or give another folder"
                raise BlockingIOError(errno.EBUSY, busy, str(self.path.parent))
            if self._is_still_there(file):
                self._file = file
            else:
                file.close()
        with suppress(OSError):  # on a full disk what it says is left out
            os.ftruncate(self._file.fileno(), 0)
            self._file.write(f"process {os.getpid()}, since {time.strftime('%Y-%m-%d %H:%M:%S')}".encode())

    def release(self) -> None:
        """Give it back; nothing is left of it."""
        file, self._file = self._file, None
        if file:
            own = self._is_still_there(file)
            if sys.platform == "win32":  # which removes no file that is open
                file.close()
            if own:
                with suppress(OSError):
                    self.path.unlink()
            file.close()

    def _is_still_there(self, file: BinaryIO) -> bool:
        """Whether it is the one that others find: the one before may have removed it in the meantime."""
        try:
            return os.path.samestat(os.fstat(file.fileno()), os.stat(self.path))
        except FileNotFoundError:
            return False

    def _holder(self) -> str:
        try:
            with self.path.open("rb") as file:
                text = file.read(100).decode("ascii", "replace")
        except OSError:
            return ""
        return f" ({text})" if re.fullmatch(r"process \d+, since [\d: -]+", text) else ""
