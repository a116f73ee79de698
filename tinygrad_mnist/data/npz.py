"""Reads mnist.npz, MNIST as Keras keeps it: x_train, y_train, x_test, y_test in NumPy's archive format.

Source: keras.datasets.mnist, https://keras.io/api/datasets/mnist/.
"""

from __future__ import annotations

import tokenize
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_mnist.data.dataset import DataError, Dataset, split_from

ARRAYS = ("x_train", "y_train", "x_test", "y_test")

_DAMAGE = (
    zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, TypeError, RuntimeError, SyntaxError,
    MemoryError, tokenize.TokenError,
)  # fmt: skip
"""What NumPy and zipfile raise over damaged archives, each at another place in them."""


def read_npz(path: Path, name: str) -> Dataset:
    """The data set in an archive with the arrays x_train, y_train, x_test, y_test; others in it are not read.

    Raises DataError when the file cannot be read, is no such archive or is damaged, or its arrays are no digits.
    """
    x_train, y_train, x_test, y_test = map(np.asarray, _read_arrays(path))
    return Dataset(
        name,
        train=split_from(f"{path}, x_train with y_train", x_train, y_train),
        test=split_from(f"{path}, x_test with y_test", x_test, y_test),
    )


def _read_arrays(path: Path) -> list[NDArray[Any]]:
    try:
        if not zipfile.is_zipfile(path):
            raise zipfile.BadZipFile("it is cut short, or something else")
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            names = list(archive)
            arrays = [archive[name] for name in ARRAYS if name in archive]
    except _DAMAGE as error:
        reason = " ".join(str(error).split())
        raise DataError(f"{path}: not a readable .npz archive ({reason}); get the file again") from error
    missing = [name for name in ARRAYS if name not in names]
    if missing:
        there = ", ".join(names) or "nothing"
        raise DataError(f"{path}: it has no {' and no '.join(missing)}, but {there}; get the file again")
    return arrays
