"""Tables as pandas has them, as far as programs that load digits use them."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_mnist.grading.standins.absorbing import Absorbing

OPERATORS = ["__add__", "__radd__", "__sub__", "__rsub__", "__mul__", "__rmul__", "__truediv__", "__rtruediv__",
             "__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__", "__neg__", "__abs__", "__pow__", "__mod__",
             "__floordiv__", "__and__", "__or__", "__invert__"]  # fmt: skip
REDUCTIONS = {"mean", "max", "min", "sum", "std", "var", "any", "all"}
NAMED_OPERATORS = {
    "div": "__truediv__", "divide": "__truediv__", "truediv": "__truediv__", "mul": "__mul__", "multiply": "__mul__",
    "add": "__add__", "sub": "__sub__", "subtract": "__sub__", "pow": "__pow__", "eq": "__eq__", "ne": "__ne__",
    "gt": "__gt__", "ge": "__ge__", "lt": "__lt__", "le": "__le__",
}  # fmt: skip
AS_IT_IS = {"copy", "dropna", "fillna", "sort_index", "infer_objects", "convert_dtypes", "set_axis", "drop_duplicates"}
"""What gives the same again where nothing is missing and nothing is sorted."""


class _Table:
    """What a column and a table have in common. values: the array; index: the label of each row."""

    values: NDArray[Any]
    index: NDArray[Any]
    __hash__ = object.__hash__

    def _like(self, values: Any, index: Any = None) -> Any:
        raise NotImplementedError

    def __array__(self, dtype: Any = None, copy: Any = None) -> NDArray[Any]:
        return np.array(self.values, dtype)

    def to_numpy(self, dtype: Any = None, **options: Any) -> NDArray[Any]:
        return np.array(self.values, dtype)

    def __len__(self) -> int:
        return len(self.values)

    def __bool__(self) -> bool:
        raise ValueError(f"The truth value of a {type(self).__name__} is ambiguous. Use a.empty, a.any() or a.all().")

    @property
    def shape(self) -> tuple[int, ...]:
        return self.values.shape

    @property
    def ndim(self) -> int:
        return self.values.ndim

    @property
    def size(self) -> int:
        return self.values.size

    @property
    def empty(self) -> bool:
        return self.values.size == 0

    def astype(self, dtype: Any, **options: Any) -> Any:
        return self._like(self.values.astype(object if dtype == "category" else dtype))

    def isnull(self) -> Any:
        return self._like(self.values != self.values if self.values.dtype.kind in "fO" else np.zeros(self.shape, bool))

    isna = isnull

    def notnull(self) -> Any:
        return ~self.isnull()

    notna = notnull

    def _rows(self, chosen: Any) -> Any:
        return self._like(self.values[chosen], self.index[chosen])

    def head(self, n: int = 5) -> Any:
        return self._rows(slice(None, n))

    def tail(self, n: int = 5) -> Any:
        return self._rows(slice(max(0, len(self) - n), None))

    def sample(self, n: int | None = None, frac: float | None = None, random_state: Any = None, **options: Any) -> Any:
        count = n if n is not None else round(frac * len(self)) if frac is not None else 1
        seed = random_state if isinstance(random_state, int) else 0
        return self._rows(np.random.default_rng(seed).permutation(len(self))[:count])

    def reset_index(self, drop: bool = False, inplace: bool = False, **options: Any) -> Any:
        if inplace:
            self.index = np.arange(len(self))
            return None
        frame = self._rows(slice(None))
        frame.index = np.arange(len(self))
        return frame

    @property
    def iloc(self) -> _Places:
        return _Places(self, by_label=False)

    @property
    def loc(self) -> _Places:
        return _Places(self, by_label=True)

    def equals(self, other: Any) -> bool:
        return np.array_equal(self.values, np.asarray(other))

    def clip(self, lower: Any = None, upper: Any = None, **options: Any) -> Any:
        return self._like(np.clip(self.values, lower, upper))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name in ("values", "index", "columns"):
            raise AttributeError(name)
        if name in NAMED_OPERATORS:
            return lambda other, **options: getattr(self, NAMED_OPERATORS[name])(other)
        if name in AS_IT_IS:
            return lambda *a, inplace=False, **o: None if inplace else self._rows(np.arange(len(self)))
        return Absorbing()


class Series(_Table):
    """A column."""

    def __init__(self, data: Any = (), index: Any = None, dtype: Any = None, name: Any = None, **options: Any) -> None:
        if isinstance(data, dict):
            data, index = list(data.values()), np.array(list(data), object)
        self.values = np.asarray(data.values if isinstance(data, _Table) else data, dtype)
        self.index = np.arange(len(self.values)) if index is None else np.asarray(index)
        self.name = name

    def _like(self, values: Any, index: Any = None) -> Series:
        return Series(values, self.index if index is None else index, name=self.name)

    @property
    def dtype(self) -> Any:
        return self.values.dtype

    @property
    def T(self) -> Series:
        return self

    @property
    def cat(self) -> Any:
        codes = np.searchsorted(np.unique(self.values), self.values)
        return _Named({"codes": self._like(codes), "categories": np.unique(self.values)})

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, (slice, Series, np.ndarray, list)):
            chosen = _chosen(key)
            by_label = not isinstance(chosen, slice) and chosen.dtype != bool
            return self._rows(_positions(self.index, chosen) if by_label else chosen)
        return self.values[_position(self.index, key)]

    def __setitem__(self, key: Any, value: Any) -> None:
        self.values[_chosen(key)] = np.asarray(value)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.values.tolist())

    def __contains__(self, key: Any) -> bool:
        return key in self.index

    def items(self) -> Iterator[tuple[Any, Any]]:
        return zip(self.index.tolist(), self.values.tolist(), strict=True)

    def map(self, rule: Any, **options: Any) -> Series:
        return self._like([rule(v) if callable(rule) else rule.get(v) for v in self.values])

    def apply(self, function: Callable[..., Any], args: Any = (), **options: Any) -> Series:
        return self._like([function(v, *args, **options) for v in self.values])

    def replace(self, old: Any, new: Any = None, **options: Any) -> Series:
        rule = old if isinstance(old, dict) else dict(zip(np.ravel(old).tolist(), [new] * np.size(old), strict=True))
        return self._like([rule.get(v, v) for v in self.values.tolist()])

    def unique(self) -> NDArray[Any]:
        _, first = np.unique(self.values, return_index=True)
        return np.asarray(self.values[np.sort(first)])

    def nunique(self, **options: Any) -> int:
        return len(np.unique(self.values))

    def value_counts(self, normalize: bool = False, sort: bool = True, **options: Any) -> Series:
        found, counts = np.unique(self.values, return_counts=True)
        order = np.argsort(-counts, kind="stable") if sort else np.arange(len(found))
        return Series(counts[order] / (len(self) if normalize else 1) if normalize else counts[order], found[order])

    def count(self) -> int:
        return len(self)

    def isin(self, values: Any) -> Series:
        return self._like(np.isin(self.values, list(values)))

    def sort_values(self, ascending: bool = True, **options: Any) -> Series:
        order = np.argsort(self.values, kind="stable")
        rows: Series = self._rows(order if ascending else order[::-1])
        return rows

    def drop(self, labels: Any = None, index: Any = None, **options: Any) -> Series:
        gone = np.ravel(index if labels is None else labels)
        return Series(self._rows(~np.isin(self.index, gone)))

    def to_frame(self, name: Any = None) -> Frame:
        return Frame(self.values.reshape(-1, 1), self.index, [self.name if name is None else name])

    def tolist(self) -> list[Any]:
        return list(self.values.tolist())

    to_list = tolist

    def __getattr__(self, name: str) -> Any:
        if name in REDUCTIONS:
            return lambda *a, **o: getattr(self.values, name)(**({"ddof": 1} if name in ("std", "var") else {}))
        if not name.startswith("__") and hasattr(np.ndarray, name):
            return getattr(self.values, name)
        return super().__getattr__(name)


class Frame(_Table):
    """A table with named columns, which lie in one array.

    Its type is that of numbers where all are numbers, else object. kinds: the own types of columns.
    """

    def __init__(self, data: Any = None, index: Any = None, columns: Any = None, dtype: Any = None, **o: Any) -> None:
        if isinstance(data, list) and data and isinstance(data[0], dict):
            data = {name: [row.get(name) for row in data] for name in data[0]}
        if isinstance(data, dict):
            columns = list(data) if columns is None else columns
            arrays = [np.asarray(data[name]) for name in columns]
            data, o = _side_by_side(arrays), {"kinds": {n: a.dtype for n, a in zip(columns, arrays, strict=True)}}
        if isinstance(data, _Table):
            index = data.index if index is None else index
            columns = getattr(data, "columns", None) if columns is None else columns
            o = {"kinds": getattr(data, "kinds", None), **o}
            data = data.values
        values = np.zeros((0, 0)) if data is None else np.asarray(data, dtype)
        self.values = values.reshape(len(values), -1) if values.ndim == 1 else values
        self.columns = list(range(self.values.shape[1]) if columns is None else columns)
        self.index = np.arange(len(self.values)) if index is None else np.asarray(index)
        self.kinds: dict[Any, Any] = dict(o.get("kinds") or {})

    def __setattr__(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, Names(value) if name == "columns" else value)

    def _like(self, values: Any, index: Any = None) -> Frame:
        return Frame(values, self.index if index is None else index, self.columns)

    def _rows(self, chosen: Any) -> Frame:
        return Frame(self.values[chosen], self.index[chosen], self.columns, kinds=self.kinds)

    @property
    def T(self) -> Frame:
        return Frame(self.values.T, self.columns, self.index.tolist())

    def transpose(self) -> Frame:
        return self.T

    @property
    def dtypes(self) -> Series:
        return Series([self[name].dtype for name in self.columns], np.array(self.columns, object))

    iat, at = _Table.iloc, _Table.loc

    def as_matrix(self, columns: Any = None) -> NDArray[Any]:
        return self.to_numpy() if columns is None else self[list(columns)].to_numpy()

    def __iter__(self) -> Iterator[Any]:
        return iter(self.columns)

    def keys(self) -> Names:
        return Names(self.columns)

    def __contains__(self, name: Any) -> bool:
        return name in list(self.columns)

    def _column(self, name: Any) -> int:
        try:
            return list(self.columns).index(name)
        except ValueError:
            raise KeyError(name) from None

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, (list, Names)) and not all(isinstance(k, (bool, np.bool_)) for k in key):
            chosen = [self._column(k) for k in key]
            return Frame(self.values[:, chosen], self.index, list(key), kinds=self.kinds)
        if isinstance(key, Frame):
            return self._like(np.where(key.values, self.values, np.nan))
        if isinstance(key, np.ndarray) and key.dtype.kind in "OU":
            return self[key.tolist()]
        if isinstance(key, (slice, Series, np.ndarray, list)):
            return self._rows(_chosen(key))
        if isinstance(key, tuple):  # as of the array that it was for an older scikit-learn
            return self.values[key]
        column = _typed(self.values[:, self._column(key)])
        return Series(column.astype(self.kinds[key]) if key in self.kinds else column, self.index, name=key)

    def __setitem__(self, key: Any, value: Any) -> None:
        if isinstance(key, (Series, np.ndarray, Frame)):
            self.values[np.asarray(key)] = value
            return
        for name, column in zip(key, np.asarray(value).T, strict=True) if isinstance(key, list) else ((key, value),):
            self._set(name, np.broadcast_to(np.asarray(column), len(self) or np.size(column)))

    def _set(self, name: Any, column: NDArray[Any], at: int | None = None) -> None:
        columns, values = list(self.columns), [self.values[:, i] for i in range(self.values.shape[1])]
        if name in columns:
            values[columns.index(name)] = column
        else:
            at = len(columns) if at is None else at
            columns.insert(at, name)
            values.insert(at, column)
        index = self.index if len(self.index) == len(column) else np.arange(len(column))
        self.values, self.columns, self.index = _side_by_side(values), Names(columns), index
        self.kinds[name] = column.dtype

    def __delitem__(self, name: Any) -> None:
        self.drop(columns=name, inplace=True)

    def insert(self, loc: int, column: Any, value: Any, *arguments: Any) -> None:
        self._set(column, np.broadcast_to(np.asarray(value), len(self)), loc)

    def drop(
        self, labels: Any = None, axis: Any = 0, index: Any = None, columns: Any = None, inplace: bool = False, **o: Any
    ) -> Any:
        if labels is not None:
            index, columns = (labels, None) if axis in (0, "index") else (None, labels)
        kept_rows = ~np.isin(self.index, np.ravel(index)) if index is not None else slice(None)
        gone = [] if columns is None else [columns] if isinstance(columns, (str, int)) else list(columns)
        if o.get("errors") != "ignore":
            [self._column(name) for name in gone]
        kept = [i for i, c in enumerate(self.columns) if c not in gone]
        names = [self.columns[i] for i in kept]
        frame = Frame(self.values[kept_rows][:, kept], self.index[kept_rows], names, kinds=self.kinds)
        return self._become(frame) if inplace else frame

    def _become(self, other: Frame) -> None:
        self.values, self.columns, self.index = other.values, other.columns, other.index
        self.kinds = other.kinds

    def pop(self, name: Any) -> Series:
        column: Series = self[name]
        self.drop(columns=name, inplace=True)
        return column

    def rename(self, mapper: Any = None, columns: Any = None, inplace: bool = False, **options: Any) -> Any:
        rule = columns if columns is not None else mapper if options.get("axis") in (1, "columns") else {}
        names = [rule(c) if callable(rule) else rule.get(c, c) for c in self.columns]
        kinds = {new: self.kinds[old] for old, new in zip(self.columns, names, strict=True) if old in self.kinds}
        frame = Frame(self.values, self.index, names, kinds=kinds)
        return self._become(frame) if inplace else frame

    def set_index(self, name: Any, inplace: bool = False, **options: Any) -> Any:
        frame = Frame(self.drop(columns=name), self[name].values)
        return self._become(frame) if inplace else frame

    def sort_values(self, by: Any = None, ascending: bool = True, inplace: bool = False, **options: Any) -> Any:
        order = np.argsort(self[by if not isinstance(by, list) else by[0]].values, kind="stable")
        frame = self._rows(order if ascending else order[::-1])
        return self._become(frame) if inplace else frame

    def apply(self, function: Callable[..., Any], axis: Any = 0, **options: Any) -> Any:
        if axis in (1, "columns"):
            parts = [function(Series(row, self.columns)) for row in self.values]
            return Series(parts, self.index) if np.ndim(parts[0]) == 0 else Frame(np.array(parts), self.index)
        columns = [function(self[name]) for name in self.columns]
        if np.ndim(columns[0]) == 0:
            return Series(columns, self.columns)
        return self._like(_side_by_side([np.asarray(c) for c in columns]))

    def applymap(self, function: Callable[..., Any]) -> Frame:
        return self._like([[function(v) for v in row] for row in self.values.tolist()])

    map = applymap

    def replace(self, old: Any, new: Any = None, **options: Any) -> Frame:
        return self._like(np.where(self.values == old, new, self.values))

    def groupby(self, by: Any, **options: Any) -> _Groups:
        return _Groups(self, by)

    def iterrows(self) -> Iterator[tuple[Any, Series]]:
        return ((i, Series(row, self.columns)) for i, row in zip(self.index, self.values, strict=True))

    def itertuples(self, index: bool = True, **options: Any) -> Iterator[tuple[Any, ...]]:
        return ((*([i] if index else []), *row) for i, row in zip(self.index, self.values.tolist(), strict=True))

    def items(self) -> Iterator[tuple[Any, Series]]:
        return ((name, self[name]) for name in self.columns)

    def select_dtypes(self, *arguments: Any, **options: Any) -> Frame:
        return Frame(self)

    def dot(self, other: Any) -> Any:
        return self.values @ np.asarray(other)

    def __matmul__(self, other: Any) -> Any:
        return self.values @ np.asarray(other)

    def __rmatmul__(self, other: Any) -> Any:
        return np.asarray(other) @ self.values

    def _reduced(self, name: str, axis: Any) -> Any:
        along = {"index": 0, "columns": 1}.get(axis, axis)
        spread = {"ddof": 1} if name in ("std", "var") else {}
        found = getattr(_typed(self.values), name)(axis=along, **spread)
        if along is None:
            return found
        return Series(found, np.array(self.columns, object) if along == 0 else self.index)

    def __getattr__(self, name: str) -> Any:
        if name in REDUCTIONS:
            return lambda axis=0, **o: self._reduced(name, axis)
        if name in self.__dict__.get("columns", ()):
            return self[name]
        return super().__getattr__(name)


class Names(list[Any]):
    """The names of a table's columns."""

    @property
    def values(self) -> NDArray[Any]:
        return np.array(self, object)

    def tolist(self) -> list[Any]:
        return list(self)

    to_list = tolist

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


