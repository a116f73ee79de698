"""Tensors from outside, whose arrays and gradients a step reads and writes while it is captured."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial
from operator import attrgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_mnist.compiler.capturing.traced import TracedArray
from tinygrad_mnist.compiler.capturing.tracing import Trace
from tinygrad_mnist.compiler.program import Value
from tinygrad_mnist.engine import Node

ARRAY: Any = Node.__dict__["_array"]
GRADIENT: Any = Node.__dict__["_grad"]
"""Where nodes keep them, whatever stands before these attributes while a step is captured."""


@dataclass(frozen=True)
class Met:
    """A tensor or a state from outside that a step has read: its own array, and what stands for it."""

    array: NDArray[Any]
    start: Value
    traced: TracedArray


class Tensors:
    """Tensors from outside: each is traced from where the step first reads it until that is undone.

    met: what it was. gradients: what leaves had before the step met it, and whether it was read then, or replaced.
    """

    def __init__(self, trace: Trace) -> None:
        self.trace = trace
        self.met: dict[Node, Met] = {}
        self.gradients: dict[Node, tuple[Node | None, bool]] = {}
        self._begun = Node(np.empty(0)).born

    def is_outside(self, node: Node) -> bool:
        """Whether a node was there before the step."""
        return node.born <= self._begun

    def own(self, node: Node) -> Any:
        """The array of a node as it is outside of the step."""
        return self.met[node].array if node in self.met else ARRAY.__get__(node)

    def read(self, node: Node) -> Any:
        """The array of a node: traced, where the node is from outside."""
        array = ARRAY.__get__(node)
        if isinstance(array, TracedArray) or not self.is_outside(node):
            return array
        traced = self.trace.input(array, node.name or "")
        self.met[node] = Met(array, traced.value, traced)
        ARRAY.__set__(node, traced)
        return traced

    def read_gradient(self, leaf: Node) -> Any:
        """The gradient of a leaf, noted where it is not the step's own."""
        gradient = GRADIENT.__get__(leaf)
        self.gradients.setdefault(leaf, (gradient, True))
        return gradient

    def write_gradient(self, leaf: Node, gradient: Any) -> None:
        """Give a leaf a gradient, or take it away."""
        if hasattr(leaf, "born"):  # and is not just being made
            self.gradients.setdefault(leaf, (GRADIENT.__get__(leaf), False))
        array = None if gradient is None else ARRAY.__get__(gradient)
        if isinstance(array, np.ndarray) and not self.is_outside(gradient):  # which the step may change in place
            ARRAY.__set__(gradient, TracedArray(self.trace, self.trace.value_of(array.copy())))
        GRADIENT.__set__(leaf, gradient)

    def owners(self) -> dict[Node, Node]:
        """The leaves whose gradients were met, by their gradients."""
        return {gradient: leaf for leaf, (gradient, _) in self.gradients.items() if gradient is not None}

    def sources(self) -> dict[Value, Callable[[], Any]]:
        """How the array of each is got."""
        owners = self.owners()
        own, of_gradient = attrgetter("_array"), attrgetter("_grad._array")
        return {
            met.start: partial(of_gradient, owners[node]) if node in owners else partial(own, node)
            for node, met in self.met.items()
        }

    def found(self) -> list[Node]:
        """Those that were read, for a gradient, which is another tensor after each step, its leaf; and leaves."""
        owners = self.owners()
        return [*(owners.get(node, node) for node in self.met), *filter(self.is_outside, self.gradients)]

    def rebound(self) -> dict[Value, Node]:
        """Those that have another array now."""
        return {met.start: node for node, met in self.met.items() if ARRAY.__get__(node) is not met.traced}

    def changed(self) -> list[Node]:
        """Those that have another array now, or other numbers."""
        return [n for n, met in self.met.items() if met.traced.changes or ARRAY.__get__(n) is not met.traced]

    def gradients_left(self, moved: Collection[Node]) -> dict[Node, Value | None]:
        """The new gradients of leaves from outside that the next call needs, as it adds to them."""
        found: dict[Node, Value | None] = {}
        for leaf, (before, is_read) in self.gradients.items():
            now = GRADIENT.__get__(leaf)
            if self.is_outside(leaf) and (is_read or leaf not in moved) and now is not before:
                found[leaf] = None if now is None else self.trace.value_of(ARRAY.__get__(now))
        return found

    def undo(self) -> None:
        """Give every tensor its own array and gradient back."""
        for node, met in self.met.items():
            ARRAY.__set__(node, met.array)
        for leaf, (gradient, _) in self.gradients.items():
            GRADIENT.__set__(leaf, gradient)
