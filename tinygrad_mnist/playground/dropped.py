"""The files of a data set that are dropped on the page, one after the other and in pieces."""

from __future__ import annotations

from contextlib import suppress
from pathlib import PurePosixPath

from tinygrad_mnist.data import DataError, Dataset
from tinygrad_mnist.data.arrays import set_of
from tinygrad_mnist.data.folder import read_contents
from tinygrad_mnist.data.idx import parse_idx
from tinygrad_mnist.shown import one_line

LIMIT = 128 << 20
"""Of bytes in all files together; MNIST's four, unpacked, have 55 million."""


class Dropped:
    """Files that came in, and the data set that they make.

    missing: in words, what is to be dropped besides before they make one.
    """

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.dataset: Dataset | None = None
        self.missing: str | None = None
        self.notes: list[str] = []
        self._arriving: dict[str, bytearray] = {}

    @property
    def name(self) -> str:
        """What to call the data set."""
        (first, *others) = self.files
        return f"{len(others) + 1} files" if others else first

    def add(self, name: str, piece: bytes, more: bool) -> None:
        """Take in a piece of a file, and read the files once it is whole; raises DataError for one that is no data."""
        name = one_line(PurePosixPath(name.replace("\\", "/")).name, 120) or "file"
        known = sum(map(len, (*self.files.values(), *self._arriving.values())))
        if known + len(piece) > LIMIT:
            self._arriving.clear()
            self.files.clear()
            raise DataError(f"{name}: with it there are more than {LIMIT >> 20} MiB, the most that is taken")
        self._arriving.setdefault(name, bytearray()).extend(piece)
        if not more:
            self._take(name, bytes(self._arriving.pop(name)))

    def _take(self, name: str, content: bytes) -> None:
        belonging = {n: c for n, c in self.files.items() if set_of(_base(n)) == set_of(_base(name)) and n != name}
        for files in ({name: content, **belonging}, {name: content}):
            notes: list[str] = []
            try:
                dataset = read_contents(files, notes.append)
            except DataError as error:
                reason = error
                continue
            self.files, self.dataset, self.notes, self.missing = files, dataset, notes, None
            return
        with suppress(DataError):
            array = parse_idx(content, name)
            here, there = ("images", "labels") if array.ndim > 1 else ("labels", "images")
            self.missing = f"{name} has {len(array):,} {here}: drop the file with their {there}, too"
            self.files = {**belonging, name: content}
            return
        raise reason  # it is no array either, and not kept


def _base(name: str) -> str:
    return name.lower().removesuffix(".gz")