class _Named(dict[str, Any]):
    def __getattr__(self, name: str) -> Any:
        return self[name] if name in self else Absorbing()


class _Groups:
    """`frame.groupby('label')`: a loop over the groups, and what is computed of each."""

    def __init__(self, frame: Frame, by: Any) -> None:
        self.frame, self.by = frame, by

    def __iter__(self) -> Iterator[tuple[Any, Any]]:
        column = self.frame[self.by].values
        return ((value, self.frame[column == value]) for value in np.unique(column).tolist())

    def get_group(self, value: Any) -> Any:
        return self.frame[self.frame[self.by].values == value]

    def size(self) -> Series:
        return Series([len(group) for _, group in self], [value for value, _ in self])

    def apply(self, function: Callable[..., Any], **options: Any) -> Any:
        return concat([function(group) for _, group in self])

    def __getattr__(self, name: str) -> Any:
        if name in ("sample", "head", "tail"):
            return lambda *a, **o: concat([getattr(group, name)(*a, **o) for _, group in self])
        return Absorbing()


class _Places:
    """`frame.iloc[rows, columns]`, and `frame.loc`, which goes by labels, and whose ends belong to it."""

    def __init__(self, table: Any, by_label: bool) -> None:
        self.table, self.by_label = table, by_label

    def __call__(self, *arguments: Any) -> _Places:
        return self

    def _found(self, index: Any) -> tuple[Any, Any]:
        rows, columns = index if isinstance(index, tuple) else (index, slice(None))
        if self.by_label:
            rows = _located(self.table.index, rows)
            columns = _located(Names(self.table.columns).values, columns) if isinstance(self.table, Frame) else columns
        return _chosen(rows), _chosen(columns)

    def __getitem__(self, index: Any) -> Any:
        rows, columns = self._found(index)
        if isinstance(self.table, Series):
            return self.table._rows(rows) if np.ndim(self.table.values[rows]) else self.table.values[rows]
        names = self.table.columns.values[columns]
        part = self.table.values[rows][..., columns]
        one_row = np.ndim(self.table.index[rows]) == 0
        if one_row:
            return Series(part, names) if np.ndim(part) else part
        if np.ndim(names) == 0:
            column = _typed(part)
            kind = self.table.kinds.get(names, column.dtype)
            return Series(column.astype(kind), self.table.index[rows], name=names)
        return Frame(part, self.table.index[rows], names.tolist(), kinds=self.table.kinds)

    def __setitem__(self, index: Any, value: Any) -> None:
        rows, columns = index if isinstance(index, tuple) else (index, slice(None))
        if self.by_label and isinstance(self.table, Frame) and isinstance(columns, str) and columns not in self.table:
            self.table[columns] = np.nan
        rows, columns = self._found(index)
        if isinstance(self.table, Series):
            self.table.values[rows] = value
        else:
            if self.table.values.dtype.kind in "iu" and np.asarray(value).dtype.kind == "f":
                self.table.kinds = _kinds(self.table)
                self.table.values = self.table.values.astype(float)
            rows = np.arange(len(self.table))[rows]
            columns = np.arange(len(self.table.columns))[columns]
            for name in np.atleast_1d(self.table.columns.values[columns]):
                self.table.kinds.pop(name, None)
            self.table.values[np.ix_(np.atleast_1d(rows), np.atleast_1d(columns))] = value


