"""Functions of single elements: NumPy's with a rule of their own, and those written with operations that have one."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_mnist.array_functions.table import Array, means, named
from tinygrad_mnist.engine import ops
from tinygrad_mnist.engine.node import plain
from tinygrad_mnist.engine.primitive import op
from tinygrad_mnist.engine.tensor import NUMPY

Rule = Callable[..., Array]


def _share(x: Array, hypotenuse: Array) -> Array:
    """x / √(x² + y²), and 0 where that is 0."""
    return x / ops.where(hypotenuse == 0, 1, hypotenuse)


RULES: dict[Any, tuple[Rule, ...]] = {
    np.tan: (lambda g, out, x: g * (1 + out * out),),
    np.sinh: (lambda g, out, x: g * np.cosh(x),),
    np.cosh: (lambda g, out, x: g * np.sinh(x),),
    np.arcsin: (lambda g, out, x: g / np.sqrt((1 - x) * (1 + x)),),
    np.arccos: (lambda g, out, x: -g / np.sqrt((1 - x) * (1 + x)),),
    np.arctan: (lambda g, out, x: g / (1 + x * x),),
    np.arcsinh: (lambda g, out, x: g / np.hypot(x, 1),),
    np.arccosh: (lambda g, out, x: g / np.sqrt(x - 1) / np.sqrt(x + 1),),
    np.arctanh: (lambda g, out, x: g / ((1 - x) * (1 + x)),),
    np.exp2: (lambda g, out, x: g * out * math.log(2),),
    np.log2: (lambda g, out, x: g / x / math.log(2),),
    np.log10: (lambda g, out, x: g / x / math.log(10),),
    np.cbrt: (lambda g, out, x: g / (3 * out * out),),
    np.hypot: (lambda g, out, x, y: g * _share(x, out), lambda g, out, x, y: g * _share(y, out)),
    np.arctan2: (
        lambda g, out, y, x: g * (x / np.hypot(x, y)) / np.hypot(x, y),
        lambda g, out, y, x: -g * (y / np.hypot(x, y)) / np.hypot(x, y),
    ),
    np.remainder: (lambda g, out, x, y: g, lambda g, out, x, y: -g * ((x - out) / y)),  # that is x // y, and constant
    np.fmod: (lambda g, out, x, y: g, lambda g, out, x, y: -g * ((x - out) / y)),
}
"""NumPy's functions of single elements that the engine does without, with a rule for each input."""

NUMPY.update({function: op(*rules)(function) for function, rules in RULES.items()})
NUMPY.update({np.fabs: ops.abs, "expit": ops.sigmoid})  # SciPy's own sigmoid is known by its name alone


@means(np.divmod)
def divmod(x: Array, y: Array) -> tuple[Array, Array]:
    """x // y, which is plain, and the remainder."""
    return np.floor_divide(plain(x), plain(y)), np.remainder(x, y)


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


@means(np.deg2rad, np.radians)
def radians(x: Array) -> Array:
    """Degrees as angles."""
    return ops.mul(x, math.pi / 180)


@means(np.rad2deg, np.degrees)
def degrees(x: Array) -> Array:
    """Angles in degrees."""
    return ops.mul(x, 180 / math.pi)


@means(np.sinc)
def sinc(x: Array) -> Array:
    """sin πx / πx, and 1 at 0 (where the first terms of its series stand in, so that derivatives are right there)."""
    y = ops.mul(x, math.pi)
    square = y * y
    away = ops.where(plain(x) == 0, 1, y)
    return ops.where(plain(x) == 0, 1 - square / 6 + square * square / 120, ops.sin(away) / away)


def _as_arrays(function: np.ufunc, x: Array, y: Array) -> tuple[Array, Array]:
    """Two operands as arrays of one shape, numbers in the dtype that they take beside the other operand."""
    shape, dtype = np.broadcast_shapes(np.shape(x), np.shape(y)), function(plain(x), plain(y)).dtype
    first, second = (ops.broadcast_to(v if hasattr(v, "dtype") else np.asarray(v, dtype), shape) for v in (x, y))
    return first, second


@means(np.logaddexp)
def logaddexp(x: Array, y: Array) -> Array:
    """log(exp(x) + exp(y)), without overflow."""
    return ops.logsumexp(ops.stack(_as_arrays(np.logaddexp, x, y)), 0)


@means(np.logaddexp2)
def logaddexp2(x: Array, y: Array) -> Array:
    """The logarithm to base 2 of 2**x + 2**y, without overflow."""
    return ops.logsumexp(ops.stack(_as_arrays(np.logaddexp2, x, y)) * math.log(2), 0) / math.log(2)


@means(np.fmax)
def fmax(x: Array, y: Array) -> Array:
    """The larger of two, and of nan and a number the number."""
    return ops.maximum(*_numbers(x, y))


@means(np.fmin)
def fmin(x: Array, y: Array) -> Array:
    """The smaller of two, and of nan and a number the number."""
    return ops.minimum(*_numbers(x, y))


def _numbers(x: Array, y: Array) -> tuple[Array, Array]:
    """Two operands, each in the other's place where that is nan."""
    return ops.where(np.isnan(plain(x)), y, x), ops.where(np.isnan(plain(y)), x, y)


@means(np.positive, np.conjugate, np.real, np.real_if_close)
def positive(x: Array, tol: float = 100) -> Array:
    """x itself, which is real."""
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


@means(np.select)
def select(condlist: list[Array], choicelist: list[Array], default: Array = 0) -> Array:
    """The first choice whose condition holds, or else the default."""
    if len(condlist) != len(choicelist):
        raise ValueError(f"each choice has one condition, and these are {len(choicelist)} and {len(condlist)}")
    result = default
    for condition, choice in zip(condlist[::-1], choicelist[::-1], strict=True):
        result = ops.where(plain(condition), choice, result)
    return result
