"""Reads arrays: IDX, the format of MNIST's files (a magic number, the dimensions, then the values, all big-endian),
and .npy, NumPy's own.

Sources: "File formats for the MNIST database", http://yann.lecun.com/exdb/mnist/, and numpy.lib.format.
"""

from __future__ import annotations

import io
import math
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_mnist.data.dataset import DataError
from tinygrad_mnist.data.reading import LIMIT, decoding, read_exactly, read_file, unpacked

DTYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
NPY = b"\x93NUMPY"


def read_idx(path: str | Path) -> NDArray[Any]:
    """The array in an IDX file, gzipped or not (the content decides, not the name).

    Its shape and type are those the file states, in the machine's byte order; MNIST's files hold uint8.
    Raises DataError when the file cannot be read, is no IDX file, or is shorter or longer than it states.
    """
    return parse_idx(read_file(path), path)


def parse_idx(content: bytes, name: str | Path) -> NDArray[Any]:
    """The array that the content of an IDX file describes; see `read_idx`. Errors call the file `name`."""
    with decoding(name), unpacked(io.BytesIO(content)) as stream:
        return array_from(stream, name)


def array_from(stream: IO[bytes], name: str | Path, limit: int = LIMIT) -> NDArray[Any]:
    """The array in a stream of IDX or .npy, which ends with it and has at most `limit` bytes."""
    start = stream.read(4)
    if start == NPY[:4]:
        stream.seek(0)
        return _npy(stream, name, limit)
    return _idx(start, stream, name, limit)


def _idx(start: bytes, stream: IO[bytes], name: str | Path, limit: int) -> NDArray[Any]:
    dtype, count = _parse_magic(start, name)
    dimensions = stream.read(4 * count)
    if len(dimensions) < 4 * count:
        raise DataError(f"{name}: cut short in its header, at byte {4 + len(dimensions)}; get the file again")
    shape = tuple(np.frombuffer(dimensions, ">u4").tolist())
    return _values(stream, dtype, shape, "C", name, limit).astype(dtype.newbyteorder("="), copy=False)


def _parse_magic(start: bytes, name: str | Path) -> tuple[np.dtype[Any], int]:
    """The type of the values, and how many dimensions there are."""
    if len(start) < 4:
        raise DataError(f"{name}: too short for an IDX file, {len(start)} bytes; get the file again")
    zeros, code, count = start[:2], start[2], start[3]
    if zeros != b"\0\0" or code not in DTYPES or count == 0:
        codes = " ".join(f"{code:02x}" for code in DTYPES)
        raise DataError(
            f"{name}: no IDX file: it starts with {start.hex(' ')}, expected 00 00, a type "
            f"(one of {codes}) and the number of dimensions; check that it is the right file"
        )
    return np.dtype(DTYPES[code]), count


def _npy(stream: IO[bytes], name: str | Path, limit: int) -> NDArray[Any]:
    version = np.lib.format.read_magic(stream)
    read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, in_columns, dtype = read_header(stream)
    if dtype.hasobject:
        raise DataError(
            f"{name}: holds Python objects, which may run code when they are loaded; save it again as numbers, with "
            f"such as y.astype(int)"
        )
    return _values(stream, dtype, shape, "F" if in_columns else "C", name, limit)


def _values(
    stream: IO[bytes], dtype: np.dtype[Any], shape: tuple[int, ...], order: Any, name: str | Path, limit: int
) -> NDArray[Any]:
    says = f"the dimensions {str(shape)[:60]} of {dtype.name} in its header"
    content = read_exactly(stream, math.prod(shape) * dtype.itemsize, name, says, limit)
    try:
        return np.frombuffer(content, dtype).reshape(shape, order=order)
    except ValueError as error:
        raise DataError(f"{name}: no array can have the dimensions {shape}; get the file again") from error
