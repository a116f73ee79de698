"""The rules run on tensors that remember everything: forward and backward become one graph of expressions.

On ordinary tensors a rule's mask, such as `x > 0`, is a plain array that has forgotten where it came from, as
differentiation wants it. A `Traced` tensor records comparisons too, and constants count like parameters, so that
what a rule computes can be read off afterwards, with a concrete value at each node to check the reading by.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from tinygrad_mnist.engine import Node, Op, Tensor
from tinygrad_mnist.engine.node import plain


def _operation(forward: Callable[..., Any], arity: int) -> Op:
    """An operation that only a reading knows: it has no rule, and stands in no table."""
    return Op(forward, [None] * arity)


_MASKS: dict[Any, Op] = {
    ufunc: _operation(ufunc, 2)
    for ufunc in (
        np.greater, np.greater_equal, np.less, np.less_equal, np.equal, np.not_equal, np.logical_and, np.bitwise_and,
    )
}  # fmt: skip
_MASKS[np.bitwise_and] = _MASKS[np.logical_and]


def _mask(ufunc: np.ufunc) -> Any:
    return lambda self, other: record(_MASKS[ufunc], (self, other))


class Traced(Tensor):
    """A tensor whose every use is recorded, comparisons included."""

    __slots__ = ()
    __hash__ = object.__hash__

    def __init__(self, data: Any, name: str | None = None) -> None:
        array = np.asarray(data)
        Node.__init__(self, array.astype(np.float64, copy=False) if array.dtype.kind == "f" else array)
        self.requires_grad, self.name = True, name

    __eq__, __ne__ = _mask(np.equal), _mask(np.not_equal)
    __lt__, __le__ = _mask(np.less), _mask(np.less_equal)
    __gt__, __ge__ = _mask(np.greater), _mask(np.greater_equal)
    __and__ = _mask(np.logical_and)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        if method == "__call__" and not options and ufunc in _MASKS:
            return record(_MASKS[ufunc], inputs)
        return super().__array_ufunc__(ufunc, method, *inputs, **options)

    def __array_function__(self, function: Any, types: Any, args: Any, options: Any) -> Any:
        if function in (np.any, np.all):  # what a rule decides on is a matter of the numbers at hand
            return function(*map(plain, args), **options)
        return super().__array_function__(function, types, args, options)


OUTER = _operation(np.outer, 2)

TRACING_OPS = {"softmax", *(operation.name for operation in (*_MASKS.values(), OUTER))}
"""The operations that are met in readings alone; exp(log_softmax(x)) is read as a softmax."""


def record(op: Op, inputs: Sequence[Any], params: Mapping[str, Any] | None = None, like: Any = None) -> Traced:
    """The operation on these inputs, which are traced tensors, arrays and Python numbers.

    like: a traced tensor of the same value, which then need not be computed again.
    """
    operands, params = tuple(map(traced, inputs)), params or {}
    array = op.forward(*map(plain, operands), **params) if like is None else plain(like)
    node = Traced.__new__(Traced)
    Node.__init__(node, np.asarray(array), op, operands, params)
    return node


def tensors(node: Traced) -> list[Traced]:
    """Those inputs of an operation that are traced tensors."""
    return [x for x in node.inputs if isinstance(x, Traced)]


def traced(x: Any) -> Any:
    """An operand of a recorded operation: a traced tensor, or a Python number."""
    return x if isinstance(x, Traced | int | float) else Traced(x)
