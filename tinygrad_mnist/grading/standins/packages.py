"""What the packages have that does something: data, splits, progress bars that are gone through, pictures."""

from __future__ import annotations

import gzip
import pickle
from collections.abc import Iterator
from typing import Any

import numpy as np

from tinygrad_mnist.grading.standins import frames, learning, science, tensors
from tinygrad_mnist.grading.standins.absorbing import Absorbing, named
from tinygrad_mnist.grading.standins.files import Files, kind
from tinygrad_mnist.grading.standins.loading import Data

PYPLOT = ("plot", "show", "figure", "subplot", "subplots", "imshow", "title", "xlabel", "ylabel", "legend", "axis",
"grid",
          "savefig", "scatter", "hist", "bar", "colorbar", "pause", "close", "clf", "cla", "ion", "ioff", "xlim",
          "ylim",
          "xticks", "yticks", "tight_layout", "draw", "gca", "gcf", "suptitle", "plt", "cm", "rcParams",
          "matshow")  # fmt: skip
TKINTER = ("Tk", "Canvas", "Button", "Label", "Frame", "Entry", "Text", "Toplevel", "StringVar", "IntVar", "PhotoImage",
           "filedialog", "messagebox", "ttk", "mainloop", "ALL", "BOTH", "END", "LEFT", "RIGHT", "TOP", "BOTTOM", "X",
           "Y", "W",
           "N", "E", "S", "ROUND", "TRUE", "YES")  # fmt: skip


def functions(data: Data, files: Files) -> dict[str, dict[str, Any]]:
    """What each module has, by the module's whole name."""
    return {
        **_drawing(data), **_waiting(), **_tables(data, files), **_sklearn(data), **_loaders(data, files),
        **_keras(data), **_torch(data), **science.MODULES,
    }  # fmt: skip


def _drawing(data: Data) -> dict[str, dict[str, Any]]:
    plots: dict[str, Any] = {name: named(f"matplotlib.pyplot.{name}") for name in PYPLOT}
    plots["imread"] = lambda name, *a, **o: np.float32(data.picture(name)) / np.float32(255)
    screen = {name: named(f"tkinter.{name}") for name in TKINTER}
    pixels = {"imread": lambda name, *a, **o: np.array(data.picture(name))}
    vision = {"imread": lambda name, *a, **o: _read(data, name, *a), "resize": tensors.resized, "imwrite": _true,
              "cvtColor": lambda image, *a: np.asarray(image)[..., :3].mean(-1).astype(np.uint8),
              "waitKey": lambda *a: 27, "threshold": _threshold, "THRESH_BINARY": 0, "THRESH_BINARY_INV": 1,
              "bitwise_not": lambda image: 255 - np.asarray(image), "IMREAD_GRAYSCALE": 0,
              "IMREAD_COLOR": 1}  # fmt: skip
    image = {"open": data.picture, "fromarray": lambda a, *more: tensors.Picture(a), "Image": tensors.Picture,
             "new": lambda mode, size, color=0: tensors.Picture(np.full(size[::-1], color, np.uint8))}  # fmt: skip
    return {
        "matplotlib": {}, "matplotlib.pyplot": plots, "pylab": {**vars(np), **plots}, "matplotlib.pylab": {**vars(np),
        **plots},
        "matplotlib.image": {"imread": plots["imread"]}, "matplotlib.animation": {}, "cv2": vision, "PIL.Image": image,
        "PIL": {"ImageOps": _ImageOps()}, "imageio": pixels, "imageio.v2": pixels, "imageio.v3": pixels,
        "skimage.io": pixels,
        "skimage.transform": {"resize": lambda x, size, **o: tensors.resized(x, tuple(size)[1::-1])},
        "scipy.misc": pixels, "tkinter": screen, "pygame": {"QUIT": 256},
        "pygame.event": {"get": lambda *a: [learning.Bunch(type=256)]},
        "IPython": {"get_ipython": lambda: Absorbing(), "display": named("IPython.display")}, "IPython.display": {},
    }  # fmt: skip


