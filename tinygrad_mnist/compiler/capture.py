"""Running a step once on traced arrays: the program that it is, and where its numbers come from and go to.

While a step is captured, a tensor that it reads becomes a value of the program, and so do the options and arrays of an
optimizer that it steps, and what its generator draws. Operations are written down by what NumPy does in them; one that
can't be, as it decides by numbers or fills an array piece by piece, becomes a single instruction.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_mnist.compiler.facts import Facts
from tinygrad_mnist.compiler.program import Program, Value, leaves, mapped
from tinygrad_mnist.compiler.tracing import CompileError, Trace, TracedArray, TracedNumber, trace_of
from tinygrad_mnist.engine import Node, Op, Tensor
from tinygrad_mnist.nn import ExponentialMovingAverage, Module, Optimizer, patches, random, schedules
from tinygrad_mnist.places import at, user_place

_lock = threading.RLock()
"""One step is captured at a time: it is watched from the classes."""

capturing: list[int] = []
"""The thread that captures a step."""


@dataclass(frozen=True)
class Output:
    """A tensor (its class and name), an array or a number among what a step returns."""

    value: Value
    kind: Any = None
    name: str | None = None


@dataclass
class Captured:
    """A step as a program, and what belongs to it.

    arguments: the inputs that the caller gives, in order. sources: of the other inputs, how their numbers are got.
    result: what is returned, with an Output for each tensor. rebound: the tensors that get a new array, not new
    numbers in their own. changed: those that notice a change. moved: what optimizers have moved.
    gradients: what becomes of the `.grad` of leaves; None for those by which an optimizer has moved them.
    facts: what was found and not computed; the program holds while that stays as it is.
    """

    program: Program
    facts: Facts
    arguments: list[Value] = field(default_factory=list)
    sources: dict[Value, Callable[[], Any]] = field(default_factory=dict)
    result: Any = None
    rebound: dict[Value, Node] = field(default_factory=dict)
    changed: list[Node] = field(default_factory=list)
    moved: list[tuple[Optimizer, Tensor]] = field(default_factory=list)
    gradients: dict[Node, Value | None] = field(default_factory=dict)

    def is_same(self, other: Captured) -> bool:
        """Whether another capture computes the same, and returns the same where that is not computed."""
        return self.program.is_same(other.program) and self._returned() == other._returned()

    def _returned(self) -> list[Any]:
        return [repr(x) if isinstance(x, int | float | str) else type(x) for x in leaves(self.result)]


def captured(function: Callable[..., Any], args: Any, options: dict[str, Any]) -> Captured:
    """The step that a function is for arguments like these. Tensors, states and the generator are left as they were.

    Raises CompileError for what can't be captured, and what the function raises.
    """
    with _lock, (watcher := _Watcher(function, [*leaves((args, options))])).watching():
        try:
            traced_args, traced_options = mapped((args, options), watcher.argument)
            result = function(*traced_args, **traced_options)
            if watcher.trace.refusals:
                raise watcher.trace.refusals[0]
            watcher.settle(result)
        finally:
            watcher.undo()
    return watcher.found


@dataclass(frozen=True)
class _Met:
    """A tensor or a state from outside that a step has read: its own array, and what stands for it."""

    array: NDArray[Any]
    start: Value
    traced: TracedArray


class _Watcher:
    """What is met while a step is captured."""

    def __init__(self, function: Callable[..., Any], arguments: list[Any]) -> None:
        self.trace = Trace()
        self.function = function
        self.found = Captured(self.trace.program, Facts(function, *arguments))
        self.given: list[tuple[Any, Any]] = []
        self.thread = threading.get_ident()
        self.slot: Any = Node.__dict__["_array"]
        self.gradient_slot: Any = Node.__dict__["_grad"]
        self.gradients: dict[Node, tuple[Node | None, bool]] = {}
        self.tensors: dict[Node, _Met] = {}
        self.states: dict[tuple[Optimizer, Tensor, str], _Met] = {}
        self.numbers: dict[tuple[Hashable, str], TracedNumber] = {}
        self.generator = random.generator()
        self.drawn_from = random.get_rng_state()
        self.begun = Node(np.empty(0)).born

    # what the step is given, reads, calls, moves and draws

    def argument(self, x: Any) -> Any:
        """What stands in the step for a leaf of its arguments."""
        if isinstance(x, Node):
            tensor = type(x).wrap(self._argument(self.slot.__get__(x), x.name or ""))
            tensor.requires_grad, tensor.name = x.requires_grad, x.name
            self.given.append((tensor, x))
            return tensor
        return self._argument(as_given(x)) if isinstance(x, np.ndarray | np.generic | float) else x

    def _argument(self, like: Any, name: str = "") -> Any:
        traced = self.trace.input(like, name)
        self.found.arguments.append(traced.value)
        self.given.append((traced, like))
        return traced

    def read(self, node: Node) -> Any:
        """The array of a node: traced, where the node is from outside."""
        array = self.slot.__get__(node)
        if not self.is_here():
            return self.tensors[node].array if node in self.tensors else array
        if isinstance(array, TracedArray) or node.born > self.begun:
            return array
        traced = self.trace.input(array, node.name or "")
        self.tensors[node] = _Met(array, traced.value, traced)
        self.slot.__set__(node, traced)
        return traced

    def read_gradient(self, leaf: Node) -> Any:
        """The gradient of a leaf, noted where it is not the step's own."""
        gradient = self.gradient_slot.__get__(leaf)
        if self.is_here():
            self.gradients.setdefault(leaf, (gradient, True))
        return gradient

    def write_gradient(self, leaf: Node, gradient: Any) -> None:
        """A leaf gets a gradient, or loses it."""
        if hasattr(leaf, "born") and self.is_here():  # and is not just being made
            self.gradients.setdefault(leaf, (self.gradient_slot.__get__(leaf), False))
        self.gradient_slot.__set__(leaf, gradient)

    def call(self, function: Callable[..., Any], *args: Any, **options: Any) -> Any:
        """A forward or a rule, on arrays: written down by what NumPy does in it, else as a whole."""
        if not self.is_here() or not trace_of(args, options):
            return function(*args, **options)
        if getattr(function, "__module__", None) == patches.__name__:  # windows are gathered in an order of their own
            return self.trace.record(function, args, options)
        program = self.trace.program
        refusals = self.trace.refusals
        instructions, refused, sized = len(program.instructions), len(refusals), self.trace.sized
        guards = len(program.guards) - sized
        try:
            result = function(*args, **options)
            if (len(program.guards) - self.trace.sized, len(refusals)) == (guards, refused):
                return result
        except Exception:  # the function itself, on the arrays, will do without, or say it again
            pass
        del program.instructions[instructions:], program.guards[guards + sized :], refusals[refused:]
        self.trace.sized = sized
        return self.trace.record(function, args, options)

    def move(self, optimizer: Optimizer, p: Tensor, group: dict[str, Any], slots: tuple[str, ...]) -> None:
        """An optimizer's update of a parameter, its options and states read anew in every step."""
        optimizer.state.setdefault(p, {"step": 0})
        array, g = p.data, p.grad.data
        kept = [self._state(optimizer, p, name) for name in slots]
        options = {name: self._option(group, name) for name in group if name != "params"}
        before = sum(each is optimizer and moved is p for each, moved in self.found.moved)
        step = self._number((optimizer, p), "step", lambda: optimizer.state[p]["step"]) + (1 + before)
        move: Any = optimizer.update
        move(options, step, array, -g if group.get("maximize") else g, *kept)
        p.data = array
        self.found.moved.append((optimizer, p))
        self.found.gradients[p] = None
        self.found.facts.note_optimizer(optimizer)

    def _state(self, optimizer: Optimizer, p: Tensor, name: str) -> TracedArray:
        key = optimizer, p, name
        if key not in self.states:
            array = optimizer.state[p].setdefault(name, np.zeros_like(self.tensors[p].array))
            traced = self.trace.input(array, f"{p.name}.{name}" if p.name else name)
            self.found.sources[traced.value] = lambda: optimizer.state[p][name]
            self.states[key] = _Met(array, traced.value, traced)
        return self.states[key].traced

    def _option(self, group: dict[str, Any], name: str) -> Any:
        value = group[name]
        if isinstance(value, tuple | list):
            return tuple(self._number(id(group), f"{name}{i}", _item(group, name, i)) for i in range(len(value)))
        if isinstance(value, bool) or not isinstance(value, float | int):
            self.found.facts.note_item(group, name)
            return value
        return self._number(id(group), name, lambda: group[name])

    def _number(self, owner: Hashable, name: str, load: Callable[[], Any]) -> TracedNumber:
        if (owner, name) not in self.numbers:
            traced = self.numbers[owner, name] = self.trace.input(load(), name)
            self.found.sources[traced.value] = load
        return self.numbers[owner, name]

    # what it has left behind

    def settle(self, result: Any) -> None:
        """Find out what the step returned and changed."""
        found, program = self.found, self.trace.program
        found.result = mapped(result, self._output)
        program.outputs = [x.value for x in leaves(found.result) if isinstance(x, Output)]
        owners = {gradient: leaf for leaf, (gradient, _) in self.gradients.items() if gradient is not None}
        for node, met in self.tensors.items():
            found.sources[met.start] = _gradient_of(owners[node]) if node in owners else _array_of(node)
            now = self.slot.__get__(node)
            if now is not met.traced:
                program.updates[met.start], found.rebound[met.start] = self._value_of(now), node
            if now is not met.traced or met.traced.changes:
                found.changed.append(node)
            if not node.op and node not in owners:
                gradient, is_read = self.gradients.get(node, (None, False))
                found.facts.note_leaf(node, gradient is None if is_read else None)
        self._settle_gradients()
        self._check()
        program.outputs += [program.updates[start] for start in found.rebound]
        for met in (*self.tensors.values(), *self.states.values()):
            if met.traced.changes and met.start not in found.rebound:
                program.updates[met.start] = met.traced.value

    def _settle_gradients(self) -> None:
        """Find out what the `.grad` of leaves from outside has become."""
        for leaf, (gradient, is_read) in self.gradients.items():
            now = self.gradient_slot.__get__(leaf)
            is_needed = is_read or leaf not in self.found.gradients  # by the next call, which adds to it
            if leaf.born <= self.begun and is_needed and now is not gradient:
                self.found.gradients[leaf] = None if now is None else self._value_of(self.slot.__get__(now))
        self.trace.program.outputs += [value for value in self.found.gradients.values() if value is not None]

    def _check(self) -> None:
        """Raise CompileError for what the step did that a program would not do again."""
        place = at((self.function.__code__, 0)) if hasattr(self.function, "__code__") else ""
        self.trace.check_constants()
        self.found.facts.note_models()
        if changed := self.found.facts.changed():
            raise CompileError(
                f"a compiled step must compute the same in every call, and this one{place} {changed}: do that outside "
                f"of it, and pass what it needs, a number or an array, as an argument"
            )
        for (owner, name), number in self.numbers.items():
            if self.found.sources[number.value]() != number.value.like:
                raise CompileError(f"a compiled step{place} changes {name} of {owner}: change it between the calls")
        changed_arrays = [met.array for met in self.tensors.values() if met.traced.changes]
        for mine, its in self.given:
            is_tensor = isinstance(mine, Node)
            array = self.slot.__get__(its) if is_tensor else its
            if is_tensor and its in self.tensors:
                said = f"a tensor, {its.name or 'of no name'}, is an argument and is found by the step too"
            elif is_tensor and mine in self.gradients and self.gradient_slot.__get__(mine) is not None:
                said = "a gradient is left in an argument: take it with grad(loss, [x]), and return it"
            elif (mine.changed if is_tensor else getattr(mine, "changes", 0)) > 0:
                said = "an argument is changed in place: return what is new"
            elif any(np.may_share_memory(array, other) for other in changed_arrays):
                said = "an argument lies in the memory of a tensor that the step changes: pass a copy"
            else:
                continue
            raise CompileError(f"of a compiled step{place}, {said}")

    def _value_of(self, array: Any) -> Value:
        return array.value if isinstance(array, TracedArray) else self.trace.constant(array)

    def _output(self, x: Any) -> Any:
        if isinstance(x, Node):
            array = self.slot.__get__(x)
            made_here = isinstance(array, TracedArray) and x not in self.tensors
            if made_here or (isinstance(array, np.ndarray) and x.born > self.begun):
                return Output(self._value_of(array), type(x), x.name)
            return x
        if isinstance(x, np.ndarray):
            return Output(self.trace.constant(x))
        return Output(x.value) if isinstance(x, TracedArray | TracedNumber) else x

    def undo(self) -> None:
        """Give every tensor its own array and gradient back, and the generator its state."""
        self.generator.bit_generator.state = self.drawn_from
        for node, met in self.tensors.items():
            self.slot.__set__(node, met.array)
        for leaf, (gradient, _) in self.gradients.items():
            self.gradient_slot.__set__(leaf, gradient)

    # how it is seen

    def is_here(self) -> bool:
        """Whether it is the step that runs, not another thread."""
        return threading.get_ident() == self.thread

    @contextmanager
    def watching(self) -> Iterator[None]:
        """While inside, see what is read and written, called, moved and drawn."""
        rule, call, move = Op.vjp, Module.__call__, Optimizer._move
        scheduled, averaged = schedules.LRScheduler.apply, ExponentialMovingAverage.update

        def outside(of_class: Callable[..., Any]) -> Callable[..., Any]:
            def refuse(*args: Any) -> Any:
                if self.is_here():
                    what = type(args[0]).__name__
                    raise CompileError(f"{what} counts its steps{at(user_place())}: call it after the compiled step")
                return of_class(*args)

            return refuse

        def rule_of(op: Op, position: int) -> Any:
            found = rule(op, position)
            return found and partial(self.call, found)

        def call_of(module: Module, *inputs: Any, **options: Any) -> Any:
            if self.is_here():
                self.found.facts.note_module(module)
            return call(module, *inputs, **options)

        def move_of(optimizer: Optimizer, *what: Any) -> None:
            self.move(optimizer, *what) if self.is_here() else move(optimizer, *what)

        forward = property(lambda op: partial(self.call, vars(op)["forward"]))
        classes: Any = Op  # whose property goes before what an operation itself has
        watched = (
            (Node, "_array", self.slot, property(self.read, self.slot.__set__)),
            (Node, "_grad", self.gradient_slot, property(self.read_gradient, self.write_gradient)),
            (Op, "vjp", rule, rule_of),
            (Module, "__call__", call, call_of),
            (Optimizer, "_move", move, move_of),
            (schedules.LRScheduler, "apply", scheduled, outside(scheduled)),
            (ExponentialMovingAverage, "update", averaged, outside(averaged)),
        )
        try:
            for owner, name, _, seen in watched:
                setattr(owner, name, seen)
            classes.forward = forward
            capturing.append(self.thread)
            with random.drawing_from(_Draws(self.trace, self.generator)):
                yield
        finally:
            capturing.clear()
            for owner, name, own, _ in watched:
                setattr(owner, name, own)
            del classes.forward


