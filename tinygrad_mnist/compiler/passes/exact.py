"""Passes that any program gains by, after which every number is the same to the last bit."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import replace
from typing import Any

import numpy as np

from tinygrad_mnist.compiler.program import Guard, Instruction, Pass, Program, Value, leaves, nesting


def without_dead_code(program: Program) -> Program:
    """Leave out what nothing needs; what draws from a generator stays, as the next draw depends on it."""
    needed = set(program.wanted())
    kept = []
    for instruction in reversed(program.instructions):
        if needed.intersection(instruction.outputs) or draws(instruction):
            needed.update(instruction.inputs)
            kept.append(instruction)
    constants = {value: array for value, array in program.constants.items() if value in needed}
    return replace(program, instructions=kept[::-1], constants=constants)


def draws(instruction: Instruction) -> bool:
    """Whether an instruction draws random numbers."""
    return isinstance(getattr(instruction.function, "__self__", None), np.random.Generator)


def with_common_parts_once(program: Program) -> Program:
    """Compute once what is computed twice: the same function of the same values."""
    found: dict[Hashable, Value] = {}
    same: dict[Value, Value] = {}
    kept = []
    for instruction in program.instructions:
        known = found.setdefault(_key(instruction.reading(lambda x: same.get(x, x))), instruction.output)
        if known is instruction.output or draws(instruction):
            kept.append(instruction)
        else:
            same[instruction.output] = known
    return renamed(replace(program, instructions=kept), same)


def _key(instruction: Instruction) -> Hashable:
    def of(x: Any) -> Hashable:
        return ("value", x.number) if isinstance(x, Value) else (type(x), repr(x))

    tree = instruction.args, instruction.options
    return instruction.function, nesting(tree), tuple(map(of, leaves(tree)))


def renamed(program: Program, same: dict[Value, Value]) -> Program:
    """The program with some values taken for others that equal them."""
    if not same:
        return program

    def now(x: Value) -> Value:
        while x in same:
            x = same[x]
        return x

    return replace(
        program,
        instructions=_reading_anew(program.instructions, now),
        guards=[replace(guard, value=now(guard.value)) for guard in program.guards],
        outputs=[now(value) for value in program.outputs],
        updates={state: now(value) for state, value in program.updates.items()},
    )


def _reading_anew(instructions: list[Instruction], now: Callable[[Value], Value]) -> list[Instruction]:
    """Instructions with other inputs; views of these are views of the same memory as before."""
    views = [*(each.is_view for each in instructions)]
    moved: set[Value] = set()
    found = []
    for instruction, view in zip(instructions, views, strict=True):
        new = instruction.reading(now)
        if view and (new.inputs[0] is not instruction.inputs[0] or new.inputs[0] in moved):
            new.output.like = np.asarray(new.result())
            moved.add(new.output)
        found.append(new)
    return found


def with_guards_first(program: Program) -> Program:
    """Compute what decisions depend on before all else: nothing has changed where one is taken otherwise."""

    def beneath(guard: Guard) -> list[Instruction]:
        return without_dead_code(replace(program, guards=[guard], outputs=[], updates={})).instructions

    guards = sorted(dict.fromkeys(program.guards), key=lambda guard: len(beneath(guard)))
    first = [each for guard in guards for each in beneath(guard)]
    return replace(program, instructions=[*dict.fromkeys([*first, *program.instructions])], guards=guards)


def without_neutral_factors(program: Program) -> Program:
    """x · 1 is x, where it has the shape and dtype of x, and x is no state that the step moves."""
    same: dict[Value, Value] = {}
    lies_in = program.roots()
    for instruction in program.instructions:
        if instruction.function is np.multiply and not instruction.options:
            for x, factor in (instruction.args, instruction.args[::-1]):
                is_one = type(factor) in (int, float) and factor == 1
                if is_one and isinstance(x, Value) and not x.is_number and x.dtype == instruction.output.dtype:
                    same |= {instruction.output: x} if lies_in[x] not in program.updates else {}
    kept = [instruction for instruction in program.instructions if instruction.output not in same]
    return renamed(replace(program, instructions=kept), same)


def with_signs_of_results(program: Program) -> Program:
    """max(z, 0) and max(z, 0.01 z) are positive where z is: their rules look at them, and z need not be kept."""
    makers = program.makers()
    rectified: dict[Any, Value] = {}
    kept = []
    for instruction in program.instructions:
        if instruction.function is np.maximum and not instruction.options:
            for z, low in (instruction.args, instruction.args[::-1]):
                if _is_share(low, z, makers):
                    rectified[z] = instruction.output
        elif is_with_zero(instruction, np.greater) and instruction.args[0] in rectified:
            instruction = replace(instruction, args=(rectified[instruction.args[0]], 0))
        kept.append(instruction)
    return replace(program, instructions=kept)


def _is_share(low: Any, z: Any, makers: dict[Value, Instruction]) -> bool:
    """Whether something is 0, or an array z times a number from 0 to 1."""
    if not isinstance(z, Value) or z.is_number:
        return False
    if not isinstance(low, Value):
        return is_zero(low)
    maker = makers.get(low)
    if maker is None or maker.function is not np.multiply or z not in maker.args or low.dtype != z.dtype:
        return False
    return any(type(factor) is float and 0 < factor <= 1 for factor in maker.args)


def is_with_zero(instruction: Instruction, function: Any) -> bool:
    """Whether it is this function of something and 0."""
    return instruction.function is function and is_zero(instruction.args[-1]) and not instruction.options


def is_zero(x: Any) -> bool:
    """Whether something is the number 0."""
    return type(x) in (int, float) and x == 0


EXACT: tuple[Pass, ...] = (without_dead_code, with_common_parts_once, without_neutral_factors, with_guards_first)
"""Passes after which every number is the same to the last bit."""
