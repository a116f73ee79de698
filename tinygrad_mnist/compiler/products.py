"""Products that are added to what is there: W - η xᵀδ as one call of BLAS, which reads and writes W in place."""

from __future__ import annotations

import operator
from dataclasses import replace
from typing import Any

import numpy as np

from tinygrad_mnist.compiler.program import Instruction, Program, Value

Factor = Any
"""A number, or the value of one."""


def added_product(c: Any, a: Any, b: Any, alpha: float, beta: float) -> Any:
    """alpha · a @ b + beta · c, of matrices of one dtype; BLAS writes it over c."""
    return alpha * (a @ b) + beta * c


def product(a: Any, b: Any, alpha: float) -> Any:
    """alpha · a @ b, of matrices of one dtype, by BLAS's own call."""
    return alpha * (a @ b)


BY_BLAS = product, added_product


def with_added_products(program: Program) -> Program:
    """Let BLAS multiply matrices, and where a product is added to one of its shape, add it as it multiplies."""
    makers, once = program.makers(), program.read_once()
    kept: list[Instruction] = []
    for instruction in program.instructions:
        found = terms(instruction)
        new = None
        if found is not None and _is_matrix(instruction.output):
            new = _as_added_product(instruction, found, makers, once)
        if new is None and _is_product(instruction):
            new = [replace(instruction, function=product, args=(*instruction.args, 1.0))]
        kept += [instruction] if new is None else new
    return replace(program, instructions=kept)


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
    instruction: Instruction, both: tuple[Value, Value, float], makers: dict[Value, Instruction], once: set[Value]
) -> list[Instruction] | None:
    """The instructions in place of a sum one of whose terms is a product that nothing else needs."""
    x, y, sign = both
    for c, product, signs in ((x, y, (1.0, sign)), (y, x, (sign, 1.0))):
        found = _scaled(product, makers, once)
        if found is None or c.shape != product.shape or c.dtype != product.dtype:
            continue
        (a, b, flipped), factor = found
        if not all(x.dtype == product.dtype and _is_matrix(x) for x in (a, b)):
            continue
        extra: list[Instruction] = []
        if flipped:
            a, b = (_view(np.transpose, each, extra) for each in (b, a))
        alpha = _times(signs[1], factor, extra)
        base, beta = factored(c, makers, once)
        beta = _times(signs[0], beta, extra)
        return [*extra, replace(instruction, function=added_product, args=(base, a, b, alpha, beta), options={})]
    return None


def _scaled(
    value: Value, makers: dict[Value, Instruction], once: set[Value]
) -> tuple[tuple[Value, Value, bool], Factor] | None:
    """A product, and whether it is transposed, behind a factor."""
    base, factor = factored(value, makers, once)
    flipped = False
    while base in makers and base in once and makers[base].function in (np.transpose, np.swapaxes):
        base, flipped = makers[base].inputs[0], not flipped
    maker = makers.get(base)
    if maker is None or base not in once or maker.function is not np.matmul or maker.options or base.like.ndim != 2:
        return None
    a, b = maker.args
    whole = all(isinstance(each, Value) and each.like.ndim == 2 for each in (a, b))
    return ((a, b, flipped), factor) if whole else None


def factored(value: Value, makers: dict[Value, Instruction], once: set[Value]) -> tuple[Value, Factor]:
    """A value as a number times another one."""
    maker = makers.get(value)
    if maker is not None and value in once and maker.function is np.multiply and not maker.options:
        for factor, x in (maker.args, maker.args[::-1]):
            if (
                _is_number(factor)
                and (isinstance(factor, Value) or factor != 0)  # with which BLAS would not look at NaN
                and isinstance(x, Value)
                and not x.is_number
                and x.shape == value.shape
                and x.dtype == value.dtype
            ):
                return x, factor
    return value, 1.0


def _is_number(x: Any) -> bool:
    return isinstance(x, float | int | np.floating) or (isinstance(x, Value) and x.is_number)


def _times(sign: float, factor: Factor, extra: list[Instruction]) -> Factor:
    """A factor with a sign."""
    if not isinstance(factor, Value):
        return sign * float(factor)
    if sign == 1.0:
        return factor
    negative = Value(-factor.like)
    extra.append(Instruction(operator.neg, (factor,), {}, (negative,)))
    return negative


def _view(function: Any, value: Value, extra: list[Instruction]) -> Value:
    new = Value(function(value.like))
    extra.append(Instruction(function, (value,), {}, (new,)))
    return new
