"""Where arrays lie: NumPy's in the computer's own memory, CuPy's on a GPU; and what takes them from one to the other.

NumPy's functions run where their arguments lie (NEP 13 and 18), and those that make an array make it where the one lies
that they are given as `like` (NEP 35). So the rest of the package names NumPy alone, and stays on the device of what it
is given. Nothing leaves a device unasked: CuPy's arrays refuse to become NumPy's, and to be mixed with them.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from tinygrad_mnist.shown import LineError

DEVICES = ("cpu", "cuda")


class DeviceError(LineError):
    """A device can't be used; the message says in a line what is missing."""


def as_array(value: Any, dtype: DTypeLike | None = None, like: Any = None) -> Any:
    """A value as an array: on the device of another, or else where it lies itself, which for a number is the computer.

    An array that fits is taken as it is. Raises TypeError for one on a device that would have to leave it.
    """
    there = value if like is None else like
    if type(value) is type(there) is np.ndarray and dtype is None:
        return value
    if type(there) is np.ndarray or not hasattr(there, "__array_function__"):
        return np.asarray(value, dtype)
    return np.asarray(value, dtype, like=there)


LINE = 64
"""Bytes that a processor's cache holds together."""


def own_copy(array: Any) -> Any:
    """A copy of an array, in rows; NumPy's begins at a cache line: BLAS reads it in up to a sixth less time."""
    if type(array) is not np.ndarray:
        return array.copy()
    memory = np.empty(array.nbytes + LINE, np.uint8)
    start = -memory.__array_interface__["data"][0] % LINE
    copy = memory[start : start + array.nbytes].view(array.dtype).reshape(array.shape)
    copy[...] = array
    return copy


def to_numpy(value: Any) -> NDArray[Any]:
    """The same numbers as an array of NumPy's: of one on a device a copy, anything else as by np.asarray."""
    on_device = hasattr(value, "__array_function__") and not isinstance(value, np.ndarray)
    return np.asarray(value.get() if on_device else value)


def read_only(array: Any) -> Any:
    """A view of an array that can't be written to; on a device, where there is none, one that can."""
    view = array.view()
    if isinstance(view, np.ndarray):
        view.flags.writeable = False
    return view


# functions of arrays whose arguments NumPy and CuPy call by other names, or that they do in other ways


def reshape(x: Any, /, shape: Any) -> Any:
    """The same elements in another shape."""
    return as_array(x).reshape(shape)


def astype(x: Any, /, dtype: Any) -> Any:
    """The same numbers in another dtype, in an array of their own."""
    return as_array(x).astype(dtype)


def clip(x: Any, /, min: Any = None, max: Any = None) -> Any:
    """x, or the bound that it is beyond."""
    return as_array(x).clip(min, max)


_SHORT = 64
"""Numbers in a row of which NumPy finds the largest sooner with the columns of many rows laid one after the other."""


def top(x: Any, /, axis: Any) -> Any:
    """The maximum along axes, which stay, of length one."""
    if type(x) is not np.ndarray:
        return x.max(axis, keepdims=True)
    if x.ndim > 1 and axis in (-1, x.ndim - 1) and 0 < x.shape[-1] <= _SHORT:
        columns = x.reshape(-1, x.shape[-1]).T.copy()
        return np.maximum.reduce(columns, axis=0).reshape((*x.shape[:-1], 1))
    return np.maximum.reduce(x, axis=axis, keepdims=True)


def where(condition: Any, x: Any, y: Any) -> Any:
    """x where the condition holds, y elsewhere."""
    if isinstance(condition, bool):  # which CuPy does not take
        condition = as_array(condition, like=x if hasattr(x, "__array_function__") else y)
    return np.where(condition, x, y)


def scatter_add(x: Any, /, index: Any, shape: tuple[int, ...]) -> Any:
    """Zeros of a shape, with x added at the index; repeated indices add up."""
    x = as_array(x)
    out = np.zeros(shape, x.dtype, like=x)
    if may_share_memory(out, out[index]):  # a view has each element once
        out[index] = x
    elif isinstance(out, np.ndarray):
        np.add.at(out, index, x)
    else:  # CuPy's takes one array as the index
        np.add.at(out.reshape(-1), np.arange(out.size, like=out).reshape(shape)[index], x)
    return out


def may_share_memory(a: Any, b: Any) -> bool:
    """Whether two arrays may lie over each other; numbers, and arrays on two devices, don't."""
    return isinstance(a, type(b)) and bool(np.may_share_memory(a, b))


def mover(device: str) -> Callable[[Any], Any]:
    """What takes an array to a device: "cpu", or "cuda" for the GPU that CuPy would use now.

    Raises ValueError for another name, and DeviceError where CuPy is missing, or a GPU that it can use.
    """
    if device not in DEVICES:
        raise ValueError(f"device {device!r} is none of {', '.join(DEVICES)}")
    if device == "cpu":
        return to_numpy
    try:
        cupy = importlib.import_module("cupy")
    except ImportError as error:
        what = "CuPy, and it is not installed" if error.name == "cupy" else f"CuPy, and it can't be loaded: {error}"
        raise DeviceError(_missing(what, "pip install cupy-cuda12x or -cuda13x, the one for your driver")) from None
    try:
        cupy.arange(2).sum().item()  # a driver, a GPU with room, and what compiles its programs
    except Exception as error:
        raise DeviceError(_missing(f"a GPU that CuPy can use: {error}", "see nvidia-smi")) from None
    return cupy.asarray  # type: ignore[no-any-return]


def _missing(what: str, advice: str) -> str:
    return f"device cuda needs {' '.join(what.split())} ({advice}); device cpu needs nothing"
