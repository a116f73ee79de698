"""A recorded forward pass run again on tensors: autograd of the program's own expressions.

Every operation is called once more, as the program called it, with tensors for what depends on the parameters, and
must give what it gave. Where it can't be followed, central differences of the same replay on arrays take its place.
"""

from __future__ import annotations

import math
from collections import ChainMap
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from tinygrad_mnist.engine import Tensor, grad, ops
from tinygrad_mnist.grading.watching.calls import Method
from tinygrad_mnist.grading.watching.graph import FILLED, Node, depending, in_order, made_of
from tinygrad_mnist.manual.activations import Array

SAMPLED = 12
"""How many elements of an array are differentiated numerically."""

CENTRAL = 1, -1
"""The ends of differences."""

Passes = Callable[[Any, Any], Any]
"""What tells of x and 0 where max(0, x) has the slope 1."""

Losses = Callable[[Mapping[Node, Any]], Sequence[float]]
"""Numbers from the values of the nodes."""

_UNCHANGED = {"float", "item", "float64", "asarray", "array", "copy", "ascontiguousarray", "float32", "astype"}
"""Operations that a tensor goes through as it is."""


class UnfollowedError(Exception):
    """An operation that tensors can't do, or that gives something else on them."""


UNFOLLOWED = UnfollowedError, ValueError, TypeError, RuntimeError, AttributeError
"""What comes of a forward pass that tensors can't do, or do otherwise."""


def slopes_of(nodes: Iterable[Node]) -> Sequence[Passes]:
    """The slopes that max(0, x) may have at 0: a kink may have either."""
    return (np.greater, np.greater_equal) if _has_kinks(nodes) else (np.greater,)


def ends_of(nodes: Iterable[Node]) -> Sequence[tuple[int, int]]:
    """The ends of differences: on one side of a kink the slope is one of those that it may have."""
    return (CENTRAL, (0, -1), (1, 0)) if _has_kinks(nodes) else (CENTRAL,)


def _has_kinks(nodes: Iterable[Node]) -> bool:
    """Whether max(0, x) is taken of an x that is 0, as of black pixels where biases are 0."""
    rectified = (o for node in nodes if node.op == "maximum" for o in node.operands)
    return any(np.ndim(o.value) and not np.all(o.value) for o in rectified)


Edge = tuple[Node, Node]
"""An operand, and what is made of it."""


@dataclass(frozen=True)
class Loss:
    """A loss by its name: a function of the values of some nodes; passes: one of `slopes_of`.

    later: what parameters became, and where it is made of that already, their values in this step.
    """

    name: str
    targets: Sequence[Node]
    of: Callable[[Mapping[Node, Any]], Any]
    passes: Passes
    later: Mapping[Node, Node] = field(default_factory=dict)

    def values(self, start: Iterable[Node], cut: Mapping[Edge, Any] | None = None) -> dict[Node, Any]:
        """What it is a function of, as `on_tensors` gives it."""
        return on_tensors(start, self.targets, self.passes, cut, self.later)


def on_tensors(
    start: Iterable[Node],
    targets: Iterable[Node],
    passes: Passes,
    cut: Mapping[Edge, Any] | None = None,
    later: Mapping[Node, Node] | None = None,
) -> dict[Node, Any]:
    """The targets, and all between, as tensors made of the start, whose elements are float64.

    passes: one of `slopes_of`. cut: what stands in an operand's place where something is made of it. later: nodes in
    whose place those of the start stand, which makes other numbers. Raises UnfollowedError.
    """
    tensors = {node: Tensor(np.array(node.value, float), requires_grad=True, name=node.name or None) for node in start}
    tensors |= {new: tensors[old] for new, old in (later or {}).items()}
    others = depending(made_of(targets, tensors), later.__contains__) if later else set()

    def again(node: Node, values: Mapping[Node, Any]) -> Any:
        return _on_tensors(node, values, passes, is_the_same=node not in others)

    return _replayed(tensors, targets, again, cut)


