"""Reading files within a bound; writing them whole or not at all."""

from __future__ import annotations

import errno
import glob
import os
import stat
import tempfile
from pathlib import Path

from tinygrad_mnist.shown import file_text


def read_bounded(path: Path, limit: int) -> bytes:
    """What a plain file holds, of at most so many bytes.

    Raises OSError, with the path as its filename, where it can't be read, holds more, or is no plain file: a FIFO
    would be waited for without end, and a device read without end.
    """
    if not stat.S_ISREG(path.stat().st_mode) and not path.is_dir():
        raise OSError(errno.EINVAL, "is a device or a pipe, and no plain file", str(path))
    with path.open("rb") as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        raise OSError(errno.EFBIG, f"is larger than {limit >> 20:,} MiB, the most that is read", str(path))
    return content


def write_atomically(path: Path, content: bytes) -> None:
    """Put the content at the path in one step: a reader sees the old file or the new one, never a half.

    Raises OSError, with the path as its filename, where there is no room or no way to write.
    """
    try:
        _check_no_device(path)
        _replace(Path(os.path.realpath(path)), content)
    except OSError as error:
        raise type(error)(error.errno, error.strerror, str(path)) from error


def _check_no_device(path: Path) -> None:
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
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
        for leftover in folder.glob(f".{glob.escape(path.name)}.{'?' * 8}"):
            leftover.unlink()
    with tempfile.TemporaryFile(dir=folder):
        pass
