"""Data as torch, TensorFlow, Hugging Face and Pillow hand it out: tensors, data sets, loaders and pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_mnist.grading.standins.absorbing import Absorbing
from tinygrad_mnist.grading.standins.frames import Frame
from tinygrad_mnist.grading.standins.learning import Bunch

CASTS = {"float": "f4", "double": "f8", "long": "i8", "int": "i4", "byte": "u1", "half": "f2", "bool": "?"}
UNCHANGED = {"cpu", "cuda", "detach", "contiguous", "to", "clone", "requires_grad_", "numpy_", "cache"}


class _Size(int):
    """A number that answers to a call as well: `x.size` of NumPy, `x.size(0)` of torch."""

    shape: tuple[int, ...]

    def __call__(self, dim: int | None = None) -> Any:
        return self.shape if dim is None else self.shape[dim]


class Tensor(np.ndarray):
    """An array that knows torch's words for being turned into one."""

    def __new__(cls, values: Any = (), dtype: Any = None, **options: Any) -> Any:
        """What `tensor` gives; it is a class, as libraries ask whether something is an instance of torch.Tensor."""
        return tensor(values, dtype)

    def numpy(self) -> NDArray[Any]:
        return np.array(self)

    def view(self, *shape: Any) -> Any:  # type: ignore[override]  # a shape, as torch takes it
        if shape and all(isinstance(n, (int, np.integer, tuple)) for n in shape):
            return self.reshape(*shape)
        return super().view(*shape)

    @property
    def size(self) -> Any:
        size = _Size(int(np.prod(self.shape)))
        size.shape = self.shape
        return size

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if name in CASTS:
            return lambda: self.astype(CASTS[name])
        if name in UNCHANGED:
            return lambda *a, **o: self
        if name == "t":
            return lambda: self.T
        if name in ("unsqueeze", "unsqueeze_"):
            return lambda dim: tensor(np.expand_dims(self, dim))
        if name == "numel":
            return lambda: int(np.prod(self.shape))
        if name == "permute":
            return lambda *axes: self.transpose(*axes)
        return Absorbing()


def tensor(values: Any, dtype: Any = None, **options: Any) -> Any:
    """What torch.tensor, from_numpy and tf.constant give."""
    array = np.asarray(values, dtype if isinstance(dtype, (str, type, np.dtype)) else None)
    return array.view(Tensor)


def cast(values: Any, dtype: Any = None, *arguments: Any, **options: Any) -> Any:
    return tensor(np.asarray(values).astype(dtype if isinstance(dtype, (str, type, np.dtype)) else np.float32))


def one_hot(values: Any, classes: int = -1, *arguments: Any, **options: Any) -> Any:
    """options: num_classes as torch calls it, depth as TensorFlow does."""
    labels = np.asarray(values, int)
    classes = options.get("num_classes", options.get("depth", classes))
    return tensor(np.eye(classes if classes > 0 else int(labels.max()) + 1, dtype=np.float32)[labels])


def stack(parts: Sequence[Any], *arguments: Any, **options: Any) -> Any:
    return tensor(np.stack([np.asarray(p) for p in parts]))


