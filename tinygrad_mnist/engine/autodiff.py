"""The chain rule over a recorded graph: the walk back, and backward and grad on top of it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from operator import attrgetter
from threading import RLock
from typing import Any, TypeVar

import numpy as np

from tinygrad_mnist.devices import may_share_memory
from tinygrad_mnist.engine import ops
from tinygrad_mnist.engine.errors import GraphError, describe, misshapen, no_gradient, no_graph, not_floating, replaced
from tinygrad_mnist.engine.node import Node, last_change, plain
from tinygrad_mnist.engine.primitive import OPS

N = TypeVar("N", bound=Node)

_sum = OPS[ops.sum.__name__].forward
"""The forward alone: it takes arrays and tensors as they are, and no time to sort its arguments."""

_accumulating = RLock()
"""Held while gradients are added up: threads may share leaves, and no sum is lost."""


def toposort(output: N) -> list[Any]:
    """Every recorded operation that the output depends on, inputs before their users; leaves are left out.

    A node is born after its inputs, so the order of birth is a topological order.
    """
    found: list[Any] = [output] if output.op else []
    seen = set(found)
    for node in found:
        for x in node.inputs:
            if isinstance(x, Node) and x.op and x not in seen:
                seen.add(x)
                found.append(x)
    return sorted(found, key=attrgetter("born"))


def unbroadcast(cotangent: Any, shape: tuple[int, ...], *origin: Node) -> Any:
    """The cotangent of a value before it was broadcast: summed over the axes along which it was repeated.

    origin: the value, and the node that used it. Raises ValueError where broadcasting can't have led from the
    shape to the cotangent's: the rule is wrong.
    """
    new = cotangent.ndim - len(shape)
    total = _sum(cotangent, axis=0 if new == 1 else tuple(range(new))) if new > 0 else cotangent
    if total.shape != shape:
        repeated = tuple(i for i, n in enumerate(shape[: total.ndim]) if n == 1)
        total = _sum(total, axis=repeated, keepdims=True)
    if total.shape != shape:
        raise ValueError(misshapen(cotangent, shape, *origin))
    return total


def fit(share: Any, x: Node, user: Node) -> Any:
    """What a rule gives for an input, in the input's shape and dtype.

    Raises ValueError where broadcasting can't have led to its shape, and TypeError unless both are floating point.
    """
    if share.shape != x._array.shape:
        share = unbroadcast(share, x._array.shape, x, user)
    if share.dtype is x._array.dtype:
        return share
    if share.dtype.kind != "f" or x.dtype.kind != "f":
        raise TypeError(not_floating(x, user))
    return share.astype(x.dtype)


def between(targets: Collection[Node], order: Iterable[Any]) -> set[Node]:
    """The targets, and the operations of a topological order that depend on one of them."""
    found = set(targets)
    for node in order:
        if any(isinstance(x, Node) and x in found for x in node.inputs):
            found.add(node)
    return found


def shares(node: Any, g: Any, needed: Collection[Node] | None = None) -> Iterator[tuple[int, Any, Any]]:
    """Carry the cotangent g of a node to its inputs: position, what the rule gives, and the share that fits the input.

    Inputs that require no gradient are passed over and, where some are needed, all others. Given an array, the rules
    run on arrays; given a tensor, on tensors, and are recorded.
    """
    inputs, out, values, params = node.inputs, node._array, node.values, node.params
    if isinstance(g, Node):
        out, values = node, [x if isinstance(x, Node) else v for x, v in zip(inputs, values)]
    for position, x in enumerate(inputs):
        if isinstance(x, Node) and x.requires_grad and (needed is None or x in needed):
            vjp = node.op.vjp(position)
            if vjp:
                raw = vjp(g, out, *values, **params)
                yield position, raw, fit(raw, x, node)


class _Replaced:
    """A number that is gone: it has no arithmetic, and no comparison either."""

    __eq__ = __bool__ = lambda self, *_: self.is_gone


def changes(order: Sequence[Any]) -> list[Node]:
    """The nodes of a graph, in topological order, whose data was replaced after it was begun."""
    if not order or last_change[0] < order[0].born:
        return []
    nodes = {x for node in order for x in (node, *node.inputs) if isinstance(x, Node)}
    return [x for x in nodes if x.changed > order[0].born]


def check_unchanged(node: Node, changed: Iterable[Node]) -> None:
    """Raise MutationError if a rule of the node reads what was changed since it was recorded, itself or as a view."""
    for new in changed:
        for i, (x, array) in enumerate(zip((node, *node.inputs), (node._array, *node.values), strict=True)):
            if new.changed > node.born and (x is new or may_share_memory(array, new._array)) and _reads(node, i):
                raise replaced(new, node)


def _reads(node: Node, i: int) -> bool:
    """Whether a rule reads the numbers of the node itself (0) or of an input (1, …): without them it fails."""
    arrays = [node._array, *node.values]
    arrays[i] = np.full(arrays[i].shape, _Replaced(), object)
    try:
        with np.errstate(all="ignore"):
            without = Node(arrays[0], node.op, node.inputs, node.params, arrays[1:])
            return any(False for _ in shares(without, np.zeros_like(node._array)))  # all run
    except Exception:
        return True


def propagate(output: N, cotangent: Any, targets: Collection[Node] = ()) -> dict[N, Any]:
    """Walk from the output to the leaves, or to the targets alone: the cotangent ∂L/∂node of each.

    A node's turn comes after those of its users, when all its shares have been added up. After its turn its cotangent
    is dropped, unless it is a target.
    """
    order = toposort(output)
    needed = between(targets, order) if targets else None
    cotangents: dict[Any, Any] = {output: cotangent}
    changed = changes(order)
    for node in reversed(order):
        if node in cotangents:
            if changed:
                check_unchanged(node, changed)
            g = cotangents[node] if node in targets else cotangents.pop(node)
            for position, _, share in shares(node, g, needed):
                x = node.inputs[position]
                cotangents[x] = cotangents[x] + share if x in cotangents else share
    return cotangents


def seed(output: Node, gradient: Any, create_graph: bool) -> Any:
    """The cotangent that a walk starts with: ones for a scalar, else what the caller gives."""
    if not output.requires_grad:
        raise GraphError(no_graph(output))
    if gradient is None:
        if output._array.size != 1:
            raise GraphError(f"{describe(output)} is not a scalar: take .sum() or .mean(), or pass gradient=")
        gradient = np.array(1, output._array.dtype, ndmin=output._array.ndim, like=output._array)
    elif not (create_graph and isinstance(gradient, Node)):
        gradient = np.array(plain(gradient), output.dtype, like=output._array)
    if gradient.shape != output.shape:
        raise ValueError(f"gradient has shape {gradient.shape}, but {describe(output)} needs one of its own shape")
    return output.wrap(gradient) if create_graph else gradient


def result(x: N, total: Any, create_graph: bool) -> N:
    """∂output/∂x as a node; where it is to be differentiated again and no graph leads to it, its derivative is zero."""
    if x._array.dtype.kind != "f":
        raise TypeError(f"{describe(x)}: {no_gradient(x.dtype)}")
    node: N = x.wrap(total)
    if create_graph and not node.requires_grad:
        node = x.wrap(node._array)
        node.requires_grad = True
    return node


def backward(output: N, gradient: Any = None, create_graph: bool = False) -> None:
    """Add ∂output/∂leaf to the `.grad` of every leaf that requires gradients.

    gradient: the cotangent of the output, of its shape; one, for a scalar. create_graph: record the
    backward pass too, so that the gradients can be differentiated again.
    """
    given, cotangents = set(), propagate(output, seed(output, gradient, create_graph))
    with _accumulating:
        for leaf, total in cotangents.items():
            if leaf.grad is not None:
                total = total + (leaf.grad if create_graph else leaf.grad._array)
            array = total._array if create_graph else total
            if array.base is not None or id(array) in given:  # a rule may give a view, or one array to two inputs
                total = total * 1
            given.add(id(array))
            leaf._grad = result(leaf, total, create_graph)


def grad(output: N, inputs: Iterable[N], gradient: Any = None, create_graph: bool = False) -> tuple[N, ...]:
    """∂output/∂input for each input, which may be any node of the graph; `.grad` is left alone.

    gradient and create_graph are as in `backward`. The derivative with respect to a tensor that the output
    does not depend on is zero.
    """
    if isinstance(inputs, Node):
        raise TypeError(f"grad takes a list of tensors, even of one: [{inputs.name or 'x'}]")
    for x in (inputs := tuple(inputs)):
        if not isinstance(x, Node) or not x.requires_grad:
            raise GraphError(f"{describe(x)} requires no gradient: make it with requires_grad=True")
    found = propagate(output, seed(output, gradient, create_graph), set(inputs))
    return tuple(result(x, found[x] if x in found else np.zeros_like(x._array), create_graph) for x in inputs)
