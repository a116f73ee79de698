"""Data sets of Hugging Face."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from tinygrad_mnist.grading.standins.absorbing import Absorbing
from tinygrad_mnist.grading.standins.files import Files
from tinygrad_mnist.grading.standins.loading import Data, parts_of
from tinygrad_mnist.grading.standins.packages.pictures import Picture
from tinygrad_mnist.grading.standins.packages.tables.frames import Frame


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
        if isinstance(key, slice):
            chosen = Rows(self.images[key], self.labels[key], self.formatted)
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
        return Frame({"image": np.array([{"bytes": x} for x in self.images], object), "label": self.labels})

    def train_test_split(self, test_size: Any = 0.25, **options: Any) -> dict[str, Rows]:
        held = round(len(self) * test_size) if isinstance(test_size, float) else min(test_size, len(self) // 2)
        cut = len(self) - held
        return {"train": self.select(range(cut)), "test": self.select(range(cut, len(self)))}


def modules(data: Data, files: Files) -> dict[str, dict[str, Any]]:
    """`datasets.load_dataset("mnist")`."""

    def load_dataset(*arguments: Any, split: Any = None, **options: Any) -> Any:
        return parts_of({name: Rows(*pair) for name, pair in data.parts.items()}, split)

    return {"datasets": {"load_dataset": load_dataset}}
