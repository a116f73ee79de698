"""Rules that move parameters where a Python `if` finds an example on the wrong side of 0, as the perceptron's does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from tinygrad_mnist.grading.watching.graph import ADDING, MULTIPLYING, Node, is_view, made_of
from tinygrad_mnist.grading.watching.labels import COMPARING, label_behind
from tinygrad_mnist.grading.watching.training import Step

MOVING = ADDING | {"[]", "[]="}
"""Operations by which multiples of an example are added to parameters."""

HOLDING = {"==", "!=", "equal", "not_equal", "-", "subtract"}
"""Operations by which what was chosen is held against the labels, and does not pick of a table of them."""

LESS = {"<", "<=", "less", "less_equal"}


@dataclass(frozen=True)
class Decision:
    """The number that tells on which side of 0 an example is, its label, and whether the program holds it to be above.

    A number that is 0 is on the side on which the program's comparison has it.
    """

    number: Node
    label: Node
    is_above: bool


def decision(step: Step) -> Decision | None:
    """The decision by which a step was made; None where it adds more than multiples of an example, or has a margin.

    It is the last one before the update: the others were right, and nothing was made of them.
    """
    start = set(step.before.values())
    moving = step.by_parameters - start
    if not moving or not all(node.op in MOVING or is_view(node) for node in moving):
        return None
    meanwhile = [node for node in step.meanwhile if node not in moving]
    asked = next((node for node in reversed(meanwhile) if _asks(node)), None)
    found = (_of_agreement(asked) or _of_a_side(asked, meanwhile)) if asked else None
    made = made_of([found.number], start) if found else set()
    return found if start <= made and made.isdisjoint(step.others) else None


def _asks(node: Node) -> bool:
    """Whether it tells of a single number on which side of 0 it is."""
    if np.size(node.value) != 1 or len(node.operands) != 1:
        return False
    of_zero = node.op in COMPARING and node.arguments[0] is node.operands[0] and not np.any(node.arguments[1])
    return of_zero or node.op == "sign"


def _of_agreement(asked: Node) -> Decision | None:
    """Where y z is asked for."""
    product = asked.operands[0]
    labels = list(_labels_among(product.operands)) if product.op in MULTIPLYING else []
    others = [operand for operand in product.operands if operand not in labels]
    if len(labels) != 1 or len(others) != 1 or asked.op == "sign":
        return None
    agrees = bool(asked.value) != (asked.op in LESS)
    return Decision(others[0], labels[0], agrees == _is_above(labels[0]))


def _of_a_side(asked: Node, meanwhile: Iterable[Node]) -> Decision | None:
    """Where z is, and what was chosen is held against y."""
    held = (node for node in meanwhile if node.index > asked.index and node.op in HOLDING)
    label = next(_labels_among(operand for node in held for operand in node.operands), None)
    if label is None:
        return None
    if asked.op == "sign":
        is_above = bool(asked.value > 0) if np.any(asked.value) else not _is_above(label)
    else:
        is_above = bool(asked.value) != (asked.op in LESS)
    return Decision(asked.operands[0], label, is_above)


def _labels_among(nodes: Iterable[Node]) -> Iterator[Node]:
    return (node for node in nodes if np.size(node.value) == 1 and label_behind(node) is node)


def _is_above(label: Node) -> bool:
    """Whether a label is that of the numbers above 0: of 0 and 1, or -1 and 1, the larger."""
    return bool(np.all(label.value > 0))