def _chosen(key: Any) -> Any:
    """Rows or columns as NumPy takes them."""
    if isinstance(key, (_Table, list, range)):
        return np.asarray(key)
    return key


def _located(labels: NDArray[Any], key: Any) -> Any:
    """The places of what is asked for by label."""
    if isinstance(key, slice):
        start = None if key.start is None else _position(labels, key.start)
        stop = None if key.stop is None else _position(labels, key.stop, end=True) + 1
        return slice(start, stop, key.step)
    key = _chosen(key)
    if isinstance(key, np.ndarray):
        return key if key.dtype == bool else _positions(labels, key)
    return _position(labels, key)


def _positions(labels: NDArray[Any], keys: NDArray[Any]) -> NDArray[Any]:
    if labels.dtype.kind in "iu" and np.array_equal(labels, np.arange(len(labels))):
        return keys
    place = {label: i for i, label in enumerate(labels.tolist())}
    return np.array([place[key] for key in keys.tolist()], int)


def _position(labels: NDArray[Any], key: Any, end: bool = False) -> int:
    found = np.flatnonzero(labels == key)
    if len(found):
        return int(found[0])
    if end and isinstance(key, (int, np.integer)):
        return len(labels) - 1
    if isinstance(key, (int, np.integer)) and labels.dtype.kind == "O":
        return int(key)
    raise KeyError(key)


