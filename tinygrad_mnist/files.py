"""Reading files within a bound; writing them whole or not at all."""

from __future__ import annotations

import errno
import functools
import glob
import os
import stat
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from tinygrad_mnist.processes import lock, signals_held
from tinygrad_mnist.shown import file_text

_PAUSES = (0.02, 0.1, 0.5, 1.0) if os.name == "nt" else ()
"""On Windows a file that another program has open, as virus scanners do for a moment, can't be replaced."""


def read_bounded(path: Path, limit: int) -> bytes:
    """What a plain file holds, of at most so many bytes.

    Raises OSError, with the path as its filename, where it can't be read, holds more, or is no plain file: a FIFO
    would be waited for without end, and a device read without end.
    """
    with open_plain(path) as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        raise OSError(errno.EFBIG, f"is larger than {limit >> 20:,} MiB, the most that is read", str(path))
    return content


def open_plain(path: Path) -> BinaryIO:
    """A plain file, to read from; raises OSError, with the path as its filename, where it is none or can't be read."""
    if not stat.S_ISREG(path.stat().st_mode) and not path.is_dir():
        raise OSError(errno.EINVAL, "is a device or a pipe, and no plain file", str(path))
    return path.open("rb")


@functools.cache
def static(package: str, name: str) -> str:
    """A text in the folder `static` of a package of ours, such as a page's style."""
    from importlib import resources  # which few programs ask for

    return (resources.files(f"tinygrad_mnist.{package}") / "static" / name).read_text(encoding="utf-8")


def write_atomically(path: Path, content: bytes) -> None:
    """Put the content at the path in one step: a reader sees the old file or the new one, never a half.

    Raises OSError, with the path as its filename, where there is no room or no way to write.
    """
    write_together({path: content})


def write_together(contents: Mapping[Path, bytes]) -> None:
    """Put several files in place, whose last one is the record of the others.

    Whenever the process ends: where there is a record, the others are those that it was written with. All of them are
    on the disk before the first takes its place, and signals wait until the last has.

    Raises OSError, with a path as its filename, where there is no room or no way to write.
    """
    ready: dict[Path, str] = {}
    try:
        for path, content in contents.items():
            with _named(path):
                _check_no_device(path)
                _write_beside(path, content, ready)
        with signals_held():
            record = [*ready][-1]
            if len(ready) > 1:
                with _named(record):
                    _target(record).unlink(missing_ok=True)
            for path, temporary in ready.items():
                with _named(path):
                    _put(temporary, _target(path))
    finally:
        for temporary in ready.values():
            Path(temporary).unlink(missing_ok=True)


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """An OSError has this path as its filename."""
    try:
        yield
    except OSError as error:
        raise type(error)(error.errno, error.strerror, str(path)) from error


def _check_no_device(path: Path) -> None:
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise FileExistsError(errno.EEXIST, "a device stands where a file is to be written", str(path))


def _target(path: Path) -> Path:
    """The file that a link leads to, so that it stays a link; unlike `Path.resolve`, no circle of links raises."""
    return Path(os.path.realpath(path))


def _write_beside(path: Path, content: bytes, ready: dict[Path, str]) -> None:
    """Write what is to become a file under another name, which is noted before there is anything in it."""
    target = _target(path)
    with signals_held():
        handle, ready[path] = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    with os.fdopen(handle, "wb") as file:
        lock(handle)  # another process then knows that it is no leftover
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.chmod(ready[path], 0o644)


def _put(temporary: str, path: Path) -> None:
    for pause in _PAUSES:
        with suppress(PermissionError):
            os.replace(temporary, path)
            return
        time.sleep(pause)
    os.replace(temporary, path)


def _is_left_over(temporary: Path) -> bool:
    """Whether no living process is writing it."""
    if not temporary.is_file():
        return False
    try:
        with temporary.open("r+b") as file:
            return lock(file.fileno())
    except OSError:
        return False


def write_text(path: Path, text: str) -> None:
    """The same for a text: UTF-8, in which control characters and lone surrogates stand as their escapes."""
    write_atomically(path, file_text(text))


def prepare_folder(folder: Path, *names: str) -> None:
    """Make a folder, and raise OSError now rather than after the training if these files can't be written there.

    What a killed write of these files has left is removed.
    """
    if folder.exists() and not folder.is_dir():
        raise FileExistsError(errno.EEXIST, "is a file, where a folder is needed", str(folder))
    folder.mkdir(parents=True, exist_ok=True)
    for path in (folder / name for name in names):
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, "a folder stands where a file is to be written", str(path))
        _check_no_device(path)
        for temporary in filter(_is_left_over, folder.glob(f".{glob.escape(path.name)}.{'?' * 8}")):
            temporary.unlink(missing_ok=True)
    with tempfile.TemporaryFile(dir=folder):
        pass
