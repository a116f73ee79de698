"""A data set's images as a model takes them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_mnist.data import SIDE, Split
from tinygrad_mnist.nn import Module

ROWS = (SIDE * SIDE,)
IMAGES = (1, SIDE, SIDE)


def input_shape(model: Module) -> tuple[int, ...]:
    """The shape of one example: (1, 28, 28) for a model that starts with a layer over images, else (784,).

    The first of its layers that is linear, or is one of the …2d, decides.
    """
    layers = (type(module).__name__ for module in model.modules())
    first = next((name for name in layers if name.endswith("2d") or name in ("Linear", "Unflatten")), "Linear")
    return IMAGES if first.endswith("2d") else ROWS


def model_inputs(model: Module, split: Split) -> NDArray[np.float32]:
    """The images of a split, float32 from 0 to 1, shape (n, *input_shape(model))."""
    return split.inputs().reshape(len(split), *input_shape(model))


def augmented(x: NDArray[Any], augment: Any, rng: np.random.Generator) -> NDArray[Any]:
    """A batch whose images, (n, 28, 28), have gone through `augment(images, rng)`; of the shape and dtype of x."""
    images = np.asarray(augment(x.reshape(-1, SIDE, SIDE), rng), x.dtype)
    return images.reshape(x.shape)
