"""The files of a data set: those of a folder, of a zip or tar archive, or one alone; each read within a bound."""

from __future__ import annotations

import io
import os
import tarfile
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import IO

from tinygrad_mnist.data.dataset import DataError
from tinygrad_mnist.data.reading import decoding, decompress, open_file, read_all, read_file, unpacked, unreadable

DEPTH = 5
"""How many folders below the one that is named are looked into."""

MOST = 200_000
"""The most files that are looked at; MNIST as pictures has 70,000."""

ZIP, TAR, TAR_AT = b"PK", b"ustar", 257


@dataclass(frozen=True)
class Entry:
    """A file in a folder or an archive.

    name: its path in there, with "/". source: what to call it in a message. array: its name in an .npz file, if it is
    an array in one; `name` is then the file's.
    """

    name: str
    source: str
    stream: Callable[[], IO[bytes]]
    array: str = ""

    @property
    def path(self) -> str:
        """Its name, and that of the array in it."""
        return f"{self.name}/{self.array}" if self.array else self.name

    @property
    def short(self) -> str:
        """What to call it beside another that is named in full."""
        return self.array or PurePosixPath(self.name).name

    @property
    def depth(self) -> int:
        """How many folders down it lies."""
        return 0 if self.folder == "." else 1 + self.folder.count("/")

    @property
    def folder(self) -> str:
        """Where it lies; a folder of its own name, as Kaggle's archives have for each file, doesn't count."""
        path = PurePosixPath(self.name)
        is_own = bool(path.parent.name) and path.parent.name.replace(".", "-") == path.name.replace(".", "-")
        return str(path.parent.parent if is_own else path.parent)

    @property
    def base(self) -> str:
        """Its name, in small letters, without .gz."""
        return PurePosixPath(self.name).name.lower().removesuffix(".gz")

    @contextmanager
    def open(self) -> Iterator[IO[bytes]]:
        """A stream of what it holds, unpacked where it is gzipped; DataError, in the end, for what is damaged."""
        with decoding(self.source), self.stream() as stream, unpacked(stream) as content:
            yield content


def list_files(path: Path) -> list[Entry]:
    """The files at a path, those that lie high first; DataError where it can't be read, or is a damaged archive."""
    try:
        if path.is_dir():
            return highest_first(islice(_in_folder(path), MOST))
        return highest_first(_in_file(path.name, str(path), partial(open_file, path), partial(read_file, path)))
    except OSError as error:
        raise unreadable(error.filename or path, error) from error


def highest_first(entries: Iterable[Entry]) -> list[Entry]:
    """Those that are no clutter, in the order of their depth and names."""
    wanted = [entry for entry in entries if not _is_clutter(entry.name)]
    return sorted(wanted, key=lambda entry: (entry.name.count("/"), entry.name))


def _is_clutter(name: str) -> bool:
    """Whether a system or an editor has left it, as macOS leaves __MACOSX and ._name in archives."""
    return any(part.startswith((".", "__MACOSX")) for part in name.split("/"))


def _in_folder(top: Path) -> Iterator[Entry]:
    seen = set()  # links may lead in circles
    os.scandir(top).close()  # raises OSError; what lies below and can't be read is passed over
    for folder, below, names in os.walk(top, followlinks=True):
        status = os.stat(folder)
        depth = len(Path(folder).relative_to(top).parts)
        if (status.st_dev, status.st_ino) in seen or depth > DEPTH:
            below.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        for name in names:
            path = Path(folder, name)
            relative = path.relative_to(top).as_posix()
            yield Entry(relative, str(path), lambda path=path: open_file(path))  # type: ignore[misc]


def in_memory(name: str, content: bytes) -> list[Entry]:
    """The files in an archive whose bytes are here; of any other file, itself. Raises DataError for a damaged one."""
    return _in_file(name, name, lambda: io.BytesIO(content), lambda: content)


def _in_file(name: str, source: str, stream: Callable[[], IO[bytes]], read: Callable[[], bytes]) -> list[Entry]:
    """The same of what is read from a stream at first, and where it is an archive as a whole."""
    with decoding(source), stream() as packed, unpacked(packed) as content:
        start = content.read(TAR_AT + len(TAR))
    if start.startswith(ZIP) or start[TAR_AT:] == TAR:
        return _in_archive(name, source, decompress(read(), source))
    return [Entry(name, source, stream)]


def _in_archive(name: str, source: str, content: bytes) -> list[Entry]:
    """The files in a zip or tar archive; those of an .npz by the names of their arrays."""
    if not content.startswith(ZIP):
        return list(_in_tar(source, content))
    entries = list(_in_zip(source, content))
    return _as_arrays(name, source, entries) if all(e.base.endswith(".npy") for e in entries) else entries


def _in_zip(source: str, content: bytes) -> Iterator[Entry]:
    with decoding(source, "archive"):
        archive = zipfile.ZipFile(io.BytesIO(content))
        for info in archive.infolist()[:MOST]:
            if not info.is_dir():
                yield Entry(info.filename, f"{source}, {info.filename}", lambda info=info: archive.open(info))  # type: ignore[misc]


def _in_tar(source: str, content: bytes) -> Iterator[Entry]:
    with decoding(source, "archive"):
        archive = tarfile.open(fileobj=io.BytesIO(content))  # noqa: SIM115 (its files are read later)
        files = list(islice(archive, MOST))
        if content[archive.offset : archive.offset + tarfile.BLOCKSIZE].strip(b"\0") and len(files) < MOST:
            raise tarfile.ReadError(f"what comes after {files[-1].name if files else 'its start'} is no tar")
        for info in files:
            if info.isfile():
                yield Entry(info.name, f"{source}, {info.name}", lambda info=info: archive.extractfile(info))  # type: ignore[arg-type,misc]


def expanded(entries: Sequence[Entry]) -> list[Entry]:
    """The arrays in those of them that are .npz files; DataError where one is no archive."""
    return [array for entry in entries if entry.base.endswith(".npz") for array in _arrays(entry)]


def _arrays(entry: Entry) -> list[Entry]:
    with entry.open() as stream:
        content = read_all(stream, entry.source)
    if not content.startswith(ZIP):
        raise DataError(f"{entry.source}: not an .npz archive; check that it is the right file")
    return _as_arrays(entry.name, entry.source, _in_zip(entry.source, content))


def _as_arrays(name: str, source: str, files: Iterable[Entry]) -> list[Entry]:
    """The files of an .npz archive, called by the names of the arrays in them."""
    arrays = ((file.name.removesuffix(".npy"), file.stream) for file in files)
    return [Entry(name, f"{source}, {array}", stream, array) for array, stream in arrays]
