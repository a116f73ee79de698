"""Simplifies traced expressions by the rewrites of a table, each checked on the numbers as it is applied.

A gradient that is used in several places is opaque: it is written once, under a name, and what is built on it is
simplified around it; see `Algebra.make_opaque`.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Any

import numpy as np

from tinygrad_mnist.engine.node import plain
from tinygrad_mnist.graph.recording import breadth_first, operands_first
from tinygrad_mnist.graph.symbolic import arithmetic, rearrangement  # noqa: F401 (they fill the table)
from tinygrad_mnist.graph.symbolic.expressions import Expressions, Operand
from tinygrad_mnist.graph.symbolic.traced import Traced, tensors, traced


class RewriteError(AssertionError):
    """A rewrite changed the value of an expression: it is wrong."""


class Algebra(Expressions):
    """Simplifies traced expressions. Equal expressions come out as one and the same node."""

    def __init__(self, tidy: bool = False, squares: bool = True) -> None:
        super().__init__(tidy, squares)
        self._soft: set[Traced] = set()

    def make_opaque(self, node: Traced, soft: bool = False) -> None:
        """From now on, let no rewrite look into an expression; soft: unless what is built on it becomes shorter so."""
        if node.op is not None:
            self.opaque.add(node)
            (self._soft.add if soft else self._soft.discard)(node)

    def simplify(self, node: Traced) -> Traced:
        """The simplest form that the rewrites find. An expression built on what is done already."""
        if node in self.done:
            return node
        results: dict[Traced, Traced] = {}
        for top in operands_first([node], lambda x: [y for y in tensors(x) if y not in self.done]):
            results[top] = self._simplified(top, results)
        return results[node]

    def _simplified(self, top: Traced, results: dict[Traced, Traced]) -> Traced:
        """The simplest form of an expression whose operands have been simplified."""
        if top.op is None:
            return self.join(self.split(top))
        inputs = [results.get(x, x) if isinstance(x, Traced) else self.constant(x) for x in top.inputs]
        node = self.make(top.op, inputs, top.params, like=top)
        result = self.rewritten(node)
        if result is node or not _agrees(node, result):
            return node
        self.done.add(result)
        return result

    def constant(self, x: Any) -> Operand:
        """What a rule brought along: a number, or an array."""
        x = traced(x)
        return self.join(self.split(x)) if isinstance(x, Traced) else x

    def shorter(self, node: Traced, *opaque: Traced) -> Traced:
        """The simplest form of an expression built on opaque ones: around them, or through them, if that is shorter."""
        around = self.simplify(node)
        opened = self._to_see_through(opaque)
        if not opened:
            return around
        facts = len(self.facts)
        self.opaque -= opened
        through = self.simplify(node)
        gain = self.cost(around) - self.cost(through)
        self.opaque |= opened
        if gain > 0 and (opened <= self._soft or self.cost(through) < self.cost(around)):
            return through
        del self.facts[facts:]
        return around

    def _to_see_through(self, opaque: Iterable[Traced], limit: int = 8) -> set[Traced]:
        """The opaque expressions, and the soft ones within them: a few, nearest first."""
        opened = {node for node in opaque if node in self.opaque}
        queue = list(opaque)
        seen = set(queue)
        for node in queue:
            for x in tensors(node) if len(opened) < limit and (node not in self.opaque or node in opened) else ():
                if x not in seen:
                    seen.add(x)
                    queue.append(x)
                    if x in self._soft:
                        opened.add(x)
        return opened

    def cost(self, node: Traced, limit: int = 60) -> int:
        """How many operations it takes to write an expression, opaque ones counting as names; up to a limit."""
        found = breadth_first([node], lambda x: () if x in self.opaque else tensors(x))
        written = (x for x in found if x.op is not None and x not in self.opaque)
        return sum(1 for _ in islice(written, limit))


def _agrees(before: Traced, after: Traced) -> bool:
    """Whether a rewrite leaves everything as it was; it does not apply where it makes a number of a NaN or infinity.

    Raises RewriteError where it changes a number, or the shape.
    """
    if before.shape == after.shape and (before.dtype.kind != "f" or after.dtype.kind == "f"):
        old, new = (np.asarray(x.numpy(), np.float64) for x in (before, after))
        if np.array_equal(old, new):
            return True
        exact = before.dtype.itemsize == 8 or before.dtype.kind != "f"
        tolerance, underflow = (1e-9, 1e-290) if exact else (1e-3, 1e-30)
        if np.max(np.abs(new - old)) <= underflow + tolerance * np.max(np.abs(old)):
            return True
        margin = underflow + tolerance * _scale(before)
        if np.allclose(new, old, tolerance, margin, equal_nan=True):
            return True
        numbers = np.isfinite(old)
        if np.allclose(new[numbers], old[numbers], tolerance, margin):
            return False
    raise RewriteError(f"a rewrite of {before.op} changed its value: {before!r} to {after!r}")


def _scale(x: Any, depth: int = 4) -> float:
    """How large the numbers are that a value was made of: what cancels leaves their rounding behind."""
    array = np.abs(np.asarray(plain(x), np.float64))
    largest = float(np.max(array, initial=0, where=np.isfinite(array)))
    if not (depth and isinstance(x, Traced) and x.op is not None):
        return largest
    if x.op.name in _LINEAR:
        return max(largest, *(_scale(operand, depth - 1) for operand in x.inputs))
    if x.op.name in ("mul", "div"):
        first, second = x.inputs
        other = second if x.op.name == "mul" else 1 / np.asarray(plain(second), np.float64)
        return max(largest, _scale(first, depth - 1) * _scale(other, depth - 1))
    return largest


_LINEAR = {"add", "sub", "neg", "sum", "matmul", "reshape", "transpose", "swapaxes", "broadcast_to", "where"}
