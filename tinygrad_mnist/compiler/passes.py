"""Passes: each takes a program and gives one that computes the same with less."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tinygrad_mnist.compiler.functions import COMPARISONS, as_array, as_type
from tinygrad_mnist.compiler.memory import is_view, roots
from tinygrad_mnist.compiler.program import Instruction, Program, Value, leaves, mapped, nesting

Pass = Callable[[Program], Program]


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
        guards=list(dict.fromkeys(replace(guard, value=now(guard.value), place=None) for guard in program.guards)),
        outputs=[now(value) for value in program.outputs],
        updates={state: now(value) for state, value in program.updates.items()},
    )


def _reading_anew(instructions: list[Instruction], now: Callable[[Value], Value]) -> list[Instruction]:
    """Instructions with other inputs; views of these are views of the same memory as before."""
    views = [*map(is_view, instructions)]
    moved: set[Value] = set()
    found = []
    for instruction, view in zip(instructions, views, strict=True):
        new = instruction.reading(now)
        if view and (new.inputs[0] is not instruction.inputs[0] or new.inputs[0] in moved):
            args, options = mapped((new.args, new.options), lambda x: x.like if isinstance(x, Value) else x)
            new.output.like = np.asarray(new.function(*args, **options))
            moved.add(new.output)
        found.append(new)
    return found


def with_guards_first(program: Program) -> Program:
    """Compute what decisions depend on before all else: nothing has changed where one is taken otherwise."""
    guards = list(dict.fromkeys(replace(guard, place=None) for guard in program.guards))
    beneath = {guard: program.beneath(guard.value) for guard in guards}
    guards.sort(key=lambda guard: len(beneath[guard]))
    turn: dict[Instruction, int] = {}
    for i, guard in enumerate(guards):
        for instruction in beneath[guard]:
            turn.setdefault(instruction, i)
    order = sorted(program.instructions, key=lambda instruction: turn.get(instruction, len(guards)))
    return replace(program, instructions=order, guards=guards)


def without_neutral_factors(program: Program) -> Program:
    """x · 1 is x, where it has the shape and dtype of x, and x is no state that the step moves."""
    same: dict[Value, Value] = {}
    lies_in = roots(program)
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
        return type(low) in (int, float) and low == 0
    maker = makers.get(low)
    if maker is None or maker.function is not np.multiply or z not in maker.args or low.dtype != z.dtype:
        return False
    return any(type(factor) is float and 0 < factor <= 1 for factor in maker.args)


def is_with_zero(instruction: Instruction, function: Any) -> bool:
    """Whether it is this function of something and 0."""
    zero = instruction.args[-1] if instruction.args else None
    return instruction.function is function and type(zero) in (int, float) and zero == 0 and not instruction.options


@dataclass(frozen=True)
class Mask:
    """A comparison whose result is 0 or 1 of a dtype at once, as NumPy writes it into such an array."""

    comparison: Any
    dtype: np.dtype[Any]

    def __call__(self, *operands: Any) -> Any:
        return self.comparison(*operands).astype(self.dtype)

    @property
    def __name__(self) -> str:
        return f"{self.comparison.__name__} as {self.dtype.name}"


def with_masks_at_once(program: Program) -> Program:
    """Let a comparison that is made into numbers give numbers."""
    makers, users, wanted = program.makers(), program.users(), {*program.wanted()}
    kept = []
    for instruction in program.instructions:
        maker = makers.get(instruction.args[0]) if instruction.function is as_type else None
        is_mask = maker is not None and maker.function in COMPARISONS and not maker.options
        if maker is not None and is_mask and len(users[maker.output]) == 1 and maker.output not in wanted:
            instruction = replace(instruction, function=Mask(maker.function, instruction.output.dtype), args=maker.args)
        kept.append(instruction)
    return without_dead_code(replace(program, instructions=kept))


def with_softmax_from_its_sum(program: Program) -> Program:
    """exp(x - log s), where s is the sum of exp(x), is exp(x) / s, which is there already.

    As long as x has its maximum taken off, as log-softmax does: neither exp(x) nor s overflows. And as s is 1 at least,
    softmax times one number for each row, as in its rule, is exp(x) times that number / s: fewer divisions.
    """
    makers, once = program.makers(), program.read_once()
    quotients: dict[Any, tuple[Value, Value]] = {}

    def made_by(x: Any, *functions: Any) -> tuple[Any, ...]:
        maker = makers.get(x) if isinstance(x, Value) else None
        return maker.args if maker is not None and maker.function in functions else (None, None)

    kept = []
    for instruction in program.instructions:
        x, log_sum = made_by(instruction.args[0], np.subtract) if instruction.function is np.exp else (None, None)
        total = made_by(log_sum, np.log)[0]
        exponential = made_by(total, np.add.reduce)[0]
        largest = made_by(made_by(x, np.subtract)[1], np.maximum.reduce)[0]
        if largest is not None and made_by(exponential, np.exp)[0] is x and total.dtype == instruction.output.dtype:
            instruction = replace(instruction, function=np.divide, args=(exponential, total), options={})
            quotients[instruction.output] = exponential, total
        elif instruction.function is np.multiply and (found := quotients.get(instruction.args[0])):
            softmax, factor = instruction.args
            exponential, total = found
            if softmax in once and isinstance(factor, Value) and _are_alike(factor, total):
                share = Value(factor.like / total.like)
                kept.append(Instruction(np.divide, (factor, total), {}, (share,)))
                instruction = replace(instruction, args=(exponential, share))
        kept.append(instruction)
    return without_dead_code(replace(program, instructions=kept))


def _are_alike(x: Value, y: Value) -> bool:
    return not x.is_number and (x.shape, x.dtype) == (y.shape, y.dtype)


ARITHMETIC = {np.add, np.subtract, np.multiply, np.divide, np.maximum, np.minimum, np.power}
"""Functions of two arrays of one dtype, which NumPy makes of a number as well."""


def with_numbers_as_arrays(program: Program) -> Program:
    """Give NumPy numbers as arrays without axes, of which it would make one at every call.

    That takes a third of a short call's time. Those that are known stay; those given anew, such as a learning rate, are
    written into theirs once.
    """
    constants, made = {**program.constants}, dict[Hashable, Value]()
    kept: list[Instruction] = []

    def as_value(x: Any, dtype: np.dtype[Any]) -> Value:
        if isinstance(x, Value) and not x.is_number:
            return x
        key = x if isinstance(x, Value) else repr(x), dtype
        if key not in made and isinstance(x, Value):
            made[key] = Value(as_array(x.like, dtype), f"{x!r} as array")
            kept.append(Instruction(as_array, (x, dtype), {}, (made[key],)))
        elif key not in made:
            made[key] = Value(as_array(x, dtype), f"minus {-x}" if x < 0 else f"{x}")
            constants[made[key]] = made[key].like
        return made[key]

    for instruction in program.instructions:
        dtype = _dtype_of_numbers(instruction)
        if dtype is not None:
            instruction = replace(instruction, args=tuple(as_value(x, dtype) for x in instruction.args))
        kept.append(instruction)
    return replace(program, instructions=kept, constants=constants)


def _dtype_of_numbers(instruction: Instruction) -> np.dtype[Any] | None:
    """The dtype of the arrays with which an instruction computes numbers; None where there is no such thing."""
    function = instruction.function.comparison if isinstance(instruction.function, Mask) else instruction.function
    if not (function in ARITHMETIC or function in COMPARISONS) or instruction.options:
        return None
    arrays = [x for x in instruction.inputs if not x.is_number]
    numbers = [x for x in instruction.args if x not in arrays]
    dtypes = {x.dtype for x in arrays} | {x.dtype for x in numbers if isinstance(x, np.generic)}
    are_plain = all(type(getattr(x, "like", x)) in (int, float) or isinstance(x, np.generic) for x in numbers)
    is_one = len(dtypes) == 1 and all(dtype.kind == "f" for dtype in dtypes)
    return dtypes.pop() if numbers and are_plain and is_one else None


EXACT: tuple[Pass, ...] = (without_dead_code, with_common_parts_once, without_neutral_factors, with_guards_first)
"""Passes after which every number is the same to the last bit."""
