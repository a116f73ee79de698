"""Named columns, each of a type of its own, in one array."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_mnist.grading.standins.absorbing import Absorbing


class Names(list[Any]):
    """The names of a table's columns."""

    @property
    def values(self) -> NDArray[Any]:
        return np.array(self, object)

    def tolist(self) -> list[Any]:
        return list(self)

    to_list = tolist

    def place(self, name: Any) -> int:
        """Where a column stands."""
        try:
            return self.index(name)
        except ValueError:
            raise KeyError(name) from None

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, (np.ndarray, list)):
            return Names(self.values[index])
        return Names(list.__getitem__(self, index)) if isinstance(index, slice) else list.__getitem__(self, index)

    def __eq__(self, other: Any) -> Any:
        return self.values == other if isinstance(other, (str, int)) else list(self) == list(other)

    def __ne__(self, other: Any) -> Any:
        return ~np.asarray(self == other)

    def drop(self, labels: Any) -> Names:
        return Names(name for name in self if name not in np.ravel(labels))

    difference = drop

    @property
    def str(self) -> Any:
        return Absorbing()


class Columns:
    """Columns in one array, of numbers where all are numbers, else of objects. kinds: the types that are their own."""

    def __init__(self, array: NDArray[Any], names: Iterable[Any] | None = None, kinds: Any = None) -> None:
        self.array = typed(array)
        self.names = Names(range(array.shape[1]) if names is None else names)
        self.kinds: dict[Any, Any] = dict(kinds or {})

    @classmethod
    def of(cls, arrays: dict[Any, NDArray[Any]]) -> Columns:
        """Side by side, by name."""
        return cls(side_by_side([*arrays.values()]), arrays, {name: array.dtype for name, array in arrays.items()})

    @property
    def every_kind(self) -> dict[Any, Any]:
        """The type of each column."""
        return dict.fromkeys(self.names, self.array.dtype) | self.kinds

    def rows(self, chosen: Any) -> Columns:
        return Columns(self.array[chosen], self.names, self.kinds)

    def at(self, places: list[int]) -> Columns:
        """Some of them, by their places."""
        return Columns(self.array[:, places], [self.names[i] for i in places], self.kinds)

    def in_its_type(self, name: Any, column: NDArray[Any]) -> NDArray[Any]:
        """A column, or a part of it."""
        column = typed(column)
        return column.astype(self.kinds[name]) if name in self.kinds else column

    def with_column(self, name: Any, column: NDArray[Any], at: int | None = None) -> Columns:
        """With another column in place of that of its name; with a new one at a place, or at the end."""
        names, arrays = Names(self.names), list(self.array.T)
        if name in names:
            arrays[names.index(name)] = column
        else:
            at = len(names) if at is None else at
            names.insert(at, name)
            arrays.insert(at, column)
        return Columns(side_by_side(arrays), names, {**self.kinds, name: column.dtype})

    def with_row(self, row: Any) -> Columns:
        """With another row at the end, whatever lies in it: by its names, in their order, or one number for all."""
        row = row.values() if isinstance(row, dict) else [row] * len(self.names) if np.isscalar(row) else row
        table = np.empty((len(self.array) + 1, len(self.names)), object)
        table[:-1] = self.array.reshape(len(self.array), len(self.names))
        for i, value in enumerate(row):
            table[-1, i] = value
        return Columns(table, self.names)

    def renamed(self, rule: Callable[[Any], Any]) -> Columns:
        kinds = {rule(name): self.kinds[name] for name in self.names if name in self.kinds}
        return Columns(self.array, map(rule, self.names), kinds)

    def put(self, rows: Any, columns: Any, value: Any) -> None:
        """Write a value to the places where these rows and columns meet, in a type that holds it."""
        if self.array.dtype.kind in "iu" and np.asarray(value).dtype.kind == "f":
            self.array, self.kinds = self.array.astype(float), self.every_kind
        for name in np.atleast_1d(self.names.values[columns]):
            self.kinds.pop(name, None)
        self.array[np.ix_(np.atleast_1d(rows), np.atleast_1d(columns))] = value


def side_by_side(columns: list[NDArray[Any]]) -> NDArray[Any]:
    """Columns in one array: of numbers where all are numbers."""
    if not columns:
        return np.zeros((0, 0))
    numbers = all(c.dtype.kind in "biuf" for c in columns)
    rows = max(np.size(c) for c in columns)
    table = np.empty((rows, len(columns)), np.result_type(*columns) if numbers else object)
    for i, column in enumerate(columns):
        table[:, i] = column
    return table


def typed(values: NDArray[Any]) -> NDArray[Any]:
    """A part of a table of several types in the type that is its own."""
    if values.dtype != object:
        return values
    try:
        own = np.array(values.tolist())
    except ValueError:  # of lists that are not equally long
        return values
    return own if own.dtype.kind in "biuf" and own.shape == values.shape else values
