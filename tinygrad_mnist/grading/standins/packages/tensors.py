"""Arrays as torch and TensorFlow hand them out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_mnist.grading.standins.absorbing import Absorbing

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

    t = permute = np.ndarray.transpose

    def unsqueeze(self, dim: int) -> Any:
        return tensor(np.expand_dims(self, dim))

    unsqueeze_ = unsqueeze

    def numel(self) -> int:
        return int(np.prod(self.shape))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if name in CASTS:
            return lambda: self.astype(CASTS[name])
        if name in UNCHANGED:
            return lambda *a, **o: self
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
