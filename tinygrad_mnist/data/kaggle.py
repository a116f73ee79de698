"""Reads tables of pixels: CSV as Kaggle and OpenML keep MNIST, and ARFF, OpenML's own.

A line for each image: 784 pixels, with a label before or after them, and maybe the line's number before all. Sources:
the competition "Digit Recognizer", https://www.kaggle.com/competitions/digit-recognizer/data (label,pixel0,…,pixel783),
and "mnist_784", https://www.openml.org/d/554 (pixel1,…,pixel784,class).
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO

import numpy as np

from tinygrad_mnist.data.arrays import PIXELS, Array, as_labels
from tinygrad_mnist.data.dataset import SIDE, DataError
from tinygrad_mnist.data.reading import LIMIT, TOO_LARGE, decoding, read_file, unpacked

PIECE = 1 << 22
LONGEST_LINE = 1 << 16
_LABEL = re.compile(r"labels?|class|targets?|digit|y", re.IGNORECASE)
_RIGHT_FILE = "check that it is the right file"
_PIXEL = "a whole number from 0 to 255"
_NUMBER_OF_LINE = re.compile(r"|id|index|unnamed: 0", re.IGNORECASE)


def read_csv(path: str | Path) -> tuple[Array, Array | None]:
    """The images in a CSV or ARFF file, (n, 28, 28), and their labels, (n,), or None where it has only pixels.

    Images are uint8 where pixels are whole numbers from 0 to 255, also when written as 5.0, and float32 where they are
    numbers from 0 to 1. A header may be missing; a label is before the pixels, or after them; a column with the
    line's number before all is left out. The file may be gzipped.

    Raises DataError, naming the line, when the file cannot be read or a line is something else.
    """
    with decoding(path), unpacked(io.BytesIO(read_file(path))) as stream:
        return read_table(stream, path)


def read_table(stream: IO[bytes], name: str | Path) -> tuple[Array, Array | None]:
    """The same from a stream; errors call it `name`."""
    head = _read_head(stream, name)
    images: list[Array] = []
    labels: list[Array] = []
    columns: _Columns | None = None
    for number, text in _pieces(stream, head, name):
        rows = _numbers(text, head, number, name)
        columns = columns or _columns(head, rows)
        images.append(_as_pixels(rows, columns, text, head, number, name))
        if columns.label is not None:
            labels.append(rows[:, columns.label].astype(np.float64))
        if sum(piece.nbytes for piece in images) > LIMIT:
            raise DataError(f"{name}: {TOO_LARGE}")
    if not images:
        raise DataError(f"{name}: no line of pixels in it; {_RIGHT_FILE}")
    scaled = [piece for piece in images if piece.dtype != np.uint8]
    if scaled and any(piece.dtype == np.uint8 and piece.max() > 1 for piece in images):
        raise DataError(f"{name}: some pixels are whole numbers from 0 to 255, and some are numbers from 0 to 1")
    together = np.concatenate(images, dtype=np.float32 if scaled else np.uint8).reshape(-1, SIDE, SIDE)
    return together, as_labels(np.concatenate(labels), str(name)) if labels else None


@dataclass(frozen=True)
class _Head:
    """What comes before the numbers. names: of the columns, where they are named. first: the line that follows."""

    names: Sequence[str]
    first: bytes
    number: int
    separator: str
    count: int


@dataclass(frozen=True)
class _Columns:
    first_pixel: int
    label: int | None


def _read_head(stream: IO[bytes], name: str | Path) -> _Head:
    names: list[str] = []
    number, separator = 0, ","
    while line := stream.readline(LONGEST_LINE):
        number += 1
        text = line.removeprefix(b"\xef\xbb\xbf").decode(errors="replace").strip()
        if re.match("@attribute", text, re.IGNORECASE):
            names.append(text.split(None, 2)[1].strip("'\""))
        if not text or text[0] in "%@":
            continue
        separator = max(",;\t", key=text.count)
        values = [value.strip().strip("'\"") for value in text.split(separator)]
        if names and len(values) != len(names):
            raise DataError(f"{name}: line {number} has {len(values)} columns, expected {len(names)}; {_RIGHT_FILE}")
        if len(values) - PIXELS not in (0, 1, 2):
            start = f", the first {values[0][:20]!r}" if text.isprintable() else ", and is no text"
            raise DataError(
                f"{name}: line {number} has {len(values)} columns{start}; expected label,pixel0,…,pixel783, or the "
                f"same without label, or with it at the end"
            )
        if names or not _are_names(values):
            return _Head(names, line.removeprefix(b"\xef\xbb\xbf"), number, separator, len(values))
        names = values
    return _Head(names, b"", number, separator, len(names))


def _are_names(values: Sequence[str]) -> bool:
    """Whether a line is a header: few numbers, or more different ones than pixels can have."""
    numbers = [number for value in values if (number := _as_number(value)) is not None]
    return len(numbers) < len(values) / 2 or len(set(numbers)) > 2 * 256


def _as_number(value: str) -> float | None:
    try:
        return float(value)
    except ValueError:
        return None


def _pieces(stream: IO[bytes], head: _Head, name: str | Path) -> Iterator[tuple[int, bytes]]:
    """Whole lines of numbers, some thousand at a time, each with the number of the first."""
    number, rest, read = head.number, head.first, 0
    while piece := stream.read(PIECE):
        read += len(piece)
        if read > LIMIT:
            raise DataError(f"{name}: {TOO_LARGE}")
        lines, newline, after = (rest + piece).rpartition(b"\n")
        if len(after) > LONGEST_LINE:
            raise DataError(f"{name}: line {number + lines.count(newline)} or a later one has no end; {_RIGHT_FILE}")
        if lines.strip():
            yield number, lines
        number += lines.count(b"\n") + len(newline)
        rest = after
    if rest.strip():
        yield number, rest


def _numbers(text: bytes, head: _Head, number: int, name: str | Path) -> Array:
    """The lines, (n, columns): uint8 where that is enough, else float32."""
    plain = text.replace(b'"', b"").replace(b"'", b"")
    for dtype in (np.uint8, np.float32):
        try:
            rows: Array = np.loadtxt(io.BytesIO(plain), dtype, comments=None, delimiter=head.separator, ndmin=2)
        except (ValueError, OverflowError) as error:
            reason = str(error)
            continue
        if rows.shape[1] == head.count:
            return rows
        reason = f"line {number} has {rows.shape[1]} columns"
    raise DataError(f"{name}: {_first_fault(plain, head, number) or reason}; correct or remove it")


def _first_fault(text: bytes, head: _Head, first: int) -> str:
    """What is wrong with the first line that is not as many numbers as there are columns."""
    for number, values in _lines(text, head, first):
        if len(values) != head.count:
            return f"line {number} has {len(values)} columns, expected {head.count}"
        for column, value in enumerate(values, start=1):
            if _as_number(value) is None:
                return f"line {number}, column {column} is {value[:20]!r}, expected {_PIXEL}"
    return ""


def _lines(text: bytes, head: _Head, first: int) -> Iterator[tuple[int, list[str]]]:
    """The lines that are not blank, with their numbers and values."""
    for number, line in enumerate(text.decode(errors="replace").split("\n"), start=first):
        if line.strip():
            yield number, line.strip().split(head.separator)


def _as_pixels(rows: Array, columns: _Columns, text: bytes, head: _Head, number: int, name: str | Path) -> Array:
    """The pixels of some lines: uint8, or float32 where they are from 0 to 1."""
    pixels: Array = rows[:, columns.first_pixel : columns.first_pixel + PIXELS]
    if pixels.dtype == np.uint8:
        return np.array(pixels)
    with np.errstate(invalid="ignore"):
        is_whole, is_outside = pixels == np.floor(pixels), ~((pixels >= 0) & (pixels <= 255))
    if not is_outside.any() and (is_whole.all() or pixels.max() <= 1):
        kind = np.uint8 if is_whole.all() else np.float32
        return np.array(pixels, kind)
    row, column = np.argwhere(is_outside if is_outside.any() else ~is_whole)[0].tolist()
    line, values = next(islice(_lines(text, head, number), row, None))
    place = column + columns.first_pixel
    raise DataError(f"{name}: line {line}, column {place + 1} is {values[place][:20]!r}, expected {_PIXEL}")


def _columns(head: _Head, rows: Array) -> _Columns:
    """Where pixels and labels are, by the names, or else by what is in the columns."""
    after = head.count - 1
    leading = [_LABEL.fullmatch(name) is not None for name in head.names[:2]]
    extra = head.count - PIXELS
    is_numbered = extra > 0 and (
        bool(_NUMBER_OF_LINE.fullmatch(head.names[0])) if head.names else extra == 2 or _counts(rows[:, 0])
    )
    start = int(is_numbered)
    if extra == start:
        return _Columns(start, None)
    if head.names and _LABEL.fullmatch(head.names[after]):
        return _Columns(start, after)
    if any(leading) or len(np.unique(rows[:, start])) > 1 or len(np.unique(rows[:, after])) == 1:
        return _Columns(start + 1, start)
    return _Columns(start, after)


def _counts(column: Array) -> bool:
    """Whether it numbers the lines; ten of them may be a digit each."""
    return len(column) > 10 and bool((np.diff(column) == 1).all())
