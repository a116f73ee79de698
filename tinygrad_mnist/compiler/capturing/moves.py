"""What optimizers do in a step that is captured: options, states and counts are read anew in every step."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

import numpy as np

from tinygrad_mnist.compiler.capturing.facts import Facts
from tinygrad_mnist.compiler.capturing.tensors import Met, Tensors
from tinygrad_mnist.compiler.capturing.traced import TracedArray, TracedNumber
from tinygrad_mnist.compiler.capturing.tracing import Trace
from tinygrad_mnist.compiler.program import Value
from tinygrad_mnist.engine import Tensor
from tinygrad_mnist.nn import Optimizer


class Moves:
    """The updates of parameters in a step.

    moved: what was moved by which optimizer, in order. states: what they keep for parameters, as it was met.
    sources: how the numbers of options and states are got.
    """

    def __init__(self, trace: Trace, facts: Facts, tensors: Tensors) -> None:
        self.trace, self.facts, self.tensors = trace, facts, tensors
        self.moved: list[tuple[Optimizer, Tensor]] = []
        self.states: dict[tuple[Optimizer, Tensor, str], Met] = {}
        self.sources: dict[Value, Callable[[], Any]] = {}
        self._numbers: dict[tuple[Hashable, str], TracedNumber] = {}

    def move(self, optimizer: Optimizer, p: Tensor, group: dict[str, Any], slots: tuple[str, ...]) -> None:
        """An optimizer's update of a parameter."""
        optimizer.state.setdefault(p, {"step": 0})
        array, g = p.data, p.grad.data
        kept = [self._state(optimizer, p, name) for name in slots]
        options = {name: self._option(group, name) for name in group if name != "params"}
        before = sum(each is optimizer and moved is p for each, moved in self.moved)
        step = self._number((optimizer, p), "step", lambda: optimizer.state[p]["step"]) + (1 + before)
        update: Any = optimizer.update
        update(options, step, array, -g if group.get("maximize") else g, *kept)
        p.data = array
        self.moved.append((optimizer, p))
        self.facts.note_optimizer(optimizer)

    def found(self) -> list[Any]:
        """Whose states and options were read."""
        return [*self.states, *self._numbers]

    def _state(self, optimizer: Optimizer, p: Tensor, name: str) -> TracedArray:
        key = optimizer, p, name
        if key not in self.states:
            array = optimizer.state[p].setdefault(name, np.zeros_like(self.tensors.own(p)))
            traced = self.trace.input(array, f"{p.name}.{name}" if p.name else name)
            self.sources[traced.value] = lambda: optimizer.state[p][name]
            self.states[key] = Met(array, traced.value, traced)
        return self.states[key].traced

    def _option(self, group: dict[str, Any], name: str) -> Any:
        value = group[name]
        if type(value) is TracedNumber:  # which the step itself put there: it is refused at its end
            return value
        if isinstance(value, tuple | list):
            return tuple(self._number(id(group), f"{name}{i}", _item(group, name, i)) for i in range(len(value)))
        if isinstance(value, bool) or not isinstance(value, float | int):
            self.facts.note_item(group, name)
            return value
        return self._number(id(group), name, lambda: group[name])

    def _number(self, owner: Hashable, name: str, load: Callable[[], Any]) -> TracedNumber:
        if (owner, name) not in self._numbers:
            traced = self._numbers[owner, name] = self.trace.input(load(), name)
            self.sources[traced.value] = load
            self.facts.note_until_done((owner, name), f"changes {name} of an optimizer", load)
        return self._numbers[owner, name]


def _item(group: dict[str, Any], name: str, i: int) -> Callable[[], Any]:
    return lambda: group[name][i]
