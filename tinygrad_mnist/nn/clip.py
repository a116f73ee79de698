"""Limits: on the size of gradients, and on the norm of each unit's weights."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from tinygrad_mnist.arguments import Range
from tinygrad_mnist.engine import Tensor

LIMIT = Range("a number from 0 on")
"""Infinity is one: what is measured, and not clipped."""


def clip_grad_norm_(
    parameters: Iterable[Tensor] | Tensor, max_norm: float, norm_type: float = 2.0, error_if_nonfinite: bool = False
) -> float:
    """Scale all gradients together so that their norm, taken as of one vector, is at most max_norm; returns it.

    Pascanu et al. 2013, algorithm 1. As in PyTorch the factor is max_norm / (norm + 1e-6), where that is less
    than 1. Raises RuntimeError, if asked to, where the norm is no finite number.
    """
    LIMIT.check(max_norm=max_norm)
    grads = _gradients(parameters)
    if not grads:
        return 0.0
    norms = np.stack([np.linalg.norm(g.data.ravel(), norm_type) for g in grads]).astype(np.float64)
    norm: Any = np.linalg.norm(norms, norm_type)
    if error_if_nonfinite and not np.isfinite(norm):
        raise RuntimeError(f"the gradients' norm is {norm}: they can't be clipped")
    factor = np.minimum(1, max_norm / (norm + 1e-6))
    for g in grads:
        g.data *= factor.astype(g.dtype)
    found: float = norm
    return found


def clip_grad_value_(parameters: Iterable[Tensor] | Tensor, clip_value: float) -> None:
    """Bring every element of the gradients into [-clip_value, clip_value]."""
    LIMIT.check(clip_value=clip_value)
    for g in _gradients(parameters):
        g.data = np.clip(g.data, -clip_value, clip_value)


def max_norm_(parameters: Iterable[Tensor] | Tensor, max_norm: float) -> None:
    """Shorten the incoming weights of every unit whose norm is above max_norm to that norm; leave biases alone.

    To be called after each step (Srivastava et al. 2014, section 5.1). A weight has the shape (out, in, …).
    """
    LIMIT.check(max_norm=max_norm)
    for p in _each(parameters):
        if p.ndim >= 2:
            rows = p.data.reshape(len(p.data), -1)
            norms = np.sqrt(np.einsum("ij,ij->i", rows, rows))
            shares = (max_norm / np.maximum(norms, max_norm)).astype(p.dtype)  # of those that are short it is 1
            p.data *= shares.reshape(-1, *[1] * (p.ndim - 1))


def _each(parameters: Iterable[Tensor] | Tensor) -> list[Tensor]:
    if not isinstance(parameters, Iterable):
        raise TypeError(f"this takes tensors, not {type(parameters).__name__}: pass model.parameters()")
    return [parameters] if isinstance(parameters, Tensor) else list(parameters)


def _gradients(parameters: Iterable[Tensor] | Tensor) -> list[Tensor]:
    return [p.grad for p in _each(parameters) if p.grad is not None]
