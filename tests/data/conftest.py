"""IDX files to test with, and what keeps these tests from the user's own data."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

TYPE_CODES = {"u1": 0x08, "i1": 0x09, "i2": 0x0B, "i4": 0x0C, "f4": 0x0D, "f8": 0x0E}
FILES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("TINYGRAD_MNIST_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user-cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture(scope="session")
def idx_bytes() -> Callable[[NDArray[Any]], bytes]:
    """The content of the IDX file that holds an array."""

    def write(array: NDArray[Any]) -> bytes:
        code = TYPE_CODES[array.dtype.str[1:]]
        header = bytes([0, 0, code, array.ndim]) + np.array(array.shape, ">u4").tobytes()
        return header + array.astype(array.dtype.newbyteorder(">")).tobytes()

    return write


@pytest.fixture
def small_folder(tmp_path: Path, idx_bytes: Callable[[NDArray[Any]], bytes]) -> Path:
    """A folder in MNIST's format: 20 random images to learn from, 10 to test with."""
    rng = np.random.default_rng(0)
    arrays = []
    for count in (20, 10):
        arrays += [rng.integers(0, 256, (count, 28, 28), np.uint8), rng.integers(0, 10, count, np.uint8)]
    folder = tmp_path / "small"
    folder.mkdir()
    for name, array in zip(FILES, arrays, strict=True):
        (folder / f"{name}.gz").write_bytes(gzip.compress(idx_bytes(array)))
    return folder
