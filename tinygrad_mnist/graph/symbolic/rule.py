"""One vjp, run once on leaves that stand for what it takes: a small program that every reading writes or replays."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_mnist.engine import Node, toposort
from tinygrad_mnist.engine.autodiff import unbroadcast
from tinygrad_mnist.engine.node import plain
from tinygrad_mnist.graph.recording import rule
from tinygrad_mnist.graph.symbolic.traced import Traced, record

Array = NDArray[Any]


@dataclass(frozen=True)
class Rule:
    """What the vjp of a node's operation does for the operand at a position.

    g, out, operands: leaves for ∂L/∂node, for the node and for its operands; Python numbers are themselves. raw: what
    the rule makes of them, of the shape that broadcasting gave.
    """

    position: int
    g: Traced
    out: Traced
    operands: tuple[Any, ...]
    raw: Traced

    @property
    def share(self) -> Traced:
        """The result with broadcasting undone: ∂L/∂operand, as far as it comes from this node."""
        shape = self.operands[self.position].shape
        return self.raw if self.raw.shape == shape else unbroadcast(self.raw, shape)

    def on(self, g: Traced, out: Traced, operands: Sequence[Any], same_numbers: bool = True) -> Traced:
        """The share of other expressions in place of the leaves, which have the same numbers unless told otherwise."""
        given = {leaf: x for leaf, x in zip(self.operands, operands, strict=True) if isinstance(leaf, Traced)}
        return _replaced(self.share, {**given, self.out: out, self.g: g}, same_numbers)

    def at(self, g: Array) -> Array:
        """The raw result for another cotangent, in float64: the recorded program, run again."""
        values: dict[Traced, Array] = {self.g: g}
        for node, operands in self._program:
            arrays = (values[x] if isinstance(x, Traced) else x for x in operands)
            values[node] = np.asarray(node.op.forward(*arrays, **node.params))
        return np.asarray(values.get(self.raw, self.raw.data), np.float64)

    @cached_property
    def _program(self) -> list[tuple[Any, list[Any]]]:
        """The operations that depend on the cotangent, in order, with their operands; what does not is an array."""
        moving = {self.g}
        program = []
        for node in toposort(self.raw):
            moved = [isinstance(x, Traced) and x in moving for x in node.inputs]
            if any(moved):
                moving.add(node)
                operands = zip(node.inputs, moved, strict=True)
                program.append((node, [x if is_moved else _wide(x) for x, is_moved in operands]))
        return program


def run(
    node: Node,
    position: int,
    cotangent: Any,
    out: Node,
    operands: Sequence[Any],
    leaf: Callable[[Any], Traced] = Traced,
) -> Rule:
    """Run one vjp of a node on leaves, with the numbers of a cotangent, a result and operands.

    operands: nodes, arrays and Python numbers. leaf: makes a leaf of an array; by default in float64.
    """
    leaves = {id(x): leaf(plain(x)) for x in operands if not isinstance(x, int | float)}
    stand_ins = tuple(leaves.get(id(x), x) for x in operands)
    g, result = leaf(cotangent), leaf(out.data)
    g.name = "g"  # it is no constant, though all its numbers may be the same
    vjp = rule(node, position)
    assert vjp
    return Rule(position, g, result, stand_ins, vjp(g, result, *stand_ins, **node.params))


def exact(array: Array) -> Traced:
    """A leaf that keeps its array's dtype, so that what is computed from it is what the engine computes."""
    node = Traced(np.empty(0))
    node._array = np.asarray(array)
    return node


def _replaced(value: Traced, given: Mapping[Traced, Traced], same_numbers: bool) -> Traced:
    """The expression with other expressions in place of some leaves."""
    done = dict(given)
    for node in toposort(value):
        if node not in done:
            operands = [done.get(x, x) if isinstance(x, Traced) else x for x in node.inputs]
            done[node] = record(node.op, operands, node.params, like=node if same_numbers else None)
    return done.get(value, value)


def _wide(x: Any) -> Any:
    array = plain(x)
    return array.astype(np.float64) if isinstance(array, np.ndarray) and array.dtype.kind == "f" else array
