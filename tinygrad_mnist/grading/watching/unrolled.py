"""All parameters in one vector, of which parts are taken for the layers: a step as one of these parts."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tinygrad_mnist.grading.watching.graph import Node, is_view, seen_through, used_by, walk
from tinygrad_mnist.grading.watching.lineages import Lineage, begin_with
from tinygrad_mnist.grading.watching.tape import Tape
from tinygrad_mnist.grading.watching.training import Step, step_between
from tinygrad_mnist.grading.watching.unfinished import cut_off

JOINING = {"concatenate", "hstack", "append", "r_"}
"""Operations by which the gradients of parts become that of the whole."""


def is_unrolled(step: Step) -> bool:
    """Whether all that is learned is one vector, of which parts are taken for the layers."""
    (whole, *others) = step.before.values()
    taken = [node for node in step.nodes if node.op == "[]" and whole in node.operands]
    return not others and np.ndim(whole.value) == 1 and len(taken) > 1


def in_parts(tape: Tape, step: Step, gradient: Node | None) -> Step | None:
    """A step of a vector as one of its parts, with the gradients of which its own is put together."""
    end = max(node.index for node in step.after.values())
    (whole,) = step.before.values()
    joined = (
        next((n for n in walk([gradient]) if n.op in JOINING and n.shape == whole.shape), None) if gradient else None
    )
    pairs = dict(_by_place(whole, joined, step)) if joined else {}
    found = _of_pairs(pairs, tape) if pairs else cut_off(tape, nodes=tape.nodes[:end])
    is_whole = found and sum(np.size(part.value) for part in found.before.values()) == np.size(whole.value)
    return found if is_whole else None


def _by_place(whole: Node, joined: Node, step: Step) -> Iterator[tuple[Node, Node]]:
    """The parts of a vector, and those of its gradient that lie where they lie."""
    users, starts = used_by(step.nodes), {}
    for node in users[whole]:
        if node.op == "[]" and len(node.operands) == 1:
            places = np.arange(np.size(whole.value))[node.arguments[1]]
            starts[int(places.flat[0]), np.size(places)] = next((n for n in users[node] if is_view(n)), node)
    start = 0
    for part in joined.operands:
        size = np.size(part.value)
        if (start, size) in starts:
            yield starts[start, size], seen_through(part)
        start += size


def _of_pairs(pairs: dict[Node, Node], tape: Tape) -> Step:
    """The step from parameters to their gradients."""
    lineages = {parameter: Lineage(parameter.name, (parameter,), ()) for parameter in pairs}
    before = {lineage: parameter for parameter, lineage in lineages.items()}
    for parameter in pairs:
        begin_with(parameter)
    return step_between(before, {lineages[parameter]: gradient for parameter, gradient in pairs.items()}, tape)
