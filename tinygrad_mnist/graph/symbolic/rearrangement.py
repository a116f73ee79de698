"""Rewrites of what works on whole arrays: sums over axes, broadcasts, and elements in another shape or order."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_mnist.engine.ops import _axes as normalised
from tinygrad_mnist.graph.symbolic.expressions import Expressions, Fact, Scaled, rewrite
from tinygrad_mnist.graph.symbolic.positions import order
from tinygrad_mnist.graph.symbolic.traced import OUTER, Traced

# sums over axes


def _axes(node: Traced) -> tuple[int, ...]:
    """The axes that a sum is over."""
    return normalised(node.params["axis"], node.inputs[0].ndim)


@rewrite("vdot", example=lambda x, y: x.vdot(y), result="Σ (x ⊙ y)")
def inner_product_is_a_sum(e: Expressions, node: Traced, x: Traced, y: Traced) -> Traced:
    """⟨x, y⟩ is Σ x · y."""
    return e.of("sum", e.of("mul", x, y), axis=None, keepdims=False)


@rewrite("sum", example=lambda: Traced(np.ones((3, 4))).sum(), result="12")
def sum_of_ones(e: Expressions, node: Traced, x: Traced) -> Traced | None:
    """Σ 1 is how many there are."""
    return e.full(node.shape, math.prod(x.shape[a] for a in _axes(node))) if e.is_ones(x) else None


@rewrite("sum", example=lambda v: v.reshape(4, 1).sum(axis=1), result="v")
def sum_of_single_elements(e: Expressions, node: Traced, x: Traced) -> Traced | None:
    """Σ over axes of length one only drops them."""
    single = all(x.shape[a] == 1 for a in _axes(node)) and x.dtype.kind == "f"
    return e.of("reshape", x, shape=node.shape) if single else None


@rewrite("sum", example=lambda v: v.broadcast_to((3, 4)).sum(axis=0), result="3 · v")
def sum_of_what_was_repeated(e: Expressions, node: Traced, x: Traced) -> Traced | None:
    """Σ over axes along which a value was merely repeated is so many times the value."""
    inner = x.inputs[0] if e.made_by(x, "broadcast_to") else x
    new, axes = x.ndim - inner.ndim, _axes(node)
    repeated = all(a < new or inner.shape[a - new] == 1 for a in axes)
    if inner is x or not repeated or inner.size != math.prod(node.shape):
        return None
    once = e.of("reshape", inner, shape=node.shape)
    return e.scale(once, Scaled(math.prod(x.shape[a] for a in axes), 1, once))


@rewrite("sum", example=lambda x: x.sum(axis=0).sum(), result="Σ x")
def sum_of_sums(e: Expressions, node: Traced, x: Traced) -> Traced | None:
    """Σ Σ x is Σ x over everything."""
    whole = e.made_by(x, "sum") and not node.params["keepdims"] and len(_axes(node)) == x.ndim
    return e.again(node, x.inputs[0], axis=None) if whole else None


@rewrite("sum", example=lambda labels: labels.sum(axis=-1), result="ones(3)")
def sum_of_probabilities(e: Expressions, node: Traced, x: Traced) -> Traced | None:
    """Σ over the rows (or columns) of labels, or over those of one example, is 1: seen in the data, not assumed."""
    axes = _axes(node)
    if x not in e.data or len(axes) != 1 or not x.size or x.shape[axes[0]] < 2:
        return None
    if np.any(x.numpy() < 0) or not np.allclose(node.numpy(), 1, rtol=0, atol=1e-12):
        return None
    e.facts.append(Fact(x, axes[0]))
    return e.full(node.shape)


@rewrite("sum", example=lambda x: x.sum(axis=(0, 1)), result="Σ x")
def sum_in_few_words(e: Expressions, node: Traced, x: Traced) -> Traced:
    """Σ over all axes names none, and over one axis names that one."""
    axes = _axes(node)
    axis = None if len(axes) == x.ndim else axes[0] if len(axes) == 1 else axes
    return e.build("sum", x, axis=axis, keepdims=node.params["keepdims"] and bool(node.shape))


# another shape


@rewrite("broadcast_to", "reshape", "transpose", example=lambda: Traced(np.ones((3, 4))).T, result="ones(4 × 3)")
def rearranged_ones(e: Expressions, node: Traced, x: Traced) -> Traced | None:
    """Ones in another shape are ones."""
    return e.full(node.shape) if e.is_ones(x) else None


@rewrite("broadcast_to", "reshape", example=lambda x: x.reshape(12).reshape(4, 3), result="reshape(x to 4 × 3)")
def last_of_several_shapes(e: Expressions, node: Traced, x: Traced) -> Traced | None:
    """Of several broadcasts, or reshapes, only the last one counts."""
    return e.again(node, x.inputs[0], shape=node.shape) if e.made_by(x, str(node.op)) else None


@rewrite("broadcast_to", "reshape", example=lambda x: x.reshape(3, 4), result="x")
def the_shape_that_it_has(e: Expressions, node: Traced, x: Traced) -> Traced | None:
    """Brought into the shape that it has already."""
    return x if x.shape == node.shape else None


@rewrite("reshape", example=lambda x: x.sum(axis=1).reshape(3, 1), result="Σ_columns x")
def sum_keeps_axes_by_itself(e: Expressions, node: Traced, x: Traced) -> Traced | None:
    """Axes put back, or dropped, after a sum: the sum does that itself."""
    if not e.made_by(x, "sum"):
        return None
    axes, shape, keepdims = _axes(x), x.inputs[0].shape, not x.params["keepdims"]
    kept = tuple(1 if i in axes else n for i, n in enumerate(shape))
    dropped = tuple(n for i, n in enumerate(shape) if i not in axes)
    if node.shape != (kept if keepdims else dropped):
        return None
    return e.build("sum", x.inputs[0], axis=x.params["axis"], keepdims=keepdims and bool(node.shape))


@rewrite("reshape", example=lambda v: (v.sum(keepdims=True) + 2).reshape(()), result="Σ v + 2")
def single_number_needs_no_axes(e: Expressions, node: Traced, x: Traced) -> Traced | None:
    """What is computed from single numbers is computed without axes that hold one number."""
    if node.shape or not e.made_by(x, "add", "sub", "mul", "div"):
        return None
    return e.again(x, *(e.of("reshape", y, shape=()) if isinstance(y, Traced) else y for y in x.inputs))


@rewrite("broadcast_to", example=lambda v: v[0].reshape(1).broadcast_to((4,)), result="broadcast(v[0] to 4)")
def single_number_fills_any_shape(e: Expressions, node: Traced, x: Traced) -> Traced | None:
    """A single number needs no axes to be repeated."""
    small = e.made_by(x, "reshape") and x.size == 1 and x.inputs[0].ndim <= node.ndim
    return e.again(node, x.inputs[0], shape=node.shape) if small else None


@rewrite("broadcast_to", "reshape", example=lambda x: x.reshape(4, -1), result="reshape(x to 4 × 3)")
def shape_in_full(e: Expressions, node: Traced, x: Traced) -> Traced:
    """A shape says how long each axis is."""
    return e.build(str(node.op), x, shape=node.shape)


# another order


def _order(node: Traced) -> tuple[int, ...]:
    """The axes of what is transposed, in their new order."""
    return order(str(node.op), node.params, node.ndim)


@rewrite("swapaxes", example=lambda x: x.mT, result="xᵀ")
def swap_is_a_transpose(e: Expressions, node: Traced, x: Traced) -> Traced | None:
    """Two axes exchanged are a transpose, said so where there are only two, or it undoes another one."""
    axes = _order(node)
    trivial = x.ndim < 3 or e.made_by(x, "transpose", "swapaxes") or axes == tuple(range(x.ndim))
    return e.of("transpose", x, axes=axes) if trivial else None


@rewrite("transpose", example=lambda x: x.T.T, result="x")
def transpose_of_a_transpose(e: Expressions, node: Traced, x: Traced) -> Traced | None:
    """Two orders one after the other are one."""
    if not e.made_by(x, "transpose"):
        return None
    inner = _order(x)
    return e.again(node, x.inputs[0], axes=tuple(inner[a] for a in _order(node)))


@rewrite("transpose", example=lambda v: v.T, result="v")
def the_order_that_it_has(e: Expressions, node: Traced, x: Traced) -> Traced | None:
    """Brought into the order that it has already."""
    return x if _order(node) == tuple(range(node.ndim)) else None


@rewrite("transpose", example=lambda v: (v.reshape(4, 1) * (v * v)).T, result="v^2 vᵀ")
def transpose_of_an_outer_product(e: Expressions, node: Traced, x: Traced) -> Traced | None:
    """(x yᵀ)ᵀ is y xᵀ."""
    return e.make(OUTER, x.inputs[::-1], {}, like=node) if e.made_by(x, "outer") else None


@rewrite("transpose", example=lambda x, y: (x.T @ y).T, result="yᵀ x")
def transpose_of_a_product(e: Expressions, node: Traced, x: Traced) -> Traced | None:
    """(A B)ᵀ is Bᵀ Aᵀ."""
    if e.tidy or not e.made_by(x, "matmul") or any(factor.ndim != 2 for factor in x.inputs):
        return None
    left, right = (e.of("transpose", factor, axes=None) for factor in x.inputs)
    return e.build("matmul", right, left)


@rewrite("transpose", example=lambda x: x.transpose(1, 0), result="xᵀ")
def transpose_in_few_words(e: Expressions, node: Traced, x: Traced) -> Traced:
    """The reverse order names no axes."""
    axes = _order(node)
    return e.build("transpose", x, axes=None if axes == tuple(range(node.ndim))[::-1] else axes)


@rewrite("getitem", example=lambda x, v: (x @ v.reshape(4, 1))[..., 0], result="x v")
def only_column_of_a_product(e: Expressions, node: Traced, x: Traced) -> Traced | None:
    """The only column of a matrix times a column is the matrix times a vector."""
    index: Any = node.params["index"]
    first = isinstance(index, tuple) and len(index) == 2 and index[0] is Ellipsis and type(index[1]) is int
    if not (first and e.made_by(x, "matmul") and x.ndim == 2 and x.shape[1] == 1):
        return None
    matrix, column = x.inputs
    vector = e.of("reshape", column, shape=column.shape[:1])
    return None if e.made_by(vector, "reshape") else e.build("matmul", matrix, vector)
