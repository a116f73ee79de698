"""The chain rule over a recorded graph: the walk back, and backward and grad on top of it."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from heapq import heappop, heappush
from typing import Any, TypeVar

import numpy as np

from tinygrad_mnist.engine import ops
from tinygrad_mnist.engine.errors import GraphError, describe, misshapen, no_graph, not_floating
from tinygrad_mnist.engine.node import OPS, Node, last_change, plain

N = TypeVar("N", bound=Node)

_add_up = OPS[ops.sum.__name__].forward
"""sum as it is now, so that an operation of the user's called sum changes no gradient."""


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
    return sorted(found, key=lambda node: node.born)


def unbroadcast(cotangent: Any, shape: tuple[int, ...], *origin: Node) -> Any:
    """The cotangent of a value before it was broadcast: summed over the axes along which it was repeated.

    origin: the value, and the node that used it. Raises ValueError where broadcasting can't have led from the
    shape to the cotangent's: the rule is wrong.
    """
    new = cotangent.ndim - len(shape)
    total = _add_up(cotangent, axis=0 if new == 1 else tuple(range(new))) if new > 0 else cotangent
    if total.shape != shape:
        repeated = tuple(i for i, n in enumerate(shape[: total.ndim]) if n == 1)
        total = _add_up(total, axis=repeated, keepdims=True)
    if total.shape != shape:
        raise ValueError(misshapen(cotangent, shape, *origin))
    return total


def convert(share: Any, x: Node, user: Node) -> Any:
    """The share of an input, in the input's dtype. Raises TypeError unless both are floating point."""
    if share.dtype.kind != "f" or x.dtype.kind != "f":
        raise TypeError(not_floating(x, user))
    return share.astype(x.dtype)


def propagate(output: N, cotangent: Any, targets: Collection[Node] = ()) -> dict[N, Any]:
    """Walk from the output to the leaves, or to the targets alone: the cotangent ∂L/∂node of each.

    Given an array, the rules run on arrays; given a tensor, on tensors, and are recorded. Of the nodes with a
    cotangent the last born goes next: its users were born later, so all its shares have been added up by then. After
    its turn its cotangent is dropped, unless it is a target.
    """
    needed = set(targets)  # and, where there are targets, what lies between them and the output
    for node in toposort(output) if targets else ():
        if any(isinstance(x, Node) and x in needed for x in node.inputs):
            needed.add(node)
    cotangents: dict[Any, Any] = {output: cotangent}
    waiting: list[Any] = [(-output.born, output)] if output.op else []
    while waiting:
        node = heappop(waiting)[1]
        if last_change[0] > node.born:
            node.check_unchanged()
        g = cotangents[node] if node in targets else cotangents.pop(node)
        inputs, out, values, params = node.inputs, node._array, node.values, node.params
        if isinstance(g, Node):
            out, values = node, [x if isinstance(x, Node) else v for x, v in zip(inputs, values, strict=True)]
        for x, vjp in zip(inputs, node.op.vjps or map(node.op.each, range(len(inputs)))):
            if isinstance(x, Node) and x.requires_grad and vjp and (not targets or x in needed):
                share, array = vjp(g, out, *values, **params), x._array
                if share.shape != array.shape:
                    share = unbroadcast(share, array.shape, x, node)
                if share.dtype is not array.dtype:
                    share = convert(share, x, node)
                if x in cotangents:
                    cotangents[x] = cotangents[x] + share
                else:
                    cotangents[x] = share
                    if x.op:
                        heappush(waiting, (-x.born, x))
    return cotangents


def seed(output: Node, gradient: Any, create_graph: bool) -> Any:
    """The cotangent that a walk starts with: ones for a scalar, else what the caller gives."""
    if not output.requires_grad:
        raise GraphError(no_graph(output))
    if gradient is None:
        if output._array.size != 1:
            raise GraphError(f"{describe(output)} is not a scalar: take .sum() or .mean(), or pass gradient=")
        gradient = np.array(1, output._array.dtype, ndmin=output._array.ndim)
    elif not (create_graph and isinstance(gradient, Node)):
        gradient = np.array(plain(gradient), output.dtype)
    if gradient.shape != output.shape:
        raise ValueError(f"gradient has shape {gradient.shape}, but {describe(output)} needs one of its own shape")
    return output.wrap(gradient) if create_graph else gradient


def backward(output: N, gradient: Any = None, create_graph: bool = False) -> None:
    """Add ∂output/∂leaf to the `.grad` of every leaf that requires gradients.

    gradient: the cotangent of the output, of its shape; one, for a scalar. create_graph: record the
    backward pass too, so that the gradients can be differentiated again.
    """
    given = set()
    for leaf, total in propagate(output, seed(output, gradient, create_graph)).items():
        if leaf.grad is not None:
            total = total + (leaf.grad if create_graph else leaf.grad._array)
        array = total._array if create_graph else total
        if array.base is not None or id(array) in given:  # a rule may give a view, or one array to two inputs
            total = total * 1
        given.add(id(array))
        leaf.grad = leaf.wrap(total)


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
    return tuple(x.wrap(found[x] if x in found else np.zeros_like(x._array)) for x in inputs)
