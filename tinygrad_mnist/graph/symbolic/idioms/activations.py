"""Activations written by hand."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_mnist.engine import Node
from tinygrad_mnist.engine.node import plain
from tinygrad_mnist.graph.symbolic.idioms.operands import as_number, computed, equals, make, mirrored, same
from tinygrad_mnist.graph.symbolic.idioms.rewriting import Pass, idiom


def _negated(x: Any) -> Any:
    """What x is −1 times of, or None."""
    if not isinstance(x, Node) or x.op is None:
        return None
    if x.op.name == "neg":
        return x.inputs[0]
    if x.op.name == "mul":
        return next((b for a, b in mirrored(*x.inputs) if equals(a, -1)), None)
    return x.inputs[1] if x.op.name == "sub" and equals(x.inputs[0], 0) else None


def _one_plus_exp(program: Pass, x: Any) -> Any:
    """u, where x is 1 + exp(u), or None."""
    pairs = mirrored(*x.inputs) if program.made_by(x, "add") else ()
    return next((b.inputs[0] for a, b in pairs if equals(a, 1) and program.made_by(b, "exp")), None)


@idiom("div", "pow", example=lambda z: 1 / (1 + np.exp(-z)), name="sigmoid")
def sigmoid(program: Pass, node: Node, x: Any, y: Any) -> Node | None:
    """1 / (1 + exp(−z)), or exp(z) / (1 + exp(z))."""
    top, below = (x, y) if str(node.op) == "div" else (1, x if equals(y, -1) else None)
    u = _one_plus_exp(program, below)
    if u is None:
        return None
    if program.made_by(top, "exp") and same(top.inputs[0], u):
        return make("sigmoid", u)
    z = _negated(u) if equals(top, 1) else None
    return None if z is None else make("sigmoid", z)


@idiom("log", example=lambda z: np.log(1 + np.exp(z)), name="softplus")
def softplus(program: Pass, node: Node, x: Any) -> Node | None:
    """log(1 + exp(z))."""
    u = _one_plus_exp(program, x)
    return None if u is None else make("softplus", u)


@idiom("div", example=lambda z: (np.exp(z) - np.exp(-z)) / (np.exp(z) + np.exp(-z)), name="tanh")
def tanh(program: Pass, node: Node, x: Any, y: Any) -> Node | None:
    """(exp(z) − exp(−z)) / (exp(z) + exp(−z))."""
    if not (program.made_by(x, "sub") and program.made_by(y, "add") and all(map(same, x.inputs, y.inputs))):
        return None
    left, right = x.inputs
    if not (program.made_by(left, "exp") and program.made_by(right, "exp")):
        return None
    z = left.inputs[0]
    return make("tanh", z) if same(_negated(right.inputs[0]), z) else None


@idiom("maximum", example=lambda z: np.maximum(0, z), name="relu")
def relu(program: Pass, node: Node, x: Any, y: Any) -> Node | None:
    """max(0, z), whose tie np.maximum shares."""
    z = next((b for a, b in mirrored(x, y) if equals(a, 0)), None)
    return make("relu", z) if isinstance(z, Node) else None


@idiom("maximum", example=lambda z: np.maximum(0.01 * z, z), name="leaky_relu")
def leaky_relu(program: Pass, node: Node, x: Any, y: Any) -> Node | None:
    """max(c · z, z) of a small slope c, whose tie np.maximum shares."""
    for scaled, z in mirrored(x, y):
        slope = _multiple(scaled, z)
        if slope is not None and 0 < slope < 1:
            return make("leaky_relu", z, negative_slope=slope)
    return None


def _multiple(x: Any, z: Any) -> float | None:
    """c, where x is c · z."""
    pairs = mirrored(*x.inputs) if isinstance(x, Node) and str(x.op) == "mul" else ()
    return next((as_number(c) for c, other in pairs if other is z), None)


def _is_mask(mask: Any, z: Any) -> bool:
    """Whether an array says where z is positive: a comparison, or its result as numbers."""
    array = np.asarray(plain(mask))
    if not isinstance(z, Node) or computed(mask) or array.shape != z.shape:
        return False
    if array.dtype == np.bool_:
        return np.array_equal(array, z.data > 0) or np.array_equal(array, z.data >= 0)
    return np.array_equal(array, z.data > 0) and bool(np.any(array == 0) and np.any(array == 1))


@idiom("mul", example=lambda z: z * (z > 0), name="relu")
def masked(program: Pass, node: Node, x: Any, y: Any) -> Node | None:
    """z · [z > 0]."""
    z = next((z for z, mask in mirrored(x, y) if _is_mask(mask, z)), None)
    return None if z is None else make("relu", z)


@idiom("where", example=lambda z: np.where(z > 0, z, 0), name="relu")
def chosen(program: Pass, node: Node, mask: Any, x: Any, y: Any) -> Node | None:
    """z where it is positive, and 0 or c · z elsewhere; what is the same either way is no choice."""
    if same(x, y) and isinstance(x, Node):
        return x
    if not _is_mask(mask, x):
        return None
    if equals(y, 0):
        return make("relu", x)
    slope = _multiple(y, x)
    return make("leaky_relu", x, negative_slope=slope) if slope and 0 < slope < 1 else None


IDIOMS = [sigmoid, softplus, tanh, relu, leaky_relu, masked, chosen]
