"""What each package gives when it is asked for MNIST: its shape, its types, and the drawn digits."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_mnist.grading.watching.standins.digits import digits
from tinygrad_mnist.grading.watching.standins.frames import Frame, Series
from tinygrad_mnist.grading.watching.standins.learning import Bunch


class Data:
    """The digits of one run: so many to train with, and a sixth of it, but at least fifty, to test with."""

    def __init__(self, count: int) -> None:
        self.train = digits(count)
        self.test = digits(max(50, count // 6), seed=1)

    def load_data(self, *arguments: Any, **options: Any) -> Any:
        """As `keras.datasets.mnist.load_data()`."""
        return tuple((x.copy(), y.copy()) for x, y in (self.train, self.test))

    def _both(self) -> tuple[NDArray[Any], NDArray[Any]]:
        X, y = (np.concatenate(pair) for pair in zip(self.train, self.test, strict=True))
        return X.reshape(len(X), -1), y

    def fetch_openml(self, *arguments: Any, as_frame: Any = "auto", return_X_y: bool = False, **options: Any) -> Any:
        """Pixels from 0 to 255 as floats, labels as text."""
        X, y = self._both()
        X, y = X.astype(float), y.astype(str).astype(object)
        if as_frame:
            names = [f"pixel{i}" for i in range(1, X.shape[1] + 1)]
            X, y = Frame(X, names), Series(y, "class")
        return (X, y) if return_X_y else Bunch(data=X, target=y, DESCR="digits", feature_names=[])

    def load_digits(self, *arguments: Any, return_X_y: bool = False, **options: Any) -> Any:
        """8 × 8 pixels from 0 to 16."""
        X, y = self._both()
        small = X.reshape(-1, 28, 28)[:, 2:26, 2:26].reshape(-1, 8, 3, 8, 3).mean(axis=(2, 4)) * 16 // 255
        flat = small.reshape(len(small), 64)
        return (flat, y.astype(int)) if return_X_y else Bunch(data=flat, target=y.astype(int), images=small)

    def read_csv(self, path: Any = "", *arguments: Any, header: Any = "infer", **options: Any) -> Frame:
        """A table of labels and pixels, as Kaggle's train.csv and test.csv and as mnist_train.csv are."""
        name = str(getattr(path, "name", path)).lower()
        kaggle_test = re.search(r"(^|[/\\])test\.csv", name) is not None
        X, y = self.test if "test" in name else self.train
        flat = X.reshape(len(X), -1).astype(np.int64)
        names = ["label", *(f"pixel{i}" for i in range(784))]
        if kaggle_test:
            return Frame(flat, names[1:])
        table = np.column_stack([y.astype(np.int64), flat])
        return Frame(table, list(range(785)) if header is None else names)

    def raw(self, name: str) -> bytes | None:
        """The bytes of a file of this name, unpacked; None for what is no file of MNIST."""
        low = name.lower()
        test = "t10k" in low or "test" in low
        X, y = self.test if test else self.train
        if "images" in low and "idx" in low:
            return b"".join(n.to_bytes(4, "big") for n in (2051, len(X), 28, 28)) + X.tobytes()
        if "labels" in low and "idx" in low:
            return b"".join(n.to_bytes(4, "big") for n in (2049, len(y))) + y.tobytes()
        if low.endswith(".csv") and re.search(r"mnist|digit|train|test", low):
            kaggle = re.search(r"(^|[/\\])(train|test)\.csv$", low)
            flat = X.reshape(len(X), -1)
            with_labels = not (kaggle and test)
            rows = [
                ",".join(map(str, [label, *row] if with_labels else row))
                for label, row in zip(y.tolist(), flat.tolist(), strict=True)
            ]
            names = [*(["label"] if with_labels else []), *(f"pixel{i}" for i in range(784))]
            return "\n".join([",".join(names), *rows] if kaggle else rows).encode() + b"\n"
        return None

    def pickled(self) -> Any:
        """What `pickle.load` of mnist.pkl.gz gives: three pairs of float32 rows from 0 to 1 and labels."""
        (X, y), (T, t) = self.train, self.test
        flat = [(a.reshape(len(a), -1) / np.float32(255), b.astype(np.int64)) for a, b in ((X, y), (T, t))]
        return flat[0], flat[1], flat[1]

    def columns(self) -> Any:
        """Lists of column vectors with one-hot or integer labels, as a well-known online book's loader gives them."""
        (X, y), (T, t) = self.train, self.test
        train = [(x.reshape(-1, 1) / np.float32(255), np.eye(10)[:, [label]]) for x, label in zip(X, y, strict=True)]
        test = [(x.reshape(-1, 1) / np.float32(255), int(label)) for x, label in zip(T, t, strict=True)]
        return train, test, test

    def matrix(self, *arguments: Any, **options: Any) -> dict[str, Any]:
        """What `loadmat` gives: a course's X with rows and y from 1 to 10, and the data and label of mnist-original.mat."""
        X, y = self._both()
        ten = np.where(y == 0, 10, y).reshape(-1, 1)
        return {"X": X / 255, "y": ten, "data": X.T, "label": y.reshape(1, -1).astype(float)}

    def hierarchical(self, *arguments: Any, **options: Any) -> dict[str, Any]:
        """What a course's HDF5 file of pictures holds: three channels, and whether it is one thing or not."""
        found: dict[str, Any] = {"list_classes": np.array([b"other", b"three"])}
        for name, (X, y) in (("train", self.train), ("test", self.test)):
            found |= {f"{name}_set_x": np.repeat(X[..., None], 3, -1), f"{name}_set_y": (y == 3).astype(int)}
        return found

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What mnist.npz holds, by Keras' names."""
        (X, y), (T, t) = self.train, self.test
        return {"x_train": X, "y_train": y, "x_test": T, "y_test": t}


Loader = Callable[..., Any]
