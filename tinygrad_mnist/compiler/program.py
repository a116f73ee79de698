"""A step as a program: what NumPy was asked to do, one instruction after the other, each value given once."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import count
from operator import attrgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_mnist.engine import ops
from tinygrad_mnist.places import Place

_numbers = count(1)


@dataclass(eq=False)
class Value:
    """What an instruction computes, or a program is given: an array of one shape, dtype and order, or a number.

    like: an array as it was when the step was captured, of which shape, dtype and order are taken; a Python number
        for a number, such as a learning rate, that is computed with as one.
    name: what it is called in listings and source.
    """

    like: Any
    name: str = ""
    number: int = field(default_factory=lambda: next(_numbers))

    @property
    def is_number(self) -> bool:
        """Whether it is a Python number, of no dtype of its own."""
        return not isinstance(self.like, np.ndarray)

    @property
    def shape(self) -> tuple[int, ...]:
        """The lengths of the axes; () for a number."""
        return np.shape(self.like)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of an array."""
        found: np.dtype[Any] = self.like.dtype
        return found

    @property
    def bytes(self) -> int:
        """How much memory it takes."""
        return 0 if self.is_number else int(self.like.nbytes)

    def __repr__(self) -> str:
        return self.name or f"v{self.number}"


@dataclass(frozen=True, eq=False)
class Instruction:
    """A call whose result is a value: `output = function(*args, **options)`; of a kernel, several.

    args, options: values, and lists, tuples and dicts with values in them; all else is constant.
    place: the line of the reader's own code that led to it.
    """

    function: Callable[..., Any]
    args: tuple[Any, ...]
    options: dict[str, Any]
    outputs: tuple[Value, ...]
    place: Place | None = None

    @property
    def output(self) -> Value:
        """The value that it computes, where it is one."""
        return self.outputs[0]

    @cached_property
    def inputs(self) -> list[Value]:
        """The values that it reads, in order."""
        return [x for x in leaves((self.args, self.options)) if isinstance(x, Value)]

    @property
    def is_view(self) -> bool:
        """Whether the result lies in the memory of the first input."""
        if len(self.outputs) > 1 or not self.inputs or self.output.is_number:
            return False
        first = self.inputs[0]
        return not first.is_number and bool(np.may_share_memory(first.like, self.output.like))

    def result(self) -> Any:
        """What it gives for the numbers that were captured."""
        args, options = mapped((self.args, self.options), lambda x: x.like if isinstance(x, Value) else x)
        return self.function(*args, **options)

    def reading(self, found: Callable[[Value], Any]) -> Instruction:
        """The same with other inputs."""
        args, options = mapped((self.args, self.options), lambda x: found(x) if isinstance(x, Value) else x)
        return replace(self, args=args, options=options)


def made(function: Callable[..., Any], *args: Any, place: Place | None = None, **options: Any) -> Instruction:
    """An instruction with a value of its own."""
    new = Instruction(function, args, options, (), place)
    return replace(new, outputs=(Value(new.result()),))


@dataclass(frozen=True)
class Guard:
    """A decision that the step took by a value: the program holds as long as it would be taken again."""

    value: Value
    taken: bool


