"""Packages that need not be there: each a module of a few true functions, and of nothing for all else."""

from __future__ import annotations

import gzip
import importlib
import importlib.machinery
import importlib.util
import sys
import types
from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_mnist.grading.watching.standins import frames, learning
from tinygrad_mnist.grading.watching.standins.absorbing import Absorbing
from tinygrad_mnist.grading.watching.standins.loading import Data

REPLACED = {
    "matplotlib", "seaborn", "plotly", "bokeh", "tqdm", "IPython", "ipywidgets", "cv2", "PIL", "requests", "wget", "gdown",
    "kagglehub", "kaggle", "google", "sklearn", "tensorflow", "keras", "torch", "torchvision", "datasets", "mlxtend", "mnist",
    "idx2numpy", "h5py", "numba", "cupy", "pandas", "wandb", "joblib", "nnfs", "np_utils", "pygame", "tkinter", "turtle",
    "imageio", "skimage", "tensorflow_datasets", "deeplake", "python_mnist", "tensorboardX", "termcolor", "colorama", "rich",
    "scipy.io", "mnist_loader", "prettytable", "tabulate", "alive_progress", "progressbar", "psutil", "line_profiler", "streamlit", "gradio",
}  # fmt: skip
"""What is never imported, whether it is here or not."""


def functions(data: Data) -> dict[str, dict[str, Any]]:
    """What the modules have that does something, by the module's name."""
    keras = {"load_data": data.load_data}
    iterable = {"tqdm": _through, "trange": range, "notebook": Absorbing()}
    splits = {"train_test_split": learning.train_test_split}
    scaling = {n: getattr(learning, n) for n in ("StandardScaler", "MinMaxScaler", "OneHotEncoder", "LabelBinarizer",
                                                 "LabelEncoder", "normalize")}  # fmt: skip
    every = {n: lambda: _flat(data.train) for n in ("load_training",)}
    every["load_testing"] = lambda: _flat(data.test)
    tables = {
        "read_csv": data.read_csv, "DataFrame": frames.Frame, "Series": frames.Series, "get_dummies": frames.get_dummies,
        "concat": lambda parts, axis=0, **o: frames.Frame(np.concatenate([np.asarray(p) for p in parts], axis)),
        "to_numeric": lambda x, **o: frames.Series(np.asarray(x).astype(float)), "options": Absorbing(),
        "set_option": Absorbing(),
    }  # fmt: skip
    found: dict[str, dict[str, Any]] = {
        "pandas": tables,
        "tqdm": iterable, "tqdm.auto": iterable, "tqdm.notebook": {**iterable, "tqdm_notebook": _through},
        "sklearn.datasets": {
            "fetch_openml": data.fetch_openml, "load_digits": data.load_digits, "fetch_mldata": data.fetch_openml,
        },
        "sklearn.model_selection": splits, "sklearn.cross_validation": splits, "sklearn.preprocessing": scaling,
        "sklearn.utils": {"shuffle": learning.shuffle}, "sklearn.metrics": {"accuracy_score": learning.accuracy_score},
        "mlxtend.data": {"loadlocal_mnist": lambda *a, **o: _flat(data.test if "t10k" in str((a, o)) else data.train),
                         "mnist_data": lambda: _flat(data.train)},
        "mnist": {
            "train_images": lambda: data.train[0], "train_labels": lambda: data.train[1],
            "test_images": lambda: data.test[0], "test_labels": lambda: data.test[1],
            "MNIST": lambda *a, **o: learning.Bunch(
                load_training=lambda: _lists(data.train), load_testing=lambda: _lists(data.test), gz=False
            ),
        },
        "idx2numpy": {"convert_from_file": lambda name: _from_idx(data, str(getattr(name, "name", name)))},
        "mnist_loader": {"load_data_wrapper": data.columns, "load_data": data.pickled},
        "scipy.io": {"loadmat": data.matrix}, "scipy.special": SPECIAL, "h5py": {"File": data.hierarchical},
        "requests": {"get": lambda url, *a, **o: _Response(data, str(url))},
        "numba": {"njit": _decorated, "jit": _decorated, "prange": range},
        "IPython": {"get_ipython": lambda: Absorbing()}, "IPython.display": {"display": Absorbing(), "clear_output": Absorbing()},
        "torchvision.datasets": {n: _Torch(data) for n in ("MNIST", "FashionMNIST")},
        "torch.utils.data": {"DataLoader": _batches},
        "datasets": {"load_dataset": lambda *a, **o: _hugging_face(data)},
        "tensorflow.examples.tutorials.mnist.input_data": {"read_data_sets": lambda *a, **o: _old(data, o)},
    }  # fmt: skip
    for name in ("mnist", "fashion_mnist"):
        for root in (
            "keras.datasets",
            "tensorflow.keras.datasets",
            "tensorflow.python.keras.datasets",
            "keras.api.datasets",
        ):
            found[f"{root}.{name}"] = keras
    for root in (
        "keras.utils",
        "tensorflow.keras.utils",
        "keras.utils.np_utils",
        "np_utils",
        "tensorflow.python.keras.utils",
    ):
        found[root] = {"to_categorical": learning.to_categorical, "normalize": learning.normalize}
    return found


