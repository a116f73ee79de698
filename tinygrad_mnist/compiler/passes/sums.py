"""What BLAS does on its way: sums with a bias, sums of rows, and numbers by which all is multiplied."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tinygrad_mnist.compiler.functions import as_array
from tinygrad_mnist.compiler.passes.exact import without_dead_code
from tinygrad_mnist.compiler.passes.products import added_product, factors, product, terms
from tinygrad_mnist.compiler.passes.rewriting import Known, rewriting
from tinygrad_mnist.compiler.program import Instruction, Program, Value, made

SMALL = 2**14
"""Up to how many numbers a product is sooner added to a bias than a bias to it: they stay in the cache."""


@rewriting
def with_biases_beneath(known: Known, instruction: Instruction) -> list[Instruction] | None:
    """Write a bias where its product will be, for BLAS to add that to it."""
    added = terms(instruction) if instruction.function is np.add else None
    for bias, term in (added[:2], added[1::-1]) if added else ():
        maker = known.own_maker(term, product)
        if maker and _is_bias(bias, term):
            return [replace(instruction, function=added_product, args=(bias, *maker.args, 1.0))]
    return None


def _is_bias(x: Value, term: Value) -> bool:
    columns = term.shape[1]
    return x.dtype == term.dtype and x.shape in ((columns,), (1, columns)) and term.like.size <= SMALL


@rewriting
def with_rates_first(known: Known, instruction: Instruction) -> list[Instruction] | None:
    """η (1ᵀδ), by which a bias moves, is (η 1)ᵀδ, and η 1 is the same for every layer."""
    total, rate = factors(instruction) or (None, None)
    maker = known.own_maker(total, np.dot)
    if maker is None or maker.args[0] not in known.ones:
        return None
    ones, x = maker.args
    rates = made(as_array, rate, ones.dtype, ones.shape)
    return [rates, replace(instruction, function=np.dot, args=(rates.output, x))]


def with_slopes_in_products(program: Program) -> Program:
    """(a @ b) (0.99 m + 0.01), a cotangent behind leaky ReLU, is (0.99 a @ b) (m + 0.01 / 0.99)."""
    known, new = Known(program), dict[Instruction, Instruction]()
    for instruction in program.instructions:
        for x, slope in (instruction.args, instruction.args[::-1]) if instruction.function is np.multiply else ():
            carried, raised = known.own_maker(x, product), known.own_maker(slope, np.add)
            scaled, lowest = raised.args if raised else (None, None)
            times = known.own_maker(scaled, np.multiply)
            mask, factor = times.args if times else (None, None)
            if carried and raised and type(lowest) is type(factor) is float and factor >= 0.5:  # else m loses digits
                a, b, alpha = carried.args
                new[carried] = replace(carried, args=(a, b, alpha * factor))
                new[raised] = replace(raised, args=(mask, lowest / factor))
    return without_dead_code(replace(program, instructions=[new.get(each, each) for each in program.instructions]))


@rewriting
def with_rows_by_blas(known: Known, instruction: Instruction) -> list[Instruction] | None:
    """The sums of rows that lie column by column are a product with ones, in half of the time."""
    if not _adds_rows(instruction):
        return None
    (x,), total = instruction.inputs, instruction.output
    ones = Value(np.ones(x.shape[1], x.dtype), "ones")
    known.constants[ones] = ones.like
    across = made(np.transpose, x)
    flat = made(np.dot, ones, across.output)
    total.like = flat.output.like.reshape(total.shape)
    return [across, flat, replace(instruction, function=np.reshape, args=(flat.output, total.shape), options={})]


def _adds_rows(instruction: Instruction) -> bool:
    """Whether it adds up the rows of a matrix of floats that lies in columns."""
    if instruction.function != np.add.reduce or instruction.options.get("axis") not in (-1, 1):
        return False
    x = instruction.inputs[0]
    is_in_columns = x.like.flags.f_contiguous and not x.like.flags.c_contiguous
    return len(x.shape) == 2 and bool(is_in_columns) and x.dtype == instruction.output.dtype and x.dtype.kind == "f"
