"""Arrays as JSON: each sequence of bytes is stored once, and views with strides say how it is read."""

from __future__ import annotations

import base64
import zlib
from typing import Any, TypedDict

import numpy as np
from numpy.typing import NDArray

DOUBLE = 1024
"""Up to this many elements an array of float64 keeps its precision; larger ones become float32."""

PACKED = 1_200_000
"""From how many bytes on they are packed: those of a page that would have 2 MB or more."""


class View(TypedDict):
    """Element [i, j, …] is buffer[offset + i * strides[0] + j * strides[1] + …]; strides count elements."""

    buffer: int
    offset: int
    shape: list[int]
    strides: list[int]


class Storage:
    """Buffers of a page. A transposed array shares the buffer of its original; a constant takes one element.

    double: up to how many elements an array of float64 stays one.
    """

    def __init__(self, double: int = DOUBLE) -> None:
        self._double = double
        self._numbers: dict[tuple[str, bytes], int] = {}
        self._stored: dict[int, tuple[NDArray[Any], View]] = {}

    def add(self, array: NDArray[Any]) -> View:
        """Store real numbers of any shape. Raises TypeError for complex ones."""
        if id(array) not in self._stored:
            self._stored[id(array)] = array, self._view(array)  # kept, so that no other array gets its id
        return self._stored[id(array)][1]

    def _view(self, array: NDArray[Any]) -> View:
        if array.dtype.kind == "c":
            raise TypeError("the page shows real numbers, and this graph has complex ones")
        shape = list(array.shape)
        if array.size and array.flat[0] == array.flat[-1] and (array == array.flat[0]).all():
            return View(buffer=self._put(array.reshape(-1)[:1]), offset=0, shape=shape, strides=[0] * array.ndim)
        order = np.argsort([-abs(stride) for stride in array.strides], kind="stable")
        packed = np.asarray(array.transpose(order), order="C")
        strides = [step // packed.itemsize for step in packed.transpose(np.argsort(order)).strides]
        return View(buffer=self._put(packed), offset=0, shape=shape, strides=strides)

    def _put(self, packed: NDArray[Any]) -> int:
        narrow = packed.dtype in (np.float32, np.float16) or packed.size > self._double
        with np.errstate(over="ignore"):
            numbers = packed.astype("<f4" if narrow else "<f8", copy=False)
        return self._numbers.setdefault((numbers.dtype.str, numbers.tobytes()), len(self._numbers))

    def buffers(self) -> list[dict[str, Any]]:
        """Each buffer's type, f4 or f8 (little-endian), and its bytes in base64.

        Where they are many, they are packed by DEFLATE, as RFC 1951 has it, and their size is told.
        """
        is_packed = sum(len(content) for _, content in self._numbers) > PACKED
        return [
            {"type": dtype[1:], "bytes": base64.b64encode(_deflated(content) if is_packed else content).decode("ascii")}
            | ({"size": len(content)} if is_packed else {})
            for dtype, content in self._numbers
        ]


def _deflated(content: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return packer.compress(content) + packer.flush()
