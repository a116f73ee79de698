"""The forward pass of an exercise: which operations get a line, and what is written in it."""

from __future__ import annotations

from collections.abc import Set
from typing import Any

from tinygrad_mnist.engine import Node
from tinygrad_mnist.graph.layers import MOVES, Layers, unmoved
from tinygrad_mnist.graph.recording import Recording
from tinygrad_mnist.graph.symbolic.algebra import Algebra
from tinygrad_mnist.graph.symbolic.derive import Derivation
from tinygrad_mnist.graph.symbolic.lines import Program, mentioned_twice
from tinygrad_mnist.graph.symbolic.names import Name
from tinygrad_mnist.graph.symbolic.source import assignment
from tinygrad_mnist.graph.symbolic.traced import Traced, record
from tinygrad_mnist.graph.symbolic.writing import Writer

_REDUCTIONS = {"sum", "vdot"}
_SCALINGS = {"add", "sub", "mul", "div"}


def lines(recording: Recording, layers: Layers, asked: Set[Node]) -> list[Node]:
    """The operations that get a line, and so a gradient to fill in; the others are written within their only user's.

    Those are what only moves or scales numbers, what a bias is added to, and a sum that is scaled: a mean is one line.
    """

    def is_own(node: Node) -> bool:
        return node in asked or len(recording.users[node]) != 1 or bool(layers.name(node))

    def is_mean(node: Node) -> bool:
        while _scales(node) and not is_own(_scaled(node)):
            node = _scaled(node)
        return str(node.op) in _REDUCTIONS

    def is_within_another(node: Node) -> bool:
        if is_own(node):
            return False
        (user,) = recording.users[node]
        (place,) = [i for i, x in recording.tensors(user) if x is node]
        if place in mentioned_twice(str(user.op), user.params, recording.operands[user]):
            return False
        if str(node.op) in MOVES or _is_shifted(node, user):
            return True
        return is_mean(node) if _scales(user) else _scales(node) and not is_mean(node)

    return [node for node in recording.operations if not is_within_another(node)]


def _scales(node: Node) -> bool:
    """Whether an operation takes one tensor, and else a number: −x, 2x, x/m, x + 1."""
    return str(node.op) == "neg" or (str(node.op) in _SCALINGS and sum(map(_is_number, node.inputs)) == 1)


def _scaled(node: Node) -> Node:
    """The tensor that an operation scales."""
    return next(x for x in node.inputs if isinstance(x, Node) and not _is_number(x))


def _is_number(x: Any) -> bool:
    return not (isinstance(x, Node) and (x.op or x.shape or x.name or x.requires_grad))


def _is_shifted(node: Node, user: Node) -> bool:
    """Whether a leaf is added to a node: x W + b."""
    others = [unmoved(x) for x in user.inputs if isinstance(x, Node) and x is not node]
    return str(user.op) == "add" and len(others) == 1 and not others[0].op and not _is_number(others[0])


class Forward:
    """The forward pass as it was recorded. names: of the values that are given or have a line.

    definitions: what each operation is, in terms of those; the rest is written out there.
    """

    def __init__(self, derivation: Derivation, program: Program, lines: list[Node]) -> None:
        self.derivation, self.recording, self.program = derivation, derivation.recording, program
        self.lines = dict.fromkeys(lines)
        self.names: dict[Node, Name] = dict(program.node_names)
        self.definitions: dict[Node, Traced] = {}
        self._expressions: dict[Node, Traced] = {}
        self._algebra, self._writer = Algebra(tidy=True, squares=False), Writer(counts=program.counts)
        for node in self.recording.nodes:
            self._take_in(node)

    @property
    def given(self) -> list[Node]:
        """The leaves that the pass starts from: data first, then what gradients are asked for."""
        return sorted(filter(self._is_given, self.recording.nodes), key=lambda node: node in self.derivation.wanted)

    def line(self, node: Node) -> str:
        """The source of a line."""
        return assignment(self.names[node], self.write(self.definitions[node]), node.shape)

    def line_of(self, node: Node) -> Node:
        """The line in which an operation is written."""
        while node not in self.lines:
            (node,) = self.recording.users[node]
        return node

    def operands(self, node: Node) -> list[Any]:
        """As they are written in a line."""
        return [self._expressions[x] if isinstance(x, Node) else x for x in self.recording.operands[node]]

    def write(self, x: Any) -> str:
        """A value as source."""
        return self._writer.write(x, "numpy")

    def _is_given(self, node: Node) -> bool:
        """Whether a leaf has a name, and is no constant that is written out."""
        return node.op is None and bool(self.derivation.forward[node].name)

    def _take_in(self, node: Node) -> None:
        """Let a value that is given or has a line stand under its name in all others; the rest is written out there."""
        if node.op:
            self.definitions[node] = self._algebra.simplify(record(node.op, self.operands(node), node.params))
        if node in self.lines or self._is_given(node):
            if node not in self.names:  # as no gradient leads to it
                wanted = self.derivation.layers.name(node)
                self.names[node] = self.program.registry.wanted(wanted, "t" if node.op else "c")
            array = self.derivation.forward[node].numpy()
            self._expressions[node] = self._algebra.leaf(Traced(array, self.names[node].text))
            self._writer.names[self._expressions[node]] = self.names[node]
        elif node.op:
            self._expressions[node] = self.definitions[node]
        else:
            self._expressions[node] = self._algebra.simplify(Traced(node.data))
