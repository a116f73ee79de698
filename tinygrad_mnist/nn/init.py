"""How weights start: each initialiser fills a weight of shape (out, in)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Initialiser = Callable[[np.random.Generator, int, int], NDArray[Any]]


def standard_normal(rng: np.random.Generator, outputs: int, inputs: int) -> NDArray[Any]:
    """N(0, 1): what tutorial T0 does; with 784 inputs it saturates the softmax from the start."""
    return rng.standard_normal((outputs, inputs))


def xavier(rng: np.random.Generator, outputs: int, inputs: int) -> NDArray[Any]:
    """N(0, 2 / (in + out)), for tanh and sigmoid (Glorot and Bengio 2010, eq. 12)."""
    return rng.standard_normal((outputs, inputs)) * math.sqrt(2 / (inputs + outputs))


def he(rng: np.random.Generator, outputs: int, inputs: int) -> NDArray[Any]:
    """N(0, 2 / in), for the ReLU family (He et al. 2015, eq. 10)."""
    return rng.standard_normal((outputs, inputs)) * math.sqrt(2 / inputs)


INITIALISERS: dict[str, Initialiser] = {"he": he, "xavier": xavier, "standard_normal": standard_normal}
