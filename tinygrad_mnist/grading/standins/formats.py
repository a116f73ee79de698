"""Files of MNIST: known by their names, and drawn in the format that they have."""

from __future__ import annotations

import gzip
import io
import os
import pickle
import re
import zipfile
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_mnist.grading.standins.absorbing import Entered
from tinygrad_mnist.grading.standins.loading import Data, rows

OWN_WORK = re.compile(
    r"model|weight|param|network|net\.|net_|trained|checkpoint|result|loss|pred|history|log|submission|output",
    re.IGNORECASE,
)
"""What a program has made itself is never drawn: it is there, or not."""

KINDS: tuple[tuple[str, str], ...] = (
    ("idx", r"idx\d[-._]ubyte|(train|t10k|test)[-_.](images|labels)\b(?!.*\.(npy|csv|txt|png))"),
    ("csv", r"(mnist|digit|emnist)[^/\\]*\.(csv|data|txt)|(^|[/\\])(train|test)\.csv"),
    ("csv", r"(train|t10k|test)[-_.]?(images?|labels?|data|set)\.csv|mnist[^/\\]*[/\\].*(train|test|data)[^/\\]*\.csv"),
    ("arff", r"mnist[^/\\]*\.arff"),
    ("npz", r"mnist[^/\\]*\.npz"),
    ("pickle", r"mnist[^/\\]*\.(pkl|pickle|pk|p)\b|\.pkl\.gz"),
    ("npy", r"(mnist|train|test|digit|full_numpy_bitmap)[^/\\]*\.npy|(^|[/\\])[xy](_\w+)?\.npy"),
    ("zip", r"(mnist|digit|archive)[^/\\]*\.zip"),
    ("text", r"(^|[/\\])(\w*(input|text|corpus|shakespeare|words|names))\.txt"),
)
"""What files of MNIST are called, in the part of their path that tells, and texts for networks that write."""

OTHERS_TOO = {"zip", "text"}
"""What is drawn only where no file of that name is there."""

SENTENCES = (
    "the quick brown fox jumps over the lazy dog", "pack my box with five dozen jugs of dark cider",
    "how vexingly fast the daft zebras jump", "we wrote a few lines by hand", "and so on to the end of the page",
)  # fmt: skip

KAGGLE = re.compile(r"(^|[/\\])(train|test)\.csv", re.IGNORECASE)
"""The competition's files: with a row of names, and without labels in test.csv."""

ARCHIVE = ("train.csv", "test.csv", "mnist_train.csv", "mnist_test.csv",
           *(f"{part}-{what}-ubyte" for part in ("train", "t10k") for what in ("images-idx3",
           "labels-idx1")))  # fmt: skip
"""What a folder of MNIST holds, and an archive."""


def kind(name: str) -> str | None:
    """What a file of this name holds, if it is one of MNIST, or a text: idx, csv, npz, pickle, npy, zip or text."""
    base = _path(name)
    if OWN_WORK.search(re.split(r"[/\\]", base)[-1]):
        return None
    return next((found for found, pattern in KINDS if re.search(pattern, base, re.IGNORECASE)), None)


def _path(name: str) -> str:
    """The part of an address that names a file."""
    return re.split(r"[?#]", name)[0]


def drawn(data: Data, name: str) -> bytes:
    """The bytes of a file of MNIST, packed as its name says; none where it is called otherwise."""
    found, base = kind(name), _path(name)
    if found is None:
        return b""
    if found == "zip" or base.endswith(".zip"):
        return _zipped(data, ARCHIVE if found == "zip" else [os.path.basename(base.removesuffix(".zip"))])
    raw = FORMATS[found](data, name)
    return gzip.compress(raw, 1) if base.endswith(".gz") else raw


