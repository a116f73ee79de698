"""The chain rule over a recorded graph: backward, grad, and the functions built on them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from operator import attrgetter
from typing import Any, TypeVar

import numpy as np

from tinygrad_mnist.engine.node import Node, last_change, plain
from tinygrad_mnist.errors import GraphError, at, describe, no_graph, not_floating

N = TypeVar("N", bound=Node)


def toposort(output: N) -> list[N]:
    """Every recorded operation that the output depends on, inputs before their users; leaves are left out.

    A node is born after its inputs, so the order of birth is a topological order.
    """
    found = [output] if output.edges else []
    seen = set(found)
    for node in found:
        for x, _ in node.edges:
            if x.edges and x not in seen:
                seen.add(x)
                found.append(x)
    return sorted(found, key=attrgetter("born"))


def unbroadcast(cotangent: Any, shape: tuple[int, ...]) -> Any:
    """The cotangent of a value before it was broadcast: summed over the axes along which it was repeated.

    Raises ValueError where broadcasting can't have led from the shape to the cotangent's: the rule is wrong.
    """
    if cotangent.shape == shape:
        return cotangent
    new = cotangent.ndim - len(shape)
    if new > 0 and cotangent.shape[new:] == shape:
        return cotangent.sum(axis=tuple(range(new)))
    repeated = [i for i in range(cotangent.ndim) if i < new or shape[i - new] == 1]
    total = cotangent.sum(axis=tuple(repeated), keepdims=True)
    if new < 0 or total.shape[new:] != shape:
        raise ValueError(f"a cotangent of shape {cotangent.shape} does not fit a value of shape {shape}")
    return total.reshape(shape)


def pullback(node: N, cotangent: Any, needed: Collection[Node] = ()) -> list[tuple[N, Any]]:
    """Carry ∂L/∂node to its inputs: each input that needs a gradient (and is needed), with its share of it.

    An array is carried by the rules run on arrays; a tensor by the same rules, recorded.
    """
    out, values = (node, node.inputs) if isinstance(cotangent, Node) else (node._array, node.values)
    params, shares = node.params, []
    for x, vjp in [edge for edge in node.edges if edge[0] in needed] if needed else node.edges:
        share = vjp(cotangent, out, *values, **params)
        fits = share.shape == x._array.shape and share.dtype == x._array.dtype
        shares.append((x, share if fits else _fit(share, x, node)))
    return shares


def _fit(share: Any, x: Node, node: Node) -> Any:
    """A rule's result in the shape and dtype of the input it belongs to."""
    if share.dtype.kind != "f" or x.dtype.kind != "f":
        raise TypeError(not_floating(x, node))
    try:
        share = unbroadcast(share, x.shape)
    except ValueError as error:
        raise ValueError(f"the rule of {node.op} for its input {describe(x)}: {error}{at(node.place)}") from None
    return share if share.dtype == x.dtype else share.astype(x.dtype)


def propagate(output: N, cotangent: Any, targets: Collection[Node] = ()) -> dict[N, Any]:
    """Walk from the output to the leaves, or to the targets alone: the cotangent ∂L/∂node of each.

    Users come before their inputs, so when a node's turn comes all its shares have been added up; then its
    cotangent is dropped, unless it is a target.
    """
    order = toposort(output)
    needed = set(targets)
    for node in order if targets else ():
        if any(x in needed for x, _ in node.edges):
            needed.add(node)
    changed = order and last_change[0] > order[0].born
    cotangents = {output: cotangent}
    for node in reversed(order):
        if node in cotangents:
            if changed:
                node.check_unchanged()
            total = cotangents[node] if node in targets else cotangents.pop(node)
            for x, share in pullback(node, total, needed):
                cotangents[x] = cotangents[x] + share if x in cotangents else share
    return cotangents


def _seed(output: Node, gradient: Any, create_graph: bool) -> Any:
    """The cotangent that a walk starts with: ones for a scalar, else what the caller gives."""
    if not output.requires_grad:
        raise GraphError(no_graph(output))
    if gradient is None:
        if output._array.size != 1:
            raise GraphError(
                f"{describe(output)} is not a scalar: take .sum() or .mean(), or pass gradient= of its shape"
            )
        gradient = np.array(1).reshape(output.shape)
    if not (create_graph and isinstance(gradient, Node)):
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
    for leaf, total in propagate(output, _seed(output, gradient, create_graph)).items():
        if leaf.grad is not None:
            total = total + (leaf.grad if create_graph else leaf.grad._array)
        array = plain(total)
        if array.base is not None or id(array) in given:
            total = total * 1
        given.add(id(array))
        leaf.grad = leaf.wrap(total)


def grad(output: N, inputs: Sequence[N], gradient: Any = None, create_graph: bool = False) -> tuple[N, ...]:
    """∂output/∂input for each input, which may be any node of the graph; `.grad` is left alone.

    gradient and create_graph are as in `backward`. The derivative with respect to a tensor that the output
    does not depend on is zero.
    """
    if isinstance(inputs, Node):
        raise TypeError(f"grad takes a list of tensors, even of one: [{inputs.name or 'x'}]")
    for x in inputs:
        if not isinstance(x, Node) or not x.requires_grad:
            raise GraphError(f"{describe(x)} requires no gradient: make it with requires_grad=True")
    found = propagate(output, _seed(output, gradient, create_graph), set(inputs))
    return tuple(x.wrap(found[x] if x in found else np.zeros_like(x._array)) for x in inputs)
