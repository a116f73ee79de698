"""A captured step, made ready to be replayed: after its passes, with a home for each value, as source that runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import compress
from operator import attrgetter, is_not
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_mnist.compiler.capturing.capture import Captured, Output, output
from tinygrad_mnist.compiler.listing import Listing
from tinygrad_mnist.compiler.memory import planned
from tinygrad_mnist.compiler.passes.exact import draws
from tinygrad_mnist.compiler.program import Pass, Program, form, mapped
from tinygrad_mnist.compiler.writing.naming import Names
from tinygrad_mnist.compiler.writing.writer import Writer, can_write
from tinygrad_mnist.devices import own_copy
from tinygrad_mnist.engine.node import _clock, last_change
from tinygrad_mnist.nn import random


class Plan:
    """What is replayed of a captured step.

    stages: the program as it was captured, and after each pass, by the names of the passes. source: what runs.
    """

    def __init__(self, captured: Captured, passes: Sequence[Pass]) -> None:
        self.captured = captured
        self.stages: list[tuple[str, Program]] = [("captured", captured.program)]
        for each in passes:
            self.stages.append((each.__name__, each(self.program)))
        used = {*self.program.wanted(), *self.program.updates}
        used.update(x for instruction in self.program.instructions for x in instruction.inputs)
        sources = {value: load for value, load in captured.sources.items() if value in used}
        self._numbers = [load for value, load in sources.items() if value.is_number]
        self._states = [load for value, load in sources.items() if not value.is_number]
        states = [value for value in sources if not value.is_number]
        self._forms = [form(value.like) for value in states]
        self.memory = planned(self.program, {*states} - {*captured.rebound}, can_write)
        self.names = Names()
        for _, program in self.stages:
            for value in (*program.inputs, *(x for each in program.instructions for x in each.outputs)):
                self.names.name(value)
        given = [*captured.arguments, *(value for value in sources if value.is_number)]
        self.source = Writer(self.program, self.memory, self.names, given).write()
        self._names = [*map(self.names.of, states)]
        self._code = compile(str(self.source), "<compiled step>", "exec")
        self._arrays: list[NDArray[Any]] = []
        self._is_renewed = [value in self.program.updates for value in states]
        self._is_array = [not value.is_number for value in captured.arguments]
        self._renewed: dict[int, list[NDArray[Any]]] = {}
        self._step: Callable[..., Any] | None = None
        self._space: dict[str, Any] = {}
        self._draws = any(map(draws, self.program.instructions))
        for _, program in self.stages:
            program.forget_numbers()

    @property
    def program(self) -> Program:
        """What is left after the passes."""
        return self.stages[-1][1]

    def __str__(self) -> str:
        return Listing(self.stages, self.names).whole(self.memory)

    def bytes(self) -> tuple[int, int]:
        """How much its buffers take, and how much its values would, each with memory of its own."""
        made = [value for each in self.program.instructions for value in each.outputs]
        return self.memory.bytes, sum(value.bytes for value in made if self.memory.roots[value] is value)

    def __call__(self, arguments: Sequence[Any]) -> tuple[Any] | None:
        """The step for these arguments: its result, in a tuple; None where it would not be this program."""
        if not self.captured.facts.hold():
            return None
        try:
            arrays, numbers = [load() for load in self._states], [load() for load in self._numbers]
        except KeyError:  # the state of an optimizer that was begun anew
            return None
        if self._step is None or any(map(is_not, arrays, self._arrays)):
            if [*map(form, arrays)] != self._forms:
                return None
            self._step, self._arrays = self._bound(arrays), arrays
        if self._renews(arguments):
            return None  # capturing says so
        before = random.get_rng_state() if self._draws else {}
        values = self._step(*arguments, *numbers)
        if values is None and self._draws:
            random.set_rng_state(before)
        return None if values is None else (self._conclude(values),)

    def _bound(self, arrays: list[NDArray[Any]]) -> Callable[..., Any]:
        """The step that reads and writes these arrays of the states."""
        self.forget()
        self._renewed = {}
        for x in compress(arrays, self._is_renewed):
            self._renewed.setdefault(_owner(x), []).append(x)
        self._space |= {**self.source.names, **dict(zip(self._names, arrays, strict=True))}
        exec(self._code, self._space)
        step: Callable[..., Any] = self._space["step"]
        return step

    def forget(self) -> None:
        """Give the buffers back: they and the function that has them refer to each other, and would wait for that."""
        self._space.clear()
        self._step = None

    def _renews(self, arguments: Sequence[Any]) -> bool:
        """Whether the step changes what an argument holds."""
        arrays = [*compress(arguments, self._is_array)]
        if self._renewed.keys().isdisjoint(map(id, (*arrays, *map(_base, arrays)))):
            return False
        return any(np.may_share_memory(x, each) for x in arrays for each in self._renewed.get(_owner(x), ()))

    def _conclude(self, values: list[Any]) -> Any:
        """Give tensors their gradients and arrays, count the steps, and make the result."""
        found, given = self.captured, iter(values)
        if type(found.result) is Output:  # as of most steps
            result = output(found.result, next(given))
        else:
            result = mapped(found.result, lambda x: output(x, next(given)) if isinstance(x, Output) else x)
        for leaf, value in found.gradients.items():
            leaf._grad = None if value is None else leaf.wrap(np.array(next(given)))
        for node in found.rebound.values():
            node._array = own_copy(next(given))
        if found.changed:
            now = last_change[0] = next(_clock)
            for node in found.changed:
                node.changed = now
        for optimizer, p in found.moved:
            optimizer.state[p]["step"] += 1
        return result


_base = attrgetter("base")


def _owner(array: NDArray[Any]) -> int:
    """The number of the object whose memory an array takes, its own or another's."""
    return id(array if array.base is None else array.base)