class Picture:
    """A picture of Pillow's: an array, and whatever else is asked of it is the picture again."""

    mode, format = "L", "PNG"

    def __init__(self, pixels: Any) -> None:
        self.pixels = np.asarray(pixels)

    def __array__(self, dtype: Any = None, copy: Any = None) -> NDArray[Any]:
        return np.array(self.pixels, dtype)

    @property
    def size(self) -> tuple[int, int]:
        return self.pixels.shape[1], self.pixels.shape[0]

    @property
    def width(self) -> int:
        return self.size[0]

    @property
    def height(self) -> int:
        return self.size[1]

    def resize(self, size: Any, *arguments: Any, **options: Any) -> Picture:
        return Picture(resized(self.pixels, size))

    def convert(self, mode: str = "L", *arguments: Any, **options: Any) -> Picture:
        grey = self.pixels if self.pixels.ndim == 2 else self.pixels[..., :3].mean(-1).astype(self.pixels.dtype)
        return Picture(np.repeat(grey[..., None], 3, -1) if mode in ("RGB", "RGBA") else grey)

    def getdata(self) -> list[Any]:
        return list(self.pixels.reshape(-1, *self.pixels.shape[2:]).tolist())

    def getpixel(self, place: Any) -> Any:
        return self.pixels[place[1], place[0]].tolist()

    def point(self, rule: Any, *arguments: Any) -> Picture:
        return Picture(np.vectorize(rule)(self.pixels)) if callable(rule) else self

    def save(self, *arguments: Any, **options: Any) -> None:
        """Nothing is written."""

    def __enter__(self) -> Picture:
        return self

    def __exit__(self, *raised: Any) -> None:
        """Nothing to close."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return lambda *a, **o: self


def resized(pixels: Any, size: Any, *arguments: Any, **options: Any) -> Any:
    """The nearest pixels in a picture of another width and height."""
    array = np.asarray(pixels)
    width, height = size if isinstance(size, (tuple, list)) else (28, 28)
    rows = np.arange(height) * array.shape[0] // height
    columns = np.arange(width) * array.shape[1] // width
    return array[rows][:, columns]


# torchvision


def to_tensor(image: Any) -> Any:
    """A picture from 0 to 255 as (channels, rows, columns) from 0 to 1 in float32; what is a tensor stays."""
    if isinstance(image, Tensor):
        return image
    array = np.asarray(image)
    channels = array[None] if array.ndim == 2 else array.transpose(2, 0, 1)
    return tensor(channels / np.float32(255) if array.dtype == np.uint8 else channels)


def normalized(mean: Any, std: Any, *arguments: Any, **options: Any) -> Callable[[Any], Any]:
    """(x − mean) / std for each channel."""
    m, s = (np.asarray(v, np.float32).reshape(-1, 1, 1) for v in (mean, std))
    return lambda image: tensor((np.asarray(image) - m) / s)


def one_after_another(steps: Sequence[Callable[[Any], Any]]) -> Callable[[Any], Any]:
    def all_of_them(image: Any) -> Any:
        for step in steps:
            image = step(image)
        return image

    return all_of_them


def nothing_done(*arguments: Any, **options: Any) -> Callable[[Any], Any]:
    return lambda image: image


TRANSFORMS = {
    "ToTensor": lambda: to_tensor, "Normalize": normalized, "Compose": one_after_another, "Lambda": lambda f: f,
    "PILToTensor": lambda: lambda image: tensor(np.asarray(image)[None]), "Resize": nothing_done,
    "Grayscale": nothing_done,
    "RandomRotation": nothing_done, "RandomAffine": nothing_done, "RandomCrop": nothing_done,
    "CenterCrop": nothing_done,
    "RandomHorizontalFlip": nothing_done, "ToPILImage": nothing_done, "ConvertImageDtype": nothing_done,
    "Flatten": lambda: lambda image: image.reshape(-1), "ToDtype": nothing_done, "ToImage": lambda: to_tensor,
}  # fmt: skip


class Pictures:
    """`torchvision.datasets.MNIST`: (image, label) by number; data (n, 28, 28) uint8, targets (n,) int64."""

    def __init__(
        self, pair: Any, transform: Callable[[Any], Any] | None = None, target_transform: Any = None, **options: Any
    ) -> None:
        self.data, self.targets = tensor(pair[0].copy()), tensor(pair[1].astype(np.int64))
        self.transform, self.target_transform = transform, target_transform
        self.classes = [f"{i}" for i in range(10)]
        self.train_data = self.test_data = self.data
        self.train_labels = self.test_labels = self.targets

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: Any) -> tuple[Any, Any]:
        image: Any = Picture(np.asarray(self.data[index]))
        label: Any = int(self.targets[index])
        return (
            self.transform(image) if callable(self.transform) else image,
            self.target_transform(label) if callable(self.target_transform) else label,
        )

    def __iter__(self) -> Iterator[tuple[Any, Any]]:
        return (self[i] for i in range(len(self)))


class Part:
    """Some examples of a data set."""

    def __init__(self, dataset: Any, indices: Sequence[int]) -> None:
        self.dataset, self.indices = dataset, indices

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: int) -> Any:
        return self.dataset[self.indices[index]]

    def __iter__(self) -> Iterator[Any]:
        return (self.dataset[i] for i in self.indices)


def random_split(dataset: Any, lengths: Sequence[float], **options: Any) -> list[Part]:
    """Parts in the proportions of the lengths, which may be those of the whole of MNIST."""
    ends = np.round(np.cumsum([0, *lengths]) / sum(lengths) * len(dataset)).astype(int)
    return [Part(dataset, range(a, b)) for a, b in zip(ends[:-1], ends[1:], strict=True)]


class Loader:
    """`DataLoader`: batches of (images, labels)."""

    def __init__(self, dataset: Any, batch_size: int = 1, shuffle: bool = False, **options: Any) -> None:
        self.dataset, self.batch_size = dataset, batch_size or 1
        self.drop_last = bool(options.get("drop_last"))

    def __len__(self) -> int:
        count = len(self.dataset)
        return count // self.batch_size if self.drop_last else -(-count // self.batch_size)

    def __iter__(self) -> Iterator[Any]:
        for first in range(0, len(self) * self.batch_size, self.batch_size):
            examples = [self.dataset[i] for i in range(first, min(first + self.batch_size, len(self.dataset)))]
            yield [stack(column) for column in zip(*examples, strict=True)]


class Arrays:
    """`TensorDataset`: the rows of several arrays."""

    def __init__(self, *arrays: Any) -> None:
        self.tensors = arrays

    def __len__(self) -> int:
        return len(self.tensors[0])

    def __getitem__(self, index: int) -> Any:
        return tuple(array[index] for array in self.tensors)


# TensorFlow


class Stream:
    """`tf.data.Dataset`, and what `tfds.load` gives: examples one after another, or in batches."""

    def __init__(self, examples: Sequence[Any]) -> None:
        self.examples = examples

    @staticmethod
    def from_tensor_slices(arrays: Any) -> Stream:
        parts = arrays if isinstance(arrays, tuple) else (arrays,)
        rows = [tuple(tensor(v) for v in row) for row in zip(*parts, strict=True)]
        return Stream(rows if isinstance(arrays, tuple) else [row[0] for row in rows])

    def batch(self, size: int, *arguments: Any, **options: Any) -> Stream:
        parts = [self.examples[i : i + size] for i in range(0, len(self.examples), size)]
        return Stream([_joined(part) for part in parts])

    def map(self, function: Callable[..., Any], *arguments: Any, **options: Any) -> Stream:
        return Stream([function(*e) if isinstance(e, tuple) else function(e) for e in self.examples])

    def take(self, count: int) -> Stream:
        return Stream(self.examples[:count])

    def __iter__(self) -> Iterator[Any]:
        return iter(self.examples)

    as_numpy_iterator = __iter__

    def __len__(self) -> int:
        return len(self.examples)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return lambda *a, **o: self


def _joined(examples: Sequence[Any]) -> Any:
    if isinstance(examples[0], dict):
        return {name: stack([e[name] for e in examples]) for name in examples[0]}
    if isinstance(examples[0], tuple):
        return tuple(stack(column) for column in zip(*examples, strict=True))
    return stack(examples)


def tensorflow_datasets(parts: dict[str, Any], *arguments: Any, **options: Any) -> Any:
    """`tfds.load("mnist", split=…, as_supervised=…, batch_size=-1, with_info=…)`: images (28, 28, 1) uint8."""

    def stream(pair: Any) -> Any:
        rows = [(tensor(x[..., None]), tensor(np.int64(label))) for x, label in zip(*pair, strict=True)]
        examples = rows if options.get("as_supervised") else [{"image": x, "label": y} for x, y in rows]
        size = options.get("batch_size")
        return _joined(examples) if size == -1 else Stream(examples).batch(size) if size else Stream(examples)

    found = _split({name: stream(pair) for name, pair in parts.items()}, options.get("split"))
    return (found, Absorbing()) if options.get("with_info") else found


def _split(parts: dict[str, Any], split: Any) -> Any:
    """All parts, or those that a split such as 'train', 'train[:80%]' or ['train', 'test'] names."""
    if split is None:
        return parts
    if isinstance(split, (list, tuple)):
        return [_split(parts, one) for one in split]
    return parts["test" if str(split).startswith(("test", "valid")) else "train"]


def old_input_data(parts: dict[str, Any], *arguments: Any, one_hot: bool = False, **options: Any) -> Bunch:
    """TensorFlow's `input_data.read_data_sets`: rows float32 from 0 to 1, and batch after batch."""

    def part(pair: Any) -> Bunch:
        images = pair[0].reshape(len(pair[0]), -1) / np.float32(255)
        labels = np.eye(10)[pair[1]] if one_hot else pair[1]
        at = iter(range(10**9))

        def next_batch(size: int, *more: Any, **options: Any) -> Any:
            chosen = [next(at) % len(images) for _ in range(size)]
            return images[chosen], labels[chosen]

        return Bunch(images=images, labels=labels, num_examples=len(images), next_batch=next_batch)

    return Bunch(train=part(parts["train"]), test=part(parts["test"]), validation=part(parts["test"]))


