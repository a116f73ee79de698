"""Tables that are read: of digits, or of what a file says."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_mnist.grading.standins import formats
from tinygrad_mnist.grading.standins.absorbing import Absorbing
from tinygrad_mnist.grading.standins.files import Files
from tinygrad_mnist.grading.standins.loading import Data, rows
from tinygrad_mnist.grading.standins.packages.learning import confusion_matrix
from tinygrad_mnist.grading.standins.packages.tables.frames import Frame, Series, concat, get_dummies


def read_csv(
    data: Data, files: Files, path: Any = "", sep: str = ",", header: Any = "infer", names: Any = None, **options: Any
) -> Any:
    """As `pandas.read_csv`."""
    table = _read(data, files, path, options.get("delimiter") or sep, header, names)
    if options.get("index_col") is not None:
        first = options["index_col"]
        table = table.set_index(first if isinstance(first, str) else table.columns[first])
    chosen, dtype = options.get("usecols"), options.get("dtype")
    table = table[list(chosen)] if chosen is not None else table
    table = table.head(options["nrows"]) if options.get("nrows") else table
    return table.astype(dtype) if dtype is not None and not isinstance(dtype, dict) else table


def _read(data: Data, files: Files, path: Any, sep: str, header: Any, names: Any) -> Any:
    """A file that was written by the program or that is there, unless it is one of MNIST; else digits."""
    name = str(getattr(path, "name", path))
    if hasattr(path, "read") and not files.exists(name):
        text = path.read()
        return _parsed(text.decode() if isinstance(text, bytes) else text, header, sep, names)
    written = files.written.get(files.key(name))
    if formats.kind(name) == "csv" and written == formats.csv(data, name):
        written = None
    there = files.real_isfile(files.place(name)) and files.content(name) is None
    if written is None and not there:
        return _digits(data, name, header, names)
    return _parsed(files.unpacked(name).decode("utf-8-sig", "replace"), header, sep, names)


def _digits(data: Data, name: str, header: Any, names: Any) -> Frame:
    """Labels and pixels as a file of this name has them, with Kaggle's sample of a submission among them."""
    if "submission" in name.lower():
        count = len(data.test[1])
        return Frame({"ImageId": np.arange(1, count + 1), "Label": np.zeros(count, int)})
    X, y = (array.astype(np.int64) for array in rows(data.of(name)))
    titles = formats.csv_titles(name)
    table = {784: X, 1: y[:, None]}.get(len(titles))
    table = np.column_stack([y, X]) if table is None else table
    return Frame(table, columns=names if names is not None else None if header is None else titles)


def _parsed(text: str, header: Any = "infer", sep: str = ",", names: Any = None) -> Frame:
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


def modules(data: Data, files: Files) -> dict[str, dict[str, Any]]:
    """pandas."""
    read = partial(read_csv, data, files)
    tables = {
        **dict.fromkeys(("read_csv", "read_table", "read_parquet", "read_pickle"), read),
        **dict.fromkeys(("isnull", "isna"), lambda values: Series(values).isnull().values),
        "DataFrame": Frame, "Series": Series, "Categorical": Series, "get_dummies": get_dummies, "concat": concat,
        "to_numeric": lambda x, **o: Series(np.asarray(x).astype(float)), "unique": lambda x: Series(x).unique(),
        "factorize": lambda x, **o: np.unique(np.asarray(x), return_inverse=True)[::-1],
        "crosstab": lambda a, b, **o: Frame(confusion_matrix(a, b)), "core": Absorbing(),
    }  # fmt: skip
    return {"pandas": tables, "polars": tables}
