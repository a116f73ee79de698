"""Files that are not read, by what they are: what to say of them, and what to do."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from tinygrad_mnist.data.dataset import DataError
from tinygrad_mnist.data.listing import Entry

_LOOKED_AT = 512
"""Bytes of a file."""

_MOST = 300
"""Files whose kind is looked for."""

_Kind = tuple[tuple[bytes, ...], str, str]

_SAVE = 'save its arrays with numpy.savez("mnist.npz", x_train=…, y_train=…, x_test=…, y_test=…) and give that file'
_UNPACK = "unpack it and give its folder"

_KINDS: tuple[_Kind, ...] = (
    ((b"PAR1",), "a Parquet file", f"read it with pandas.read_parquet, {_SAVE}"),
    ((b"ARROW1", b"\xff\xff\xff\xff"), "an Arrow file of Hugging Face datasets", f"read it with datasets, {_SAVE}"),
    ((b"MATLAB 5.0",), "a MATLAB file", f"read it with scipy.io.loadmat, {_SAVE}"),
    ((b"\x89HDF\r\n",), "an HDF5 or newer MATLAB file", f"read it with h5py, {_SAVE}"),
    ((b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05", b"(lp", b"(dp", b"((l"), "a Python pickle, which may run "
     "code when it is loaded", f"where you trust it, load it with pickle.load, {_SAVE}"),
    ((b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"BM"), "one picture", "`predict` reads it; a data set has many"),
    ((b"%PDF",), "a PDF", "give the file of the data"),
    ((b"7z\xbc\xaf\x27\x1c",), "a 7z archive", _UNPACK),
    ((b"Rar!",), "a RAR archive", _UNPACK),
    ((b"\xfd7zXZ",), "an xz archive", _UNPACK),
    ((b"BZh",), "a bzip2 archive", _UNPACK),
    ((b"PK",), "an archive in the archive", _UNPACK),
    ((b"SQLite format 3",), "an SQLite file", _SAVE),
    ((b"version https://git-lfs",), "a pointer of Git LFS", "get the file itself with git lfs pull"),
    ((b"<!DOCTYPE", b"<!doctype", b"<html", b"<HTML"), "a web page", "download the file it should be again"),
)  # fmt: skip
"""How files begin, what they are, and what to do: what is likely to be the data before others."""


def is_text(entry: Entry) -> bool:
    """Whether a file may be a table, whatever its name is."""
    start = _start(entry)
    return not _kind(start) and all(byte >= 32 or byte in b"\t\r\n" for byte in start)


def refusal(path: Path, entries: Sequence[Entry], what_is_read: str) -> DataError:
    """The error for files of which none is read: it names one that is known, or says what would be read."""
    known = [(kind, entry.source) for entry in entries[:_MOST] if (kind := _kind_of(entry))]
    if known:
        (_, what, advice), source = min(known, key=lambda found: _KINDS.index(found[0]))
        return DataError(f"{source}: {what}, which is not read as a data set; {advice}")
    if not entries:
        return DataError(f"{path}: nothing is in it; give {what_is_read}")
    if len(entries) == 1 and entries[0].source == str(path):
        return DataError(f"{path}: no data set, by its name and content; give {what_is_read}")
    names = ", ".join(entry.name for entry in entries[:5])
    return DataError(
        f"{path}: no data set is in it, but {names}{', …' if len(entries) > 5 else ''}; give {what_is_read}"
    )


def _start(entry: Entry) -> bytes:
    with entry.open() as stream:
        return stream.read(_LOOKED_AT)


def _kind_of(entry: Entry) -> _Kind | None:
    """What a file is; None where that is not known, or it can't be read."""
    with suppress(DataError):
        return _kind(_start(entry))
    return None


def _kind(start: bytes) -> _Kind | None:
    return next((kind for kind in _KINDS if start.startswith(kind[0])), None)