@dataclass
class Program:
    """Instructions in order, what they start from, and what is wanted of them.

    inputs: values given anew for each call. constants: arrays that are as they are, by their values.
    outputs: values to give back. updates: for each state, an input, the value that it has after the step.
    guards: decisions to be checked before anything is changed.
    """

    inputs: list[Value] = field(default_factory=list)
    constants: dict[Value, NDArray[Any]] = field(default_factory=dict)
    instructions: list[Instruction] = field(default_factory=list)
    guards: list[Guard] = field(default_factory=list)
    outputs: list[Value] = field(default_factory=list)
    updates: dict[Value, Value] = field(default_factory=dict)

    def forget_numbers(self) -> None:
        """Keep of what was computed in the capture, which takes as much memory as all buffers and more, the form."""
        for instruction in self.instructions:
            for value in instruction.outputs:
                if not value.is_number:
                    value.like = np.broadcast_to(np.zeros((), value.dtype), value.shape)

    def wanted(self) -> list[Value]:
        """The values that the program exists for."""
        return [*(guard.value for guard in self.guards), *self.outputs, *self.updates.values()]

    def makers(self) -> dict[Value, Instruction]:
        """The instruction that computes each value."""
        return {value: instruction for instruction in self.instructions for value in instruction.outputs}

    def roots(self) -> dict[Value, Value]:
        """For each value the one in whose memory it lies."""
        found = {value: value for value in (*self.inputs, *self.constants)}
        for instruction in self.instructions:
            for value in instruction.outputs:
                found[value] = found[instruction.inputs[0]] if instruction.is_view else value
        return found

    def ones(self) -> set[Value]:
        """The constants by which the engine adds up rows, which are 1 and stay so; the reader's own may change."""
        vectors = {value: x for value, x in self.constants.items() if x.ndim == 1 and x.dtype.kind == "f"}
        return {value for value, x in vectors.items() if x is ops._ones(len(x), x.dtype)}

    def users(self) -> dict[Value, list[Instruction]]:
        """The instructions that read each value, once for each place where they do."""
        users: dict[Value, list[Instruction]] = {}
        for instruction in self.instructions:
            for value in instruction.inputs:
                users.setdefault(value, []).append(instruction)
        return users

    def read_once(self) -> set[Value]:
        """The values that one instruction reads, and nobody else wants."""
        return {value for value, reading in self.users().items() if len(reading) == 1} - {*self.wanted()}

    def is_same(self, other: Program) -> bool:
        """Whether another program computes the same, to the numbers of its constants."""
        return self.written() == other.written()

    def first_difference(self, other: Program) -> tuple[Instruction, Instruction] | None:
        """The instructions at which this program and another one part."""
        pairs = zip(self.instructions, other.instructions, strict=False)
        words = zip(self.written(), other.written(), strict=False)
        return next((pair for pair, (mine, its) in zip(pairs, words, strict=False) if mine != its), None)

    def written(self) -> list[Hashable]:
        """Every instruction in words that mean the same in every capture, and after them what is wanted."""
        numbers: dict[Value, str] = {value: f"input{i}" for i, value in enumerate(self.inputs)}
        for value, array in self.constants.items():
            numbers[value] = f"{array.dtype}{array.shape}{fingerprint(array)}"

        def word(x: Any) -> str:
            return numbers.setdefault(x, f"v{len(numbers)}") if isinstance(x, Value) else repr(x)

        lines: list[Hashable] = []
        for each in self.instructions:
            lines.append(repr((each.function, mapped((each.args, each.options), word))))
            for value in each.outputs:
                word(value)
        guards = [(word(guard.value), guard.taken) for guard in self.guards]
        updates = [(word(state), word(value)) for state, value in self.updates.items()]
        return [*lines, repr((guards, [*map(word, self.outputs)], updates))]


Pass = Callable[[Program], Program]
"""What gives a program that computes the same with less."""


form = attrgetter("shape", "dtype", "strides")
"""Of an array all but its numbers: shape, dtype and order."""


def fingerprint(array: NDArray[Any]) -> int:
    """The numbers of an array as a single one, by which a change of any of them shows."""
    return hash(array.tobytes())


def leaves(tree: Any) -> list[Any]:
    """What stands in nested lists, tuples, dicts and slices, in order."""
    found: list[Any] = []
    mapped(tree, found.append)
    return found


def mapped(tree: Any, function: Callable[[Any], Any]) -> Any:
    """The same nested lists, tuples, dicts and slices, of what the function gives for each leaf."""
    if isinstance(tree, list | tuple) and _is_nest(tree):
        return getattr(tree, "_make", type(tree))(mapped(branch, function) for branch in tree)
    if isinstance(tree, dict):
        return {key: mapped(branch, function) for key, branch in tree.items()}
    if isinstance(tree, slice):
        return slice(*(function(x) for x in (tree.start, tree.stop, tree.step)))
    return function(tree)


def nesting(tree: Any) -> str:
    """How lists, tuples and dicts are nested, whatever stands in them."""
    return repr(mapped(tree, lambda _: None))


def _is_nest(tree: Any) -> bool:
    """Whether a list or tuple is a plain one, or a tuple with names."""
    return type(tree) in (list, tuple) or hasattr(tree, "_fields")