def _replayed(
    start: Mapping[Node, Any],
    targets: Iterable[Node],
    again: Callable[[Node, Mapping[Node, Any]], Any],
    cut: Mapping[Edge, Any] | None = None,
) -> dict[Node, Any]:
    """The start, the targets, and all between, each made of what comes before it, or of what is in its place there."""
    values = dict(start)
    for node in in_order(made_of(targets, start)):
        if node not in values:
            others = {o: cut[o, node] for o in node.operands if (o, node) in cut} if cut else {}
            values[node] = again(node, ChainMap(others, values) if others else values)
    return values


def _on_tensors(node: Node, values: Mapping[Node, Any], passes: Passes, is_the_same: bool) -> Any:
    if not any(isinstance(values[o], Tensor) for o in node.operands):
        return _plain(node.value)
    if node.function is None:
        raise UnfollowedError(f"{node.op} changes its argument in place")
    try:
        value = _apply(node, values, passes)
    except Exception as error:
        raise UnfollowedError(str(error)) from error
    array = value.numpy() if isinstance(value, Tensor) else np.asarray(value)
    is_alike = not is_the_same or np.allclose(array, node.value, rtol=1e-3, atol=1e-5, equal_nan=True)
    if array.shape != node.shape or not is_alike:
        raise UnfollowedError(f"{node.op} gives something else on tensors")
    return value


def _plain(value: Any) -> Any:
    """A value as an array whose products are NumPy's usual ones, where it is a matrix: they are recorded as such."""
    return np.asarray(value) if isinstance(value, np.matrix) else value


def _apply(node: Node, values: Mapping[Node, Any], passes: Passes) -> Any:
    arguments = [_filled(a, values) for a in node.arguments]
    if node.op == "maximum" and (x := _rectified(arguments)) is not None:
        return ops.where(passes(x.numpy(), 0), x, 0)
    if node.op in _UNCHANGED and not isinstance(arguments[0], np.ndarray):
        return _array(arguments[0])
    if node.op == "[]=":
        return _placed(*arguments)
    if node.op == FILLED:
        return _with_parts(*arguments)
    if node.function is as_strided:
        return _strided(node, arguments[0])
    if isinstance(node.function, Method) and isinstance(arguments[0], np.ndarray):  # its method takes no tensors
        arguments[0] = Tensor(np.array(arguments[0], float))
    options = {k: _filled(o, values) for k, o in node.options.items() if k not in ("out", "dtype", "copy")}
    return _for_tensors(node)(*arguments, **options)


