"""Activations of hidden layers: f and its derivative f', with f'(0) as in the engine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass(frozen=True)
class Activation:
    """f(z) and f'(z), element by element."""

    f: Callable[[Array], Array]
    f_prime: Callable[[Array], Array]


def leaky_relu(negative_slope: float = 0.01) -> Activation:
    """f(z) = z where z > 0, else negative_slope · z; f'(0) = negative_slope."""

    def f(z: Array) -> Array:
        return np.where(z > 0, z, negative_slope * z)

    def f_prime(z: Array) -> Array:
        return np.where(z > 0, 1, negative_slope).astype(z.dtype)

    return Activation(f, f_prime)


relu = leaky_relu(negative_slope=0.0)
"""f(z) = max(z, 0); f'(0) = 0."""

tanh = Activation(np.tanh, lambda z: 1 - np.tanh(z) ** 2)
"""f'(z) = 1 - f(z)²."""


def _sigmoid(z: Array) -> Array:
    return (1 + np.tanh(z / 2)) / 2  # 1 / (1 + exp(-z)), which overflows


sigmoid = Activation(_sigmoid, lambda z: _sigmoid(z) * (1 - _sigmoid(z)))
"""f(z) = 1 / (1 + exp(-z)); f'(z) = f(z) (1 - f(z))."""

softplus = Activation(lambda z: np.logaddexp(0, z), _sigmoid)
"""f(z) = log(1 + exp(z)); f'(z) is the sigmoid."""

linear = Activation(lambda z: z, np.ones_like)
"""f(z) = z: no activation."""

ACTIVATIONS = {"relu": relu, "leaky_relu": leaky_relu(), "tanh": tanh, "sigmoid": sigmoid}
"""By the names that `nn.MLP` uses."""
