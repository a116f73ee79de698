"""The textbook's network in a step of training: which arrays are W(l), b(l), z(l), a(l), ŷ and Y.

Everything is told by what it was computed from, and written in columns (features × examples) for the textbook.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_mnist.grading.watching.graph import (
    LINEAR,
    SUMS,
    Node,
    depending,
    in_order,
    made_of,
    seen_through,
    used_by,
)
from tinygrad_mnist.grading.watching.labels import is_label, label_behind, target_of
from tinygrad_mnist.grading.watching.lineages import Lineage
from tinygrad_mnist.grading.watching.training import Step
from tinygrad_mnist.manual.activations import Array
from tinygrad_mnist.manual.columns import CLASSES_AXIS
from tinygrad_mnist.manual.heads import HEADS, Head
from tinygrad_mnist.manual.notation import COLUMNS, ROWS, ROWS_IN_OUT, Notation

Key = tuple[str, int]
"""A gradient: "dW" or "db", and its layer."""

NOTATIONS = {(0, False): COLUMNS, (1, False): ROWS_IN_OUT, (1, True): ROWS}
"""How weights are written, by their place in a product and whether they are transposed; W.T @ a is none of these."""


@dataclass(frozen=True)
class Linear:
    """z(l) = W(l) a(l-1) + b(l) where it was computed: its parameters, what entered, and in which notation."""

    weight: Lineage | Node
    bias: Lineage | Node | None
    product: Node
    entering: Node
    z: Node
    notation: Notation


@dataclass(frozen=True)
class Pass:
    """One forward pass: its layers in order, the output ŷ, and the labels that it was compared with, if any."""

    layers: tuple[Linear, ...]
    output: Node
    labels: Node | None

    @property
    def parameters(self) -> dict[Key, Lineage | Node | None]:
        """What each gradient is of."""
        found: dict[Key, Lineage | Node | None] = {}
        for l, linear in enumerate(self.layers, 1):
            found |= {("dW", l): linear.weight, ("db", l): linear.bias}
        return found


def in_columns(value: Any, notation: Notation) -> Array:
    """Activations or errors as features × examples; a vector is one example, and a number its only feature."""
    array = np.asarray(value, float)
    if array.ndim <= 1:
        return array.reshape(-1, 1)
    return array if notation is COLUMNS else array.T


def passes(step: Step) -> list[Pass]:
    """The forward passes of a step, in the order of the program; none where layers are not products with weights.

    Nor where they are not alike, as the times of a recurrent network are not: of a hundred, to look for the output of
    each would take long. What is computed once more on the way back is no other pass.
    """
    users = used_by(step.nodes)
    every = sorted(_linears(step, users), key=lambda linear: linear.product.index, reverse=True)
    once = {(linear.weight, seen_through(linear.entering)): linear for linear in every}
    found = sorted(once.values(), key=lambda linear: linear.product.index)
    by_first: dict[Node, list[Linear]] = {}
    first_of: dict[Node, Node] = {}
    for linear in found:
        below = in_order(made_of([linear.entering], first_of) & first_of.keys())
        first = first_of[below[-1]] if below else linear.product
        first_of |= {linear.product: first, linear.z: first}
        by_first.setdefault(first, []).append(linear)
    are_alike = len({tuple((n.weight, n.bias) for n in layers) for layers in by_first.values()}) == 1
    return [_pass(layers, step, users) for layers in by_first.values()] if are_alike else []


def textbook_names(step: Step) -> dict[Lineage, str]:
    """What the textbook calls each gradient, where a step is one pass through layers that hold all that is learned."""
    found = passes(step)
    layers = found[0].parameters if len(found) == 1 else {}
    names = {p: f"{quantity}{l}" for (quantity, l), p in layers.items() if isinstance(p, Lineage)}
    return names if len(names) == len([p for p in layers.values() if p]) and names.keys() == step.before.keys() else {}


def _linears(step: Step, users: dict[Node, list[Node]]) -> Iterator[Linear]:
    by_node = {node: lineage for lineage, node in step.before.items()}
    for node in step.forward:
        if node.op not in LINEAR or len(node.operands) != 2:
            continue
        sides = list(enumerate(map(seen_through, node.operands)))
        learned = [(place, w) for place, w in sides if w in by_node]
        known = learned or [(place, w) for place, w in sides if _never_updated(w, step, node, place)]
        if len(known) != 1:
            continue
        place, weight = known[0]
        notation = NOTATIONS.get((place, turned(node.operands[place])))
        if np.ndim(weight.value) != 2 or notation is None:
            continue
        units = (node.shape or (1,))[0 if notation is COLUMNS else -1]
        bias, z = _bias(node, units, step, users, by_node)
        yield Linear(by_node.get(weight, weight), bias, node, node.operands[1 - place], z, notation)


def _never_updated(node: Node, step: Step, product: Node, place: int) -> bool:
    """Whether it looks like weights that no update reaches: it depends on no data, beside what is learned."""
    if node in step.by_parameters or product.operands[1 - place] not in step.by_parameters:
        return False
    return np.ndim(node.value) == 2 and not any(n.op == "leaf" and np.ndim(n.value) for n in made_of(node.operands))


def turned(node: Node) -> bool:
    """Whether an odd number of transposes lies between a parameter and its use."""
    odd = False
    while node.operands and (node.op in ("T", "transpose") or seen_through(node) is not node):
        odd ^= node.op in ("T", "transpose", "swapaxes")
        node = node.operands[0]
    return odd


def _bias(
    product: Node, units: int, step: Step, users: dict[Node, list[Node]], by_node: dict[Node, Lineage]
) -> tuple[Lineage | Node | None, Node]:
    """The bias that is added to a product, a number for each unit, and the sum."""
    for user in users[product]:
        if user.op not in SUMS or user in step.by_labels or user.shape != product.shape:
            continue
        for other in user.operands:
            base = seen_through(other)
            if other is not product and base in by_node and np.size(base.value) in (units, 1):
                return by_node[base], user
            if other is not product and base not in step.by_parameters and np.size(base.value) == units:
                return base, user
    return None, product


def _pass(layers: Sequence[Linear], step: Step, users: dict[Node, list[Node]]) -> Pass:
    last = layers[-1].z
    candidates = in_order(depending(step.forward, lambda n: n is last))
    for node in candidates:
        if np.size(node.value) != np.size(last.value) or _is_on_its_way(node):
            continue
        for user in users[node]:
            met = [o for o in user.operands if o in step.by_labels and o not in step.by_parameters]
            if met:
                return Pass(tuple(layers), node, label_behind(met[-1]) or met[-1])
    same = [n for n in candidates if n.shape == last.shape]
    output = next((n for n in same if _is_output(n, layers[-1])), same[-1])
    return Pass(tuple(layers), output, _labels_of(output, step))


def _is_on_its_way(node: Node) -> bool:
    """Whether it is a part of an output: a logarithm, or exponentials that no row or column of adds up to 1."""
    value = np.asarray(node.value)
    adds_up = any(np.allclose(value.sum(axis=axis), 1) for axis in range(value.ndim))
    return node.op == "log" or (node.op == "exp" and not adds_up)


def _is_output(node: Node, last: Linear) -> bool:
    """Whether it is what an output gives for the last z, as softmax does."""
    heads = heads_between(in_columns(last.z.value, last.notation), in_columns(node.value, last.notation))
    return any(head.output.name != "linear" for head in heads)


def heads_between(z: Array, y_hat: Array) -> list[Head]:
    """The heads that lead from z(L) to ŷ, in columns."""
    with np.errstate(all="ignore"):
        return [h for h in HEADS.values() if np.allclose(h.f(z, CLASSES_AXIS), y_hat, rtol=1e-4, atol=1e-6)]


def _labels_of(output: Node, step: Step) -> Node | None:
    """The labels that an output should have been compared with: the last of as many examples.

    None where outputs are compared with other targets, as in a regression.
    """
    if not any(map(is_label, step.by_labels)) and any(target_of(n, step.by_parameters) for n in step.nodes):
        return None
    shape = np.shape(output.value)
    sizes = {np.size(output.value), *shape} if min(shape, default=1) > 1 else {np.size(output.value)}
    fitting = [n for n in step.labels if np.size(n.value) in sizes and "arange" not in n.op]
    return max(fitting, key=lambda n: n.index, default=None)
