"""Products that are added to what is there: W - η xᵀδ as one call of BLAS, which reads and writes W in place."""

from __future__ import annotations

import operator
from dataclasses import replace
from typing import Any

import numpy as np

from tinygrad_mnist.compiler.passes.rewriting import Known, rewriting
from tinygrad_mnist.compiler.program import Instruction, Value, made

Factor = Any
"""A number, or the value of one."""


def added_product(c: Any, a: Any, b: Any, alpha: float, beta: float) -> Any:
    """alpha · a @ b + beta · c, of matrices of one dtype; BLAS writes it over c."""
    return alpha * (a @ b) + beta * c


def product(a: Any, b: Any, alpha: float) -> Any:
    """alpha · a @ b, of matrices of one dtype, by BLAS's own call."""
    return alpha * (a @ b)


BY_BLAS = product, added_product


@rewriting
def with_added_products(known: Known, instruction: Instruction) -> list[Instruction] | None:
    """Let BLAS multiply matrices, and where a product is added to one of its shape, add it as it multiplies."""
    if _is_product(instruction):
        return [replace(instruction, function=product, args=(*instruction.args, 1.0))]
    found = terms(instruction)
    return _as_added_product(known, instruction, found) if found and _is_matrix(instruction.output) else None


def terms(instruction: Instruction) -> tuple[Value, Value, float] | None:
    """The terms x and y, and the sign of y, of x + y or x - y."""
    if instruction.function not in (np.add, np.subtract) or instruction.options:
        return None
    x, y = instruction.args
    if not (isinstance(x, Value) and isinstance(y, Value)) or x.is_number or y.is_number:
        return None
    return x, y, 1.0 if instruction.function is np.add else -1.0


def _is_product(instruction: Instruction) -> bool:
    """Whether it is a product of matrices of one dtype."""
    matrices = [*instruction.args, instruction.output]
    return (
        instruction.function is np.matmul and not instruction.options
        and all(isinstance(x, Value) and not x.is_number and _is_matrix(x) for x in matrices)
        and len({x.dtype for x in matrices}) == 1
    )  # fmt: skip


def _is_matrix(value: Value) -> bool:
    flags = value.like.flags
    contiguous = flags.c_contiguous or flags.f_contiguous
    return value.like.ndim == 2 and value.dtype in (np.float32, np.float64) and bool(contiguous) and value.like.size > 0


def _as_added_product(
    known: Known, instruction: Instruction, both: tuple[Value, Value, float]
) -> list[Instruction] | None:
    """The instructions in place of a sum one of whose terms is a product that nothing else needs."""
    x, y, sign = both
    for c, product, signs in ((x, y, (1.0, sign)), (y, x, (sign, 1.0))):
        found = _scaled(known, product)
        if found is None or c.shape != product.shape or c.dtype != product.dtype:
            continue
        (a, b, flipped), factor = found
        if not all(x.dtype == product.dtype and _is_matrix(x) for x in (a, b)):
            continue
        extra: list[Instruction] = []
        if flipped:
            extra = [made(np.transpose, b), made(np.transpose, a)]
            a, b = (each.output for each in extra)
        alpha = _times(signs[1], factor, extra)
        base, beta = factored(known, c)
        beta = _times(signs[0], beta, extra)
        return [*extra, replace(instruction, function=added_product, args=(base, a, b, alpha, beta), options={})]
    return None


def _scaled(known: Known, value: Value) -> tuple[tuple[Value, Value, bool], Factor] | None:
    """A product, and whether it is transposed, behind a factor."""
    base, factor = factored(known, value)
    flipped = False
    while turned := known.own_maker(base, np.transpose, np.swapaxes):
        base, flipped = turned.inputs[0], not flipped
    maker = known.own_maker(base, np.matmul)
    if maker is None or not all(isinstance(each, Value) and each.like.ndim == 2 for each in maker.args):
        return None
    a, b = maker.args
    return (a, b, flipped), factor


def factored(known: Known, value: Value) -> tuple[Value, Factor]:
    """A value as a number times another one."""
    maker = known.own_maker(value, np.multiply)
    return (factors(maker) if maker else None) or (value, 1.0)


def factors(instruction: Instruction) -> tuple[Value, Factor] | None:
    """An array and a number, of whose product an instruction makes one like it."""
    if instruction.function is not np.multiply or instruction.options:
        return None
    for factor, x in (instruction.args, instruction.args[::-1]):
        if (
            _is_number(factor)
            and (isinstance(factor, Value) or factor != 0)  # with which BLAS would not look at NaN
            and isinstance(x, Value)
            and not x.is_number
            and (x.shape, x.dtype) == (instruction.output.shape, instruction.output.dtype)
        ):
            return x, factor
    return None


def _is_number(x: Any) -> bool:
    return isinstance(x, float | int | np.floating) or (isinstance(x, Value) and x.is_number)


def _times(sign: float, factor: Factor, extra: list[Instruction]) -> Factor:
    """A factor with a sign."""
    if not isinstance(factor, Value):
        return sign * float(factor)
    if sign == 1.0:
        return factor
    extra.append(made(operator.neg, factor))
    return extra[-1].output
