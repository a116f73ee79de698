"""Losses written by hand: elements at each class, guards inside logarithms, factors that divide."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_mnist.engine import Node
from tinygrad_mnist.engine.node import plain
from tinygrad_mnist.graph.symbolic.idioms.labels import LABELS, logarithm
from tinygrad_mnist.graph.symbolic.idioms.operands import as_number, learns, make, mirrored
from tinygrad_mnist.graph.symbolic.idioms.rewriting import Pass, idiom

GUARD = 1e-3
"""Up to what size a number that is added inside a logarithm is there to guard it."""


@idiom("mul", example=lambda z: (1 / 3) * z, name="div")
def factor_that_divides(program: Pass, node: Node, x: Any, y: Any) -> Node | None:
    """(1/m) · x is x / m, where m is how many there are of something."""
    for c, other in mirrored(x, y):
        number = as_number(c)
        divisor = round(1 / abs(number)) if number and abs(number) < 0.5 else 0
        if divisor in program.lengths and abs(divisor * abs(number or 0) - 1) < 1e-12:
            quotient = make("div", other, divisor)
            return quotient if number and number > 0 else make("neg", quotient)
    return None


@idiom("matmul", example=lambda z: np.dot([[1.0, 0, 0, 1]], np.log(np.exp(z[:1])).T), name="sum")
def product_with_labels(program: Pass, node: Node, x: Any, y: Any) -> Node | None:
    """y log(a)ᵀ of one row each: Σ y ⊙ log(a)."""
    data, other = (x, y) if not learns(x) else (y, x)
    if node.data.size != 1 or learns(data) or logarithm(other) is None:
        return None
    if program.made_by(other, "transpose"):
        (other,) = other.inputs
    elif node.data.ndim:
        data = make("sub", 1, _turned(data.inputs[1])) if program.made_by(data, "sub") else _turned(data)
    return make("sum", make("mul", data, other), axis=None, keepdims=bool(node.data.ndim))


def _turned(leaf: Any) -> Node:
    """Data the other way round, under the name that they have."""
    turned = Node(plain(leaf).T)
    turned.name = getattr(leaf, "name", None)
    return turned


@idiom("log", example=lambda z: np.log(np.exp(z)[[0, 1], :2]), name="getitem")
def log_of_elements(program: Pass, node: Node, x: Any) -> Node | None:
    """The logarithms of some probabilities are some of all logarithms."""
    if not program.made_by(x, "getitem") or not program.made_by(x.inputs[0], "exp", "sigmoid", "clip", "add"):
        return None
    return make("getitem", make("log", _unguarded(program, x.inputs[0])), **x.params)


@idiom("log", example=lambda z: np.log(np.sum(np.exp(z) * np.eye(4)[:3], axis=1)), name="sum")
def log_of_the_labelled(program: Pass, node: Node, x: Any) -> Node | None:
    """log Σ (p ⊙ y), where each y is 1 once and 0 elsewhere, is Σ (log(p) ⊙ y)."""
    if not (program.made_by(x, "sum") and program.made_by(x.inputs[0], "mul")):
        return None
    for y, p in mirrored(*x.inputs[0].inputs):
        once = np.shape(plain(y)) == np.shape(plain(p)) and not learns(y) and np.isin(plain(y), (0, 1)).all()
        if once and np.all(np.sum(plain(y), axis=x.params["axis"]) == 1) and program.made_by(p, "exp", "clip", "add"):
            return make("sum", make("mul", y, make("log", _unguarded(program, p))), **x.params)
    return None


@idiom("add", "clip", example=lambda z: np.exp(z)[np.arange(3), [0, 1, 1]] + 1e-8, name="getitem")
def guard_of_elements(program: Pass, node: Node, x: Any, y: Any = None) -> Node | None:
    """Some elements of p with a guard are those of all of p with the guard."""
    for elements, other in mirrored(x, y):
        if program.made_by(elements, "getitem") and program.made_by(elements.inputs[0], "exp", "sigmoid"):
            if str(node.op) == "clip":
                return make("getitem", make("clip", elements.inputs[0], **node.params), **elements.params)
            if 0 < (as_number(other) or 0) <= GUARD:
                return make("getitem", make("add", elements.inputs[0], other), **elements.params)
    return None


@idiom("log", example=lambda z: np.log((np.exp(z) / np.sum(np.exp(z), axis=1, keepdims=True)) + 1e-12), name="log")
def guarded_log(program: Pass, node: Node, x: Any) -> Node | None:
    """log(p + 1e-8) and log(clip(p)): the same, but for a guard that may be left out to see what it changes."""
    inner = _unguarded(program, x)
    return None if inner is x else make("log", inner)


def _unguarded(program: Pass, x: Any) -> Any:
    """p, where x is p + 1e-8 or p clipped, and guards are to be left out; x itself otherwise. The guard is noted."""
    number, inner = None, None
    if program.made_by(x, "add"):
        small = ((as_number(a) or 0, b) for a, b in mirrored(*x.inputs))
        number, inner = next(((a, b) for a, b in small if 0 < a <= GUARD), (None, None))
    elif program.made_by(x, "clip") and 0 < float(x.params["min"] or 0) <= GUARD:
        number, inner = float(x.params["min"]), x.inputs[0]
    if number is None:
        return x
    program.guards.append(number)
    return x if program.guarded else inner


@idiom("getitem", example=lambda z: np.log(np.exp(z))[np.arange(3), [0, 1, 1]], name="sum")
def picked(program: Pass, node: Node, x: Any) -> Node | None:
    """Each example's logarithm at its class: Σ over the classes of all of them times labels, 1 for the class."""
    index = node.params["index"]
    places = [np.asarray(plain(i)) for i in (index if isinstance(index, tuple) else (index,))]
    whole = all(place.dtype.kind in "iu" for place in places) and len(places) == x.data.ndim <= 2
    if not whole or not program.made_by(x, "log", "log_softmax"):
        return None
    examples = [i for i, p in enumerate(places) if np.array_equal(p, np.arange(x.shape[i]))]
    if x.data.ndim == 2 and (len(examples) != 1 or node.data.ndim != 1):
        return None
    labels = np.zeros(x.shape, x.dtype)
    labels[tuple(places)] = 1
    leaf = Node(labels)
    leaf.name = None if any(n.name == LABELS for n in program.recording.nodes) else LABELS
    axis = 1 - examples[0] if x.data.ndim == 2 else None
    return make("sum", make("mul", leaf, x), axis=axis, keepdims=False)


IDIOMS = [
    factor_that_divides,
    product_with_labels,
    log_of_elements,
    log_of_the_labelled,
    guard_of_elements,
    guarded_log,
]
