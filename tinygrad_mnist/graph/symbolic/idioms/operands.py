"""What idioms ask of operands, and what they build."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_mnist.engine import OPS, Node
from tinygrad_mnist.engine.node import plain


def make(op: str, *operands: Any, **params: Any) -> Node:
    """An operation on nodes, arrays and Python numbers."""
    with np.errstate(all="ignore"):
        array = np.asarray(OPS[op].forward(*map(plain, operands), **params))
    node = Node(array, OPS[op], operands, {**OPS[op].defaults, **params}, [plain(x) for x in operands])
    node.requires_grad = any(isinstance(x, Node) and x.requires_grad for x in operands)
    return node


def copied(node: Node, operands: list[Any]) -> Node:
    """The same operation, with the same value, on other operands."""
    copy = Node(node.data, node.op, tuple(operands), node.params, [plain(x) for x in operands], node.place)
    copy.name, copy.requires_grad = node.name, node.requires_grad
    return copy


def _equal(x: Any, y: Any) -> bool:
    """Whether two parameters are the same: arrays by every element, alone or among others."""
    if isinstance(x, list | tuple) and isinstance(y, list | tuple):
        return len(x) == len(y) and all(map(_equal, x, y))
    return np.array_equal(x, y)


def same(x: Any, y: Any) -> bool:
    """Whether two operands are the same value, or were computed in the same way."""
    if x is y:
        return True
    if not isinstance(x, Node) or not isinstance(y, Node):
        return not isinstance(x, Node) and not isinstance(y, Node) and np.array_equal(x, y)
    return (
        x.op is not None
        and x.op is y.op
        and len(x.inputs) == len(y.inputs)
        and _equal([*x.params.items()], [*y.params.items()])
        and all(map(same, x.inputs, y.inputs))
    )


def equals(x: Any, number: float) -> bool:
    """Whether an operand is this number, or an array of it, and nothing that is computed."""
    return not computed(x) and bool(np.size(plain(x))) and bool(np.all(plain(x) == number))


def as_number(x: Any) -> float | None:
    """The number that an operand is, if it is a single one and nothing that is computed."""
    return None if computed(x) or np.ndim(plain(x)) else float(plain(x))


def computed(x: Any) -> bool:
    """Whether an operand is more than data."""
    return isinstance(x, Node) and (x.op is not None or x.requires_grad)


def mirrored(x: Any, y: Any) -> tuple[tuple[Any, Any], tuple[Any, Any]]:
    """Two operands in either order."""
    return (x, y), (y, x)


def learns(x: Any) -> bool:
    """Whether gradients flow through an operand."""
    return isinstance(x, Node) and x.requires_grad