def _flat(pair: Any) -> Any:
    return pair[0].reshape(len(pair[0]), -1), pair[1]


def _lists(pair: Any) -> Any:
    return pair[0].reshape(len(pair[0]), -1).tolist(), pair[1].tolist()


def _from_idx(data: Data, name: str) -> Any:
    X, y = data.test if "t10k" in name or "test" in name else data.train
    return y if "label" in name else X


def _through(iterable: Any = (), *arguments: Any, **options: Any) -> Any:
    """A progress bar is what it goes through."""
    return iterable


def _decorated(*arguments: Any, **options: Any) -> Any:
    return arguments[0] if arguments and callable(arguments[0]) else lambda function: function


class _Response:
    """What `requests.get` gives."""

    status_code, ok = 200, True

    def __init__(self, data: Data, url: str) -> None:
        raw = data.raw(url) or b""
        self.content = gzip.compress(raw, 1) if url.endswith(".gz") else raw
        self.text = self.content.decode("latin1")

    def iter_content(self, size: int = 1) -> list[bytes]:
        return [self.content]

    def raise_for_status(self) -> None:
        """It is there."""

    def __enter__(self) -> _Response:
        return self

    def __exit__(self, *raised: Any) -> None:
        """Nothing to close."""


def _expit(z: Any) -> Any:
    return 1 / (1 + np.exp(-z))


def _softmax(z: Any, axis: Any = None) -> Any:
    e = np.exp(z - np.max(z, axis=axis, keepdims=True))
    return e / np.sum(e, axis=axis, keepdims=True)


SPECIAL = {"expit": _expit, "softmax": _softmax, "log_softmax": lambda z, axis=None: np.log(_softmax(z, axis)),
           "logsumexp": lambda z, axis=None, **o: np.log(np.sum(np.exp(z), axis=axis, **o))}  # fmt: skip
"""What programs take from scipy.special, where it is not there."""


class _Loaded:
    """A tensor of torch, as far as it is turned into an array."""

    def __init__(self, array: Any) -> None:
        self.array = np.asarray(array)

    def numpy(self) -> Any:
        return self.array

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return np.array(self.array, dtype)

    def __getattr__(self, name: str) -> Any:
        if name in ("float", "long", "int", "cpu", "detach", "contiguous", "double"):
            return lambda: _Loaded(
                self.array.astype({"float": "f4", "long": "i8", "int": "i4"}.get(name, self.array.dtype))
            )
        if name in ("view", "reshape"):
            return lambda *shape: _Loaded(self.array.reshape(*shape))
        if name == "item":
            return self.array.item
        return getattr(self.array, name)

    def __len__(self) -> int:
        return len(self.array)

    def __getitem__(self, index: Any) -> Any:
        return _Loaded(self.array[index])

    def __truediv__(self, other: Any) -> Any:
        return _Loaded(self.array / other)