def _side_by_side(columns: list[NDArray[Any]]) -> NDArray[Any]:
    """Columns in one array: of numbers where all are numbers."""
    if not columns:
        return np.zeros((0, 0))
    numbers = all(c.dtype.kind in "biuf" for c in columns)
    rows = max(np.size(c) for c in columns)
    table = np.empty((rows, len(columns)), np.result_type(*columns) if numbers else object)
    for i, column in enumerate(columns):
        table[:, i] = column
    return table


def _typed(values: NDArray[Any]) -> NDArray[Any]:
    """A part of a table of several types in the type that is its own."""
    if values.dtype != object:
        return values
    own = np.array(values.tolist())
    return own if own.dtype.kind in "biuf" else values


def _operator(name: str) -> Callable[..., Any]:
    def method(self: _Table, *others: Any) -> Any:
        values = _typed(self.values)
        operands = [o.values if isinstance(o, _Table) else o for o in others]
        if isinstance(self, Frame) and others and isinstance(others[0], Series) and len(others[0]) == len(self):
            operands = [operands[0].reshape(-1, 1)] if self.values.shape[1] != len(self) else operands
        result = getattr(values, name)(*operands)
        if result is NotImplemented:
            return NotImplemented
        return self._like(result)

    return method


for _name in OPERATORS:
    setattr(_Table, _name, _operator(_name))