class _Draws:
    """The generator while a step is captured: what is drawn from it is drawn in every step."""

    def __init__(self, trace: Trace, generator: np.random.Generator) -> None:
        self._trace, self._generator = trace, generator

    def __getattr__(self, name: str) -> Any:
        if name == "bit_generator":
            raise CompileError(f"the generator is set or read{at(user_place())}: do it outside of the compiled step")
        return lambda *args, **options: self._trace.record(getattr(self._generator, name), args, options)


def as_given(x: Any) -> Any:
    """An argument as a program takes it: a scalar of NumPy's has a dtype, as an array has; of a tensor its array.

    Raises CompileError for arrays that compute in a way of their own.
    """
    if isinstance(x, np.generic):
        return np.asarray(x)
    if isinstance(x, np.matrix | np.ma.MaskedArray):
        raise CompileError(f"a compiled step takes plain arrays, and no {type(x).__name__}: pass np.asarray of it")
    return x._array if isinstance(x, Node) else x


def output(found: Output, array: Any) -> Any:
    """What a step returns for an output: a tensor, an array, or a number."""
    if found.kind is None:
        return array.copy() if isinstance(array, np.ndarray) else array
    tensor = found.kind.wrap(array.copy())
    tensor.name = found.name
    return tensor


def _item(group: dict[str, Any], name: str, i: int) -> Callable[[], Any]:
    return lambda: group[name][i]


def _array_of(node: Node) -> Callable[[], Any]:
    return lambda: node._array


def _gradient_of(leaf: Node) -> Callable[[], Any]:
    return lambda: leaf._grad._array