# Hugging Face


class Rows:
    """A data set of `datasets`: `rows["image"]` are pictures, `rows[0]["label"]` is a number."""

    def __init__(self, images: Any, labels: Any, formatted: bool = False) -> None:
        self.images, self.labels, self.formatted = images, labels, formatted
        self.column_names = ["image", "label"]
        self.num_rows = len(labels)
        self.features: Any = Absorbing()

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, key: Any) -> Any:
        if key == "image":
            return self.images if self.formatted else [Picture(x) for x in self.images]
        if key == "label":
            return np.asarray(self.labels, int) if self.formatted else self.labels.tolist()
        chosen = Rows(self.images[key], self.labels[key], self.formatted) if isinstance(key, slice) else None
        if chosen is not None:
            return {name: chosen[name] for name in self.column_names}
        image = self.images[key] if self.formatted else Picture(self.images[key])
        return {"image": image, "label": int(self.labels[key])}

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return (self[i] for i in range(len(self)))

    def with_format(self, kind: Any = None, **options: Any) -> Rows:
        return Rows(self.images, self.labels, kind is not None)

    def set_format(self, kind: Any = None, **options: Any) -> None:
        self.formatted = (kind or options.get("type")) is not None

    def select(self, chosen: Any) -> Rows:
        return Rows(self.images[list(chosen)], self.labels[list(chosen)], self.formatted)

    def shuffle(self, **options: Any) -> Rows:
        return self

    def map(self, function: Callable[[Any], Any], **options: Any) -> list[Any]:
        return [{**row, **function(row)} for row in self]

    def to_pandas(self) -> Frame:
        return Frame({"image": _objects([{"bytes": x} for x in self.images]), "label": self.labels})

    def train_test_split(self, test_size: Any = 0.25, **options: Any) -> dict[str, Rows]:
        held = round(len(self) * test_size) if isinstance(test_size, float) else min(test_size, len(self) // 2)
        cut = len(self) - held
        return {"train": self.select(range(cut)), "test": self.select(range(cut, len(self)))}


def _objects(values: Sequence[Any]) -> NDArray[Any]:
    array = np.empty(len(values), object)
    array[:] = values
    return array


def hugging_face(parts: dict[str, Any], *arguments: Any, split: Any = None, **options: Any) -> Any:
    """`datasets.load_dataset("mnist")`."""
    return _split({name: Rows(*pair) for name, pair in parts.items()}, split)
