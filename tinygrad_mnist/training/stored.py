"""Safetensors files: their arrays and their metadata, every word of the header checked before it is believed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_mnist.files import read_bounded
from tinygrad_mnist.records import LIMIT, RecordError, checked, parsed
from tinygrad_mnist.shown import LineError

Arrays = dict[str, NDArray[Any]]

LARGEST = 1 << 30
"""Of bytes in a file: 268 million numbers of float32."""

DTYPES = {
    "F16": "<f2", "F32": "<f4", "F64": "<f8", "I8": "<i1", "I16": "<i2", "I32": "<i4", "I64": "<i8",
    "U8": "<u1", "U16": "<u2", "U32": "<u4", "U64": "<u8", "BOOL": "?",
}  # fmt: skip
"""Those that NumPy has too."""

_MOST_AXES = 32


class CheckpointError(LineError):
    """A file that does not hold what is asked of it; the message says what is wrong with it."""


@dataclass(frozen=True)
class _Entry:
    """A tensor in the header; the offsets count from the header's end."""

    dtype: str
    shape: tuple[int, ...]
    data_offsets: tuple[int, int]


def read_checked(path: str | Path, limit: int, what: str, by: str = "train") -> bytes:
    """What a file holds, of at most so many bytes; raises CheckpointError where it can't be read."""
    try:
        return read_bounded(Path(path), limit)
    except FileNotFoundError:
        said = f"{path}: no such file; give a {what} that {by} has written"
        raise CheckpointError(said, is_missing=True) from None
    except IsADirectoryError:
        raise CheckpointError(f"{path}: a folder; give the {what} in it") from None
    except (OSError, ValueError) as error:  # ValueError: a path with a NUL
        raise CheckpointError(f"{path}: not readable ({getattr(error, 'strerror', None) or error})") from None


def read_safetensors(path: str | Path) -> tuple[Arrays, dict[str, str]]:
    """The arrays, which can't be written to, and the metadata of a file; raises CheckpointError where it is none."""
    content = read_checked(path, LARGEST, "model.safetensors")
    try:
        return _read(content)
    except RecordError as error:
        raise CheckpointError(f"{path}: not a readable safetensors file ({error}); train anew") from None


def _read(content: bytes) -> tuple[Arrays, dict[str, str]]:
    length = int.from_bytes(content[:8], "little")
    start = 8 + length
    if len(content) < 8 or start > len(content):
        raise RecordError("cut short, or another kind of file")
    if length > LIMIT:
        raise RecordError(f"a header of more than {LIMIT >> 20} MiB, the most that is read")
    header = checked(parsed(content[8:start]), dict[str, Any], "header")
    metadata = checked(header.pop("__metadata__", {}), dict[str, str], "metadata")
    entries: dict[str, _Entry] = checked(header, dict[str, _Entry], "header")
    end = 0
    for name, entry in sorted(entries.items(), key=lambda item: item[1].data_offsets):
        _check(name, entry, end)
        end = entry.data_offsets[1]
    if end != len(content) - start:
        raise RecordError(f"{len(content) - start:,} bytes of numbers, where the header says {end:,}")
    return {name: _array(entry, content, start) for name, entry in entries.items()}, metadata


def _check(name: str, entry: _Entry, end: int) -> None:
    """Raise RecordError unless a tensor starts where the one before ends, and has the bytes that its shape needs."""
    if entry.dtype not in DTYPES:
        raise RecordError(f"{name}: numbers of type {entry.dtype}, which NumPy does not have: save them as F32")
    shape = entry.shape
    if len(shape) > _MOST_AXES or min(shape, default=0) < 0 or math.prod(filter(None, shape)) > LARGEST:
        raise RecordError(f"{name}: no array has the shape {shape}")
    needed = math.prod(shape) * np.dtype(DTYPES[entry.dtype]).itemsize
    if entry.data_offsets != (end, end + needed):
        raise RecordError(f"{name}: its bytes are not the {needed:,} from {end:,} on that its shape {shape} needs")


def _array(entry: _Entry, content: bytes, start: int) -> NDArray[Any]:
    count, offset = math.prod(entry.shape), start + entry.data_offsets[0]
    if not count:
        return np.zeros(entry.shape, DTYPES[entry.dtype])
    return np.frombuffer(content, DTYPES[entry.dtype], count, offset).reshape(entry.shape)
