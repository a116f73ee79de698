"""Running a step once on traced arrays: the program that it is, and where its numbers come from and go to.

While a step is captured, a tensor that it reads becomes a value of the program, and so do the options and arrays of an
optimizer that it steps, and what its generator draws. Operations are written down by what NumPy does in them; one that
can't be, as it decides by numbers or fills an array piece by piece, becomes a single instruction.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_mnist.compiler.capturing.arguments import Arguments
from tinygrad_mnist.compiler.capturing.facts import KNOWN_BY_VALUE, Facts, is_same
from tinygrad_mnist.compiler.capturing.finding import Finder
from tinygrad_mnist.compiler.capturing.moves import Moves
from tinygrad_mnist.compiler.capturing.tensors import ARRAY, Tensors
from tinygrad_mnist.compiler.capturing.traced import TracedArray, TracedNumber
from tinygrad_mnist.compiler.capturing.tracing import Trace
from tinygrad_mnist.compiler.capturing.watching import watching
from tinygrad_mnist.compiler.errors import CompileError
from tinygrad_mnist.compiler.program import Program, Value, leaves, mapped
from tinygrad_mnist.engine import Node, Tensor
from tinygrad_mnist.nn import Optimizer
from tinygrad_mnist.places import at

TINY = 1024
"""Up to so many numbers an array that is found, and not read by the program, is looked at before each call."""

_lock = threading.RLock()
"""One step is captured at a time: it is watched from the classes."""


@dataclass(frozen=True)
class Output:
    """A tensor (its class and name), an array or a number among what a step returns."""

    value: Value
    kind: Any = None
    name: str | None = None

    @property
    def form(self) -> tuple[Any, ...]:
        """All but what is computed."""
        return self.kind, self.name


@dataclass
class Captured:
    """A step as a program, and what belongs to it.

    facts: what was found and not computed; the program holds while that stays as it is.
    arguments: the inputs that the caller gives, in order. sources: of the other inputs, how their numbers are got.
    result: what is returned, with an Output for each tensor. rebound: the tensors that get a new array, not new
    numbers in their own. changed: those that notice a change. moved: what optimizers have moved.
    gradients: what becomes of the `.grad` of leaves; None for those by which an optimizer has moved them.
    found: the tensors, states and arrays that the step has found and reads, in order.
    """

    program: Program
    facts: Facts
    arguments: list[Value]
    sources: dict[Value, Callable[[], Any]]
    result: Any
    rebound: dict[Value, Node]
    changed: list[Node]
    moved: list[tuple[Optimizer, Tensor]]
    gradients: dict[Node, Value | None]
    found: tuple[Any, ...]

    def is_same(self, other: Captured) -> bool:
        """Whether another capture computes the same of the same, and returns the same where that is not computed."""
        alike = is_same(self.found, other.found) and is_same(self._returned(), other._returned())
        return alike and self.program.is_same(other.program)

    def _returned(self) -> tuple[Any, ...]:
        return tuple(x.form if isinstance(x, Output) else x for x in leaves(self.result))


def captured(function: Callable[..., Any], args: Any, options: dict[str, Any]) -> Captured:
    """The step that a function is for arguments like these. Tensors, states and the generator are left as they were.

    Raises CompileError for what can't be captured, and what the function raises.
    """
    with _lock:
        return _Capture(function, [*leaves((args, options))]).run(args, options)


class _Capture:
    """A step while it is captured, part by part."""

    def __init__(self, function: Callable[..., Any], arguments: list[Any]) -> None:
        self.function, self.given = function, arguments
        self.trace, self.facts = Trace(), Facts()
        self.finder = Finder(self.facts, function, *arguments)
        self.arguments, self.tensors = Arguments(self.trace), Tensors(self.trace)
        self.moves = Moves(self.trace, self.facts, self.tensors)

    def run(self, args: Any, options: dict[str, Any]) -> Captured:
        """What the function did."""
        with watching(self.trace, self.facts, self.tensors, self.moves):
            traced_args, traced_options = mapped((args, options), self.arguments.traced)
            result = self.function(*traced_args, **traced_options)
            self._check()
            return self._found(mapped(result, self._output))

    def _check(self) -> None:
        """Raise CompileError for what can't be in a program, and what the step did that one would not do again."""
        if self.trace.refusals:
            raise self.trace.refusals[0]
        place = at((self.function.__code__, 0)) if hasattr(self.function, "__code__") else ""
        self.trace.check_constants()
        if changed := self.facts.changed():
            raise CompileError(
                f"a compiled step must compute the same in every call, and this one{place} {changed}: do that outside "
                f"of it, and pass what it needs, a number or an array, as an argument"
            )
        self.arguments.check(place, self.tensors)

    def _found(self, result: Any) -> Captured:
        """What the step returned and changed."""
        program, tensors, moves, value_of = self.trace.program, self.tensors, self.moves, self.trace.value_of
        rebound = tensors.rebound()
        program.updates = {start: value_of(ARRAY.__get__(node)) for start, node in rebound.items()}
        for met in (*tensors.met.values(), *moves.states.values()):
            if met.traced.changes and met.start not in rebound:
                program.updates[met.start] = met.traced.value
        gradients: dict[Node, Value | None] = dict.fromkeys(p for _, p in moves.moved)
        gradients |= tensors.gradients_left({*gradients})
        program.outputs = [
            *(x.value for x in leaves(result) if isinstance(x, Output)),
            *(value for value in gradients.values() if value is not None),
            *(program.updates[start] for start in rebound),
        ]
        self._note_facts()
        arrays = (array for array in program.constants.values() if id(array) in self.finder.objects)
        return Captured(
            program, self.facts, self.arguments.values, moves.sources | tensors.sources(),
            result, rebound, tensors.changed(), moves.moved, gradients, (*tensors.found(), *moves.found(), *arrays),
        )  # fmt: skip

    def _note_facts(self) -> None:
        """Note which leaves learn, and of what was found: attributes of models that were not called, small arrays."""
        for module in (module for model in self.finder.models for module in model.modules()):
            self.facts.note_module(module)
        known = {*map(id, (*self.trace.program.constants.values(), *self.given))}
        for number, x in self.finder.objects.items():
            if isinstance(x, np.ndarray) and x.size <= TINY and number not in known:
                self.facts.note_array(x)
        owners = self.tensors.owners()
        leaves = [node for node in self.tensors.met if not node.op and node not in owners]
        read = {leaf: gradient for leaf, (gradient, is_read) in self.tensors.gradients.items() if is_read}
        self.facts.note_leaves(leaves, {leaf: read[leaf] is None for leaf in leaves if leaf in read})

    def _output(self, x: Any) -> Any:
        if isinstance(x, Node):
            array = ARRAY.__get__(x)
            made_here = isinstance(array, TracedArray) and x not in self.tensors.met
            if made_here or (isinstance(array, np.ndarray) and not self.tensors.is_outside(x)):
                return Output(self.trace.value_of(array), type(x), x.name)
            return x
        if isinstance(x, np.ndarray | TracedArray | TracedNumber):
            return Output(self.trace.value_of(x))
        if isinstance(x, (*KNOWN_BY_VALUE, type)) or id(x) in self.finder.objects:
            return x
        raise CompileError(
            f"a compiled step gives tensors, arrays and numbers, in tuples, lists and dicts, and no "
            f"{type(x).__name__}: what is in it would stay what it was in the first call"
        )


def output(found: Output, array: Any) -> Any:
    """What a step returns for an output: a tensor, an array, or a number."""
    if found.kind is None:
        return array.copy()[()] if isinstance(array, np.ndarray) else array  # without axes a scalar, as NumPy's
    tensor = found.kind.wrap(array.copy())
    tensor.name = found.name
    return tensor
