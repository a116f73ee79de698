"""Reads IDX, the format of MNIST's files: a magic number, the dimensions, then the values, all big-endian.

Source: "File formats for the MNIST database", http://yann.lecun.com/exdb/mnist/.
"""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_mnist.data.dataset import DataError

DTYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def read_idx(path: str | Path) -> NDArray[Any]:
    """The array in an IDX file, gzipped or not (the content decides, not the name).

    Its shape and type are those the file states, in the machine's byte order; MNIST's files hold uint8.
    Raises DataError when the file cannot be read, is no IDX file, or is shorter or longer than it states.
    """
    return parse_idx(read_decompressed(path), path)


def read_decompressed(path: str | Path) -> bytes:
    """What a file holds, gzipped or not; raises DataError where it cannot be read or decompressed."""
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); check path and permissions") from error
    return decompress(data, path)


def decompress(data: bytes, name: str | Path) -> bytes:
    """What gzipped data holds; other data as it is. Raises DataError, naming `name`, where gzip is broken."""
    if not data.startswith(b"\x1f\x8b"):
        return data
    try:
        return gzip.decompress(data)
    except (EOFError, OSError, zlib.error) as error:
        reason = "cut short" if isinstance(error, EOFError) else "damaged"
        raise DataError(f"{name}: the gzip data is {reason}; get the file again") from error


def parse_idx(content: bytes, name: str | Path) -> NDArray[Any]:
    """The array that the content of an IDX file describes; see `read_idx`. Errors call the file `name`."""
    dtype, shape = _parse_header(content, name)
    start = 4 + 4 * len(shape)
    expected = start + math.prod(shape) * dtype.itemsize
    if len(content) != expected:
        fault = "cut short" if len(content) < expected else "longer than it says"
        raise DataError(
            f"{name}: {fault}: {len(content)} bytes, but the dimensions {shape} of {dtype.name} "
            f"in its header make {expected}; get the file again"
        )
    try:
        array = np.frombuffer(content, dtype, offset=start).reshape(shape)
    except ValueError as error:
        raise DataError(f"{name}: no array can have the dimensions {shape}; get the file again") from error
    return array.astype(dtype.newbyteorder("="), copy=False)


def _parse_header(content: bytes, name: str | Path) -> tuple[np.dtype[Any], tuple[int, ...]]:
    if len(content) < 4:
        raise DataError(f"{name}: too short for an IDX file, {len(content)} bytes; get the file again")
    zeros, code, count = content[:2], content[2], content[3]
    if zeros != b"\0\0" or code not in DTYPES or count == 0:
        codes = " ".join(f"{code:02x}" for code in DTYPES)
        raise DataError(
            f"{name}: no IDX file: it starts with {content[:4].hex(' ')}, expected 00 00, a type "
            f"(one of {codes}) and the number of dimensions; check that it is the right file"
        )
    dimensions = content[4 : 4 + 4 * count]
    if len(dimensions) < 4 * count:
        raise DataError(f"{name}: cut short in its header, at byte {len(content)}; get the file again")
    return np.dtype(DTYPES[code]), tuple(np.frombuffer(dimensions, ">u4").tolist())
