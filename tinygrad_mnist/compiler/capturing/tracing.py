"""A step on its way into a program: every call of NumPy's is written down, and what it gives is traced in turn."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_mnist.compiler.capturing.traced import TracedArray, TracedNumber, concrete
from tinygrad_mnist.compiler.errors import CompileError
from tinygrad_mnist.compiler.functions import has_shape
from tinygrad_mnist.compiler.program import Guard, Instruction, Program, Value, fingerprint, leaves, mapped
from tinygrad_mnist.nn import patches
from tinygrad_mnist.places import at, user_place

_SIZED = {
    np.unique, np.flatnonzero, np.argwhere, np.extract, np.compress, np.bincount, np.repeat, np.delete, np.trim_zeros,
}  # fmt: skip
"""Functions whose result has a size that depends on numbers."""


class Trace:
    """The program as far as it is written. refusals: why it can't be one."""

    def __init__(self) -> None:
        self.program = Program()
        self.refusals: list[CompileError] = []
        self._constants: dict[int, Value] = {}
        self._marks: dict[Value, int] = {}
        self._sized = 0  # of the guards, how many ask for a size

    def input(self, like: Any, name: str = "") -> Any:
        """What stands in the step for an array or a number that is given anew for each call."""
        value = Value(like, name)
        self.program.inputs.append(value)
        return self._traced(value)

    def record(self, function: Callable[..., Any], args: Any, options: dict[str, Any] | None = None) -> Any:
        """Call a function on what the traced things stand for, and write the call down."""
        given = args, options or {}
        args, options = mapped(given, concrete)
        result = function(*args, **options)
        args, options = mapped(given, self.value_of)
        if isinstance(result, list | tuple):
            raise CompileError(
                f"np.{function.__name__} gives several arrays{at(user_place())}, which no program can: take parts by "
                f"slices, and elements by a mask"
            )
        value = Value(np.asarray(result) if isinstance(result, np.ndarray | np.generic) else result)
        self.program.instructions.append(Instruction(function, args, options, (value,), user_place()))
        if function in _SIZED or (function is operator.getitem and any(map(_is_mask, leaves(args[1])))):
            self._sized += 1
            self.decide(self.record(has_shape, (self._traced(value), value.shape)).value)
        return self._traced(value)

    def _traced(self, value: Value) -> TracedArray | TracedNumber:
        return TracedNumber(self, value) if value.is_number else TracedArray(self, value)

    def decide(self, value: Value) -> bool:
        """What a condition was, and from now on has to be."""
        taken = bool(value.like)
        self.program.guards.append(Guard(value, taken))
        return taken

    def call(self, function: Callable[..., Any], *args: Any, **options: Any) -> Any:
        """Call a forward or a rule: written down by what NumPy does in it, else as a whole."""
        if not any(isinstance(x, TracedArray | TracedNumber) for x in leaves((args, options))):
            return function(*args, **options)
        if getattr(function, "__module__", None) == patches.__name__:  # windows are gathered in an order of their own
            return self.record(function, args, options)
        program, refusals, sized = self.program, self.refusals, self._sized
        instructions, guards, refused = len(program.instructions), len(program.guards), len(refusals)
        try:
            result = function(*args, **options)
            if (len(program.guards) - self._sized, len(refusals)) == (guards - sized, refused):
                return result
        except Exception:  # the function itself, on the arrays, will do without, or say it again
            pass
        del program.instructions[instructions:], program.guards[guards:], refusals[refused:]
        self._sized = sized
        return self.record(function, args, options)

    def value_of(self, x: Any) -> Any:
        """The value of an array or a number, traced or found by the step; anything else as it is."""
        if isinstance(x, TracedArray | TracedNumber):
            if x.trace is not self:
                raise CompileError(
                    f"an array of an earlier call is used{at(user_place())}: keep it in a Tensor, which a compiled "
                    f"step follows, and set its .data"
                )
            if isinstance(x, TracedArray):
                x.check()
            return x.value
        return self._constant(x) if isinstance(x, np.ndarray) else x

    def _constant(self, array: NDArray[Any]) -> Value:
        """The value of an array that the step found, and reads each time."""
        if id(array) not in self._constants:
            value = self._constants[id(array)] = Value(array)
            self.program.constants[value], self._marks[value] = array, fingerprint(array)
        return self._constants[id(array)]

    def check_constants(self) -> None:
        """Raise CompileError where the step has changed an array of its own after it was used."""
        for value, array in self.program.constants.items():
            if fingerprint(array) != self._marks[value]:
                users = (each.place for each in self.program.instructions if value in each.inputs)
                raise CompileError(
                    f"an array is changed in place after it was used{at(next(users, None))}: make another one"
                )


def _is_mask(x: Any) -> bool:
    return isinstance(x, Value) and not x.is_number and x.dtype == bool
