"""Rules that move parameters where a Python `if` finds an example on the wrong side of 0, as the perceptron's does."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_mnist.grading.watching.graph import ADDING, FILLED, MULTIPLYING, Node, is_view, made_of, walk
from tinygrad_mnist.grading.watching.labels import COMPARING, is_label, label_behind
from tinygrad_mnist.grading.watching.training import Step
from tinygrad_mnist.manual.activations import Array

MOVING = ADDING | {"[]", "[]=", FILLED}
"""Operations by which multiples of an example are added to parameters."""

AGREEING = {"==", "!=", "equal", "not_equal"}
"""Operations by which a class that was chosen is found to be that of the label, or another one."""

HOLDING = AGREEING | {"-", "subtract"}
"""Operations by which what was chosen is held against the labels, and does not pick of a table of them."""

LESS = {"<", "<=", "less", "less_equal"}


@dataclass(frozen=True)
class Decision:
    """The number that tells on which side of 0 an example is, its label, and 1 where the program holds it to be above.

    A number that is 0 is on the side on which the program's comparison has it. Of several classes, the numbers of all,
    and 1 at the largest.
    """

    numbers: Node
    label: Node
    chosen: Array


def decision(step: Step) -> Decision | None:
    """The decision by which a step was made; None where it adds more than multiples of an example, or has a margin.

    It is the last one before the update: the others were right, and nothing was made of them.
    """
    start = set(step.before.values())
    moving = made_of_values(step.after.values(), start) & step.by_parameters - start
    if not moving or not all(node.op in MOVING or is_view(node) for node in moving):
        return None
    meanwhile = [node for node in step.meanwhile if node not in moving]
    asked = next((node for node in reversed(meanwhile) if _asks(node) or _of_classes(node)), None)
    found = (_of_classes(asked) or _of_agreement(asked) or _of_a_side(asked, meanwhile)) if asked else None
    made = made_of([found.numbers], start) if found else set()
    return found if start <= made and made.isdisjoint(step.others) else None


def _asks(node: Node) -> bool:
    """Whether it tells of a single number on which side of 0 it is."""
    if np.size(node.value) != 1 or len(node.operands) != 1:
        return False
    of_zero = node.op in COMPARING and node.arguments[0] is node.operands[0] and not np.any(node.arguments[1])
    return of_zero or node.op == "sign"


def made_of_values(nodes: Iterable[Node], stop: Collection[Node]) -> set[Node]:
    """The same as `made_of`, without the places at which something was taken or stored."""

    def below(node: Node) -> Iterable[Node]:
        is_at = node.op in ("[]", "[]=", FILLED)
        places = {*_nodes_in(node.arguments[1])} if is_at and node not in stop else set()
        return () if node in stop else (o for o in node.operands if o not in places)

    return set(walk(nodes, below))


def _nodes_in(index: Any) -> Iterator[Node]:
    """The nodes in an index, or in a list of several."""
    if isinstance(index, Node):
        yield index
    elif isinstance(index, (tuple, list)):
        for part in index:
            yield from _nodes_in(part)


def _of_classes(asked: Node) -> Decision | None:
    """Where the class with the largest number is held against that of the label."""
    choice = next((o for o in asked.operands if o.op == "argmax" and np.size(o.value) == 1), None)
    label = next((o for o in asked.operands if o is not choice and _is_of_a_class(o)), None)
    if asked.op not in AGREEING or choice is None or label is None:
        return None
    numbers = choice.operands[0]
    chosen = np.zeros(numbers.shape)
    chosen.flat[int(choice.value)] = 1
    return Decision(numbers, label, chosen)


def _is_of_a_class(node: Node) -> bool:
    """Whether it is a label, or the place of the 1 in one."""
    one_hot = node.operands[0] if node.op == "argmax" else None
    return np.size(node.value) == 1 and (label_behind(node) is node or (one_hot is not None and is_label(one_hot)))


def _of_agreement(asked: Node) -> Decision | None:
    """Where y z is asked for."""
    product = asked.operands[0]
    labels = list(_labels_among(product.operands)) if product.op in MULTIPLYING else []
    others = [operand for operand in product.operands if operand not in labels]
    if len(labels) != 1 or len(others) != 1 or asked.op == "sign":
        return None
    agrees = bool(asked.value) != (asked.op in LESS)
    return Decision(others[0], labels[0], np.asarray(float(agrees == _is_above(labels[0]))))


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
    return Decision(asked.operands[0], label, np.asarray(float(is_above)))


def _labels_among(nodes: Iterable[Node]) -> Iterator[Node]:
    return (node for node in nodes if np.size(node.value) == 1 and label_behind(node) is node)


def _is_above(label: Node) -> bool:
    """Whether a label is that of the numbers above 0: of 0 and 1, or -1 and 1, the larger."""
    return bool(np.all(label.value > 0))
