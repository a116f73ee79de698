"""The chain rule over a recorded graph: the walk back, and backward and grad on top of it."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from heapq import heappop, heappush
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


class _Replaced:
    """A number that is gone: it has no arithmetic, and no comparison either."""

    __eq__ = __bool__ = lambda self, *_: self.is_gone


def changes(output: Node) -> list[Node]:
    """The nodes of a graph whose data was replaced after it was begun."""
    order = toposort(output)
    nodes = {x for node in order for x in (node, *node.inputs) if isinstance(x, Node)}
    return [x for x in nodes if x.changed > order[0].born]


def check_unchanged(node: Node, changed: Iterable[Node]) -> None:
    """Raise MutationError if a rule of the node reads what was changed since it was recorded, itself or as a view."""
    for new in changed:
        for i, (x, array) in enumerate(zip((node, *node.inputs), (node._array, *node.values), strict=True)):
            if new.changed > node.born and (x is new or may_share_memory(array, new._array)) and _reads(node, i):
                raise replaced(new, node)


def _reads(node: Any, i: int) -> bool:
    """Whether a rule reads the numbers of the node itself (0) or of an input (1, …): without them it fails."""
    arrays = [node._array, *node.values]
    arrays[i] = np.full(arrays[i].shape, _Replaced(), object)
    g, rules = np.zeros_like(node._array), node.op.rules(len(node.inputs))
    try:
        with np.errstate(all="ignore"):
            for x, vjp in zip(node.inputs, rules):
                if vjp and isinstance(x, Node) and x.requires_grad:
                    fit(vjp(g, *arrays, **node.params), x, node)
    except Exception:
        return True
    return False


def propagate(output: N, cotangent: Any, targets: Collection[Node] = ()) -> dict[N, Any]:
    """Walk from the output to the leaves, or to the targets alone: the cotangent ∂L/∂node of each.

    Of the nodes that wait the last born goes next: its users were born later, so all its shares have been added up.
    After its turn its cotangent is dropped, unless it is a target.
    """
    needed = between(targets, toposort(output)) if targets else None
    cotangents: dict[Any, Any] = {output: cotangent}
    waiting: list[tuple[int, Any]] = [(-output.born, output)] if output.op else []
    changed = None
    while waiting:
        node = heappop(waiting)[1]
        if last_change[0] > node.born:
            changed = changes(output) if changed is None else changed
            check_unchanged(node, changed)
        g = cotangents[node] if node in targets else cotangents.pop(node)
        inputs, out, values, params = node.inputs, node._array, node.values, node.params
        if isinstance(g, Node):  # then the rules are recorded
            out, values = node, [x if isinstance(x, Node) else v for x, v in zip(inputs, values)]
        for x, vjp in zip(inputs, node.op.vjps or node.op.rules(len(inputs))):
            if vjp and isinstance(x, Node) and x.requires_grad and (needed is None or x in needed):
                share = fit(vjp(g, out, *values, **params), x, node)
                if x.op and x not in cotangents:
                    heappush(waiting, (-x.born, x))
                cotangents[x] = cotangents[x] + share if x in cotangents else share
    return cotangents


def check_floating(x: Node) -> None:
    """Raise TypeError for what has no derivative: a gradient travels from floating point to floating point."""
    if x._array.dtype.kind != "f":
        raise TypeError(f"{describe(x)}: {no_gradient(x.dtype)}")


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


def recorded(x: N, total: Any) -> N:
    """∂output/∂x as a node to be differentiated again: where no graph leads to it, its derivative is zero."""
    node: N = x.wrap(total)
    if not node.requires_grad:
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
            check_floating(leaf)
            if leaf._grad is not None:
                total = total + (leaf._grad if create_graph else leaf._grad._array)
            array = total._array if create_graph else total
            if array.base is not None or id(array) in given:  # a rule may give a view, or one array to two inputs
                total = total * 1
            given.add(id(array))
            leaf._grad = recorded(leaf, total) if create_graph else leaf.wrap(total)


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
        check_floating(x)
    found = propagate(output, seed(output, gradient, create_graph), set(inputs))
    totals = [found[x] if x in found else np.zeros_like(x._array) for x in inputs]
    return tuple(recorded(x, total) if create_graph else x.wrap(total) for x, total in zip(inputs, totals))