def _threshold(image: Any, limit: float, high: float, kind: int = 0) -> tuple[float, Any]:
    """As `cv2.threshold`: black and white, or the other way round."""
    above = np.asarray(image) > (limit or 127)
    return limit, np.where(above != bool(kind & 1), high, 0).astype(np.uint8)


class _ImageOps:
    """`PIL.ImageOps`."""

    def invert(self, picture: tensors.Picture) -> tensors.Picture:
        return tensors.Picture(255 - picture.pixels)

    def __getattr__(self, name: str) -> Any:
        return lambda picture, *a, **o: picture


def _read(data: Data, name: Any, flag: Any = 1, *arguments: Any) -> Any:
    grey = np.array(data.picture(name))
    return grey if flag == 0 else np.repeat(grey[..., None], 3, -1)


def _true(*arguments: Any, **options: Any) -> bool:
    return True


class Progress:
    """A progress bar: a loop over it is one over what it was given."""

    def __init__(self, iterable: Any = (), *arguments: Any, **options: Any) -> None:
        self.iterable = iterable
        self.n, self.total = 0, options.get("total")

    def __iter__(self) -> Iterator[Any]:
        return iter(self.iterable)

    def __len__(self) -> int:
        return len(self.iterable)

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *raised: Any) -> None:
        """Nothing happens."""

    @staticmethod
    def write(*arguments: Any, **options: Any) -> None:
        """Nothing is printed."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return Absorbing()


def _range(*arguments: Any, **options: Any) -> Progress:
    return Progress(range(*arguments))


def decorated(*arguments: Any, **options: Any) -> Any:
    """A decorator, with or without arguments, that changes nothing."""
    plain = len(arguments) == 1 and not options and callable(arguments[0])
    return arguments[0] if plain else lambda function: function


def _waiting() -> dict[str, dict[str, Any]]:
    bars = {"tqdm": Progress, "trange": _range, "tqdm_notebook": Progress, "tnrange": _range}
    fast = dict.fromkeys(("njit", "jit", "vectorize", "guvectorize", "generated_jit", "stencil"), decorated) | {
        "prange": range
    }
    later = {
        "Parallel": lambda *a, **o: lambda calls: [f(*args, **options) for f, args, options in calls],
        "delayed": lambda f: lambda *args, **options: (f, args, options), "dump": _nothing, "load": _unpickled,
        "cpu_count": lambda: 1,
    }  # fmt: skip
    return {
        **dict.fromkeys(("tqdm", "tqdm.auto", "tqdm.notebook", "tqdm.std", "tqdm.autonotebook"), bars),
        "rich.progress": {"track": Progress}, "alive_progress": {"alive_it": Progress},
        "progressbar": {"progressbar": Progress},
        "termcolor": {"colored": lambda text, *a, **o: text}, "tabulate": {"tabulate": lambda *a, **o: ""},
        "numba": fast, "line_profiler": {"profile": decorated}, "memory_profiler": {"profile": decorated},
        "joblib": later, "dill": vars(pickle), "cPickle": vars(pickle), "cupy": {"asnumpy": np.asarray,
        "asarray": np.asarray},
        "fire": {"Fire": lambda target=None, **o: target() if callable(target) else None},
        "autograd": {}, "jax": {"jit": decorated},
    }  # fmt: skip


def _nothing(*arguments: Any, **options: Any) -> None:
    """Nothing is written."""


def _unpickled(name: Any, *arguments: Any, **options: Any) -> Any:
    with open(name, "rb") as file:
        return pickle.load(file)


def _tables(data: Data, files: Files) -> dict[str, dict[str, Any]]:
    def read_csv(path: Any = "", sep: str = ",", header: Any = "infer", names: Any = None, **options: Any) -> Any:
        name = str(getattr(path, "name", path))
        table = _table(data, files, path, name, options.get("delimiter") or sep, header, names)
        if options.get("index_col") is not None:
            first = options["index_col"]
            table = table.set_index(first if isinstance(first, str) else table.columns[first])
        chosen = options.get("usecols")
        table = table[list(chosen)] if chosen is not None else table
        table = table.head(options["nrows"]) if options.get("nrows") else table
        dtype = options.get("dtype")
        return table.astype(dtype) if dtype is not None and not isinstance(dtype, dict) else table

    tables = {
        "read_csv": read_csv, "read_table": read_csv, "read_parquet": read_csv, "read_pickle": read_csv,
        "DataFrame": frames.Frame, "Series": frames.Series, "get_dummies": frames.get_dummies, "concat": frames.concat,
        "to_numeric": lambda x, **o: frames.Series(np.asarray(x).astype(float)),
        "Categorical": frames.Series, "unique": lambda x: frames.Series(x).unique(), "isnull": _is_missing,
        "isna": _is_missing,
        "factorize": lambda x, **o: np.unique(np.asarray(x), return_inverse=True)[::-1],
        "crosstab": lambda a, b, **o: frames.Frame(learning.confusion_matrix(a, b)), "core": Absorbing(),
    }  # fmt: skip
    return {"pandas": tables, "polars": tables}


def _is_missing(values: Any) -> Any:
    return frames.Series(values).isnull().values


def _table(data: Data, files: Files, path: Any, name: str, sep: str, header: Any, names: Any) -> frames.Frame:
    """A file that was written by the program or that is there, unless it is one of MNIST; else digits."""
    if hasattr(path, "read") and not files.exists(name):
        text = path.read()
        return frames.parse(text.decode() if isinstance(text, bytes) else text, header, sep, names)
    written = files.written.get(files.key(name))
    if kind(name) == "csv" and written == data.csv(name):
        written = None
    there = files.real_isfile(files.place(name)) and files.content(name) is None
    if written is None and not there:
        return data.read_csv(name, header, names)
    with files.open(name, "rb") as file:
        raw = file.read()
    raw = gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw
    return frames.parse(raw.decode("utf-8-sig", "replace"), header, sep, names)


def _sklearn(data: Data) -> dict[str, dict[str, Any]]:
    loaded = {"fetch_openml": data.fetch_openml, "load_digits": data.load_digits, "fetch_mldata": data.fetch_mldata}
    return {
        "sklearn.datasets": {**loaded, **learning.SMALL_SETS}, "sklearn.model_selection": learning.MODEL_SELECTION,
        "sklearn.cross_validation": learning.MODEL_SELECTION, "sklearn.preprocessing": learning.PREPROCESSING,
        "sklearn.utils": {"shuffle": learning.shuffle, "resample": learning.shuffle},
        "sklearn.metrics": learning.METRICS,
        "sklearn.decomposition": {"PCA": learning.PCA},
    }  # fmt: skip


def _rows(pair: Any) -> Any:
    """Images as rows, and labels."""
    return pair[0].reshape(len(pair[0]), -1), pair[1]


def _lists(pair: Any) -> Any:
    """Images and labels as python-mnist gives them: lists, and an array of bytes."""
    X, y = _rows(pair)
    return X.tolist(), y.tolist()


class _PythonMnist:
    """`mnist.MNIST("folder")`."""

    gz = True

    def __init__(self, data: Data, options: dict[str, Any]) -> None:
        self.data = data
        self.as_arrays = options.get("return_type") == "numpy"

    def _given(self, pair: Any) -> Any:
        return _rows(pair) if self.as_arrays else _lists(pair)

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


class _Response:
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

    def __enter__(self) -> _Response:
        return self

    def __exit__(self, *raised: Any) -> None:
        """Nothing to close."""


def _spiral(samples: int, classes: int) -> Any:
    """`nnfs.datasets.spiral_data`: arms of points, uint8 labels."""
    radius, y = np.tile(np.linspace(0, 1, samples), classes), np.repeat(np.arange(classes), samples)
    angle = 4 * (radius + y) + np.random.randn(len(y)) * 0.2
    return np.column_stack([radius * np.sin(2.5 * angle), radius * np.cos(2.5 * angle)]), y.astype(np.uint8)


def _vertical(samples: int, classes: int) -> Any:
    y = np.repeat(np.arange(classes), samples)
    return np.column_stack([np.random.randn(len(y)) * 0.1 + y / 3, np.random.randn(len(y)) * 0.1 + 0.5]), y.astype(
        np.uint8
    )


def _sine(samples: int = 1000) -> Any:
    X = np.arange(samples).reshape(-1, 1) / samples
    return X, np.sin(2 * np.pi * X)


def _loaders(data: Data, files: Files) -> dict[str, dict[str, Any]]:
    def download(url: Any = "", output: Any = None, *arguments: Any, **options: Any) -> str:
        name = str(output or options.get("out") or str(url).rpartition("/")[2])
        content = files.content(str(url))
        if content is not None and files.content(name) is None:
            files.keep(name, content)
        return name

    def arrays() -> Any:
        return (*_rows(data.train), *_rows(data.test))

    def kind_of(path: Any = "", kind: str = "train", *arguments: Any, **options: Any) -> Any:
        return _rows(data.of(kind))

    def from_idx(name: Any) -> Any:
        name = str(getattr(name, "name", name))
        return data.of(name)[1 if "label" in name else 0].copy()

    tables = _tables(data, files)["pandas"]["read_csv"]
    mnist = {
        "train_images": lambda: data.train[0].copy(), "train_labels": lambda: data.train[1].copy(),
        "test_images": lambda: data.test[0].copy(), "test_labels": lambda: data.test[1].copy(),
        "MNIST": lambda *a, **o: _PythonMnist(data, o), "load": arrays, "init": _nothing, "temporary_dir": lambda: "",
        "load_mnist": data.book, "load_data": data.load_data,
    }  # fmt: skip
    fetched = {"get": lambda url, *a, **o: _Response(files, str(url)), "download": download}
    fetched["Session"] = lambda: learning.Bunch(get=fetched["get"], headers={}, mount=_nothing)
    return {
        "mnist": mnist, "dataset.mnist": {"load_mnist": data.book}, "requests": fetched, "wget": {"download": download},
        "gdown": {"download": download, "cached_download": download},
        "kagglehub": {"dataset_download": lambda name, *a, **o: f"data/{name}", "competition_download": lambda n, *a,
        **o: f"data/{n}",
                      "load_dataset": lambda adapter, name, path="train.csv", **o: tables(path)},
        "mlxtend.data": {"loadlocal_mnist": lambda *a, **o: _rows(data.test if "t10k" in str((a, o)) else data.train),
                         "mnist_data": lambda: _rows(data.train)},
        "idx2numpy": {"convert_from_file": from_idx, "convert_from_string": lambda raw: _decoded(raw)},
        "mnist_loader": {"load_data_wrapper": data.columns, "load_data": data.pickled},
        "mnist_reader": {"load_mnist": kind_of},
        "emnist": {"extract_training_samples": lambda *a: data.train, "extract_test_samples": lambda *a: data.test},
        "scipy.io": {"loadmat": data.matrix, "savemat": _nothing}, "h5py": {"File": data.hierarchical},
        "lr_utils": {"load_dataset": data.course}, "nnfs": {"init": _nothing},
        "nnfs.datasets": {"spiral_data": _spiral, "vertical_data": _vertical, "sine_data": _sine},
        "nnfs.datasets.spiral": {"create_data": _spiral}, "datasets": {"load_dataset": lambda *a,
        **o: tensors.hugging_face(data.parts, *a, **o)},
        "tensorflow_datasets": {"load": lambda *a, **o: tensors.tensorflow_datasets(data.parts, *_split(a),
        **_options(a, o)),
                                "as_numpy": lambda x: x},
        "google.colab": {}, "google": {},
    }  # fmt: skip


def _split(arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    return arguments[:1]


def _options(arguments: tuple[Any, ...], options: dict[str, Any]) -> dict[str, Any]:
    return {"split": arguments[1], **options} if len(arguments) > 1 else options


def _decoded(raw: bytes) -> Any:
    """An IDX file's array."""
    shape = np.frombuffer(raw, ">i4", raw[3], 4)
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * raw[3]).reshape(shape)


