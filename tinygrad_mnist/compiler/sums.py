"""What BLAS does on its way: sums with a bias, sums of rows, and numbers by which all is multiplied."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from tinygrad_mnist.compiler.passes import without_dead_code
from tinygrad_mnist.compiler.products import added_product, factored, product, terms
from tinygrad_mnist.compiler.program import Instruction, Program, Value

SMALL = 2**14
"""Up to how many numbers a product is sooner added to a bias than a bias to it: they stay in the cache."""


def with_biases_beneath(program: Program) -> Program:
    """Write a bias where its product will be, for BLAS to add that to it."""
    makers, once = program.makers(), program.read_once()
    kept = []
    for instruction in program.instructions:
        added = terms(instruction) if instruction.function is np.add else None
        for bias, term in (added[:2], added[1::-1]) if added else ():
            maker = makers[term] if term in makers and term in once else None
            if maker is not None and maker.function is product and _is_bias(bias, term):
                instruction = replace(instruction, function=added_product, args=(bias, *maker.args, 1.0))
                break
        kept.append(instruction)
    return without_dead_code(replace(program, instructions=kept))


def _is_bias(x: Value, term: Value) -> bool:
    columns = term.shape[1]
    return x.dtype == term.dtype and x.shape in ((columns,), (1, columns)) and term.like.size <= SMALL


def with_rates_first(program: Program) -> Program:
    """η (1ᵀδ), by which a bias moves, is (η 1)ᵀδ, and η 1 is the same for every layer."""
    makers, once = program.makers(), program.read_once()
    kept = []
    for instruction in program.instructions:
        total, rate = factored(instruction.output, makers, {instruction.output})
        maker = makers.get(total) if total in once else None
        if maker is not None and maker.function is np.dot and maker.args[0] in program.constants:
            ones, x = maker.args
            rates = Value(ones.like * getattr(rate, "like", rate))
            kept.append(Instruction(np.multiply, (rate, ones), {}, (rates,)))
            instruction = replace(instruction, function=np.dot, args=(rates, x))
        kept.append(instruction)
    return without_dead_code(replace(program, instructions=kept))


def with_slopes_in_products(program: Program) -> Program:
    """(a @ b) (0.99 m + 0.01), a cotangent behind leaky ReLU, is (0.99 a @ b) (m + 0.01 / 0.99)."""
    makers, once = program.makers(), program.read_once()

    def read(x: Any, function: Any) -> tuple[Any, ...]:
        maker = makers.get(x) if x in once else None
        return maker.args if maker is not None and maker.function is function and not maker.options else ()

    new: dict[Value, Instruction] = {}
    for instruction in program.instructions:
        for x, slope in (instruction.args, instruction.args[::-1]) if instruction.function is np.multiply else ():
            matrices = read(x, product)
            scaled, lowest = read(slope, np.add) or (None, None)
            mask, factor = read(scaled, np.multiply) or (None, None)
            if matrices and type(lowest) is type(factor) is float and factor >= 0.5:  # else m would lose its digits
                new[x] = replace(makers[x], args=(*matrices[:2], matrices[2] * factor))
                new[slope] = replace(makers[slope], args=(mask, lowest / factor))
    kept = [new.get(instruction.output, instruction) for instruction in program.instructions]
    return without_dead_code(replace(program, instructions=kept))


def with_rows_by_blas(program: Program) -> Program:
    """The sums of rows that lie column by column are a product with ones, in half of the time."""
    constants, kept = {**program.constants}, list[Instruction]()
    for instruction in program.instructions:
        if _adds_rows(instruction):
            (x,), total = instruction.inputs, instruction.output
            ones, across = Value(np.ones(x.shape[1], x.dtype), "ones"), Value(x.like.T)
            flat = Value(np.dot(ones.like, across.like))
            constants[ones] = ones.like
            kept.append(Instruction(np.transpose, (x,), {}, (across,)))
            kept.append(Instruction(np.dot, (ones, across), {}, (flat,)))
            total.like = flat.like.reshape(total.shape)
            instruction = Instruction(np.reshape, (flat, total.shape), {}, (total,), instruction.place)
        kept.append(instruction)
    return replace(program, instructions=kept, constants=constants)


def _adds_rows(instruction: Instruction) -> bool:
    """Whether it adds up the rows of a matrix of floats that lies in columns."""
    if instruction.function != np.add.reduce or instruction.options.get("axis") not in (-1, 1):
        return False
    x = instruction.inputs[0]
    is_in_columns = x.like.flags.f_contiguous and not x.like.flags.c_contiguous
    return len(x.shape) == 2 and bool(is_in_columns) and x.dtype == instruction.output.dtype and x.dtype.kind == "f"
