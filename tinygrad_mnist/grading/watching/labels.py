"""Which values of a program are labels: they are known by their numbers, or by what is compared with them."""

from __future__ import annotations

from collections.abc import Collection
from functools import cache
from typing import Any

import numpy as np

from tinygrad_mnist.grading.watching.graph import ADDING, MULTIPLYING, Node, is_view, seen_through

CLASSES = 26
"""How many classes labels may have."""

SCALING = MULTIPLYING | ADDING | {"neg", "negative"}
"""Operations by which labels get another sign or factor."""


@cache
def is_label(node: Node) -> bool:
    """Whether it is labels by its values: for each example a whole number below 26, -1 or 1, or one that stands out."""
    value: Any = node.value
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "fiub" or not 2 <= value.size <= 3_000_000:
        return False
    if value.ndim > 2 or not np.isfinite(value).all():
        return False
    low, high = value.min(), value.max()
    if low == high:
        return False
    if ((value == low) | (value == high)).all() and low >= -1 and high <= 1:
        hot = value == high
        axes = [axis for axis in range(value.ndim) if value.shape[axis] > 2]
        if any((hot.sum(axis=axis) == 1).all() for axis in axes):
            return True
        if (low, high) == (-1, 1) and value.size == max(value.shape) and node.op != "sign":
            return True
    whole = low >= 0 and high <= CLASSES and (value == np.floor(value)).all()
    return bool(whole and value.size == max(value.shape))


@cache
def label_behind(node: Node) -> Node | None:
    """The labels that a value is, with another sign or factor perhaps, as -y is; None where it is none."""
    if _is_complement(node):
        return label_behind(node.operands[0]) or (node if is_label(node) else None)
    if is_label(node) or _is_one_of_labels(node):
        return node
    arrays = [o for o in node.operands if np.ndim(o.value)]
    whole = node.op in SCALING and len(arrays) == 1 and arrays[0].shape == node.shape
    return label_behind(arrays[0]) if whole else None


def _is_complement(node: Node) -> bool:
    """Whether it is 1 - y, as it stands in the log loss."""
    return node.op in ("-", "subtract") and len(node.operands) == 1 and node.arguments[0] == 1


def _is_one_of_labels(node: Node) -> bool:
    """Whether it is the label of a single example, taken of those of all, and no count that a loop goes through."""
    of_one = isinstance(node.value, (np.ndarray, np.number)) and node.value.size == 1
    array = node.operands[0] if of_one and node.op == "[]" and node.operands else None
    return array is not None and array.shape != node.shape and is_label(array) and seen_through(array).op != "arange"


DRAWING = {"rand", "randn", "random", "random_sample", "uniform", "normal", "standard_normal", "binomial", "choice"}
COMPARING = {"<", "<=", ">", ">=", "less", "less_equal", "greater", "greater_equal"}


def drawn_from(node: Node) -> Node | None:
    """What was drawn at random where a value is that, or tells where it is above a number: a mask of dropout, say."""
    if node.op in DRAWING:
        return node
    arrays = [o for o in node.operands if np.ndim(o.value)]
    is_made_of_it = node.op in SCALING | COMPARING or node.op == "where" or is_view(node)
    return drawn_from(arrays[0]) if is_made_of_it and len(arrays) == 1 else None


def masks_among(labels: Collection[Node], nodes: Collection[Node]) -> set[Node]:
    """Those of what may be labels that were drawn at random, and are multiplied with alone."""
    drawn = {label: origin for label in labels if (origin := drawn_from(label))}
    compared = {o for n in nodes if n.op in ("-", "subtract") for o in n.operands} if drawn else set()
    are_labels = {origin for label, origin in drawn.items() if label in compared}
    return {label for label, origin in drawn.items() if origin not in are_labels}


def target_of(node: Node, by_parameters: Collection[Node]) -> Node | None:
    """What a difference compares an output with, where it is one: numbers of its shape that come from no parameter.

    A single number is one that was given, and not computed.
    """
    if node.op not in ("-", "subtract") or len(node.operands) != 2:
        return None
    if len({o.shape for o in (node, *node.operands)}) > 1:
        return None
    targets = [o for o in node.operands if o not in by_parameters]
    is_given = np.size(node.value) > 1 or all(o.op in ("leaf", "[]") for o in targets)
    return targets[0] if len(targets) == 1 and is_given else None