def _keras(data: Data) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    loaded = {"load_data": data.load_data}

    def normalize(x: Any, axis: int = -1, order: int = 2) -> Any:
        return learning.normalize(x, axis=axis, order=order)

    def coloured() -> Any:
        padded = [(np.pad(X, ((0, 0), (2, 2), (2, 2))), y) for X, y in (data.train, data.test)]
        return tuple((np.repeat(X[..., None], 3, -1), y.reshape(-1, 1)) for X, y in padded)

    labels = {
        "to_categorical": learning.to_categorical,
        "normalize": normalize,
        "get_file": lambda fname="", origin="", **options: fname or origin,
    }
    for keras in ("keras", "keras.api", "tensorflow.keras", "tensorflow.python.keras", "tensorflow.compat.v1.keras"):
        found[keras] = {}
        found |= {f"{keras}.datasets.{name}": loaded for name in ("mnist", "fashion_mnist")}
        found |= {f"{keras}.datasets.{name}": {"load_data": coloured} for name in ("cifar10", "cifar100")}
        found |= {f"{keras}.utils": labels, f"{keras}.utils.np_utils": labels, f"{keras}.utils.numerical_utils": labels}
    found["np_utils"] = labels
    found["extra_keras_datasets.emnist"] = loaded
    old = {"read_data_sets": lambda *a, **o: tensors.old_input_data(data.parts, *a, **o)}
    found["tensorflow.examples.tutorials.mnist.input_data"] = old
    found["tensorflow.examples.tutorials.mnist"] = {}
    found["tensorflow"] = {
        "constant": tensors.tensor, "convert_to_tensor": tensors.tensor, "cast": tensors.cast,
        "one_hot": tensors.one_hot,
        "reshape": lambda x, shape, **o: tensors.tensor(np.reshape(x, shape)), "float32": np.float32,
        "float64": np.float64,
        "int32": np.int32, "int64": np.int64, "uint8": np.uint8,
    }  # fmt: skip
    found["tensorflow.data"] = {"Dataset": tensors.Stream}
    return found


