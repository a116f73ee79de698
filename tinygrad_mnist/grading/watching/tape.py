"""The record of a running program: every value with its operands, its line and its names, and what was updated."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_mnist.grading.watching.bindings import Bindings, Whole
from tinygrad_mnist.grading.watching.graph import Node, is_changed_from, is_made_from, put_last
from tinygrad_mnist.grading.watching.memory import Memory
from tinygrad_mnist.grading.watching.rows import Rows

OWN = "__main__"
"""The name under which the program runs."""

REDUCING = {"sum", "mean", "max", "min", "prod"}
"""Operations by which a matrix stays one, with an axis of length 1."""

MOST_NODES = 60_000
MOST_BYTES = 3 << 29
"""Of the memory that a program has, the larger part is for the judge."""

LOOKED_THROUGH = 1000
"""A list that an operation is given is looked through up to this length."""


Given = tuple[Any, ...]
Options = dict[str, Any]
"""What an operation is given, and what by name; nodes in it stand for arrays and for numbers that were recorded."""


class Enough(BaseException):
    """The program has been watched for long enough."""


@dataclass(frozen=True)
class Update:
    """A name, or an object, that got a new value made from its old one.

    in_parts: whether parts of it did, one after the other; the update by the last one is the whole.
    """

    old: Node
    new: Node
    line: int
    text: str
    in_parts: bool = False


class Tape:
    """What was recorded of a program, and for how long it goes on.

    updates: in their order. rebound: names that got a value which was made of others. in_parts: what was changed part
    by part, with what it was before. failed: the operation that raised. entered: the functions that began, each with
    the number of nodes before it. later: what was recorded when training had been seen, for a loss now and then.
    """

    def __init__(self, finished: Callable[[Tape], bool] = lambda tape: False, seconds: float = math.inf) -> None:
        self.nodes: list[Node] = []
        self.updates: list[Update] = []
        self.rebound: list[Update] = []
        self.in_parts: dict[Node, Node] = {}
        self.failed: Node | None = None
        self.entered: list[tuple[int, str, int, dict[str, Any]]] = []
        self.later: tuple[list[Node], list[Update]] = [], []
        self.bindings = Bindings(self.node)
        self.memory = Memory()
        self.paused = False
        self.hastened = False
        self._rows = Rows()
        self._finished = finished
        self._bytes = 0
        self._deadline = time.monotonic() + seconds

    # its nodes

    def node(self, value: Any) -> Node:
        """The node of an array or a number: a new leaf where nothing is known of it."""
        return self.known(value) or self.add(0, "leaf", None, (), {}, (), value)

    def known(self, value: Any) -> Node | None:
        """The node of an array or a number; one of its own for an array that was changed through another one."""
        node = self.memory.node_of(value)
        changes = self.memory.changes_since(value, node) if node else ()
        return self.add(0, "shared", None, (), {}, (node, *changes), value, node) if node and changes else node

    def record(self, line: int, op: str, function: Any, arguments: Given, options: Options, value: Any) -> None:
        """A value that an operation gave; nothing where it is none of numbers, or is recorded already."""
        if self.paused or (self.memory.node_of(value) and not isinstance(value, np.bool_)):  # True is one object
            return
        if isinstance(value, np.ndarray) and value.dtype.kind not in "fiub":
            return
        operands: list[Node] = []
        linked = tuple(self.linked(a, operands) for a in arguments)
        if isinstance(value, float) and not operands:
            return
        named = {key: self.linked(option, operands) for key, option in options.items()}
        if isinstance(value, np.matrix) and op in REDUCING:
            named["keepdims"] = True
        if whole := self._rows.whole(op, linked, value):
            self.memory.put(value, whole)
        else:
            self._rows.put(self.add(line, op, function, linked, named, tuple(operands), value))

    def linked(self, argument: Any, operands: list[Node]) -> Any:
        """An argument with nodes in place of arrays and of numbers that were recorded, which are added to operands."""
        if isinstance(argument, (tuple, list)) and len(argument) <= LOOKED_THROUGH:
            linked = [self.linked(a, operands) for a in argument]
            return tuple(linked) if isinstance(argument, tuple) else linked
        node = None
        if isinstance(argument, np.ndarray):
            node = self.node(argument) if argument.dtype.kind in "fiub" else None
        elif isinstance(argument, (float, np.generic, Whole)):
            node = self.known(argument)
        if node is None:
            return argument
        operands.append(node)
        return node

    def add(
        self, line: int, op: str, function: Any, arguments: Given, options: Options,
        operands: tuple[Node, ...], value: Any, changes: Node | None = None,
    ) -> Node:  # fmt: skip
        """A new node, for which its value stands from now on."""
        for filled in self.memory.stored.intersection(operands):
            put_last(filled, self.nodes)
        node = Node(len(self.nodes), op, function, arguments, options, operands, value, line, changes)
        self.nodes.append(node)
        self.memory.stored.difference_update(operands)
        self.memory.put(value, node)
        if isinstance(value, np.ndarray):
            self._bytes += value.nbytes if value.base is None else 0
        if node.index % 256 == 0:
            self.tick()
        return node

    def fail(self, line: int, op: str, arguments: Given) -> None:
        """Keep what an operation that raises was given."""
        operands: list[Node] = []
        self.linked(arguments, operands)
        self.failed = Node(len(self.nodes), op, None, (), {}, tuple(operands), np.nan, line)

    # its names and updates

    def bound(self, line: int, owner: Any, text: str, value: Any) -> None:
        """A name, an attribute or an item got this value. owner: the number of a scope, or the object."""
        if self.paused:
            return
        for former, node in self.bindings.bind(owner, text, value):
            for old in former:
                if is_changed_from(node, old):
                    continue  # that was recorded when it was done
                whole = (old, node) if is_made_from(node, old) else self._rows.put_back(old, node)
                if whole:
                    self.updated(Update(*whole, line, text))
                elif old.shape == node.shape:
                    self.rebound.append(Update(old, node, line, text))

    def updated(self, update: Update) -> None:
        """Something got a new value made from its old one. Raises Enough where that is all that is to be seen."""
        self.updates.append(update)
        if self._finished(self):
            raise Enough

    # how long it goes on

    @contextmanager
    def unwatched(self) -> Iterator[None]:
        """While inside, nothing is recorded."""
        paused, self.paused = self.paused, True
        try:
            yield
        finally:
            self.paused = paused

    @property
    def late(self) -> bool:
        """Whether its time is over."""
        return time.monotonic() > self._deadline

    @property
    def full(self) -> bool:
        """Whether it holds enough."""
        return self._bytes + self.memory.copied > MOST_BYTES or len(self.nodes) > MOST_NODES

    def tick(self) -> None:
        """A turn of a loop. Raises Enough where it has lasted, or holds, enough."""
        if self.full or self.late:
            raise Enough

    def hasten(self, seconds: float) -> None:
        """End every loop that is running after its turn, and the record after so many seconds."""
        self.hastened = True
        self._deadline = min(self._deadline, time.monotonic() + seconds)

    def cut(self, nodes: int, updates: int) -> None:
        """Put aside as `later` what comes after so many nodes and updates."""
        self.later = self.nodes[nodes:], self.updates[updates:]
        del self.nodes[nodes:], self.updates[updates:]