def get_dummies(data: Any, columns: Any = None, prefix: Any = None, dtype: Any = bool, **options: Any) -> Frame:
    """One column for each value, true where it is. columns: those of a table that are so spread out."""
    if isinstance(data, Frame):
        names = list(columns) if columns is not None else [n for n in data if data[n].dtype == object]
        spread = [get_dummies(data[n], prefix=n, dtype=dtype) for n in names]
        whole: Frame = concat([data.drop(columns=names), *spread], axis=1)
        return whole
    array = np.asarray(data).ravel()
    classes = np.unique(array)
    titles = [f"{prefix}_{c}" for c in classes] if prefix is not None else classes.tolist()
    return Frame((array[:, None] == classes).astype(dtype), columns=titles)


def concat(parts: Any, axis: Any = 0, ignore_index: bool = False, **options: Any) -> Any:
    """Tables below each other, or (axis 1) side by side."""
    parts = list(parts.values() if isinstance(parts, dict) else parts)
    if axis in (1, "columns"):
        tables = [p if isinstance(p, Frame) else p.to_frame() for p in parts]
        columns = [t.values[:, i] for t in tables for i in range(t.values.shape[1])]
        kinds = {name: kind for t in tables for name, kind in _kinds(t).items()}
        return Frame(_side_by_side(columns), tables[0].index, [n for t in tables for n in t.columns], kinds=kinds)
    values = np.concatenate([p.values for p in parts])
    index = np.arange(len(values)) if ignore_index else np.concatenate([p.index for p in parts])
    if isinstance(parts[0], Series):
        return Series(values, index)
    return Frame(values, index, parts[0].columns, kinds=parts[0].kinds)


