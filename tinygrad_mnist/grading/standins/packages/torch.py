"""Data of torch and torchvision: data sets, what is done to their pictures, batches."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from tinygrad_mnist.grading.standins.absorbing import named
from tinygrad_mnist.grading.standins.files import Files
from tinygrad_mnist.grading.standins.loading import Data
from tinygrad_mnist.grading.standins.packages.pictures import Picture
from tinygrad_mnist.grading.standins.packages.tensors import Tensor, one_hot, stack, tensor


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


UNNEEDED = ("Resize", "Grayscale", "RandomRotation", "RandomAffine", "RandomCrop", "CenterCrop", "RandomHorizontalFlip",
            "ToPILImage", "ConvertImageDtype", "ToDtype")  # fmt: skip
TRANSFORMS = {
    "ToTensor": lambda: to_tensor, "ToImage": lambda: to_tensor, "Normalize": normalized,
    "Compose": one_after_another, "Lambda": lambda f: f, "Flatten": lambda: lambda image: image.reshape(-1),
    "PILToTensor": lambda: lambda image: tensor(np.asarray(image)[None]), **dict.fromkeys(UNNEEDED, nothing_done),
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


def modules(data: Data, files: Files) -> dict[str, dict[str, Any]]:
    """torch, as far as data go, and torchvision."""

    def pictures(root: Any = "", train: bool = True, *arguments: Any, **options: Any) -> Pictures:
        given = dict(zip(("transform", "target_transform"), arguments, strict=False))
        return Pictures(data.train if train else data.test, **{**given, **options})

    made = {
        "tensor": tensor, "Tensor": Tensor, "from_numpy": tensor, "as_tensor": tensor, "stack": stack,
        "flatten": lambda x, start=0, end=-1: x.reshape(*x.shape[:start], -1),
        "is_tensor": lambda x: isinstance(x, Tensor), "manual_seed": named("torch.manual_seed"),
        "float32": np.float32, "float": np.float32, "float64": np.float64, "long": np.int64, "int64": np.int64,
    }  # fmt: skip
    sets = {"DataLoader": Loader, "random_split": random_split, "Subset": Part, "TensorDataset": Arrays,
            "Dataset": type("Dataset", (), {})}  # fmt: skip
    digits = dict.fromkeys(("MNIST", "FashionMNIST", "EMNIST", "KMNIST", "QMNIST"), pictures)
    return {
        "torch": made, "torch.utils.data": sets, "torch.utils.data.dataloader": sets, "torch.utils.data.dataset": sets,
        "torch.nn.functional": {"one_hot": one_hot}, "torch.utils.data.sampler": {},
        "torchvision.datasets": digits, "torchvision.datasets.mnist": digits,
        "torchvision.transforms": TRANSFORMS, "torchvision.transforms.v2": TRANSFORMS,
        "torchvision.transforms.functional": {"to_tensor": to_tensor},
    }  # fmt: skip
