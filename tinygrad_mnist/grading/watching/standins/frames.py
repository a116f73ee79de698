"""Tables as pandas has them, as far as programs that load digits use them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_mnist.grading.watching.standins.absorbing import Absorbing


class Series:
    """A column: an array with a few of pandas' words."""

    def __init__(self, values: Any, name: str = "") -> None:
        self.values = np.asarray(values)
        self.name = name

    def __array__(self, dtype: Any = None, copy: Any = None) -> NDArray[Any]:
        return np.array(self.values, dtype)

    def to_numpy(self, dtype: Any = None, **options: Any) -> NDArray[Any]:
        return np.array(self.values, dtype)

    def astype(self, dtype: Any) -> Series:
        return Series(self.values.astype(dtype), self.name)

    def __getitem__(self, index: Any) -> Any:
        found = self.values[np.asarray(index) if isinstance(index, (Series, list)) else index]
        return Series(found, self.name) if isinstance(found, np.ndarray) else found

    def __len__(self) -> int:
        return len(self.values)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.values)

    def __getattr__(self, name: str) -> Any:
        if name in ("iloc", "loc"):
            return self
        if name in ("head", "tail", "reset_index", "copy", "dropna", "fillna", "sort_index"):
            return lambda *a, **o: Series(self.values[:5] if name in ("head", "tail") else self.values, self.name)
        if name == "map":
            return lambda f: Series([f(v) if callable(f) else f.get(v) for v in self.values], self.name)
        if name == "apply":
            return lambda f: Series([f(v) for v in self.values], self.name)
        if name == "unique":
            return lambda: np.unique(self.values)
        if not name.startswith("__") and hasattr(np.ndarray, name):
            return getattr(self.values, name)
        return Absorbing() if not name.startswith("__") else object.__getattribute__(self, name)


def _operator(name: str) -> Any:
    def method(self: Any, *others: Any) -> Any:
        result = getattr(self.values, name)(*(getattr(o, "values", o) for o in others))
        return type(self)(result, self.name) if isinstance(self, Series) else Frame(result, self.columns)

    return method


_OPERATORS = ["__add__", "__radd__", "__sub__", "__rsub__", "__mul__", "__rmul__", "__truediv__", "__rtruediv__",
              "__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__", "__neg__", "__pow__", "__mod__"]  # fmt: skip


class _Places:
    """`frame.iloc[rows, columns]`, and `frame.loc`, whose ends belong to it."""

    def __init__(self, frame: Frame, by_label: bool) -> None:
        self.frame, self.by_label = frame, by_label

    def __getitem__(self, index: Any) -> Any:
        rows, columns = index if isinstance(index, tuple) else (index, slice(None))
        names = self.frame.columns
        if self.by_label:
            rows, columns = _inclusive(rows), self._named(columns)
        picked = np.arange(len(names))[columns]
        values = self.frame.values[np.asarray(rows) if isinstance(rows, (Series, list)) else rows]
        values = values[..., picked]
        if values.ndim == 2:
            return Frame(values, [names[i] for i in picked])
        return Series(values) if isinstance(values, np.ndarray) and values.ndim else values

    def _named(self, columns: Any) -> Any:
        place = self.frame.columns.index
        if isinstance(columns, str):
            return place(columns)
        if isinstance(columns, list):
            return [place(c) for c in columns]
        if isinstance(columns, slice):
            start = None if columns.start is None else place(columns.start)
            return slice(start, None if columns.stop is None else place(columns.stop) + 1)
        return columns


def _inclusive(rows: Any) -> Any:
    if isinstance(rows, slice) and isinstance(rows.stop, int):
        return slice(rows.start, rows.stop + 1, rows.step)
    return rows


