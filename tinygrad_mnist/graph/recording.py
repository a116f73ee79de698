"""The recorded program: what outputs were computed from, in an order in which it can be run again.

A forward pass, a backward pass that was recorded with create_graph, and an update that is written with tensors are
programs alike. Every reading of a graph starts from one of these, and walks it by the methods here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from typing import Any, TypeVar

from tinygrad_mnist.engine import Node

T = TypeVar("T")

Operand = Any
"""A node, or a Python number."""


class Recording:
    """The nodes that outputs depend on: leaves first, then the operations, each after its inputs.

    operands: of each node, in order. An array among an operation's inputs is a leaf like any other, one for each array.
    """

    def __init__(self, *outputs: Node) -> None:
        self.outputs = outputs
        self.operands: dict[Node, tuple[Operand, ...]] = {}
        self._wrapped: dict[int, Node] = {}
        found = breadth_first(outputs, self._take_in)
        self.nodes = sorted(found, key=lambda node: (node.op is not None, node.born))

    def _take_in(self, node: Node) -> Iterator[Node]:
        """Note the operands of a node; those that are nodes."""
        self.operands[node] = tuple(map(self._operand, node.inputs))
        return (x for _, x in self.tensors(node))

    def _operand(self, x: Any) -> Operand:
        if isinstance(x, Node | int | float):
            return x
        return self._wrapped.setdefault(id(x), Node.wrap(x))

    @property
    def output(self) -> Node:
        """The output, where there is one."""
        return self.outputs[0]

    @property
    def operations(self) -> list[Node]:
        """The nodes that were computed, in the order in which they were."""
        return [node for node in self.nodes if node.op]

    @property
    def arrays(self) -> list[Node]:
        """The leaves that stand for arrays which were put into an expression as they are."""
        return list(self._wrapped.values())

    def tensors(self, node: Node) -> list[tuple[int, Node]]:
        """Those operands that are nodes, with their positions."""
        return [(i, x) for i, x in enumerate(self.operands[node]) if isinstance(x, Node)]

    @cached_property
    def users(self) -> dict[Node, list[Node]]:
        """For each node the operations that take it, once for each place it is taken in."""
        users: dict[Node, list[Node]] = {node: [] for node in self.nodes}
        for node in self.operations:
            for _, x in self.tensors(node):
                users[x].append(node)
        return users

    @cached_property
    def reached(self) -> set[Node]:
        """The outputs, and every node to which a gradient flows back from one of them."""
        found = set(self.outputs)
        for node in reversed(self.operations):
            if node in found:
                found.update(x for i, x in self.tensors(node) if rule(node, i))
        return found

    def between(self, targets: Iterable[Node]) -> set[Node]:
        """The targets, and every node to which a gradient may flow back on its way to one of them."""
        found = set(targets)
        for node in self.operations:
            if any(x in found and rule(node, i) for i, x in self.tensors(node)):
                found.add(node)
        return found

    def beneath(self, node: Node, within: Callable[[Node], bool] = lambda node: True) -> list[Node]:
        """A node and what it was computed from, the nearest first; not looking beneath nodes that are not `within`."""
        return list(breadth_first([node], lambda top: (x for _, x in self.tensors(top) if within(top))))

    def nearest(self, stops: Iterable[Node]) -> dict[Node, frozenset[Node]]:
        """For each node the nearest of `stops` that it was computed from; a stop itself has but itself."""
        stops = set(stops)
        found: dict[Node, frozenset[Node]] = {}
        for node in self.nodes:
            below = (found[x] for _, x in self.tensors(node))
            found[node] = frozenset([node]) if node in stops else frozenset[Node]().union(*below)
        return found


def rule(node: Node, position: int) -> Callable[..., Any] | None:
    """The vjp of a node's operation for one of its inputs; None where no gradient flows."""
    assert node.op
    return node.op.rules(len(node.inputs))[position]


def breadth_first(starts: Iterable[T], onward: Callable[[T], Iterable[T]]) -> Iterator[T]:
    """The starts, and all that leads on from them, step by step: each once, the nearest first."""
    queue = list(dict.fromkeys(starts))
    seen = set(queue)
    for x in queue:
        yield x
        for y in onward(x):
            if y not in seen:
                seen.add(y)
                queue.append(y)


def operands_first(roots: Iterable[T], operands: Callable[[T], Iterable[T]]) -> Iterator[T]:
    """The roots, and all that they are made of: each once, after its operands."""
    found: set[T] = set()
    for root in roots:
        stack = [root]
        while stack:
            top = stack[-1]
            waiting = [x for x in operands(top) if x not in found] if top not in found else []
            stack += waiting
            if not waiting:
                stack.pop()
            if not waiting and top not in found:
                found.add(top)
                yield top
