"""Where values lie: in buffers that others take over when they are done, or in the array of the state that they become."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from tinygrad_mnist.compiler.program import Instruction, Program, Value


@dataclass
class Memory:
    """Homes for the values of a program.

    roots: for each value the one in whose memory it lies, a view's first input, or itself.
    slots: for a value in a buffer, which; buffers: how many bytes each has.
    homes: for a value in the array of a state, the state. copied: states whose new numbers are copied in at the end.
    Values that have neither are given, or made anew by their instruction.
    """

    roots: dict[Value, Value]
    slots: dict[Value, int] = field(default_factory=dict)
    buffers: list[int] = field(default_factory=list)
    homes: dict[Value, Value] = field(default_factory=dict)
    copied: dict[Value, Value] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._free: list[int] = []

    def take(self, value: Value) -> None:
        """Give a value the free buffer that fits best, the largest free one made larger, or one of its own."""
        fitting = [slot for slot in self._free if self.buffers[slot] >= value.bytes]
        best = min(fitting, key=self.buffers.__getitem__) if fitting else max(self._free, key=self.buffers.__getitem__, default=-1)
        if best < 0:
            self.buffers.append(0)
            best = len(self.buffers) - 1
        else:
            self._free.remove(best)
        self.buffers[best] = max(self.buffers[best], value.bytes)
        self.slots[value] = best

    def give_back(self, value: Value) -> None:
        """Let others have a value's buffer."""
        self._free.append(self.slots[value])


def planned(program: Program, kept: set[Value], can_write: Callable[[Instruction], bool]) -> Memory:
    """Homes for the values of a program.

    kept: the states whose arrays are the same in every step. can_write: whether an instruction can be told where to
    put its result.
    """
    memory = Memory(roots(program))
    last = last_uses(program, memory.roots)
    _place_updates(program, memory, kept, can_write)
    for i, instruction in enumerate(program.instructions):
        ending = {x for x in map(memory.roots.__getitem__, instruction.inputs) if last[x] == i and x in memory.slots}
        heir = _heir(instruction, ending, memory.roots)
        for value in instruction.outputs:
            if memory.roots[value] is value and value not in memory.homes and can_write(instruction):
                if heir is not None:
                    memory.slots[value] = memory.slots[heir]
                    ending.discard(heir)
                else:
                    memory.take(value)
                if last[value] == i:
                    ending.add(value)
        for value in ending:
            memory.give_back(value)
    return memory


def roots(program: Program) -> dict[Value, Value]:
    """For each value the one in whose memory it lies."""
    found = {value: value for value in (*program.inputs, *program.constants)}
    for instruction in program.instructions:
        for value in instruction.outputs:
            found[value] = found[instruction.inputs[0]] if is_view(instruction) else value
    return found


def is_view(instruction: Instruction) -> bool:
    """Whether the result lies in the memory of the first input."""
    if len(instruction.outputs) > 1 or not instruction.inputs or instruction.output.is_number:
        return False
    first = instruction.inputs[0]
    return not first.is_number and bool(np.may_share_memory(first.like, instruction.output.like))


def last_uses(program: Program, roots: dict[Value, Value]) -> dict[Value, int]:
    """For each root the number of the last instruction that makes or reads it, or a view of it."""
    last = {value: -1 for value in roots.values()}
    for i, instruction in enumerate(program.instructions):
        for value in (*instruction.inputs, *instruction.outputs):
            last[roots[value]] = i
    for value in program.wanted():
        last[roots[value]] = len(program.instructions)
    return last


def _heir(instruction: Instruction, ending: set[Value], roots: dict[Value, Value]) -> Value | None:
    """An input that ends here and whose place the result can take, element for element."""
    if not is_elementwise(instruction):
        return None
    return next((x for x in instruction.inputs if x in ending and replaces(instruction, x, roots)), None)


def is_elementwise(instruction: Instruction) -> bool:
    """Whether each element of the result comes from the elements at its own place."""
    return isinstance(instruction.function, np.ufunc) and instruction.function.signature is None


def replaces(instruction: Instruction, x: Value, roots: dict[Value, Value]) -> bool:
    """Whether the result of an elementwise instruction may be written over an input: every place is read by itself."""
    new = instruction.output
    alike = (x.shape, x.dtype, x.like.strides) == (new.shape, new.dtype, new.like.strides)
    return alike and all(other is x for other in instruction.inputs if roots[other] is roots[x])


def _place_updates(
    program: Program, memory: Memory, kept: set[Value], can_write: Callable[[Instruction], bool]
) -> None:
    """Write a state's new numbers into its array at once, where nothing needs the old ones any more."""
    makers, positions = program.makers(), {}
    for i, instruction in enumerate(program.instructions):
        positions.update(dict.fromkeys(instruction.outputs, i))
    guarded = {memory.roots[guard.value] for guard in program.guards}
    for state, value in program.updates.items():
        if state not in kept:
            continue
        maker = makers.get(value)
        readers = [i for i, other in enumerate(program.instructions) if any(memory.roots[x] is state for x in other.inputs)]
        at = positions.get(value, -1)
        if (
            maker is not None and can_write(maker) and memory.roots[value] is value and value not in memory.homes
            and value not in guarded and max(readers, default=-1) <= at
            and (at not in readers or overwrites(maker, state, memory.roots))
            and list(program.updates.values()).count(value) == 1
        ):  # fmt: skip
            memory.homes[value] = state
        elif value is not state:
            memory.copied[state] = value


def overwrites(maker: Instruction, state: Value, roots: dict[Value, Value]) -> bool:
    """Whether an instruction that reads a state may write over it."""
    own = getattr(maker.function, "overwrites", None)
    if own is not None:
        return maker.inputs[own] is state and all(roots[x] is not state for i, x in enumerate(maker.inputs) if i != own)
    return is_elementwise(maker) and replaces(maker, state, roots)
