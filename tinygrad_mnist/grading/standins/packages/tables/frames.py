"""Columns and tables of pandas: what programs that load digits do with them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from operator import attrgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_mnist.grading.standins.absorbing import Absorbing
from tinygrad_mnist.grading.standins.packages.tables.columns import Columns, Names, side_by_side, typed
from tinygrad_mnist.grading.standins.packages.tables.table import Table, chosen, in_place, position, positions

REDUCTIONS = {"mean", "max", "min", "sum", "std", "var", "any", "all"}


class Series(Table):
    """A column."""

    def __init__(self, data: Any = (), index: Any = None, dtype: Any = None, name: Any = None, **options: Any) -> None:
        if isinstance(data, dict):
            data, index = list(data.values()), np.array(list(data), object)
        self.values = np.asarray(data.values if isinstance(data, Table) else data, dtype)
        self.index = np.arange(len(self.values)) if index is None else np.asarray(index)
        self.name = name

    def _like(self, values: Any) -> Series:
        return Series(values, self.index, name=self.name)

    def _rows(self, chosen: Any) -> Series:
        return Series(self.values[chosen], self.index[chosen], name=self.name)

    def _part(self, rows: Any, columns: Any) -> Any:
        return self._rows(rows) if np.ndim(self.values[rows]) else self.values[rows]

    def _put(self, rows: Any, columns: Any, value: Any) -> None:
        self.values[rows] = value

    dtype: Any = property(attrgetter("values.dtype"))

    @property
    def T(self) -> Series:
        return self

    @property
    def cat(self) -> Any:
        codes = np.searchsorted(np.unique(self.values), self.values)
        return _Categories({"codes": self._like(codes), "categories": np.unique(self.values)})

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, (slice, Series, np.ndarray, list)):
            rows = chosen(key)
            by_label = not isinstance(rows, slice) and rows.dtype != bool
            return self._rows(positions(self.index, rows) if by_label else rows)
        return self.values[position(self.index, key)]

    def __setitem__(self, key: Any, value: Any) -> None:
        self.values[chosen(key)] = np.asarray(value)

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
        rule = old if isinstance(old, dict) else dict.fromkeys(np.ravel(old).tolist(), new)
        return self._like([rule.get(v, v) for v in self.values.tolist()])

    def unique(self) -> NDArray[Any]:
        _, first = np.unique(self.values, return_index=True)
        return np.asarray(self.values[np.sort(first)])

    def nunique(self, **options: Any) -> int:
        return len(np.unique(self.values))

    def value_counts(self, normalize: bool = False, sort: bool = True, **options: Any) -> Series:
        found, counts = np.unique(self.values, return_counts=True)
        order = np.argsort(-counts, kind="stable") if sort else np.arange(len(found))
        return Series(counts[order] / len(self) if normalize else counts[order], found[order])

    def count(self) -> int:
        return len(self)

    def isin(self, values: Any) -> Series:
        return self._like(np.isin(self.values, list(values)))

    def sort_values(self, ascending: bool = True, **options: Any) -> Series:
        order = np.argsort(self.values, kind="stable")
        return self._rows(order if ascending else order[::-1])

    def drop(self, labels: Any = None, index: Any = None, **options: Any) -> Series:
        gone = np.ravel(index if labels is None else labels)
        return self._rows(~np.isin(self.index, gone))

    def to_frame(self, name: Any = None) -> Frame:
        return Frame(self.values.reshape(-1, 1), self.index, [self.name if name is None else name])

    def tolist(self) -> list[Any]:
        return list(self.values.tolist())

    to_list = tolist

    def __getattr__(self, name: str) -> Any:
        if name in REDUCTIONS:
            return lambda *a, **o: getattr(self.values, name)(**_spread(name))
        if not name.startswith("__") and hasattr(np.ndarray, name):
            return getattr(self.values, name)
        return super().__getattr__(name)


class Frame(Table):
    """A table with named columns."""

    values: Any = property(attrgetter("_content.array"))

    def __init__(self, data: Any = None, index: Any = None, columns: Any = None, dtype: Any = None, **o: Any) -> None:
        if isinstance(data, Table) and index is None:
            index = data.index
        self._content = _columns(data, columns, dtype)
        self.index = np.arange(len(self)) if index is None else np.asarray(index)

    @property
    def columns(self) -> Names:
        return self._content.names

    @columns.setter
    def columns(self, names: Any) -> None:
        self._content.names = Names(names)

    def _like(self, values: Any) -> Frame:
        return Frame(values, self.index, self.columns)

    def _rows(self, chosen: Any) -> Frame:
        return Frame(self._content.rows(chosen), self.index[chosen])

    def _part(self, rows: Any, columns: Any) -> Any:
        names, part = self.columns.values[columns], self.values[rows][..., columns]
        if np.ndim(self.index[rows]) == 0:
            return Series(part, names) if np.ndim(part) else part
        if np.ndim(names) == 0:
            return Series(self._content.in_its_type(names, part).copy(), self.index[rows], name=names)
        return Frame(Columns(part, names, self._content.kinds), self.index[rows])

    def _put(self, rows: Any, columns: Any, value: Any) -> None:
        self._content.put(np.arange(len(self))[rows], np.arange(len(self.columns))[columns], value)

    def transpose(self) -> Frame:
        return Frame(self.values.T, self.columns, self.index.tolist())

    T = property(transpose)

    @property
    def dtypes(self) -> Series:
        return Series([self[name].dtype for name in self.columns], np.array(self.columns, object))

    def __iter__(self) -> Iterator[Any]:
        return iter(self.columns)

    def keys(self) -> Names:
        return Names(self.columns)

    def items(self) -> Iterator[tuple[Any, Series]]:
        return ((name, self[name]) for name in self.columns)

    def __contains__(self, name: Any) -> bool:
        return name in self.columns

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, list) and not all(isinstance(k, (bool, np.bool_)) for k in key):
            return Frame(self._content.at([self.columns.place(k) for k in key]), self.index)
        if isinstance(key, Frame):
            return self._like(np.where(key.values, self.values, np.nan))
        if isinstance(key, np.ndarray) and key.dtype.kind in "OU":
            return self[key.tolist()]
        if isinstance(key, (slice, Series, np.ndarray, list)):
            return self._rows(chosen(key))
        if isinstance(key, tuple):  # as of the array that it was for an older scikit-learn
            return self.values[key]
        column = self.values[:, self.columns.place(key)]
        return Series(self._content.in_its_type(key, column), self.index, name=key)

    def __setitem__(self, key: Any, value: Any) -> None:
        if isinstance(key, (Table, np.ndarray)):
            self.values[np.asarray(key)] = value
            return
        for name, column in zip(key, np.asarray(value).T, strict=True) if isinstance(key, list) else ((key, value),):
            self.insert(None, name, column)

    def __delitem__(self, name: Any) -> None:
        self.drop(columns=name, inplace=True)

    def insert(self, loc: int | None, column: Any, value: Any, *arguments: Any) -> None:
        new = np.broadcast_to(np.asarray(value), len(self) or np.size(value))
        self._content = self._content.with_column(column, new, loc)
        self.index = self.index if len(self.index) == len(new) else np.arange(len(new))

    @in_place
    def drop(self, labels: Any = None, axis: Any = 0, index: Any = None, columns: Any = None, **options: Any) -> Frame:
        if labels is not None:
            index, columns = (labels, None) if axis in (0, "index") else (None, labels)
        gone = [] if columns is None else [columns] if isinstance(columns, (str, int)) else list(columns)
        if options.get("errors") != "ignore":
            [self.columns.place(name) for name in gone]  # which raises KeyError where there is none
        kept = self._content.at([i for i, name in enumerate(self.columns) if name not in gone])
        rows = slice(None) if index is None else ~np.isin(self.index, np.ravel(index))
        return Frame(kept.rows(rows), self.index[rows])

    def pop(self, name: Any) -> Series:
        column: Series = self[name]
        del self[name]
        return column

    @in_place
    def rename(self, mapper: Any = None, columns: Any = None, **options: Any) -> Frame:
        rule = columns if columns is not None else mapper if options.get("axis") in (1, "columns") else {}
        renamed = self._content.renamed(rule if callable(rule) else lambda name: rule.get(name, name))
        return Frame(renamed, self.index)

    @in_place
    def set_index(self, name: Any, **options: Any) -> Frame:
        return Frame(self.drop(columns=name), self[name].values)

    @in_place
    def sort_values(self, by: Any = None, ascending: bool = True, **options: Any) -> Frame:
        order = np.argsort(self[by if not isinstance(by, list) else by[0]].values, kind="stable")
        return self._rows(order if ascending else order[::-1])

    def apply(self, function: Callable[..., Any], axis: Any = 0, **options: Any) -> Any:
        if axis in (1, "columns"):
            parts = [function(row) for _, row in self.iterrows()]
            return Series(parts, self.index) if np.ndim(parts[0]) == 0 else Frame(np.array(parts), self.index)
        columns = [function(column) for _, column in self.items()]
        if np.ndim(columns[0]) == 0:
            return Series(columns, self.columns)
        return self._like(side_by_side([np.asarray(c) for c in columns]))

    def map(self, function: Callable[..., Any]) -> Frame:
        return self._like([[function(v) for v in row] for row in self.values.tolist()])

    applymap = map

    def replace(self, old: Any, new: Any = None, **options: Any) -> Frame:
        return self._like(np.where(self.values == old, new, self.values))

    def groupby(self, by: Any, **options: Any) -> Groups:
        return Groups(self, by)

    def iterrows(self) -> Iterator[tuple[Any, Series]]:
        return ((i, Series(row, self.columns)) for i, row in zip(self.index, self.values, strict=True))

    def itertuples(self, index: bool = True, **options: Any) -> Iterator[tuple[Any, ...]]:
        return ((*([i] if index else []), *row) for i, row in zip(self.index, self.values.tolist(), strict=True))

    def __getattr__(self, name: str) -> Any:
        if name in REDUCTIONS:
            return lambda axis=0, **o: _reduced(self, name, axis)
        if "_content" in vars(self) and name in self.columns:
            return self[name]
        return super().__getattr__(name)


def _columns(data: Any, names: Any, dtype: Any) -> Columns:
    """What a table is made of: columns or rows by name, another table, or an array."""
    if isinstance(data, Columns):
        return data
    if isinstance(data, list) and data and isinstance(data[0], dict):
        data = {name: [row.get(name) for row in data] for name in data[0]}
    if isinstance(data, dict):
        return Columns.of({name: np.asarray(data[name], dtype) for name in (data if names is None else names)})
    array = np.asarray(np.zeros((0, 0)) if data is None else data.values if isinstance(data, Table) else data, dtype)
    if isinstance(data, Frame):
        return Columns(array, data.columns if names is None else names, data._content.kinds)
    return Columns(array.reshape(len(array), -1) if array.ndim == 1 else array, names)


def _reduced(table: Frame, name: str, axis: Any) -> Any:
    """The means, sums, … of a table's columns, of its rows, or of all of it."""
    along = {"index": 0, "columns": 1}.get(axis, axis)
    found = getattr(typed(table.values), name)(axis=along, **_spread(name))
    if along is None:
        return found
    return Series(found, np.array(table.columns, object) if along == 0 else table.index)


def _spread(name: str) -> dict[str, int]:
    """That pandas divides by one less than the number of values."""
    return {"ddof": 1} if name in ("std", "var") else {}


class _Categories(dict[str, Any]):
    """`series.cat`."""

    def __getattr__(self, name: str) -> Any:
        return self[name] if name in self else Absorbing()


class Groups:
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
        kinds = {name: kind for t in tables for name, kind in t._content.every_kind.items()}
        whole = Columns(side_by_side(columns), [n for t in tables for n in t.columns], kinds)
        return Frame(whole, tables[0].index)
    values = np.concatenate([p.values for p in parts])
    index = np.arange(len(values)) if ignore_index else np.concatenate([p.index for p in parts])
    if isinstance(parts[0], Series):
        return Series(values, index)
    return Frame(Columns(values, parts[0].columns, parts[0]._content.kinds), index)
