"""Functions of arrays that the instructions of a program call, besides NumPy's own."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

COMPARISONS = {
    np.equal: "eq", np.not_equal: "ne", np.less: "lt", np.less_equal: "le", np.greater: "gt", np.greater_equal: "ge",
}  # fmt: skip
"""What makes a mask of two arrays, with the names of the operators."""


def with_item(array: NDArray[Any], index: Any, new: Any) -> NDArray[Any]:
    """The array with other elements at an index."""
    changed: NDArray[Any] = array.copy()
    changed[index] = new
    return changed


def as_type(array: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    """The array in another dtype."""
    converted: NDArray[Any] = array.astype(dtype)
    return converted


def as_array(number: float, dtype: np.dtype[Any], shape: tuple[int, ...] = ()) -> NDArray[Any]:
    """An array full of a number."""
    return np.full(shape, number, dtype)


def has_shape(array: NDArray[Any], shape: tuple[int, ...]) -> Any:
    """Whether an array whose size depends on numbers has the size that it had."""
    return np.asarray(array.shape == shape)