class _Torch:
    """`torchvision.datasets.MNIST`."""

    def __init__(self, data: Data) -> None:
        self._data = data

    def __call__(self, root: Any = "", train: bool = True, **options: Any) -> Any:
        chosen = _Torch(self._data)
        X, y = self._data.train if train else self._data.test
        chosen.data, chosen.targets = _Loaded(X), _Loaded(y.astype(np.int64))
        chosen.train_data, chosen.train_labels = chosen.data, chosen.targets
        chosen.test_data, chosen.test_labels = chosen.data, chosen.targets
        chosen.transformed = options.get("transform") is not None
        return chosen

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: int) -> Any:
        if index >= len(self):
            raise IndexError(index)
        image = self.data.array[index]
        scaled = (image / np.float32(255))[None] if self.transformed else image
        return _Loaded(scaled), int(self.targets.array[index])

    data: _Loaded
    targets: _Loaded
    train_data: _Loaded
    train_labels: _Loaded
    test_data: _Loaded
    test_labels: _Loaded
    transformed: bool


def _batches(dataset: Any, batch_size: int = 1, **options: Any) -> Any:
    pairs = [dataset[i] for i in range(len(dataset))]
    size = batch_size or 1
    return [
        (_Loaded(np.stack([p[0].array for p in part])), _Loaded(np.array([p[1] for p in part])))
        for part in (pairs[i : i + size] for i in range(0, len(pairs), size))
    ]


def _hugging_face(data: Data) -> Any:
    return {k: {"image": list(X), "label": y.tolist()} for k, (X, y) in (("train", data.train), ("test", data.test))}


def _old(data: Data, options: dict[str, Any]) -> Any:
    """TensorFlow's `input_data`: rows from 0 to 1."""

    def part(pair: Any) -> Any:
        X, y = _flat(pair)
        labels = np.eye(10)[y] if options.get("one_hot") else y
        images = X / np.float32(255)
        state = {"at": 0}

        def next_batch(size: int, **more: Any) -> Any:
            chosen = np.arange(state["at"], state["at"] + size) % len(images)
            state["at"] += size
            return images[chosen], labels[chosen]

        return learning.Bunch(images=images, labels=labels, num_examples=len(images), next_batch=next_batch)

    return learning.Bunch(train=part(data.train), test=part(data.test), validation=part(data.test))


class _StandIn(types.ModuleType):
    """A module of a package that is not there."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        whole = f"{self.__name__}.{name}"
        if whole in sys.modules:
            return sys.modules[whole]
        if any(known == whole or known.startswith(f"{whole}.") for known in FOUND):
            return importlib.import_module(whole)
        return type(name, (Absorbing,), {}) if name[:1].isupper() else Absorbing()

    __path__: list[str] = []


FOUND: dict[str, dict[str, Any]] = {}
"""The functions of every module, once they are installed."""


class Finder:
    """Finds the modules of these names, and everything below them."""

    def __init__(self, names: set[str]) -> None:
        self.names = names

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: Any = None) -> Any:
        if name not in self.names and name.partition(".")[0] not in self.names:
            return None
        return importlib.machinery.ModuleSpec(name, self, is_package=True)  # type: ignore[arg-type]  # it loads

    def create_module(self, spec: Any) -> types.ModuleType:
        if spec.name == "cupy":
            return np
        return _StandIn(spec.name)

    def exec_module(self, module: types.ModuleType) -> None:
        module.__dict__.update(FOUND.get(module.__name__, {}))


def install(data: Data) -> None:
    FOUND.update(functions(data))
    sys.meta_path.insert(0, Finder(REPLACED))  # type: ignore[arg-type]  # it finds
    sys.meta_path.append(Finder({"scipy"}))  # type: ignore[arg-type]  # where it is not there
