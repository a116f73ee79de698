"""A data set's images as a model takes them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_mnist.data import SIDE, Split
from tinygrad_mnist.data.dataset import as_inputs
from tinygrad_mnist.nn import AvgPool2d, BatchNorm2d, Conv2d, Linear, MaxPool2d, Module, Unflatten

ROWS = (SIDE * SIDE,)
IMAGES = (1, SIDE, SIDE)
_OVER_ROWS = (Linear, Unflatten)
_OVER_IMAGES = (Conv2d, MaxPool2d, AvgPool2d, BatchNorm2d)


def input_shape(model: Module) -> tuple[int, ...]:
    """The shape of one example: (1, 28, 28) for a model that starts with a layer over images, else (784,).

    The first of its layers that is linear, or is one of the …2d, decides.
    """
    first = next((module for module in model.modules() if isinstance(module, _OVER_IMAGES + _OVER_ROWS)), None)
    return IMAGES if isinstance(first, _OVER_IMAGES) else ROWS


def model_inputs(model: Module, split: Split) -> NDArray[np.float32]:
    """The images of a split, float32 from 0 to 1, shape (n, *input_shape(model))."""
    check_split(split)
    return as_model_takes(split.images, input_shape(model))


def as_model_takes(images: NDArray[Any], shape: tuple[int, ...]) -> NDArray[np.float32]:
    """A batch of a split's images, which stay bytes until then: float32 from 0 to 1, (n, *shape)."""
    return as_inputs(images).reshape(len(images), *shape)


def check_split(split: Any) -> None:
    """Raise TypeError where something else is given as a split."""
    if not isinstance(split, Split):
        raise TypeError(f"this takes a data.Split, such as data.load().train, not {type(split).__name__}")


def augmented(x: NDArray[Any], augment: Any, rng: np.random.Generator) -> NDArray[Any]:
    """A batch whose images, (n, 28, 28), have gone through `augment(images, rng)`; of the shape and dtype of x."""
    given = x.reshape(-1, SIDE, SIDE)
    images = np.asarray(augment(given, rng), x.dtype)
    if images.shape != given.shape:
        raise ValueError(f"augment made shape {images.shape} of images of shape {given.shape}: it must keep it")
    return images.reshape(x.shape)
