"""Derivatives of functions: vjp, jvp, jacobian, hessian and hvp, each a walk or two over a recorded graph.

A function takes one or more tensors and returns one. `inputs` is one tensor or array, or a tuple of them,
and the results come in the same form. Names and order of arguments follow torch.autograd.functional.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_mnist.engine import ops
from tinygrad_mnist.engine.autodiff import grad
from tinygrad_mnist.engine.errors import GraphError
from tinygrad_mnist.engine.node import _recording, plain
from tinygrad_mnist.engine.tensor import Tensor

Function = Callable[..., Tensor]


def vjp(function: Function, inputs: Any, cotangent: Any = None) -> tuple[Tensor, Any]:
    """The function's value, and cotangent · Jacobian for each input (the cotangent is 1 for a scalar)."""
    leaves = _leaves(inputs)
    output = function(*leaves)
    return output.detach(), _like(inputs, _grad(output, leaves, cotangent))


def jvp(function: Function, inputs: Any, tangents: Any) -> tuple[Tensor, Tensor]:
    """The function's value, and Jacobian · tangents: the rate at which it changes as the inputs move so.

    The vjp is linear in its cotangent u, so its own vjp with respect to u is the jvp: the rules suffice.
    """
    leaves = _leaves(inputs)
    output = function(*leaves)
    u = Tensor(np.zeros_like(output.data), requires_grad=True)
    pulled = _grad(output, leaves, u, create_graph=True)
    (tangent,) = _grad(_inner(pulled, _tuple(tangents)), (u,))
    return output.detach(), tangent


def hvp(function: Function, inputs: Any, vectors: Any) -> tuple[Tensor, Any]:
    """The scalar function's value, and Hessian · vectors, without the Hessian."""
    leaves = _leaves(inputs)
    output = function(*leaves)
    slopes = _grad(output, leaves, create_graph=True)
    return output.detach(), _like(inputs, _grad(_inner(slopes, _tuple(vectors)), leaves))


def jacobian(function: Function, inputs: Any) -> Any:
    """∂function/∂input, of shape (*output.shape, *input.shape), one vjp per element of the output."""
    leaves = _leaves(inputs)
    output = function(*leaves)
    return _like(inputs, _jacobians(output, leaves))


def hessian(function: Function, inputs: Any) -> Any:
    """The second derivatives of a scalar function: shape (*input.shape, *input.shape).

    For a tuple of inputs, a tuple of rows of blocks: result[i][j] is ∂²/∂input_i ∂input_j.
    """
    leaves = _leaves(inputs)
    slopes = _grad(function(*leaves), leaves, create_graph=True)
    rows = [_like(inputs, _jacobians(slope, leaves)) for slope in slopes]
    return _like(inputs, rows)


def _jacobians(output: Tensor, leaves: tuple[Tensor, ...]) -> list[Tensor]:
    basis = np.eye(output.size, dtype=output.dtype).reshape(output.size, *output.shape)
    rows = [_grad(output, leaves, one) for one in basis]
    columns = zip(*rows, strict=True) if rows else ([] for _ in leaves)
    return [
        Tensor(np.reshape([g.data for g in column], (*output.shape, *leaf.shape)).astype(leaf.dtype))
        for column, leaf in zip(columns, leaves, strict=True)
    ]


def _grad(output: Tensor, leaves: tuple[Tensor, ...], gradient: Any = None, create_graph: bool = False) -> Any:
    """`grad`, where a function that does not depend on its inputs has derivative zero."""
    if output.requires_grad:
        return grad(output, leaves, gradient, create_graph)
    return tuple(Tensor(np.zeros_like(leaf.data)) for leaf in leaves)


def _inner(xs: tuple[Tensor, ...], ys: tuple[Any, ...]) -> Tensor:
    for x, y in zip(xs, ys, strict=True):
        if np.shape(plain(y)) != x.shape:
            raise ValueError(f"a vector of shape {np.shape(plain(y))} does not fit an input of shape {x.shape}")
    products = [ops.sum(x * plain(y)) for x, y in zip(xs, ys, strict=True)]
    return ops.sum(ops.stack(products))


def _tuple(inputs: Any) -> tuple[Any, ...]:
    return inputs if isinstance(inputs, tuple) else (inputs,)


def _leaves(inputs: Any) -> tuple[Tensor, ...]:
    if not _recording.get():
        raise GraphError("a derivative is a walk over a graph, and no_grad() records none: ask for it outside")
    return tuple(
        Tensor(x, requires_grad=True, name=getattr(x, "name", None)) for x in _tuple(inputs)
    )


def _like(inputs: Any, results: Any) -> Any:
    return tuple(results) if isinstance(inputs, tuple) else next(iter(results))
