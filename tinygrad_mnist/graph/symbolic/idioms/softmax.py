"""A softmax, its logarithm and its denominator, written by hand."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_mnist.engine import Node
from tinygrad_mnist.engine.node import plain
from tinygrad_mnist.engine.ops import _axes as normalised
from tinygrad_mnist.graph.symbolic.idioms.operands import equals, make, same
from tinygrad_mnist.graph.symbolic.idioms.rewriting import Pass, idiom


def _axis_of_sum(total: Node, array: Node) -> int | None:
    """The axis that a sum is over, counted from the end: of a single row or column, all of it."""
    axes = normalised(total.params["axis"], array.data.ndim)
    if len(axes) > 1:
        axes = tuple(i for i in axes if array.shape[i] > 1)
    return axes[0] - array.data.ndim if len(axes) == 1 else None


def _unshifted(program: Pass, z: Any, axis: int) -> Any:
    """z, where it is z less a maximum, or a constant, that is one number along the axis."""
    if not program.made_by(z, "sub"):
        return z
    inner, shift = z.inputs
    is_shift = not isinstance(shift, Node) or not shift.op or (shift.op.name == "max" and shift.inputs[0] is inner)
    lengths = (1,) * (z.data.ndim - np.ndim(plain(shift))) + np.shape(plain(shift))
    return inner if isinstance(inner, Node) and is_shift and lengths[axis] == 1 else z


def _naive_softmax(z: Any) -> Any:
    return np.exp(z) / np.sum(np.exp(z), axis=1, keepdims=True)


@idiom("div", example=_naive_softmax, name="softmax")
def softmax(program: Pass, node: Node, e: Any, total: Any) -> Node | None:
    """exp(z) / Σ exp(z), of z less its maximum or as it is."""
    if not (program.made_by(e, "exp") and program.made_by(total, "sum") and same(total.inputs[0], e)):
        return None
    axis = _axis_of_sum(total, e)
    if axis is None:
        return None
    z = _unshifted(program, e.inputs[0], axis)
    return make("exp", make("log_softmax", z, axis=axis))


@idiom("log", example=lambda z: np.log(np.sum(np.exp(z), axis=1, keepdims=True)), name="logsumexp")
def logsumexp(program: Pass, node: Node, x: Any) -> Node | None:
    """log Σ exp(z)."""
    if not (program.made_by(x, "sum") and program.made_by(x.inputs[0], "exp")):
        return None
    return make("logsumexp", x.inputs[0].inputs[0], axis=x.params["axis"], keepdims=x.params["keepdims"])


@idiom(
    "sub", example=lambda z: z - np.max(z) - np.log(np.sum(np.exp(z - np.max(z)), 1, keepdims=True)), name="log_softmax"
)
def log_softmax(program: Pass, node: Node, z: Any, y: Any) -> Node | None:
    """z − log Σ exp(z), of z less its maximum or as it is."""
    if not (program.made_by(y, "logsumexp") and same(y.inputs[0], z)):
        return None
    axis = _axis_of_sum(y, z)
    return None if axis is None else make("log_softmax", _unshifted(program, z, axis), axis=axis)


@idiom("add", example=lambda z: sum(np.exp(z)), name="sum")
def sum_of_rows(program: Pass, node: Node, x: Any, y: Any) -> Node | None:
    """t[0] + t[1] + …, as Python's own sum adds up: Σ over the first axis."""
    if not program.made_by(y, "getitem") or not _is_row(y, len(y.inputs[0].data) - 1):
        return None
    (rows,) = y.inputs
    for i in reversed(range(len(rows.data) - 1)):
        left, row = x.inputs if program.made_by(x, "add") else (0, x)  # Python's sum begins with 0
        if not program.made_by(row, "getitem") or row.inputs[0] is not rows or not _is_row(row, i):
            return None
        x = left
    return make("sum", rows, axis=0, keepdims=False) if equals(x, 0) else None


def _is_row(node: Node, i: int) -> bool:
    """Whether t[i] is taken, by a number."""
    index = node.params["index"]
    return isinstance(index, int | np.integer) and index == i


IDIOMS = [softmax, logsumexp, log_softmax, sum_of_rows]