def _torch(data: Data) -> dict[str, dict[str, Any]]:
    def pictures(root: Any = "", train: bool = True, *arguments: Any, **options: Any) -> tensors.Pictures:
        given = dict(zip(("transform", "target_transform"), arguments, strict=False))
        return tensors.Pictures(data.train if train else data.test, **{**given, **options})

    sets = {"DataLoader": tensors.Loader, "random_split": tensors.random_split, "Subset": tensors.Part,
            "TensorDataset": tensors.Arrays, "Dataset": type("Dataset", (), {})}  # fmt: skip
    made = {"tensor": tensors.tensor, "Tensor": tensors.Tensor, "from_numpy": tensors.tensor, "stack": tensors.stack,
            "flatten": lambda x, start=0, end=-1: x.reshape(*x.shape[:start], -1),
            "manual_seed": named("torch.manual_seed"),
            "as_tensor": tensors.tensor, "is_tensor": lambda x: isinstance(x, tensors.Tensor),
            "float32": np.float32, "float64": np.float64, "long": np.int64, "int64": np.int64,
            "float": np.float32}  # fmt: skip
    named_sets = ("MNIST", "FashionMNIST", "EMNIST", "KMNIST", "QMNIST")
    return {
        "torch": made, "torch.utils.data": sets, "torch.utils.data.dataloader": sets, "torch.utils.data.dataset": sets,
        "torch.nn.functional": {"one_hot": tensors.one_hot}, "torch.utils.data.sampler": {},
        "torchvision.datasets": dict.fromkeys(named_sets, pictures),
        "torchvision.datasets.mnist": dict.fromkeys(named_sets, pictures),
        "torchvision.transforms": tensors.TRANSFORMS, "torchvision.transforms.v2": tensors.TRANSFORMS,
        "torchvision.transforms.functional": {"to_tensor": tensors.to_tensor},
    }  # fmt: skip
