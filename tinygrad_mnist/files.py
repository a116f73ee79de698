"""Reading files within a bound; writing them whole or not at all."""

from __future__ import annotations

import errno
import glob
import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO


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


def write_atomically(path: Path, content: bytes) -> None:
    """Put the content at the path in one step: a reader sees the old file or the new one, never a half.

    Raises OSError, with the path as its filename, where there is no room or no way to write.
    """
    try:
        _check_no_device(path)
        _replace(path.resolve(), content)
    except OSError as error:
        raise type(error)(error.errno, error.strerror, str(path)) from error


def _check_no_device(path: Path) -> None:
    with suppress(FileNotFoundError):
        path.stat()  # raises OSError where links lead in a circle
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise FileExistsError(errno.EEXIST, "a device stands where a file is to be written", str(path))


def _replace(path: Path, content: bytes) -> None:
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)  # Ctrl-C may come just after it took its place
        raise


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
        for leftover in folder.glob(f".{glob.escape(path.name)}.{'?' * 8}"):
            leftover.unlink()
    with tempfile.TemporaryFile(dir=folder):
        pass
