"""The labels among the data of a program, which are what a loss compares its predictions with."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_mnist.engine import Node
from tinygrad_mnist.graph.recording import Recording
from tinygrad_mnist.graph.symbolic.idioms.operands import make

LABELS = "y"
"""What labels are called that have no name."""

_MOVES = {"transpose", "reshape", "neg", "swapaxes"}


def read_labels(recording: Recording) -> dict[Node, Node]:
    """What data are read as: arrays that are 1 - y are written so; labels that have no name get one."""
    new: dict[Node, Node] = {}
    data = [x for x in recording.nodes if not x.op and not x.requires_grad]
    taken = {node.name for node in recording.nodes}
    labels = [x for x in data if x.name is None and _are_labels(recording, x)]
    for leaf in sorted(labels, key=lambda x: _weighs_the_rest(recording, x)):
        other = next((x for x in data if x is not leaf and (x.name or x in new) and _is_rest(x, leaf)), None)
        if other is not None:
            new[leaf] = make("sub", 1, new.get(other, other))
        elif LABELS not in taken and leaf.shape:
            new[leaf] = Node(leaf.data if leaf.dtype.kind == "f" else leaf.data.astype(np.float64))
            new[leaf].name = LABELS
            taken.add(LABELS)
    return new


def _are_labels(recording: Recording, leaf: Node) -> bool:
    """Whether an array of numbers from 0 to 1 weighs logarithms, or is compared with what is predicted."""
    if not np.all((leaf.data >= 0) & (leaf.data <= 1)):
        return False
    for user in recording.users[leaf]:
        others = [x for _, x in recording.tensors(user) if x is not leaf]
        if str(user.op) in ("mul", "matmul", "vdot") and any(logarithm(x) is not None for x in others):
            return True
        if str(user.op) == "sub" and others and all(x.requires_grad for x in others):
            return True
    return False


def logarithm(x: Any) -> Node | None:
    """The logarithm that an operand is another arrangement of."""
    while isinstance(x, Node) and str(x.op) in _MOVES:
        x = x.inputs[0]
    return x if isinstance(x, Node) and str(x.op) in ("log", "log_softmax") else None


def _weighs_the_rest(recording: Recording, leaf: Node) -> bool:
    """Whether labels weigh log(1 − a): they are 1 − y then."""
    others = (x for user in recording.users[leaf] for _, x in recording.tensors(user))
    logarithms = [found for found in map(logarithm, others) if found is not None]
    return any(str(getattr(found.inputs[0], "op", None)) == "sub" for found in logarithms)


def _is_rest(y: Node, leaf: Node) -> bool:
    """Whether a leaf is 1 − y, of numbers that are not all the same unless it is one."""
    return y.shape == leaf.shape and np.array_equal(leaf.data, 1 - y.data) and (not y.shape or np.ptp(y.data) > 0)
