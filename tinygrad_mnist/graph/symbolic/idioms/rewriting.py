"""A program read anew: where an idiom matches, as the operation that it is; else as it was."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeGuard

import numpy as np

from tinygrad_mnist.engine import Node
from tinygrad_mnist.graph.recording import Recording
from tinygrad_mnist.graph.symbolic.idioms.operands import copied

Match = Callable[..., Any]


@dataclass(frozen=True)
class Idiom:
    """One way to write an operation by hand.

    ops: what completes it. read: from the pass over a program, and an operation's operands, to what it is; None where
    it does not match. example: a function of a tensor that is written so. name: the operation that it is read as.
    """

    ops: tuple[str, ...]
    read: Match
    example: Callable[..., Any]
    name: str


def idiom(*ops: str, example: Callable[..., Any], name: str) -> Callable[[Match], Idiom]:
    """Make an idiom of the function that reads it."""
    return lambda read: Idiom(ops, read, example, name)


@dataclass
class Pass:
    """One pass over a program, which makes a new one of it as far as it is read otherwise.

    wanted: what is asked for. guarded: leave what guards a logarithm where it is. new: what nodes are read as, at first
    leaves. shared: the relus that were written with np.maximum. guards: the numbers that keep a logarithm from zero.
    lengths: those of the data.
    """

    recording: Recording
    wanted: set[Node]
    idioms: Sequence[Idiom]
    guarded: bool
    new: dict[Node, Node]
    shared: set[Node] = field(default_factory=set, init=False)
    guards: list[float] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        self.lengths = {n for x in self.recording.nodes if not x.op for n in (*x.shape, x.data.size)}
        for node in self.recording.operations:
            self.new[node] = self._read(node)
            if node in self.wanted:
                self.wanted.add(self.new[node])

    def of(self, node: Node) -> Node:
        """What a node is in the new program."""
        return self.new.get(node, node)

    def _read(self, node: Node) -> Node:
        operands = [self.of(x) if isinstance(x, Node) else x for x in self.recording.operands[node]]
        old = self.recording.operands[node]
        own = node if all(x is y for x, y in zip(operands, old, strict=True)) else copied(node, operands)
        for entry in (entry for entry in self.idioms if str(node.op) in entry.ops):
            found: Node | None = entry.read(self, own, *operands)
            if found is not None and (self._dropped(found) or _agree(found, node, self.guarded)):
                if not found.name:
                    found.name = node.name
                if str(node.op) == "maximum":
                    self.shared.add(found)
                return found
        return own

    def _dropped(self, node: Node) -> bool:
        """Whether a logarithm has just lost its guard, and so has another value."""
        return not self.guarded and str(node.op) == "log"

    def made_by(self, x: Any, *ops: str) -> TypeGuard[Node]:
        """Whether an operand comes from one of these operations, and is not itself asked for."""
        return isinstance(x, Node) and x.op is not None and x.op.name in ops and x not in self.wanted


def _agree(new: Node, old: Node, exactly: bool) -> bool:
    """Whether two programs have the same value, but for rounding, and for guards that were left out."""
    if new.shape != old.shape or new.dtype.kind != old.dtype.kind:
        return False
    tolerance = 1e-2 if not exactly else 1e-9 if old.dtype.itemsize == 8 else 1e-4
    return np.allclose(new.data, old.data, tolerance, tolerance * float(np.max(np.abs(old.data), initial=0)))
