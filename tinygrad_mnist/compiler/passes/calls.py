"""Calls of NumPy that are fewer or shorter, and give the same bits: where there are no kernels."""

from __future__ import annotations

import operator
from collections.abc import Hashable
from dataclasses import replace
from typing import Any

import numpy as np

from tinygrad_mnist.compiler.functions import COMPARISONS, as_array, as_type
from tinygrad_mnist.compiler.passes.rewriting import Known, rewriting
from tinygrad_mnist.compiler.program import Instruction, Program, Value, made


@rewriting
def with_masks_at_once(known: Known, instruction: Instruction) -> list[Instruction] | None:
    """Let a comparison that is made into numbers give numbers."""
    if instruction.function is not as_type:
        return None
    maker = known.own_maker(instruction.args[0], *COMPARISONS)
    return [replace(maker, outputs=instruction.outputs)] if maker else None


@rewriting
def with_counts_as_numbers(known: Known, instruction: Instruction) -> list[Instruction] | None:
    """Count a mask's ones, where they are added up to be compared with a number, as a number of Python's."""
    if instruction.function not in COMPARISONS or type(instruction.args[1]) is not int:
        return None
    total = known.own_maker(instruction.args[0], np.add.reduce)
    if total is None or total.options != {"axis": None} or total.args[0].dtype != bool:
        return None
    count, compare = made(np.count_nonzero, *total.args), getattr(operator, COMPARISONS[instruction.function])
    instruction.output.like = bool(instruction.output.like)
    return [count, replace(instruction, function=compare, args=(count.output, instruction.args[1]))]


ARITHMETIC = {np.add, np.subtract, np.multiply, np.divide, np.maximum, np.minimum, np.power}
"""Functions of two arrays of one dtype, which NumPy makes of a number as well."""


def with_numbers_as_arrays(program: Program) -> Program:
    """Give NumPy numbers as arrays without axes, of which it would make one at every call.

    That takes a third of a short call's time. Those that are known stay; those given anew, such as a learning rate, are
    written into theirs once.
    """
    constants, arrays = {**program.constants}, dict[Hashable, Value]()
    kept: list[Instruction] = []

    def as_value(x: Any, dtype: np.dtype[Any]) -> Value:
        if isinstance(x, Value) and not x.is_number:
            return x
        key = x if isinstance(x, Value) else repr(x), dtype
        if key not in arrays and isinstance(x, Value):
            arrays[key] = Value(as_array(x.like, dtype), f"{x!r} as array")
            kept.append(Instruction(as_array, (x, dtype), {}, (arrays[key],)))
        elif key not in arrays:
            arrays[key] = Value(as_array(x, dtype), f"minus {-x}" if x < 0 else f"{x}")
            constants[arrays[key]] = arrays[key].like
        return arrays[key]

    for instruction in program.instructions:
        dtype = _dtype_of_numbers(instruction)
        if dtype is not None:
            instruction = replace(instruction, args=tuple(as_value(x, dtype) for x in instruction.args))
        kept.append(instruction)
    return replace(program, instructions=kept, constants=constants)


def _dtype_of_numbers(instruction: Instruction) -> np.dtype[Any] | None:
    """The dtype of the arrays with which an instruction computes numbers; None where there is no such thing."""
    function = instruction.function
    if not (function in ARITHMETIC or function in COMPARISONS) or instruction.options:
        return None
    arrays = [x for x in instruction.inputs if not x.is_number]
    numbers = [x for x in instruction.args if x not in arrays]
    dtypes = {x.dtype for x in arrays} | {x.dtype for x in numbers if isinstance(x, np.generic)}
    are_plain = all(type(getattr(x, "like", x)) in (int, float) or isinstance(x, np.generic) for x in numbers)
    is_one = len(dtypes) == 1 and all(dtype.kind == "f" for dtype in dtypes)
    return dtypes.pop() if numbers and are_plain and is_one else None