def _kinds(table: Frame) -> dict[Any, Any]:
    """The type of each column."""
    return dict.fromkeys(table.columns, table.values.dtype) | table.kinds


def parse(text: str, header: Any = "infer", sep: str = ",", names: Any = None) -> Frame:
    """A table read from text: numbers where a column has only numbers."""
    rows = [row for row in csv.reader(io.StringIO(text), delimiter=sep or ",", skipinitialspace=True) if row]
    header = None if names is not None and header == "infer" else header
    titles = names
    if header is not None and rows:
        first = 0 if header == "infer" else int(header)
        titles, rows = names or rows[first], rows[first + 1 :]
    columns = [_numbers(column) for column in zip(*rows, strict=False)]
    return Frame(dict(zip(_different(range(len(columns)) if titles is None else titles), columns, strict=False)))


def _different(names: Iterable[Any]) -> list[Any]:
    """Names of which none comes twice: the second x is x.1."""
    seen: dict[Any, int] = {}
    found = []
    for name in names:
        seen[name] = seen.get(name, -1) + 1
        found.append(f"{name}.{seen[name]}" if seen[name] else name)
    return found


def _numbers(column: tuple[str, ...]) -> NDArray[Any]:
    for kind in (int, float):
        try:
            return np.array([kind(v or "nan") for v in column])
        except ValueError:
            continue
    return np.array(column, object)
