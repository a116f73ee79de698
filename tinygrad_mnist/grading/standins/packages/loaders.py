"""Packages that load MNIST or fetch it, and small ones with data of their own."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from tinygrad_mnist.grading.standins.absorbing import Entered
from tinygrad_mnist.grading.standins.files import Files
from tinygrad_mnist.grading.standins.formats import from_idx, hierarchy, pickled
from tinygrad_mnist.grading.standins.loading import Data, rows
from tinygrad_mnist.grading.standins.packages.learning import Bunch
from tinygrad_mnist.grading.standins.packages.progress import nothing
from tinygrad_mnist.grading.standins.packages.tables.reading import read_csv


class _PythonMnist:
    """`mnist.MNIST("folder")`: lists, unless arrays are asked for."""

    gz = True

    def __init__(self, data: Data, options: dict[str, Any]) -> None:
        self.data = data
        self.as_arrays = options.get("return_type") == "numpy"

    def _given(self, pair: Any) -> Any:
        return rows(pair) if self.as_arrays else tuple(array.tolist() for array in rows(pair))

    def load_training(self) -> Any:
        return self._given(self.data.train)

    def load_testing(self) -> Any:
        return self._given(self.data.test)

    def select_emnist(self, name: str) -> None:
        """Digits all the same."""

    @staticmethod
    def display(image: Any, *arguments: Any) -> str:
        return ""

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(name)


class _Response(Entered):
    """What `requests.get` gives: a file of MNIST, or that there is none."""

    def __init__(self, files: Files, url: str) -> None:
        found = files.content(url)
        self.content, self.url = found or b"", url
        self.ok = found is not None
        self.status_code = 200 if self.ok else 404
        self.headers = {"content-length": str(len(self.content))}
        self.raw = files.open(url, "rb") if self.ok else None

    @property
    def text(self) -> str:
        return self.content.decode("latin1")

    def json(self) -> Any:
        return {}

    def iter_content(self, chunk_size: Any = 1, **options: Any) -> list[bytes]:
        return [self.content]

    def raise_for_status(self) -> None:
        if not self.ok:
            raise OSError(f"{self.url} is not fetched: a program that is graded gets no network")


def _spiral(samples: int, classes: int) -> Any:
    """`nnfs.datasets.spiral_data`: arms of points, uint8 labels."""
    radius, y = np.tile(np.linspace(0, 1, samples), classes), np.repeat(np.arange(classes), samples)
    angle = 4 * (radius + y) + np.random.randn(len(y)) * 0.2
    return np.column_stack([radius * np.sin(2.5 * angle), radius * np.cos(2.5 * angle)]), y.astype(np.uint8)


def _vertical(samples: int, classes: int) -> Any:
    y = np.repeat(np.arange(classes), samples)
    X = np.column_stack([np.random.randn(len(y)) * 0.1 + y / 3, np.random.randn(len(y)) * 0.1 + 0.5])
    return X, y.astype(np.uint8)


def _sine(samples: int = 1000) -> Any:
    X = np.arange(samples).reshape(-1, 1) / samples
    return X, np.sin(2 * np.pi * X)


def _columns(data: Data) -> Any:
    """Column vectors with one-hot labels to train with, and with numbers to test with, as a book's loader gives."""
    (X, y), (T, t) = data.train, data.test
    train = [(x.reshape(-1, 1) / np.float32(255), np.eye(10)[:, [label]]) for x, label in zip(X, y, strict=True)]
    test = [(x.reshape(-1, 1) / np.float32(255), int(label)) for x, label in zip(T, t, strict=True)]
    return train, test, test


def _book(data: Data, normalize: Any = True, *arguments: Any, **options: Any) -> Any:
    """`load_mnist(normalize=True, flatten=True, one_hot_label=False)` of a book on deep learning."""
    pairs = []
    for X, y in (data.train, data.test):
        images = X[:, None] if options.get("flatten") is False else X.reshape(len(X), -1)
        images = images.astype(np.float32) / np.float32(255) if normalize else images
        pairs.append((images, np.eye(10)[y] if options.get("one_hot_label") else y))
    return tuple(pairs)


def _course(data: Data) -> Any:
    """The pictures of `lr_utils.load_dataset()`, labels as one row."""
    file = hierarchy(data)
    found = [file[name] for name in ("train_set_x", "train_set_y", "test_set_x", "test_set_y")]
    return found[0], found[1].reshape(1, -1), found[2], found[3].reshape(1, -1), file["list_classes"]


def _downloaded(files: Files, url: Any = "", output: Any = None, *arguments: Any, **options: Any) -> str:
    """A file of MNIST, kept under the name that it is to have."""
    name = str(output or options.get("out") or str(url).rpartition("/")[2])
    content = files.content(str(url))
    if content is not None and files.content(name) is None:
        files.keep(name, content)
    return name


def _read_idx(data: Data, file: Any) -> Any:
    """What `idx2numpy` makes of a file or its name."""
    name = str(getattr(file, "name", file))
    return data.of(name)[1 if "label" in name else 0].copy()


def modules(data: Data, files: Files) -> dict[str, dict[str, Any]]:
    """All of them; requests, wget and the like."""
    book, download = partial(_book, data), partial(_downloaded, files)
    mnist = {
        "train_images": lambda: data.train[0].copy(), "train_labels": lambda: data.train[1].copy(),
        "test_images": lambda: data.test[0].copy(), "test_labels": lambda: data.test[1].copy(),
        "MNIST": lambda *a, **o: _PythonMnist(data, o), "load": lambda: (*rows(data.train), *rows(data.test)),
        "init": nothing, "temporary_dir": lambda: "", "load_mnist": book, "load_data": data.load_data,
    }  # fmt: skip
    fetched = {"get": lambda url, *a, **o: _Response(files, str(url)), "download": download}
    fetched["Session"] = lambda: Bunch(get=fetched["get"], headers={}, mount=nothing)
    kaggle = {
        "dataset_download": lambda name, *a, **o: f"data/{name}",
        "competition_download": lambda name, *a, **o: f"data/{name}",
        "load_dataset": lambda adapter, name, path="train.csv", **o: read_csv(data, files, path),
    }
    return {
        "mnist": mnist, "dataset.mnist": {"load_mnist": book}, "requests": fetched, "wget": {"download": download},
        "gdown": {"download": download, "cached_download": download}, "kagglehub": kaggle,
        "mlxtend.data": {"loadlocal_mnist": lambda *a, **o: rows(data.test if "t10k" in str((a, o)) else data.train),
                         "mnist_data": lambda: rows(data.train)},
        "idx2numpy": {"convert_from_file": partial(_read_idx, data), "convert_from_string": from_idx},
        "mnist_loader": {"load_data_wrapper": partial(_columns, data), "load_data": partial(pickled, data)},
        "mnist_reader": {"load_mnist": lambda path="", kind="train", *a, **o: rows(data.of(kind))},
        "emnist": {"extract_training_samples": lambda *a: data.train, "extract_test_samples": lambda *a: data.test},
        "h5py": {"File": lambda *a, **o: hierarchy(data)}, "lr_utils": {"load_dataset": partial(_course, data)},
        "nnfs": {"init": nothing}, "nnfs.datasets.spiral": {"create_data": _spiral},
        "nnfs.datasets": {"spiral_data": _spiral, "vertical_data": _vertical, "sine_data": _sine},
        "google.colab": {}, "google": {},
    }  # fmt: skip