class Frame:
    """A table with named columns."""

    def __init__(self, values: Any = None, columns: Sequence[Any] | None = None, **options: Any) -> None:
        if isinstance(values, dict):
            columns = list(values)
            values = np.array([np.asarray(v) for v in values.values()]).T if values else np.zeros((0, 0))
        self.values = np.asarray([] if values is None else getattr(values, "values", values))
        if self.values.ndim == 1:
            self.values = self.values.reshape(-1, 1)
        self.columns = list(columns if columns is not None else range(self.values.shape[1]))

    @property
    def shape(self) -> tuple[int, ...]:
        return self.values.shape

    @property
    def T(self) -> Frame:
        return Frame(self.values.T)

    @property
    def iloc(self) -> _Places:
        return _Places(self, False)

    @property
    def loc(self) -> _Places:
        return _Places(self, True)

    @property
    def index(self) -> NDArray[Any]:
        return np.arange(len(self.values))

    def __array__(self, dtype: Any = None, copy: Any = None) -> NDArray[Any]:
        return np.array(self.values, dtype)

    def to_numpy(self, dtype: Any = None, **options: Any) -> NDArray[Any]:
        return np.array(self.values, dtype)

    as_matrix = to_numpy

    def astype(self, dtype: Any) -> Frame:
        return Frame(self.values.astype(dtype), self.columns)

    def __len__(self) -> int:
        return len(self.values)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.columns)

    def __contains__(self, name: Any) -> bool:
        return name in self.columns

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, (list, tuple)) and all(isinstance(k, (str, int)) for k in key):
            return Frame(self.values[:, [self.columns.index(k) for k in key]], list(key))
        if isinstance(key, (Series, np.ndarray, list)):
            return Frame(self.values[np.asarray(key)], self.columns)
        if isinstance(key, slice):
            return Frame(self.values[key], self.columns)
        if key not in self.columns:
            raise KeyError(key)
        return Series(self.values[:, self.columns.index(key)], str(key))

    def __setitem__(self, key: Any, value: Any) -> None:
        if key in self.columns:
            self.values[:, self.columns.index(key)] = np.asarray(value)
        else:
            self.columns.append(key)
            column = np.broadcast_to(np.asarray(value), len(self.values)).reshape(-1, 1)
            self.values = np.hstack([self.values, column]) if self.values.size else column

    def drop(
        self, labels: Any = None, axis: Any = 0, columns: Any = None, inplace: bool = False, **options: Any
    ) -> Any:
        gone = columns if columns is not None else labels
        gone = [gone] if isinstance(gone, (str, int)) else list(gone)
        kept = [i for i, c in enumerate(self.columns) if c not in gone]
        frame = Frame(self.values[:, kept], [self.columns[i] for i in kept])
        if inplace:
            self.values, self.columns = frame.values, frame.columns
        return None if inplace else frame

    def pop(self, name: str) -> Series:
        column: Series = self[name]
        self.drop(columns=name, inplace=True)
        return column

    def sample(
        self, n: int | None = None, frac: float | None = None, random_state: Any = None, **options: Any
    ) -> Frame:
        count = n if n is not None else round((frac or 1) * len(self))
        chosen = np.random.default_rng(0).permutation(len(self))[:count]
        return Frame(self.values[chosen], self.columns)

    def head(self, n: int = 5) -> Frame:
        return Frame(self.values[:n], self.columns)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if name in self.__dict__.get("columns", ()):
            return self[name]
        if name in ("copy", "reset_index", "dropna", "fillna", "sort_values", "sort_index", "tail"):
            return lambda *a, **o: Frame(self.values.copy(), self.columns)
        if name in ("mean", "max", "min", "sum", "std"):
            return lambda axis=0, **o: Series(getattr(self.values, name)(axis=axis))
        if name == "iterrows":
            return lambda: ((i, Series(row)) for i, row in enumerate(self.values))
        return Absorbing()


for _name in _OPERATORS:
    setattr(Series, _name, _operator(_name))
    setattr(Frame, _name, _operator(_name))


def get_dummies(values: Any, **options: Any) -> Frame:
    """One column of 0 and 1 for each value."""
    array = np.asarray(values).ravel()
    classes = np.unique(array)
    return Frame((array[:, None] == classes).astype(int), list(classes))
