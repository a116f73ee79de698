"""Weights that no update changes, though what is learned goes through them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

import numpy as np

from tinygrad_mnist.grading.report import Finding
from tinygrad_mnist.grading.textbook.updating import wrong_updates
from tinygrad_mnist.grading.watching.general import Reading
from tinygrad_mnist.grading.watching.graph import JOINING, LINEAR, Node, in_order, names_of, seen_through
from tinygrad_mnist.grading.watching.labels import is_label
from tinygrad_mnist.grading.watching.multiples import like, multiple
from tinygrad_mnist.grading.watching.names import NAMED_PARAMETER
from tinygrad_mnist.grading.watching.rows import STACKING
from tinygrad_mnist.grading.watching.tape import Tape
from tinygrad_mnist.grading.watching.training import Step
from tinygrad_mnist.grading.watching.unfinished import last_names
from tinygrad_mnist.manual.activations import Array

BESIDE = STACKING | JOINING | {"column_stack", "insert"}
"""Operations by which an input that is always 1 comes beside the others."""


def never_updated(step: Step, resting: Sequence[str] = ()) -> Iterator[Finding]:
    """What is called as parameters are, meets what goes through the network, and is none that is updated.

    resting: others, of which it is known.
    """
    after = step.forward.difference(step.before.values())
    pairs = ((node, operand) for node in after for operand in node.operands if operand not in step.by_parameters)
    met = {operand for node, operand in pairs if not (node.op in BESIDE and _is_one_number(operand))}
    left = in_order(n for n in met if not n.operands and np.ndim(n.value) and not is_label(n))
    names = [*(name for n in left for name in last_names(n) if NAMED_PARAMETER.fullmatch(name)), *resting]
    if names:
        yield wrong_updates("update-missing", list(dict.fromkeys(names)))


def _is_one_number(node: Node) -> bool:
    """Whether all of an array is one number other than 0, as what a bias is the weight of."""
    return bool(np.any(node.value)) and bool(np.ptp(node.value) == 0)


def at_rest(reading: Reading, tape: Tape) -> dict[str, bool]:
    """Weights that no update changes, between those that learn; and whether their gradients are computed all the same.

    Those that are called as parameters are have to learn; see `never_updated`.
    """
    found = {}
    end = max(node.index for node in reading.step.after.values())
    later = {seen_through(o) for node in tape.nodes[end:] if node.op in LINEAR for o in node.operands}
    for weights, g in _gradients_at_rest(reading).items():
        if weights not in later or any(map(NAMED_PARAMETER.fullmatch, last_names(weights))):
            continue
        since = tape.nodes[weights.index + 1 :]
        found[names_of(weights)[0]] = any(n.shape == weights.shape and multiple(n.value, g) for n in since)
    return found


def _gradients_at_rest(reading: Reading) -> dict[Node, Array]:
    """The gradients of what is multiplied with what depends on parameters, and is none of them."""
    step, found = reading.step, dict[Node, Array]()
    start = {*step.before.values()}
    products = (n for n in step.forward if n.op in LINEAR and len(n.operands) == 2 and n in reading.expected)
    for node in in_order(products):
        for own, other in (node.operands, node.operands[::-1]):
            weights = seen_through(own)
            learns = own in step.by_parameters or is_label(own) or not names_of(weights) or np.ndim(own.value) != 2
            if not learns and other in step.by_parameters and not _is_one_of(start, seen_through(other)):
                g = like(_of_a_factor(node, own, reading.expected[node]), weights.value)
                found[weights] = found.get(weights, 0) + g
    return found


def _is_one_of(parameters: Collection[Node], node: Node) -> bool:
    """Whether it is a parameter, one in which an element was moved in place, or put together of parameters alone."""
    while node not in parameters and node.changes is not None:
        node = node.changes
    is_of_rows = node.op in STACKING and bool(node.operands)
    return node in parameters or (is_of_rows and all(_is_one_of(parameters, row) for row in node.operands))


def _of_a_factor(product: Node, factor: Node, cotangent: Array) -> Array:
    """The share of a matrix in a cotangent of a product of two: aᵀ g of b, and g bᵀ of a."""
    a, b = (np.asarray(o.value, float) for o in product.operands)
    inner = a.shape[-1]
    if factor is product.operands[-1]:
        return np.asarray(a.reshape(-1, inner).T @ cotangent.reshape(-1, factor.shape[-1]))
    return np.asarray(cotangent.reshape(len(a), -1) @ b.reshape(inner, -1).T)
