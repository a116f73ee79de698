"""How weights start. Each initialiser fills a shape (out, in, …); what follows them is the kernel of a convolution.

The fan-in is the number of inputs of one output, in · kernel, and the fan-out the number of outputs that an
input reaches, out · kernel. Uniform variants have the variance of the normal ones: U(-a, a) has a² / 3.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from tinygrad_mnist.arguments import check_name
from tinygrad_mnist.engine import Tensor
from tinygrad_mnist.nn.module import Module
from tinygrad_mnist.nn.random import generator

Shape = tuple[int, ...]
Initialiser = Callable[[np.random.Generator, Shape], NDArray[Any]]


def fans(shape: Shape) -> tuple[int, int]:
    """Fan-in and fan-out; raises ValueError for a shape that is no weight's."""
    if len(shape) < 2:
        raise ValueError(f"a weight has a shape (out, in, …), not {shape}: a bias starts at zeros")
    kernel = math.prod(shape[2:])
    return shape[1] * kernel, shape[0] * kernel


def _normal(rng: np.random.Generator, shape: Shape, variance: float) -> NDArray[Any]:
    return rng.standard_normal(shape) * math.sqrt(variance)


def _uniform(rng: np.random.Generator, shape: Shape, variance: float) -> NDArray[Any]:
    bound = math.sqrt(3 * variance)
    return rng.uniform(-bound, bound, shape)


def standard_normal(rng: np.random.Generator, shape: Shape) -> NDArray[Any]:
    """N(0, 1): what tutorial T0 does; with 784 inputs it saturates the softmax from the start."""
    return rng.standard_normal(shape)


def xavier(rng: np.random.Generator, shape: Shape) -> NDArray[Any]:
    """N(0, 2 / (fan-in + fan-out)), for tanh and sigmoid (Glorot and Bengio 2010, eq. 12)."""
    return _normal(rng, shape, 2 / sum(fans(shape)))


def xavier_uniform(rng: np.random.Generator, shape: Shape) -> NDArray[Any]:
    """U(±√(6 / (fan-in + fan-out))), for tanh and sigmoid (Glorot and Bengio 2010, eq. 16)."""
    return _uniform(rng, shape, 2 / sum(fans(shape)))


def he(rng: np.random.Generator, shape: Shape) -> NDArray[Any]:
    """N(0, 2 / fan-in), for the ReLU family (He et al. 2015, eq. 10)."""
    return _normal(rng, shape, 2 / fans(shape)[0])


def he_uniform(rng: np.random.Generator, shape: Shape) -> NDArray[Any]:
    """U(±√(6 / fan-in)), for the ReLU family (the variance of He et al. 2015, eq. 10)."""
    return _uniform(rng, shape, 2 / fans(shape)[0])


def lecun(rng: np.random.Generator, shape: Shape) -> NDArray[Any]:
    """N(0, 1 / fan-in) (LeCun et al. 1998, Efficient BackProp, eq. 16)."""
    return _normal(rng, shape, 1 / fans(shape)[0])


def lecun_uniform(rng: np.random.Generator, shape: Shape) -> NDArray[Any]:
    """U(±√(3 / fan-in)) (the variance of LeCun et al. 1998, eq. 16)."""
    return _uniform(rng, shape, 1 / fans(shape)[0])


def zeros(rng: np.random.Generator, shape: Shape) -> NDArray[Any]:
    """All 0: hidden units that start alike stay alike, since their gradients are (Rumelhart et al. 1986)."""
    return np.zeros(shape)


def torch_default(rng: np.random.Generator, shape: Shape) -> NDArray[Any]:
    """U(±1 / √fan-in): what PyTorch's Linear and Conv2d start with."""
    return _uniform(rng, shape, 1 / (3 * fans(shape)[0]))


def start(shape: Shape, biases: int, dtype: DTypeLike) -> tuple[Tensor, Tensor | None]:
    """A weight and its biases, if there are any, as PyTorch's layers start by default: U(±1 / √fan-in)."""
    weight = Tensor(torch_default(generator(), shape), requires_grad=True, dtype=dtype)
    if not biases:
        return weight, None
    bound = 1 / math.sqrt(math.prod(shape[1:]))
    return weight, Tensor(generator().uniform(-bound, bound, biases), requires_grad=True, dtype=dtype)


_ALL = (he, he_uniform, xavier, xavier_uniform, lecun, lecun_uniform, standard_normal, zeros, torch_default)
INITIALISERS: dict[str, Initialiser] = {initialiser.__name__: initialiser for initialiser in _ALL}
"""By name."""


def initialise(model: Module, init: str, rng: np.random.Generator | None = None) -> None:
    """Start the weights of every layer anew, and biases at 0; scales of normalisation layers are left alone.

    init: a name in INITIALISERS; another raises ValueError. rng: by default that of `nn.manual_seed`.
    """
    check_name("init", init, INITIALISERS)
    rng = rng or generator()
    for path, p in model.named_parameters():
        if p.ndim >= 2:
            p.data = INITIALISERS[init](rng, p.shape).astype(p.dtype)
        elif path.rpartition(".")[2].startswith("b"):
            p.data = np.zeros_like(p.data)
