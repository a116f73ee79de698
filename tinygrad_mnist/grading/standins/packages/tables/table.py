"""What a column and a table have in common: operators, rows by their places and by their labels."""

from __future__ import annotations

import functools
from collections.abc import Callable
from operator import attrgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_mnist.grading.standins.absorbing import Absorbing
from tinygrad_mnist.grading.standins.loading import seeded
from tinygrad_mnist.grading.standins.packages.tables.columns import typed

OPERATORS = ["__add__", "__radd__", "__sub__", "__rsub__", "__mul__", "__rmul__", "__truediv__", "__rtruediv__",
             "__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__", "__neg__", "__abs__", "__pow__", "__mod__",
             "__floordiv__", "__and__", "__or__", "__invert__"]  # fmt: skip
NAMED_OPERATORS = {
    "div": "__truediv__", "divide": "__truediv__", "truediv": "__truediv__", "mul": "__mul__", "multiply": "__mul__",
    "add": "__add__", "sub": "__sub__", "subtract": "__sub__", "pow": "__pow__", "eq": "__eq__", "ne": "__ne__",
    "gt": "__gt__", "ge": "__ge__", "lt": "__lt__", "le": "__le__",
}  # fmt: skip
AS_IT_IS = {"copy", "dropna", "fillna", "sort_index", "infer_objects", "convert_dtypes", "set_axis", "drop_duplicates",
            "select_dtypes"}  # fmt: skip
"""What gives the same again where nothing is missing and nothing is sorted."""


def in_place(change: Callable[..., Any]) -> Callable[..., Any]:
    """A method that gives another table; inplace=True: the table itself becomes that one."""

    @functools.wraps(change)
    def changed(self: Table, *arguments: Any, inplace: bool = False, **options: Any) -> Any:
        other = change(self, *arguments, **options)
        return vars(self).update(vars(other)) if inplace else other

    return changed


class Table:
    """A column or a table. values: the array; index: the label of each row.

    Either says itself what is like it but for its values, what some of its rows are, and how parts are read and put.
    """

    values: Any
    index: NDArray[Any]
    __hash__ = object.__hash__

    def __array__(self, dtype: Any = None, copy: Any = None) -> NDArray[Any]:
        return np.array(self.values, dtype)

    def to_numpy(self, dtype: Any = None, **options: Any) -> NDArray[Any]:
        return np.array(self.values, dtype)

    def as_matrix(self: Any, columns: Any = None) -> NDArray[Any]:
        return np.array(self if columns is None else self[list(columns)])

    def __len__(self) -> int:
        return len(self.values)

    def __bool__(self) -> bool:
        raise ValueError(f"The truth value of a {type(self).__name__} is ambiguous. Use a.empty, a.any() or a.all().")

    shape: Any = property(attrgetter("values.shape"))
    ndim: Any = property(attrgetter("values.ndim"))
    size: Any = property(attrgetter("values.size"))

    @property
    def empty(self) -> bool:
        return bool(self.size == 0)

    def astype(self, dtype: Any, **options: Any) -> Any:
        return self._like(self.values.astype(object if dtype == "category" else dtype))

    def isnull(self) -> Any:
        return self._like(self.values != self.values if self.values.dtype.kind in "fO" else np.zeros(self.shape, bool))

    isna = isnull

    def notnull(self) -> Any:
        return ~self.isnull()

    notna = notnull

    def head(self, n: int = 5) -> Any:
        return self._rows(slice(None, n))

    def tail(self, n: int = 5) -> Any:
        return self._rows(slice(max(0, len(self) - n), None))

    def sample(self, n: int | None = None, frac: float | None = None, random_state: Any = None, **options: Any) -> Any:
        count = n if n is not None else round(frac * len(self)) if frac is not None else 1
        return self._rows(seeded(random_state).permutation(len(self))[:count])

    @in_place
    def reset_index(self, *arguments: Any, **options: Any) -> Any:
        table = self._rows(slice(None))
        table.index = np.arange(len(self))
        return table

    @property
    def iloc(self) -> Places:
        return Places(self, by_label=False)

    @property
    def loc(self) -> Places:
        return Places(self, by_label=True)

    iat, at = iloc, loc

    def equals(self, other: Any) -> bool:
        return np.array_equal(self.values, np.asarray(other))

    def clip(self, lower: Any = None, upper: Any = None, **options: Any) -> Any:
        return self._like(np.clip(self.values, lower, upper))

    def __matmul__(self, other: Any) -> Any:
        return self.values @ np.asarray(other)

    dot = __matmul__

    def __rmatmul__(self, other: Any) -> Any:
        return np.asarray(other) @ self.values

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name in ("values", "index", "columns", "_content"):
            raise AttributeError(name)
        if name in NAMED_OPERATORS:
            return lambda other, **options: getattr(self, NAMED_OPERATORS[name])(other)
        if name in AS_IT_IS:
            return lambda *a, inplace=False, **o: None if inplace else self._rows(np.arange(len(self)))
        return Absorbing()