def _strided(node: Node, x: Any) -> Any:
    """The windows of a tensor, whose steps in memory are those of the array that was recorded."""
    array = np.asarray(node.operands[0].value)
    places = np.empty_like(array, dtype=np.intp)
    places[...] = np.arange(array.size).reshape(array.shape)
    given = dict(zip(("shape", "strides"), node.arguments[1:], strict=False)) | node.options
    strides = tuple(step * places.itemsize // array.itemsize for step in given["strides"])
    return ops.reshape(x, -1)[as_strided(places, given["shape"], strides)]


def _for_tensors(node: Node) -> Callable[..., Any]:
    """NumPy's function in place of math's, which makes a number of a tensor without a derivative."""
    of_math = getattr(node.function, "__module__", "") == "math"
    return getattr(np, node.op, node.function) if of_math else node.function  # type: ignore[return-value]  # is there


def _array(content: Any) -> Any:
    """A tensor, or numbers and tensors in lists, as an array of them."""
    return ops.stack([_array(part) for part in content]) if isinstance(content, (list, tuple)) else content


def _rectified(arguments: Sequence[Any]) -> Any:
    """The x of max(0, x) and max(x, 0), where it is a tensor; None of other maxima."""
    for x, other in (arguments, arguments[::-1]) if len(arguments) == 2 else ():
        if isinstance(x, Tensor) and not isinstance(other, Tensor) and not np.any(other):
            return x
    return None


def _filled(argument: Any, values: Mapping[Node, Any]) -> Any:
    if isinstance(argument, Node):
        return values[argument]
    if isinstance(argument, (tuple, list)):
        return type(argument)(_filled(a, values) for a in argument)
    return argument


def _placed(target: Any, index: Any, value: Any) -> Any:
    """`target[index] = value`, as an expression."""
    kept = np.ones(target.shape, float)
    kept[index] = 0
    if not isinstance(value, Tensor):
        new = np.zeros(target.shape)
        new[index] = value
        return target * kept + new
    places = np.empty(target.shape)[index]
    return target * kept + ops.scatter_add(ops.broadcast_to(value, places.shape), index, target.shape)


def _with_parts(target: Any, indices: Sequence[Any], values: Sequence[Any]) -> Any:
    """The same for one part after another: each element is the last that was stored there."""
    order, parts, count = np.full(target.shape, -1), [], 0
    for index, value in zip(indices, values, strict=True):
        shape = order[index].shape
        size = math.prod(shape)
        order[index] = np.arange(count, count + size).reshape(shape)
        value = value if isinstance(value, Tensor) else np.asarray(value, float)
        value = ops.reshape(value, value.shape[max(0, value.ndim - len(shape)) :])
        parts.append(ops.reshape(ops.broadcast_to(value, shape), (size,)))
        count += size
    return ops.where(order < 0, target, ops.concatenate(parts)[np.maximum(order, 0)])


def cotangents(loss: Any, values: Mapping[Node, Any], nodes: Sequence[Node]) -> dict[Node, Array]:
    """∂loss/∂node for the nodes that are tensors; 0 for those that are not on the way to the loss."""
    wanted = {node: values[node] for node in nodes if isinstance(values.get(node), Tensor)}
    tensors = dict.fromkeys(wanted.values())
    found = dict(zip(tensors, grad(loss, tensors), strict=True))
    return {node: found[tensor].numpy() for node, tensor in wanted.items()}


def numerical(
    losses: Losses, start: Mapping[Node, Array], targets: Sequence[Node], node: Node, rng: np.random.Generator,
    ends: tuple[int, int] = CENTRAL, own: Array | None = None,
) -> list[Array]:  # fmt: skip
    """∂loss/∂node of each loss by differences between two ends, in small steps, at some elements; NaN at all others.

    own: the program's gradient; half of the elements are where it is not 0, as that of a black pixel's weight is.
    """
    found: dict[tuple[Any, ...], Array] = {}
    array = np.array(start[node], float)
    places = rng.permutation(array.size)
    if own is not None:
        places = places[np.argsort(own.ravel()[places] == 0, kind="stable")]
    for place in np.roll(places, SAMPLED // 2)[:SAMPLED]:
        index = np.unravel_index(place, array.shape)
        h = 1e-5 * max(1.0, abs(float(array[index])))
        at_ends = []
        for end in ends:
            moved = array.copy()
            moved[index] += end * h
            at_ends.append(np.array(losses(_replayed({**start, node: moved}, targets, _on_arrays))))
        found[index] = (at_ends[0] - at_ends[1]) / ((ends[0] - ends[1]) * h)
    return [_scattered(array.shape, found, slopes) for slopes in zip(*found.values(), strict=True)]


def _scattered(shape: tuple[int, ...], places: Iterable[Any], numbers: Iterable[float]) -> Array:
    """An array with these numbers in these places, and NaN at all others."""
    array = np.full(shape, np.nan)
    for place, number in zip(places, numbers, strict=True):
        array[place] = number
    return array


def _on_arrays(node: Node, values: Mapping[Node, Any]) -> Any:
    if node.function is None or not node.operands:
        return _plain(node.value)
    arguments = [_filled(a, values) for a in node.arguments]
    options = {k: _filled(o, values) for k, o in node.options.items() if k != "out"}
    return node.function(*arguments, **options)
