"""Functions of single elements, each written with the operations that have rules."""

from __future__ import annotations

import math

import numpy as np

from tinygrad_mnist.array_functions.table import Array, means, named
from tinygrad_mnist.engine import ops
from tinygrad_mnist.engine.node import plain
from tinygrad_mnist.engine.tensor import NUMPY

NUMPY.update({np.fabs: ops.abs, "expit": ops.sigmoid})  # SciPy's own sigmoid is known by its name alone


@means(np.square)
def square(x: Array) -> Array:
    """x²."""
    return ops.pow(x, 2)


@means(np.float_power)
def float_power(x: Array, y: Array) -> Array:
    """x to the power y, in float64 at least."""
    dtype = np.result_type(np.float64, plain(x), plain(y))
    return ops.pow(*(ops.astype(v, dtype) if hasattr(v, "dtype") else v for v in (x, y)))


@means(np.reciprocal)
def reciprocal(x: Array) -> Array:
    """1 / x, of floating point."""
    if np.result_type(x).kind not in "fc":
        raise TypeError("the reciprocal of integers is an integer and has no derivative: convert with .astype(float)")
    return ops.div(1, x)


@means(np.log2)
def log2(x: Array) -> Array:
    """The logarithm to base 2."""
    return ops.div(ops.log(x), math.log(2))


@means(np.log10)
def log10(x: Array) -> Array:
    """The logarithm to base 10."""
    return ops.div(ops.log(x), math.log(10))


@means(np.exp2)
def exp2(x: Array) -> Array:
    """2 to the power x."""
    return ops.pow(2, x)


@means(np.tan)
def tan(x: Array) -> Array:
    """sin x / cos x."""
    return ops.div(ops.sin(x), ops.cos(x))


@means(np.sinh)
def sinh(x: Array) -> Array:
    """(exp(x) - exp(-x)) / 2, exact near zero."""
    return ops.div(ops.sub(ops.expm1(x), ops.expm1(ops.neg(x))), 2)


@means(np.cosh)
def cosh(x: Array) -> Array:
    """(exp(x) + exp(-x)) / 2."""
    return ops.div(ops.add(ops.exp(x), ops.exp(ops.neg(x))), 2)


@means(np.hypot)
def hypot(x: Array, y: Array) -> Array:
    """√(x² + y²)."""
    return ops.sqrt(ops.add(square(x), square(y)))


@means(np.logaddexp)
def logaddexp(x: Array, y: Array) -> Array:
    """log(exp(x) + exp(y)), without overflow."""
    shape, dtype = np.broadcast_shapes(np.shape(x), np.shape(y)), np.logaddexp(plain(x), plain(y)).dtype
    both = (v if hasattr(v, "dtype") else np.asarray(v, dtype) for v in (x, y))
    return ops.logsumexp(ops.stack([ops.broadcast_to(v, shape) for v in both]), 0)


@means(np.positive)
def positive(x: Array) -> Array:
    """x itself."""
    return x


@means(np.copy)
def copy(a: Array, order: str = "K", subok: bool = False) -> Array:
    """The same numbers in an array of their own; recorded, so that gradients pass through."""
    return ops.astype(a, a.dtype)


@means(*named("astype"))
def astype(x: Array, dtype: np.dtype | type | str, copy: bool = True) -> Array:
    """The numbers in another dtype; gradients pass through floating point alone."""
    return ops.astype(x, np.dtype(dtype))


@means(np.nan_to_num)
def nan_to_num(
    x: Array, copy: bool = True, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None
) -> Array:
    """x with numbers in place of nan and the infinities, where no gradient flows."""
    return ops.where(np.isfinite(plain(x)), x, np.nan_to_num(plain(x), nan=nan, posinf=posinf, neginf=neginf))


@means(np.where)
def where(condition: Array, *choices: Array) -> Array:
    """x where the condition holds and y elsewhere; of the condition alone, the plain indices where it holds."""
    return ops.where(condition, *choices) if choices else np.nonzero(plain(condition))
