"""Where values lie: in buffers that others take over in their turn, or in the array of the state that they become."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from tinygrad_mnist.compiler.passes.products import added_product
from tinygrad_mnist.compiler.program import Instruction, Program, Value


@dataclass
class Memory:
    """Homes for the values of a program.

    roots: for each value the one in whose memory it lies, a view's first input, or itself.
    slots: for a value in a buffer, which; buffers: how many bytes each has.
    homes: for a value in the array of a state, the state. copied: states whose new numbers are copied in at the end.
    heirs: for a value that is written over an input of its instruction, the input.
    Values that have neither are given, or made anew by their instruction.
    """

    roots: dict[Value, Value]
    slots: dict[Value, int] = field(default_factory=dict)
    buffers: list[int] = field(default_factory=list)
    homes: dict[Value, Value] = field(default_factory=dict)
    copied: dict[Value, Value] = field(default_factory=dict)
    heirs: dict[Value, Value] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._free: list[int] = []

    @property
    def bytes(self) -> int:
        """How much the buffers take."""
        return sum(self.buffers)

    def take(self, value: Value) -> None:
        """Give a value the free buffer that fits best, the largest free one made larger, or one of its own."""

        def fit(slot: int) -> tuple[bool, int]:
            return self.buffers[slot] < value.bytes, abs(self.buffers[slot] - value.bytes)

        best = min(self._free, key=fit, default=len(self.buffers))
        if best in self._free:
            self._free.remove(best)
        else:
            self.buffers.append(0)
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
    memory = Memory(program.roots())
    last = last_uses(program, memory.roots)
    _place_updates(program, memory, kept, can_write)
    for i, instruction in enumerate(program.instructions):
        reading = dict.fromkeys(map(memory.roots.__getitem__, instruction.inputs))
        ending = [x for x in reading if last[x] == i and x in memory.slots]
        for value in instruction.outputs:
            if memory.roots[value] is value and value not in memory.homes and can_write(instruction):
                heir = next((x for x in ending if replaces(instruction, value, x, memory.roots)), None)
                if heir is None:
                    memory.take(value)
                else:
                    memory.slots[value], memory.heirs[value] = memory.slots[heir], heir
                    ending.remove(heir)
                if last[value] == i:
                    ending.append(value)
        for value in ending:
            memory.give_back(value)
    return memory


def last_uses(program: Program, roots: dict[Value, Value]) -> dict[Value, int]:
    """For each root the number of the last instruction that makes or reads it, or a view of it."""
    last = dict.fromkeys(roots.values(), -1)
    for i, instruction in enumerate(program.instructions):
        for value in (*instruction.inputs, *instruction.outputs):
            last[roots[value]] = i
    for value in program.wanted():
        last[roots[value]] = len(program.instructions)
    return last


def replaces(instruction: Instruction, new: Value, x: Value, roots: dict[Value, Value]) -> bool:
    """Whether a result may be written over an input: the numbers at each place are read before, and never again."""
    alike = (x.shape, x.dtype, x.like.strides) == (new.shape, new.dtype, new.like.strides)
    return (
        alike and x in _overwritten(instruction, new)
        and all(other is x for other in instruction.inputs if roots[other] is roots[x])
    )  # fmt: skip


def _overwritten(instruction: Instruction, new: Value) -> list[Value]:
    """The inputs over which a function may write a result."""
    function = instruction.function
    if hasattr(function, "may_overwrite"):
        found: list[Value] = function.may_overwrite(new)
        return found
    if function is added_product:
        c, *factors = instruction.inputs
        return [c] if c not in factors else []
    if isinstance(function, np.ufunc) and function.signature is None:
        return [x for x in instruction.inputs if not x.is_number]
    return []


def _place_updates(
    program: Program, memory: Memory, kept: set[Value], can_write: Callable[[Instruction], bool]
) -> None:
    """Write a state's new numbers into its array at once, where nothing needs the old ones any more."""
    makers, uses = program.makers(), Counter(program.updates.values())
    positions: dict[Value, int] = {}
    last_read: dict[Value, int] = {}
    for i, instruction in enumerate(program.instructions):
        positions.update(dict.fromkeys(instruction.outputs, i))
        last_read.update(dict.fromkeys([memory.roots[x] for x in instruction.inputs], i))
    guarded = max((positions.get(guard.value, -1) for guard in program.guards), default=-1)
    for state, value in program.updates.items():
        if state not in kept:
            continue
        maker, at, read = makers.get(value), positions.get(value, -1), last_read.get(state, -1)
        if (
            maker is not None and can_write(maker) and memory.roots[value] is value and value not in memory.homes
            and guarded < at and read <= at and (read < at or replaces(maker, value, state, memory.roots))
            and uses[value] == 1
        ):  # fmt: skip
            memory.homes[value] = state
            if read == at:
                memory.heirs[value] = state
        elif value is not state:
            memory.copied[state] = value