def _zipped(data: Data, names: Iterable[str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name in names:
            archive.writestr(name, drawn(data, name))
    return buffer.getvalue()


# text


def csv(data: Data, name: str) -> bytes:
    """Labels and pixels, with a row of names only where nearly everybody's file has one."""
    X, y = data.of(name)
    titles = csv_titles(name)
    if len(titles) == 1:
        return _lines(map(str, y.tolist()))
    images = (_text(image.tobytes()) for image in X)
    labelled = (f"{label},{image}" for label, image in zip(y.tolist(), images, strict=True))
    lines = labelled if len(titles) == 785 else images
    named = KAGGLE.search(name) or "fashion" in name.lower()
    return _lines([*([",".join(titles)] if named else []), *lines])


def text(data: Data, name: str) -> bytes:
    """Lines of words, over and over."""
    return _lines(SENTENCES * 50)


def arff(data: Data, name: str) -> bytes:
    """Pixels and the class, all after the names of the columns, as OpenML has them."""
    X, y = data.both()
    names = [f"@ATTRIBUTE pixel{i} REAL" for i in range(1, 785)]
    classes = f"@ATTRIBUTE class {{{','.join(map(str, range(10)))}}}"
    lines = (f"{_text(image.tobytes())},{label}" for image, label in zip(X, y.tolist(), strict=True))
    return _lines(["@RELATION mnist_784", *names, classes, "@DATA", *lines])


def _lines(every: Iterable[str]) -> bytes:
    return "\n".join([*every, ""]).encode()


def csv_titles(name: str) -> list[str]:
    """The names of the columns: Kaggle's train.csv has a label (and its test.csv has none), and so has mnist_train.

    A file that is called by its images, or labels, has them alone.
    """
    low = name.lower()
    if alone := re.search(r"(image|label)s?\.csv", low):
        return ["label"] if alone[1] == "label" else [f"pixel{i}" for i in range(784)]
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


# arrays


def idx(data: Data, name: str) -> bytes:
    """The bytes of an IDX file of images, or of labels."""
    X, y = data.of(name)
    if "label" in name.lower():
        return _big_endian(2049, len(y)) + y.tobytes()
    return _big_endian(2051, len(X), 28, 28) + X.tobytes()


def _big_endian(*numbers: int) -> bytes:
    return b"".join(n.to_bytes(4, "big") for n in numbers)


def from_idx(raw: bytes) -> NDArray[Any]:
    """An IDX file's array."""
    shape = np.frombuffer(raw, ">i4", raw[3], 4)
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * raw[3]).reshape(shape)


def arrays(data: Data) -> dict[str, NDArray[Any]]:
    """What mnist.npz holds, by Keras' names and by those of others."""
    (X, y), (T, t) = data.train, data.test
    return {
        "x_train": X, "y_train": y, "x_test": T, "y_test": t,
        "training_images": X.reshape(len(X), 784, 1) / 255, "training_labels": np.eye(10)[y][..., None],
        "test_images": T.reshape(len(T), 784, 1) / 255, "test_labels": np.eye(10)[t][..., None],
        "validation_images": T.reshape(len(T), 784, 1) / 255, "validation_labels": np.eye(10)[t][..., None],
    }  # fmt: skip


def array(data: Data, name: str) -> NDArray[Any]:
    """What a .npy file of this name holds: labels, or images."""
    X, y = data.of(name)
    if re.search(r"label|target|(^|[/\\_])y", name, re.IGNORECASE):
        return y
    return X if "image" in name.lower() else X.reshape(len(X), -1)


def _saved(save: Callable[..., None], *given: Any, **named: Any) -> bytes:
    buffer = io.BytesIO()
    save(buffer, *given, **named)
    return buffer.getvalue()


# objects


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


def pickled(data: Data) -> Pickled:
    """Three pairs of float32 rows from 0 to 1 and int64 labels, as in mnist.pkl.gz."""
    (X, y), (T, t) = map(rows, (data.train, data.test))
    train, test = ((a / np.float32(255), b.astype(np.int64)) for a, b in ((X, y), (T, t)))
    named = {"training_images": X, "training_labels": y, "test_images": T, "test_labels": t,
             "train_img": X, "train_label": y, "test_img": T, "test_label": t}  # fmt: skip
    return Pickled((train, test, test), named)


class _Matrices(dict[str, Any]):
    """What a .mat file holds, by whatever name it is asked for: images (784, n) or labels (1, n)."""

    def __init__(self, known: dict[str, Any], data: Data) -> None:
        super().__init__(known)
        self.data = data

    def __missing__(self, name: str) -> NDArray[Any]:
        X, y = rows(self.data.of(name))
        return y[None] if re.search(r"label|target|^y|class", name) else X.T


def matrices(data: Data, name: str) -> dict[str, Any]:
    """What `loadmat` gives: a course's X (rows of 20 × 20) and y from 1 to 10, mnist-original's data and label."""
    X, y = data.both()
    if "weight" in name.lower():
        rng = np.random.default_rng(0)
        return {"Theta1": rng.normal(0, 0.1, (25, 401)), "Theta2": rng.normal(0, 0.1, (10, 26))}
    small = X.reshape(-1, 28, 28)[:, 4:24, 4:24].transpose(0, 2, 1).reshape(-1, 400) / 255
    ten = np.where(y == 0, 10, y).reshape(-1, 1)
    return _Matrices({"X": small, "y": ten, "data": X.T, "label": y.reshape(1, -1).astype(float), **arrays(data)}, data)


class Hierarchy(Entered, dict[str, Any]):
    """An HDF5 file, open."""

    def close(self) -> None:
        """Nothing to close."""


def hierarchy(data: Data) -> Hierarchy:
    """What an HDF5 file holds: a course's pictures (64, 64, 3) of one thing or not, or MNIST by Keras' names."""
    found: dict[str, Any] = {"list_classes": np.array([b"other", b"three"])}
    for part, (X, y) in data.parts.items():
        few = np.repeat(np.kron(X[:200], np.ones((1, 3, 3), np.uint8))[:, 10:74, 10:74, None], 3, -1)
        found |= {f"{part}_set_x": few, f"{part}_set_y": (y[:200] == 3).astype(np.int64)}
        found |= {part: {"data": X.reshape(len(X), -1) / np.float32(255), "target": y, "images": X, "labels": y}}
        found |= {f"x_{part}": np.float32(X.reshape(len(X), -1) / 255), f"y_{part}": y.astype(np.int64)}
    return Hierarchy(found)


FORMATS: dict[str, Callable[[Data, str], bytes]] = {
    "idx": idx,
    "csv": csv,
    "text": text,
    "arff": arff,
    "npz": lambda data, name: _saved(np.savez, **arrays(data)),
    "npy": lambda data, name: _saved(np.save, array(data, name)),
    "pickle": lambda data, name: pickle.dumps(pickled(data)),
}
"""The bytes of a file by what it holds."""
