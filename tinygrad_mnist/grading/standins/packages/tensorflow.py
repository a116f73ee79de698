"""Data of Keras and TensorFlow."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np

from tinygrad_mnist.grading.standins.absorbing import Absorbing, Again
from tinygrad_mnist.grading.standins.files import Files
from tinygrad_mnist.grading.standins.loading import Data, parts_of, rows
from tinygrad_mnist.grading.standins.packages.learning import Bunch, normalize, to_categorical
from tinygrad_mnist.grading.standins.packages.tensors import cast, one_hot, stack, tensor


class Stream(Again):
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


def _joined(examples: Sequence[Any]) -> Any:
    if isinstance(examples[0], dict):
        return {name: stack([e[name] for e in examples]) for name in examples[0]}
    if isinstance(examples[0], tuple):
        return tuple(stack(column) for column in zip(*examples, strict=True))
    return stack(examples)


def tensorflow_datasets(data: Data, name: Any = "", split: Any = None, *arguments: Any, **options: Any) -> Any:
    """`tfds.load("mnist", split=…, as_supervised=…, batch_size=-1, with_info=…)`: images (28, 28, 1) uint8."""

    def stream(pair: Any) -> Any:
        rows = [(tensor(x[..., None]), tensor(np.int64(label))) for x, label in zip(*pair, strict=True)]
        examples = rows if options.get("as_supervised") else [{"image": x, "label": y} for x, y in rows]
        size = options.get("batch_size")
        return _joined(examples) if size == -1 else Stream(examples).batch(size) if size else Stream(examples)

    found = parts_of({part: stream(pair) for part, pair in data.parts.items()}, split)
    return (found, Absorbing()) if options.get("with_info") else found


def old_input_data(data: Data, *arguments: Any, one_hot: bool = False, **options: Any) -> Bunch:
    """TensorFlow's `input_data.read_data_sets`: rows float32 from 0 to 1, and batch after batch."""

    def part(pair: Any) -> Bunch:
        images = rows(pair)[0] / np.float32(255)
        labels = np.eye(10)[pair[1]] if one_hot else pair[1]
        at = iter(range(10**9))

        def next_batch(size: int, *more: Any, **options: Any) -> Any:
            chosen = [next(at) % len(images) for _ in range(size)]
            return images[chosen], labels[chosen]

        return Bunch(images=images, labels=labels, num_examples=len(images), next_batch=next_batch)

    return Bunch(train=part(data.train), test=part(data.test), validation=part(data.test))


def _coloured(data: Data) -> Any:
    """Digits in the shape of CIFAR's pictures."""
    padded = [(np.pad(X, ((0, 0), (2, 2), (2, 2))), y) for X, y in (data.train, data.test)]
    return tuple((np.repeat(X[..., None], 3, -1), y.reshape(-1, 1)) for X, y in padded)


def modules(data: Data, files: Files) -> dict[str, dict[str, Any]]:
    """Keras, by itself and in TensorFlow, and what TensorFlow has besides."""
    found: dict[str, dict[str, Any]] = {}
    loaded, coloured = {"load_data": data.load_data}, {"load_data": partial(_coloured, data)}
    labels = {
        "to_categorical": to_categorical,
        "normalize": lambda x, axis=-1, order=2: normalize(x, axis=axis, order=order),
        "get_file": lambda fname="", origin="", **options: fname or origin,
    }
    for keras in ("keras", "keras.api", "tensorflow.keras", "tensorflow.python.keras", "tensorflow.compat.v1.keras"):
        found[keras] = {}
        found |= {f"{keras}.datasets.{name}": loaded for name in ("mnist", "fashion_mnist")}
        found |= {f"{keras}.datasets.{name}": coloured for name in ("cifar10", "cifar100")}
        found |= {f"{keras}.utils": labels, f"{keras}.utils.np_utils": labels, f"{keras}.utils.numerical_utils": labels}
    found["np_utils"] = labels
    found["extra_keras_datasets.emnist"] = loaded
    found["tensorflow.examples.tutorials.mnist.input_data"] = {"read_data_sets": partial(old_input_data, data)}
    found["tensorflow.examples.tutorials.mnist"] = {}
    found["tensorflow"] = {
        "constant": tensor, "convert_to_tensor": tensor, "cast": cast, "one_hot": one_hot,
        "reshape": lambda x, shape, **o: tensor(np.reshape(x, shape)),
        **{name: getattr(np, name) for name in ("float32", "float64", "int32", "int64", "uint8")},
    }  # fmt: skip
    found["tensorflow.data"] = {"Dataset": Stream}
    found["tensorflow_datasets"] = {"load": partial(tensorflow_datasets, data), "as_numpy": lambda x: x}
    return found
