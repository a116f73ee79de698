"""The program that a recording would have been with one example more, where the recording leaves no doubt."""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import Any

import numpy as np

from tinygrad_mnist.engine import Node
from tinygrad_mnist.engine.errors import GraphError
from tinygrad_mnist.graph.recording import Recording
from tinygrad_mnist.graph.symbolic.traced import Traced, record


class Doubt(Exception):
    """A number of the program may stand for the number of examples, or for itself."""


def with_one_more(recording: Recording, inputs: Collection[Node]) -> Traced | None:
    """The output with one example more; None where the program does not say what it then would be.

    Examples lie along the first axis of the first input, and of others as long. A number or a length that is a multiple
    of theirs, and that no size of an array explains, is in doubt.
    """
    examples = next((node.shape[0] for node in inputs if node.shape), 0)
    if examples < 2:
        return None
    again: dict[Node, Traced] = {}
    try:
        for node in recording.nodes:
            again[node] = _again(recording, node, again, examples) if node.op else _leaf(node, inputs, examples)
    except (Doubt, ValueError, TypeError, IndexError, GraphError):
        return None
    return again[recording.output]


def _leaf(node: Node, inputs: Collection[Node], examples: int) -> Traced:
    longer = node in inputs and node.shape[:1] == (examples,)
    return Traced(np.concatenate([node.data, node.data[:1]]) if longer else node.data)


def _again(recording: Recording, node: Node, again: dict[Node, Traced], examples: int) -> Traced:
    assert node.op
    operands = [again[x] if isinstance(x, Node) else x for x in recording.operands[node]]
    for x in operands if node.op.name != "pow" else ():
        if isinstance(x, int | float) and _may_count(x, examples):
            raise Doubt
    params = dict(node.params)
    if node.op.name == "reshape":
        before = recording.operands[node][0].shape
        grew = [i for i, n in enumerate(operands[0].shape) if n != before[i]]
        params["shape"] = _shape(params["shape"], operands[0].size, examples, rows=grew == [0])
    elif "shape" in params and any(_may_count(n, examples) for n in np.atleast_1d(params["shape"])):
        raise Doubt
    if "index" in params:
        _check_index(params["index"], examples)
    return record(node.op, operands, params)


def _may_count(number: Any, examples: int) -> bool:
    """Whether a number may come from that of the examples, m: 3 m, m - 1, 1 / m, 2 / m, √m, say."""
    size = abs(number)
    if not size or not math.isfinite(size):
        return False
    counts = [round(x) for x in (size, 1 / size, size**2, size**-2) if math.isclose(x, round(x), rel_tol=1e-6)]
    near = any(n >= examples - 1 and min(n % examples, -n % examples) <= 1 for n in counts)
    return near or (size % 1 != 0 and math.isclose(size * examples, round(size * examples), rel_tol=1e-6))


def _shape(shape: Any, size: int, examples: int, rows: bool) -> Any:
    """Where a value's elements go when there are more of them: along the only length that can have grown.

    rows: whether all new elements follow the old ones, as they then do along the first axis too, if that can grow.
    """
    lengths = [int(n) for n in np.atleast_1d(shape)]
    if math.prod(lengths) == size:
        return shape
    can_grow = [i for i, n in enumerate(lengths) if n % examples == 0]
    if -1 in lengths:
        if can_grow:
            raise Doubt
        return shape
    if len(can_grow) != 1 and not (rows and 0 in can_grow):
        raise Doubt
    lengths[can_grow[0]] = lengths[can_grow[0]] // examples * (examples + 1)
    return tuple(lengths)


def _check_index(index: Any, examples: int) -> None:
    for item in index if isinstance(index, tuple) else (index,):
        if isinstance(item, slice) and any(_may_count(n, examples) for n in (item.start, item.stop) if n):
            raise Doubt
