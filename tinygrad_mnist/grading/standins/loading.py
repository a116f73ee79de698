"""What each package gives when it is asked for MNIST: its shape, its types, and the drawn digits."""

from __future__ import annotations

import re
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_mnist.grading.standins import frames
from tinygrad_mnist.grading.standins.digits import MOST, Digits, digits
from tinygrad_mnist.grading.standins.frames import Frame, Series
from tinygrad_mnist.grading.standins.learning import Bunch
from tinygrad_mnist.grading.standins.tensors import Picture

KAGGLE = re.compile(r"(^|[/\\])(train|test)\.csv", re.IGNORECASE)
"""The competition's files: with a row of names, and without labels in test.csv."""

TEST = re.compile(r"t10k|test|valid", re.IGNORECASE)
"""What a name says of data to test with."""


class _Matrices(dict[str, Any]):
    """What a .mat file holds, by whatever name it is asked for: images (784, n) or labels (1, n)."""

    def __init__(self, known: dict[str, Any], data: Data) -> None:
        super().__init__(known)
        self.data = data

    def __missing__(self, name: str) -> NDArray[Any]:
        X, y = self.data.of(name)
        return y[None] if re.search(r"label|target|^y|class", name) else X.reshape(len(X), -1).T


class Data:
    """The digits of one run: so many to train with, and a sixth of it, but at least fifty, to test with."""

    def __init__(self, count: int, seed: int = 0) -> None:
        self.count, self.seed = count, seed

    @cached_property
    def train(self) -> Digits:
        return digits(self.count, 2 * self.seed)

    @cached_property
    def test(self) -> Digits:
        return digits(max(50, self.count // 6), 2 * self.seed + 1)

    @property
    def parts(self) -> dict[str, Digits]:
        return {"train": self.train, "test": self.test}

    @property
    def known(self) -> Digits:
        """Every image that there is, once, with its label."""
        return tuple(
            np.concatenate(pair)
            for pair in zip(*((X[:MOST], y[:MOST]) for X, y in (self.train, self.test)), strict=True)
        )  # type: ignore[return-value]

    def of(self, name: str) -> Digits:
        """The digits that a file or folder of this name holds."""
        return self.test if TEST.search(name) and not re.search(r"train[^/\\]*$", name, re.IGNORECASE) else self.train

    def both(self) -> Digits:
        """All in rows (n, 784) uint8, with their labels: the ones to train with first."""
        X, y = (np.concatenate(pair) for pair in zip(self.train, self.test, strict=True))
        return X.reshape(len(X), -1), y

    def load_data(self, *arguments: Any, **options: Any) -> Any:
        """As `keras.datasets.mnist.load_data()`."""
        return tuple((x.copy(), y.copy()) for x, y in (self.train, self.test))

    # scikit-learn

    def fetch_openml(self, *arguments: Any, as_frame: Any = "auto", return_X_y: bool = False, **options: Any) -> Any:
        """Pixels from 0 to 255, labels as text; tables, unless told otherwise."""
        X, y = self.both()
        labels = y.astype(str).astype(object)
        names = [f"pixel{i}" for i in range(1, X.shape[1] + 1)]
        if not as_frame:
            pixels = X.astype(float)
            return (pixels, labels) if return_X_y else Bunch(data=pixels, target=labels, feature_names=names, DESCR="")
        table, column = Frame(X.astype(np.int64), columns=names), Series(labels, name="class")
        if return_X_y:
            return table, column
        frame = frames.concat([table, column], axis=1)
        return Bunch(data=table, target=column, frame=frame, feature_names=names, DESCR="")

    def fetch_mldata(self, *arguments: Any, **options: Any) -> Bunch:
        """Scikit-learn's old way: uint8 pixels, float labels."""
        X, y = self.both()
        return Bunch(data=X, target=y.astype(float), DESCR="", COL_NAMES=["label", "data"])

    def load_digits(self, *arguments: Any, return_X_y: bool = False, **options: Any) -> Any:
        """8 × 8 pixels from 0 to 16 as floats, labels int64."""
        X, y = self.both()
        ink = X.reshape(-1, 28, 28)[:, 2:26, 2:26].reshape(-1, 8, 3, 8, 3).mean(axis=(2, 4))
        small = ink / ink.max(axis=(1, 2), keepdims=True) * 16 // 1
        flat, labels = small.reshape(len(small), 64), y.astype(np.int64)
        if return_X_y:
            return flat, labels
        return Bunch(data=flat, target=labels, images=small, target_names=np.arange(10), DESCR="")

    # tables

    def read_csv(self, name: str, header: Any = "infer", names: Any = None) -> Frame:
        """Labels and pixels as Kaggle's train.csv has them (and its test.csv has not), or mnist_train.csv."""
        if "submission" in name.lower():
            count = len(self.test[1])
            return Frame({"ImageId": np.arange(1, count + 1), "Label": np.zeros(count, int)})
        X, y = self.of(name)
        flat = X.reshape(len(X), -1).astype(np.int64)
        titles = _titles(name)
        table = flat if len(titles) == 784 else np.column_stack([y.astype(np.int64), flat])
        if names is not None:
            titles = list(names)
        return Frame(table, columns=None if header is None and names is None else titles)

    def csv(self, name: str) -> bytes:
        """The text of such a file, with a row of names only where nearly everybody's has one."""
        X, y = self.of(name)
        titles = _titles(name)
        with_labels = len(titles) == 785
        rows = [
            f"{label},{_text(image.tobytes())}" if with_labels else _text(image.tobytes())
            for label, image in zip(y.tolist(), X, strict=True)
        ]
        named = KAGGLE.search(name) or "fashion" in name.lower()
        return "\n".join([*([",".join(titles)] if named else []), *rows, ""]).encode()

    # binary files

    def idx(self, name: str) -> bytes:
        """The bytes of an IDX file of images, or of labels."""
        X, y = self.of(name)
        if "label" in name.lower():
            return _big_endian(2049, len(y)) + y.tobytes()
        return _big_endian(2051, len(X), 28, 28) + X.tobytes()

    def pickled(self) -> Pickled:
        """Three pairs of float32 rows from 0 to 1 and int64 labels, as in mnist.pkl.gz."""
        (X, y), (T, t) = self.train, self.test
        flat = [(a.reshape(len(a), -1) / np.float32(255), b.astype(np.int64)) for a, b in ((X, y), (T, t))]
        rows = [X.reshape(len(X), -1), y, T.reshape(len(T), -1), t]
        names = ("training_images", "training_labels", "test_images", "test_labels")
        shorter = ("train_img", "train_label", "test_img", "test_label")
        return Pickled(
            (flat[0], flat[1], flat[1]),
            {**dict(zip(names, rows, strict=True)), **dict(zip(shorter, rows, strict=True))},
        )

    def columns(self) -> Any:
        """Column vectors with one-hot labels to train with, and with numbers to test with, as a book's loader gives."""
        (X, y), (T, t) = self.train, self.test
        train = [(x.reshape(-1, 1) / np.float32(255), np.eye(10)[:, [label]]) for x, label in zip(X, y, strict=True)]
        test = [(x.reshape(-1, 1) / np.float32(255), int(label)) for x, label in zip(T, t, strict=True)]
        return train, test, test

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What mnist.npz holds, by Keras' names and by those of others."""
        (X, y), (T, t) = self.train, self.test
        return {
            "x_train": X, "y_train": y, "x_test": T, "y_test": t,
            "training_images": X.reshape(len(X), 784, 1) / 255, "training_labels": np.eye(10)[y][..., None],
            "test_images": T.reshape(len(T), 784, 1) / 255, "test_labels": np.eye(10)[t][..., None],
            "validation_images": T.reshape(len(T), 784, 1) / 255, "validation_labels": np.eye(10)[t][..., None],
        }  # fmt: skip

    def array(self, name: str) -> NDArray[Any]:
        """What a .npy file of this name holds: labels, or images."""
        X, y = self.of(name)
        if re.search(r"label|target|(^|[/\\_])y", name, re.IGNORECASE):
            return y
        return X if "image" in name.lower() else X.reshape(len(X), -1)

    def matrix(self, name: Any = "", *arguments: Any, **options: Any) -> dict[str, Any]:
        """What `loadmat` gives: a course's X (rows of 20 × 20) and y from 1 to 10, mnist-original's data and label."""
        name = str(name).lower()
        X, y = self.both()
        if "weight" in name:
            rng = np.random.default_rng(0)
            return {"Theta1": rng.normal(0, 0.1, (25, 401)), "Theta2": rng.normal(0, 0.1, (10, 26))}
        small = X.reshape(-1, 28, 28)[:, 4:24, 4:24].transpose(0, 2, 1).reshape(-1, 400) / 255
        ten = np.where(y == 0, 10, y).reshape(-1, 1)
        known = {"X": small, "y": ten, "data": X.T, "label": y.reshape(1, -1).astype(float), **self.arrays()}
        return _Matrices(known, self)

    def hierarchical(self, name: Any = "", *arguments: Any, **options: Any) -> Hierarchy:
        """What an HDF5 file holds: a course's pictures (64, 64, 3) of one thing or not, or MNIST by Keras' names."""
        found: dict[str, Any] = {"list_classes": np.array([b"other", b"three"])}
        for part, (X, y) in self.parts.items():
            few = np.repeat(np.kron(X[:200], np.ones((1, 3, 3), np.uint8))[:, 10:74, 10:74, None], 3, -1)
            found |= {f"{part}_set_x": few, f"{part}_set_y": (y[:200] == 3).astype(np.int64)}
            found |= {part: {"data": X.reshape(len(X), -1) / np.float32(255), "target": y, "images": X, "labels": y}}
            found |= {f"x_{part}": np.float32(X.reshape(len(X), -1) / 255), f"y_{part}": y.astype(np.int64)}
        return Hierarchy(found)

    def book(self, *arguments: Any, **options: Any) -> Any:
        """`load_mnist(normalize=True, flatten=True, one_hot_label=False)` of a book on deep learning."""
        pairs = []
        for X, y in (self.train, self.test):
            images = X[:, None] if options.get("flatten") is False else X.reshape(len(X), -1)
            given = arguments[0] if arguments else options.get("normalize", True)
            images = images.astype(np.float32) / np.float32(255) if given else images
            pairs.append((images, np.eye(10)[y] if options.get("one_hot_label") else y))
        return tuple(pairs)

    def course(self) -> Any:
        """The pictures of `lr_utils.load_dataset()`, labels as one row."""
        file = self.hierarchical()
        found = [file[name] for name in ("train_set_x", "train_set_y", "test_set_x", "test_set_y")]
        return found[0], found[1].reshape(1, -1), found[2], found[3].reshape(1, -1), file["list_classes"]

    def picture(self, name: Any = "", *arguments: Any, **options: Any) -> Picture:
        """A digit (28, 28): that of the folder it lies in, or of the number in its name, if there is one."""
        digit = label_in(str(name))
        X, y = self.of(str(name))
        return Picture(X[np.flatnonzero(y == digit)[0]].copy())


def label_in(name: str) -> int:
    """The digit that a picture's path tells: its folder's, or the last that stands alone in its name."""
    parts = re.split(r"[/\\]", name)
    folders = [p for p in parts[:-1] if re.fullmatch(r"\d", p)]
    alone = re.findall(r"(?<!\d)\d(?!\d)", parts[-1])
    return int((folders or alone or ["7"])[-1])


class Pickled(tuple[Any, ...]):
    """A tuple that answers to names too: two files are known by the name mnist.pkl."""

    named: dict[str, Any]

    def __new__(cls, parts: Any, named: dict[str, Any]) -> Pickled:
        made = super().__new__(cls, parts)
        made.named = named
        return made

    def __reduce__(self) -> Any:
        return Pickled, (tuple(self), self.named)

    def __getitem__(self, key: Any) -> Any:
        return self.named[key] if isinstance(key, str) else super().__getitem__(key)

    def __setitem__(self, key: str, value: Any) -> None:
        self.named[key] = value

    def keys(self) -> Any:
        return self.named.keys()


class Hierarchy(dict[str, Any]):
    """An HDF5 file, open."""

    def close(self) -> None:
        """Nothing to close."""

    def __enter__(self) -> Hierarchy:
        return self

    def __exit__(self, *raised: Any) -> None:
        """Nothing to close."""


def _big_endian(*numbers: int) -> bytes:
    return b"".join(n.to_bytes(4, "big") for n in numbers)


def _titles(name: str) -> list[str]:
    low = name.lower()
    kaggle = KAGGLE.search(name)
    if kaggle and kaggle[2].lower() == "test" and "mnist" not in low:
        return [f"pixel{i}" for i in range(784)]
    if "fashion" in low:
        return ["label", *(f"pixel{i}" for i in range(1, 785))]
    if "mnist_" in low and not kaggle:
        return ["label", *(f"{r}x{c}" for r in range(1, 29) for c in range(1, 29))]
    return ["label", *(f"pixel{i}" for i in range(784))]


@lru_cache(maxsize=4000)
def _text(image: bytes) -> str:
    return ",".join(map(str, image))