class Places:
    """`frame.iloc[rows, columns]`, and `frame.loc`, which goes by labels, and whose ends belong to it."""

    def __init__(self, table: Any, by_label: bool) -> None:
        self.table, self.by_label = table, by_label

    def __call__(self, *arguments: Any) -> Places:
        return self

    def _found(self, rows: Any, columns: Any) -> tuple[Any, Any]:
        if self.by_label:
            rows = _located(self.table.index, rows)
            columns = _located(self.table.columns.values, columns) if self.table.ndim == 2 else columns
        return chosen(rows), chosen(columns)

    def __getitem__(self, index: Any) -> Any:
        return self.table._part(*self._found(*_rows_and_columns(index)))

    def __setitem__(self, index: Any, value: Any) -> None:
        rows, columns = _rows_and_columns(index)
        if self.by_label and isinstance(columns, str) and columns not in self.table:
            self.table[columns] = np.nan
        if self.by_label and self.table.ndim == 2 and isinstance(rows, (int, str)) and rows not in self.table.index:
            self.table._content = self.table._content.with_row(value)
            self.table.index = np.array([*self.table.index.tolist(), rows])
            return
        self.table._put(*self._found(rows, columns), value)


def _rows_and_columns(index: Any) -> tuple[Any, Any]:
    return index if isinstance(index, tuple) else (index, slice(None))


def chosen(key: Any) -> Any:
    """Rows or columns as NumPy takes them."""
    return np.asarray(key) if isinstance(key, (Table, list, range)) else key


def _located(labels: NDArray[Any], key: Any) -> Any:
    """The places of what is asked for by label."""
    if isinstance(key, slice):
        start = None if key.start is None else position(labels, key.start)
        stop = None if key.stop is None else position(labels, key.stop, end=True) + 1
        return slice(start, stop, key.step)
    key = chosen(key)
    if isinstance(key, np.ndarray):
        return key if key.dtype == bool else positions(labels, key)
    return position(labels, key)


def positions(labels: NDArray[Any], keys: NDArray[Any]) -> NDArray[Any]:
    """The places of several labels."""
    if labels.dtype.kind in "iu" and np.array_equal(labels, np.arange(len(labels))):
        return keys
    place = {label: i for i, label in enumerate(labels.tolist())}
    return np.array([place[key] for key in keys.tolist()], int)


def position(labels: NDArray[Any], key: Any, end: bool = False) -> int:
    """The place of a label. end: a number that is none stands for the last."""
    found = np.flatnonzero(labels == key)
    if len(found):
        return int(found[0])
    if end and isinstance(key, (int, np.integer)):
        return len(labels) - 1
    if isinstance(key, (int, np.integer)) and labels.dtype.kind == "O":
        return int(key)
    raise KeyError(key)


def _operator(name: str) -> Callable[..., Any]:
    def method(self: Table, *others: Any) -> Any:
        result = getattr(typed(self.values), name)(*(_operand(self, other) for other in others))
        return NotImplemented if result is NotImplemented else self._like(result)

    return method


def _operand(table: Table, other: Any) -> Any:
    """What a table is combined with; a column of its length stands beside each of its columns."""
    if not isinstance(other, Table):
        return other
    stands_beside = table.ndim == 2 and other.ndim == 1 and len(other) == len(table) != table.shape[1]
    return other.values[:, None] if stands_beside else other.values


for _name in OPERATORS:
    setattr(Table, _name, _operator(_name))
