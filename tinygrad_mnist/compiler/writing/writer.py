"""A program, whose values have their homes, written as source."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial

import numpy as np

from tinygrad_mnist.compiler import blas
from tinygrad_mnist.compiler.kernels.kernel import Kernel
from tinygrad_mnist.compiler.memory import Memory
from tinygrad_mnist.compiler.passes.products import BY_BLAS
from tinygrad_mnist.compiler.program import Instruction, Program, Value
from tinygrad_mnist.compiler.writing.calls import INTO, call_into, call_of, gemm_for, terms_of, text_of
from tinygrad_mnist.compiler.writing.naming import Names
from tinygrad_mnist.compiler.writing.part_writer import PartWriter
from tinygrad_mnist.compiler.writing.source import Source


def can_write(instruction: Instruction) -> bool:
    """Whether an instruction can be told where to put its result."""
    function = instruction.function
    is_reduction = getattr(function, "__name__", "") == "reduce"
    is_array = not any(value.is_number for value in instruction.outputs)
    is_ours = isinstance(function, Kernel) or function in BY_BLAS
    known = is_ours or is_reduction or isinstance(function, np.ufunc) or function in INTO
    return is_array and known and not instruction.is_view


class Writer:
    """Writes a program. given: the values that are the arguments of a step."""

    def __init__(self, program: Program, memory: Memory, names: Names, given: list[Value]) -> None:
        self.program, self.memory, self.names, self.given = program, memory, names, given
        self.source = Source([self.names.of(value) for value in given], self.names.things)
        lasting = {*memory.slots, *memory.homes, *program.inputs, *program.constants} - {*given}
        self._lasting = {value for value, root in memory.roots.items() if root in lasting}
        self._parts = PartWriter(self.source, self.names, memory, given, self._lasting)
        self._has_parts = any(isinstance(each.function, Kernel) for each in program.instructions)
        self._products = 0

    def write(self) -> Source:
        """The whole source; a step returns None where a decision would be taken otherwise, else the outputs."""
        source, memory, name = self.source, self.memory, self.names.of
        source.setup += [f"buffer{i} = np.empty({size}, np.uint8)" for i, size in enumerate(memory.buffers)]
        for value in self.program.inputs:
            name(value)
        self._guard({*self.given, *self.program.inputs, *self.program.constants})
        for instruction in self.program.instructions:
            self._write(instruction)
            self._guard(instruction.outputs)
        for state, new in memory.copied.items():
            self._parts.copy(new, state)
        self._parts.end()
        source.body.append(f"return [{', '.join(map(name, self.program.outputs))}]")
        for value, array in self.program.constants.items():
            source.names[name(value)] = array
        return source

    def _guard(self, made: Collection[Value]) -> None:
        """Leave the step where a decision by one of these values would be taken otherwise."""
        for guard in self.program.guards:
            if guard.value in made:
                self._parts.guard(guard.value, guard.taken)

    def _write(self, instruction: Instruction) -> None:
        memory, value, name = self.memory, instruction.output, self.names.of
        for made in instruction.outputs:
            if made in memory.slots:
                self.source.setup.append(f"{name(made)} = {_buffer(made, memory.slots[made])}")
            if made in memory.homes:
                self.source.setup.append(f"{name(made)} = {name(memory.homes[made])}")
        if value in memory.slots or value in memory.homes:
            if not (self._has_parts and self._parts.write(instruction)):
                self._parts.end()
                self.source.body.append(self._into(instruction))
        elif instruction.is_view:
            self.names.wait(value, partial(self._define, instruction))
        else:
            if not all(x.is_number for x in instruction.inputs):
                self._parts.end()  # else it may come before: it reads nothing that the part computes
            self._define(instruction)

    def _define(self, instruction: Instruction) -> None:
        """Name the result of a call: once, where it lasts, or before the part that is being written."""
        lasts = instruction.is_view and instruction.output in self._lasting
        call = call_of(instruction, self.names)
        (self.source.setup if lasts else self.source.body).append(f"{self.names.of(instruction.output)} = {call}")

    def _into(self, instruction: Instruction) -> str:
        is_product = instruction.function in BY_BLAS
        return self._prepared_product(instruction) if is_product else call_into(instruction, self.names)

    def _prepared_product(self, instruction: Instruction) -> str:
        """A product without a part: all that stays the same is prepared."""
        names, value, (c, a, b, alpha, beta) = self.names, instruction.output, terms_of(instruction)
        given = {name: x for name, x in (("a", a), ("b", b)) if x not in self._lasting}
        found = [names.known("like", x.like) if x in given.values() else names.of(x) for x in (a, b)]
        self._products += 1
        name, out = f"product{self._products}_", names.of(value)
        arguments = ", ".join([gemm_for(value, names), *found, out, repr("".join(given))])
        self.source.setup.append(f"{name} = {names.known('Product', blas.Product)}({arguments})")
        numbers = [text_of(alpha, names), text_of(beta, names)]
        call = f"{name}({', '.join([*numbers, *map(names.of, map(self._lying_at, given.values()))])})"
        is_in_place = c is None or self.memory.heirs.get(value) is c
        return call if is_in_place else f"np.copyto({out}, {names.of(c)}); {call}"

    def _lying_at(self, value: Value) -> Value:
        """What begins at the same place in memory as a value: of a transpose, what it is of."""
        root = self.memory.roots[value]
        return root if root.like.ctypes.data == value.like.ctypes.data else value


def _buffer(value: Value, slot: int) -> str:
    """The expression of a value's array in a buffer, in the order that the value has."""
    count, dtype = value.bytes, value.dtype.str
    axes = sorted(range(len(value.shape)), key=lambda axis: (-abs(value.like.strides[axis]), axis))
    shape = tuple(value.shape[axis] for axis in axes)
    text = f"buffer{slot}[:{count}].view({dtype!r}).reshape({shape})"
    return text if axes == sorted(axes) else f"{text}.transpose({tuple(np.argsort(axes).tolist())})"
