"""The chain rule over a recorded graph: backward, grad, and the functions built on them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from operator import attrgetter
from typing import Any, TypeVar

import numpy as np

from tinygrad_mnist.engine.node import Node, last_change, plain
from tinygrad_mnist.errors import GraphError, at, describe

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
    if cotangent.shape[new:] == shape and new > 0:
        return cotangent.sum(axis=tuple(range(new)))
    repeated = tuple(new + i for i, n in enumerate(shape) if n == 1)
    kept = [n for i, n in enumerate(cotangent.shape) if i >= new and i not in repeated]
    if new < 0 or kept != [n for n in shape if n != 1]:
        raise ValueError(f"a cotangent of shape {cotangent.shape} does not fit a value of shape {shape}")
    return cotangent.sum(axis=(*range(new), *repeated)).reshape(shape)


def pullback(node: N, cotangent: Any, needed: Collection[Node] | None = None) -> list[tuple[N, Any]]:
    """Carry ∂L/∂node to its inputs: each input that needs a gradient, with its share of it.

    An array is carried by the rules run on arrays; a tensor by the same rules, recorded.
    """
    params: Mapping[str, Any] = node.params
    out: Any = node._array
    values: Sequence[Any] = node.values
    if isinstance(cotangent, Node):
        out, values = node, node.inputs
    edges = node.edges if needed is None else [edge for edge in node.edges if edge[0] in needed]
    shares = []
    for x, vjp in edges:
        share = vjp(cotangent, out, *values, **params)
        array = x._array
        if share.shape != array.shape or share.dtype != array.dtype:
            share = _fit(share, x, node)
        shares.append((x, share))
    return shares


def _fit(share: Any, x: Node, node: Node) -> Any:
    """A rule's result in the shape and dtype of the input it belongs to."""
    if share.dtype.kind != "f" or x.dtype.kind != "f":
        raise TypeError(
            f"{node.op}{at(node.place)} leads from {describe(x)} to {node.dtype}, and a gradient travels through "
            f"floating point alone: keep to it, or .detach() what needs no gradient"
        )
    try:
        share = unbroadcast(share, x.shape)
    except ValueError as error:
        raise ValueError(f"the rule of {node.op} for its input {describe(x)}: {error}{at(node.place)}") from None
    return share if share.dtype == x.dtype else share.astype(x.dtype)


def propagate(output: N, cotangent: Any, targets: Collection[Node] | None = None) -> dict[N, Any]:
    """Walk from the output to the leaves, or to the targets alone: the cotangent ∂L/∂node of each.

    Users come before their inputs, so when a node's turn comes all its shares have been added up; then its
    cotangent is dropped, unless it is a target.
    """
    order = toposort(output)
    needed = None if targets is None else _between(order, targets)
    changed = order and last_change[0] > order[0].born
    cotangents = {output: cotangent}
    for node in reversed(order):
        if node not in cotangents:
            continue
        if changed:
            node.check_unchanged()
        total = cotangents[node] if targets and node in targets else cotangents.pop(node)
        for x, share in pullback(node, total, needed):
            if x in cotangents:
                share = cotangents[x] + share
            cotangents[x] = share
    return cotangents


def _between(order: Sequence[Node], targets: Collection[Node]) -> set[Node]:
    needed = set(targets)
    for node in order:
        if any(x in needed for x, _ in node.edges):
            needed.add(node)
    return needed


def _seed(output: Node, gradient: Any, create_graph: bool) -> Any:
    """The cotangent that a walk starts with: ones for a scalar, else what the caller gives."""
    if not output.requires_grad:
        raise GraphError(
            f"no graph leads to {describe(output)}: nothing it was computed from requires gradients, or it was "
            f"computed under no_grad(). Make the parameters with requires_grad=True"
        )
    if gradient is None and output._array.size != 1:
        raise GraphError(f"{describe(output)} is not a scalar: take .sum() or .mean(), or pass gradient= of its shape")
    seed = gradient
    if gradient is None:
        seed = np.array(1, output.dtype).reshape(output.shape)
    elif not (create_graph and isinstance(gradient, Node)):
        seed = np.array(plain(gradient), output.dtype)
    if seed.shape != output.shape:
        raise ValueError(f"gradient has shape {seed.shape}, but {describe(output)} needs one of its own shape")
    return output.wrap(seed) if create_graph and seed is not gradient else seed


def backward(output: N, gradient: Any = None, create_graph: bool = False) -> None:
    """Add ∂output/∂leaf to the `.grad` of every leaf that requires gradients.

    gradient: the cotangent of the output, of its shape; one, for a scalar. create_graph: record the
    backward pass too, so that the gradients can be differentiated again.
    """
    given = set()
    for leaf, total in propagate(output, _seed(output, gradient, create_graph)).items():
        if leaf.grad is not None:
            total = leaf.grad + total if create_graph else leaf.grad._array + total
        array = plain(total)
        if array.base is not None or id(array) in given:
            total = total * 1
        given.add(id(array))
        leaf.grad = total if create_graph else leaf.wrap(total)


def grad(output: N, inputs: Sequence[N], gradient: Any = None, create_graph: bool = False) -> tuple[N, ...]:
    """∂output/∂input for each input, which may be any node of the graph; `.grad` is left alone.

    gradient and create_graph are as in `backward`. The derivative with respect to a tensor that the output
    does not depend on is zero.
    """
    for x in inputs:
        if not isinstance(x, Node) or not x.requires_grad:
            raise GraphError(f"{describe(x)} requires no gradient: make it with requires_grad=True")
    seed = _seed(output, gradient, create_graph)
    wanted = set(inputs)
    found = propagate(output, seed, wanted)
    for x in wanted - found.keys():
        found[x] = x.wrap(np.zeros(x.shape, x.dtype)) if create_graph else np.zeros(x.shape, x.dtype)
    return tuple(found[x] if create_graph else x.wrap(found[x]) for x in inputs)
