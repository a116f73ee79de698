"""Derivatives of functions: vjp, jvp, jacobian, hessian and hvp, each a walk or two over a recorded graph.

A function takes one or more tensors and returns one. `inputs` is one tensor or array, or a tuple of them,
and the results come in the same form. The functions and the order of their arguments follow torch.autograd.functional.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextvars import ContextVar
from typing import Any

import numpy as np

from tinygrad_mnist.devices import as_array
from tinygrad_mnist.engine.autodiff import grad
from tinygrad_mnist.engine.errors import GraphError
from tinygrad_mnist.engine.node import is_recording, plain
from tinygrad_mnist.engine.tensor import Tensor

Function = Callable[..., Tensor]

_differentiating: ContextVar[bool] = ContextVar("differentiating", default=False)
is_differentiating = _differentiating.get
"""Whether a function runs that was handed to a transform: what it computes is on its way to the result."""


def vjp(function: Function, inputs: Any, cotangent: Any = None) -> tuple[Tensor, Any]:
    """The function's value, and cotangent · Jacobian for each input (the cotangent is 1 for a scalar)."""
    leaves, output = _run(function, inputs)
    return output.detach(), _like(inputs, _grad(output, leaves, cotangent))


def jvp(function: Function, inputs: Any, tangents: Any) -> tuple[Tensor, Tensor]:
    """The function's value, and Jacobian · tangents: the rate at which it changes as the inputs move so.

    The vjp is linear in its cotangent u, so its own vjp with respect to u is the jvp: the rules suffice.
    """
    leaves, output = _run(function, inputs)
    u = Tensor(np.zeros_like(output.data), requires_grad=True)
    pulled = _grad(output, leaves, u, create_graph=True)
    return output.detach(), _grad(_inner(pulled, tangents), (u,))[0]


def hvp(function: Function, inputs: Any, vectors: Any) -> tuple[Tensor, Any]:
    """The scalar function's value, and Hessian · vectors, without the Hessian."""
    leaves, output = _run(function, inputs)
    slopes = _grad(output, leaves, create_graph=True)
    return output.detach(), _like(inputs, _grad(_inner(slopes, vectors), leaves))


def jacobian(function: Function, inputs: Any) -> Any:
    """∂function/∂input, of shape (*output.shape, *input.shape), one vjp per element of the output."""
    leaves, output = _run(function, inputs)
    return _like(inputs, _jacobians(output, leaves))


def hessian(function: Function, inputs: Any) -> Any:
    """The second derivatives of a scalar function: shape (*input.shape, *input.shape).

    For a tuple of inputs, a tuple of rows of blocks: result[i][j] is ∂²/∂input_i ∂input_j.
    """
    leaves, output = _run(function, inputs)
    slopes = _grad(output, leaves, create_graph=True)
    return _like(inputs, [_like(inputs, _jacobians(slope, leaves)) for slope in slopes])


def _jacobians(output: Tensor, leaves: tuple[Tensor, ...]) -> list[Tensor]:
    columns = [np.empty((output.size, *leaf.shape), leaf.dtype, like=leaf.data) for leaf in leaves]
    for i, one in enumerate(np.eye(output.size, dtype=output.dtype)):
        for column, slope in zip(columns, _grad(output, leaves, one.reshape(output.shape)), strict=True):
            column[i] = slope.data
    return [Tensor(c.reshape(output.shape + leaf.shape)) for c, leaf in zip(columns, leaves, strict=True)]


def _grad(output: Tensor, leaves: tuple[Tensor, ...], gradient: Any = None, create_graph: bool = False) -> Any:
    """`grad`, where a function that does not depend on its inputs has derivative zero."""
    if output.requires_grad:
        return grad(output, leaves, gradient, create_graph)
    return tuple(Tensor(np.zeros_like(leaf.data)) for leaf in leaves)


def _inner(slopes: tuple[Tensor, ...], vectors: Any) -> Tensor:
    total = Tensor(np.zeros_like(slopes[0].data, shape=()))
    for slope, vector in zip(slopes, map(plain, _tuple(vectors)), strict=True):
        if np.shape(vector) != slope.shape:
            raise ValueError(f"a vector of shape {np.shape(vector)} does not fit an input of shape {slope.shape}")
        total = total + slope.vdot(as_array(vector, like=slope.data))
    return total


def _run(function: Function, inputs: Any) -> tuple[tuple[Tensor, ...], Tensor]:
    if not is_recording():
        raise GraphError("a derivative is a walk over a graph, and no_grad() records none: ask for it outside")
    leaves = tuple(Tensor(x, requires_grad=True, name=getattr(x, "name", None)) for x in _tuple(inputs))
    token = _differentiating.set(True)
    try:
        return leaves, function(*leaves)
    finally:
        _differentiating.reset(token)


def _tuple(inputs: Any) -> tuple[Any, ...]:
    return inputs if isinstance(inputs, tuple) else (inputs,)


def _like(inputs: Any, results: Iterable[Any]) -> Any:
    return tuple(results) if isinstance(inputs, tuple) else next(iter(results))
