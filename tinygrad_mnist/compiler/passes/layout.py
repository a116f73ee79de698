"""The order in which values lie: column by column, where NumPy reduces short rows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tinygrad_mnist.compiler.functions import as_type
from tinygrad_mnist.compiler.passes.exact import without_dead_code
from tinygrad_mnist.compiler.passes.products import BY_BLAS
from tinygrad_mnist.compiler.program import Instruction, Program, Value, made

SHORT = 32
"""Numbers in a row that NumPy reduces faster column by column, many rows at once."""

_REDUCTIONS = (np.maximum.reduce, np.add.reduce)


def with_columns_together(program: Program) -> Program:
    """Let matrices of short rows that are reduced, and all that is computed of them element by element, lie in columns.

    As they leave a product, which BLAS writes in either order. A sum of rows is then added in another order.
    """
    turned = _turned(program)
    if not turned:
        return program
    makers, users = program.makers(), program.users()
    instructions: list[Instruction] = []
    moved: set[Value] = set()
    for instruction in program.instructions:
        if _is_flat_part_of_a_dot(instruction, turned, makers, users):
            across = made(np.transpose, instruction.inputs[0])
            instructions.append(across)
            instruction = replace(instruction, args=(across.output, *instruction.args[1:]))
            moved.add(across.output)
        if not turned.isdisjoint(instruction.outputs) or not moved.isdisjoint(instruction.inputs):
            _compute_again(instruction, turned)
            moved.update(instruction.outputs)
        instructions.append(instruction)
    return without_dead_code(replace(program, instructions=instructions))


def _turned(program: Program) -> set[Value]:
    """The values that are to lie in columns: those that are reduced, and what hangs together with them."""
    kept = {*program.updates.values()}
    alike = [
        [x for x in (instruction.output, *instruction.inputs) if x.shape == instruction.output.shape]
        for instruction in program.instructions
        if _is_elementwise(instruction)
    ]
    makes = {each.output for each in program.instructions if _is_elementwise(each) or each.function in BY_BLAS} - kept
    found = {x for each in program.instructions if _reduces_rows(each) for x in each.inputs if x in makes}
    size = 0
    while size < len(found):
        size = len(found)
        found.update(x for group in alike if not found.isdisjoint(group) for x in group if x in makes)
    return found


def _reduces_rows(instruction: Instruction) -> bool:
    if instruction.function not in _REDUCTIONS or instruction.options.get("axis") not in (-1, 1):
        return False
    (x,) = instruction.inputs
    return len(x.shape) == 2 and 1 < x.shape[1] <= SHORT < x.shape[0] and bool(x.like.flags.c_contiguous)


def _is_elementwise(instruction: Instruction) -> bool:
    function = instruction.function
    is_ufunc = isinstance(function, np.ufunc) and function.signature is None
    return len(instruction.output.shape) == 2 and (is_ufunc or function is as_type)


def _is_flat_part_of_a_dot(
    instruction: Instruction,
    turned: set[Value],
    makers: dict[Value, Instruction],
    users: dict[Value, list[Instruction]],
) -> bool:
    """Whether all of a matrix in columns is multiplied with all of another one: in which order is all the same."""
    if instruction.function is not np.reshape or instruction.output not in users:
        return False
    dots = users[instruction.output]
    parts = [makers.get(x) for dot in dots for x in dot.inputs]
    return all(dot.function is np.dot for dot in dots) and all(
        part is not None and part.function is np.reshape and part.inputs[0] in turned and len(part.output.shape) == 1
        for part in parts
    )


def _compute_again(instruction: Instruction, turned: set[Value]) -> None:
    """Bring what an instruction gives into the order that it now has."""
    value, found = instruction.output, instruction.result()
    if isinstance(value.like, np.ndarray):
        value.like = np.asfortranarray(found, value.dtype) if value in turned else np.asarray(found, value.dtype)
