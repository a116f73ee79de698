"""The program that a recording would have been with one example more, where the recording leaves no doubt."""

from __future__ import annotations

import math
from collections.abc import Collection
from itertools import takewhile
from typing import Any

import numpy as np

from tinygrad_mnist.engine import Node
from tinygrad_mnist.engine.errors import GraphError
from tinygrad_mnist.graph.onnx.words import basic_index
from tinygrad_mnist.graph.recording import Recording
from tinygrad_mnist.graph.symbolic.traced import Traced, record


class _Doubt(Exception):
    """A number of the program may stand for the number of examples, or for itself."""


def with_one_more(recording: Recording, inputs: Collection[Node]) -> Traced | None:
    """The output with one example more; None where the program does not say what it then would be.

    Examples lie along the first axis of the first input, and of others as long. What is summed over them and divided by
    how many were summed, or by their number if nothing else that is summed is as long, is a mean. Any other number that
    may come from theirs is in doubt.
    """
    examples = next((node.shape[0] for node in inputs if node.shape), 0)
    try:
        return _Again(recording, inputs, examples).output if examples > 1 else None
    except (_Doubt, ValueError, TypeError, IndexError, ArithmeticError, GraphError):
        return None


class _Again:
    """A program run again. grown: the values that depend on how many examples there are."""

    def __init__(self, recording: Recording, inputs: Collection[Node], examples: int) -> None:
        self.recording, self.examples = recording, examples
        self.grown = {node for node in inputs if node.shape[:1] == (examples,)}
        self.constants = {x for x in recording.arrays if len(np.unique(x.data)) == 1 and x.dtype.kind in "fiu"}
        self.values: dict[Node, Traced] = {}
        for node in recording.nodes:
            self.values[node] = self._operation(node) if node.op else self._leaf(node)
        self.output = self.values[recording.output]

    def _leaf(self, node: Node) -> Traced:
        return Traced(np.concatenate([node.data, node.data[:1]]) if node in self.grown else node.data)

    def _operation(self, node: Node) -> Traced:
        assert node.op
        if any(x in self.grown for _, x in self.recording.tensors(node)):
            self.grown.add(node)
        operands = [self._operand(node, x) for x in self.recording.operands[node]]
        params = dict(node.params)
        if node.op.name == "reshape":
            before, longer = self.recording.operands[node][0].shape, operands[0].shape
            if before != longer:
                params["shape"] = _shape(params["shape"], before, longer, self.examples)
        elif "shape" in params and any(_may_count(n, self.examples) for n in np.atleast_1d(params["shape"])):
            raise _Doubt
        if "index" in params:
            self._check_index(node, params["index"])
        return record(node.op, operands, params)

    def _check_index(self, node: Node, index: Any) -> None:
        """Of examples, an index may take all, the first or the last one, or leave it out; or it is in doubt."""
        (x,) = node.inputs
        grew = [a != b for a, b in zip(x.shape, self.values[x].shape, strict=True)]
        items = basic_index(index, len(x.shape)) if str(node.op) == "getitem" else None
        if items is None:
            if any(grew):
                raise _Doubt
            return
        ends = (0, 1, -1) if self.examples > 3 else (0,)  # or 1 may be the half of them
        for is_grown, item in zip(grew, [item for item in items if item is not None], strict=True):
            bounds = [item.start, item.stop] if isinstance(item, slice) else []
            fine = all(end is None or end in ends for end in bounds) if bounds else item in (0, -1)
            if is_grown and not fine:
                raise _Doubt

    def _operand(self, node: Node, x: Any) -> Any:
        if isinstance(x, Node):
            if x in self.constants and _may_count(x.data.flat[0], self.examples):
                raise _Doubt
            return self.values[x]
        if str(node.op) == "pow" or not _may_count(x, self.examples):
            return x
        if str(node.op) == "div" and isinstance(x, int):
            return self._divisor(self.recording.operands[node][0], x)
        raise _Doubt

    def _divisor(self, total: Any, number: int) -> int:
        """What divides a value with one example more: how many numbers were summed, or how many examples there are."""
        more, count = number // self.examples * (self.examples + 1), abs(number)
        while isinstance(total, Node) and str(total.op) == "neg":
            total = total.inputs[0]
        if total not in self.grown or str(total.op) not in ("sum", "vdot"):
            raise _Doubt
        x = self.recording.operands[total][0]
        longer = self.values[x].shape
        if str(total.op) == "sum" and count == _summed(x.shape, total.shape):
            if count != _summed(longer, self.values[total].shape):
                return more
            if count % self.examples:  # a mean over other lengths
                return number
        beside = {n for n, grown in zip(x.shape, longer, strict=True) if n == grown}
        if self.values[total].shape == total.shape and count == self.examples > 2 and count not in beside:
            return more
        raise _Doubt


def _summed(before: tuple[int, ...], after: tuple[int, ...]) -> int:
    """How many numbers each sum has, by the shapes before and after."""
    return math.prod(before) // max(math.prod(after), 1)


def _may_count(number: Any, examples: int) -> bool:
    """Whether a number may come from that of the examples, m: 3 m, m - 1, 1 / m, 2 / m, √m, say."""
    size = abs(number)
    if not size or not math.isfinite(size):
        return False
    near = any(_whole(x) and x > examples - 1.5 and (round(x) + 1) % examples < 3 for x in (size, 1 / size))
    root = any(_whole(x) and round(x) % examples == 0 for x in (size**2, size**-2))
    share = size < 0.5 or size * examples < 2.5
    return near or root or (share and size % 1 != 0 and _whole(size * examples))


def _whole(x: float) -> bool:
    return x > 0.5 and math.isclose(x, round(x), rel_tol=1e-6)


def _shape(shape: Any, before: tuple[int, ...], longer: tuple[int, ...], examples: int) -> Any:
    """Where a value's elements go when there are more of them: along the only length that can have grown.

    The last lengths that stay as they are can't, and where all new elements follow the old ones, the first one has.
    """
    lengths = [int(n) for n in np.atleast_1d(shape)]
    if math.prod(lengths) == math.prod(longer):
        return shape
    ends = zip(lengths[::-1], before[::-1], longer[::-1], strict=False)
    kept = len(list(takewhile(lambda same: same[0] == same[1] == same[2], ends)))
    can_grow = [i for i, n in enumerate(lengths[: len(lengths) - kept]) if n % examples == 0]
    if -1 in lengths:
        if can_grow:
            raise _Doubt
        return shape
    rows = before[1:] == longer[1:]
    if len(can_grow) != 1 and not (rows and 0 in can_grow):
        raise _Doubt
    lengths[can_grow[0]] = lengths[can_grow[0]] // examples * (examples + 1)
    return tuple(lengths)
