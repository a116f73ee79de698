"""All parameters in one vector, of which parts are taken for the layers: a step as one of these parts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_mnist.grading.report import Finding
from tinygrad_mnist.grading.watching.gradients import gradient
from tinygrad_mnist.grading.watching.graph import JOINING, VIEWS, Node, in_order, made_of, seen_through
from tinygrad_mnist.grading.watching.lineages import Lineage, begin_with
from tinygrad_mnist.grading.watching.multiples import like
from tinygrad_mnist.grading.watching.tape import Tape
from tinygrad_mnist.grading.watching.training import Step, step_between
from tinygrad_mnist.grading.watching.unfinished import cut_off

SLICING = {"[]", "split", "array_split", "hsplit"}
TAKING = SLICING | VIEWS
"""Operations by which parts of a vector are taken, and given a shape."""

TAKEN = "taken"
"""The operation of a part of a gradient in the order of its parameter, where that is another one."""

Places = tuple[int, int]
"""Where a part of a vector begins, and how long it is."""


@dataclass(frozen=True)
class Part:
    """A part of a vector, and the places there that its numbers lie at."""

    node: Node
    places: NDArray[Any]


def in_parts(tape: Tape, step: Step) -> Step | None:
    """A step of a vector as one of its parts, with the gradients of which its own is put together.

    None where not all that is learned is one vector, of which parts are taken for the layers.
    """
    (lineage, whole), *others = step.before.items()
    starts = {} if others or np.ndim(whole.value) != 1 else _parts(whole, step.nodes)
    if len(starts) < 2:
        return None
    end = max(node.index for node in step.after.values())
    g = gradient(step, lineage)
    made = in_order(made_of([g.node])) if g else []
    gradients = next(filter(None, (_put_together(n) for n in reversed(made) if n.shape == whole.shape)), {})
    pairs = {starts[at].node: _as_taken(part, starts[at]) for at, part in gradients.items() if at in starts}
    found = _of_pairs(pairs, tape) if pairs else cut_off(tape, nodes=tape.nodes[:end])
    is_whole = found and sum(np.size(part.value) for part in found.before.values()) == np.size(whole.value)
    return found if is_whole else None


def _put_together(whole: Node) -> dict[Places, Node]:
    """The parts that a vector was joined of, or that were written into it, by their places."""
    if whole.op in JOINING | {"r_"}:
        sizes = [np.size(part.value) for part in whole.operands]
        places = zip((np.cumsum(sizes) - sizes).tolist(), sizes, strict=True)
        return dict(zip(places, whole.operands, strict=True))
    written = _parts(whole, made_of([whole])) if whole.op == "shared" else {}
    return {place: _written(part.node) for place, part in written.items() if part.node.changes is not None}


def _written(part: Node) -> Node:
    """What was written into all of a part."""
    return part.operands[-1] if part.op == "[]=" and part.operands[-1].shape == part.shape else part


def _as_taken(laid_out: Node, parameter: Part) -> Node:
    """A gradient that was laid out in a vector, in the order in which its parameter is taken from one.

    It is the matrix itself, or its transpose, unless that was turned before, and the parameter is not.
    """
    matrix = seen_through(laid_out)
    if np.ndim(laid_out.value) > 1:
        return matrix
    value = laid_out.value[parameter.places - parameter.places.min()]
    if np.array_equal(like(matrix.value, value), value, equal_nan=True):
        return matrix
    return Node(laid_out.index + 1, TAKEN, None, (), {}, (laid_out,), value, laid_out.line, names=matrix.names)


def turned(step: Step) -> Iterator[Finding]:
    """Gradients that are laid out in another order than that in which their parameters are taken."""
    for lineage, g in step.after.items():
        if g.op == TAKEN and not np.array_equal(like(seen_through(g.operands[0]).value.T, g.value), g.value):
            yield Finding(
                ("unrolled-turned",), (f"∂L/∂{lineage.name}",),
                f"laid out in another order than that in which {lineage.name} is taken from the vector", (),
                "Each of its numbers then stands where that of another weight is looked for.",
                "In which order does reshape read the numbers of a row, and in which were they written?",
                (str(g.line),),
            )  # fmt: skip


def _parts(whole: Node, nodes: Iterable[Node]) -> dict[Places, Part]:
    """The parts of a vector by their places: each in the shape that it was given, and as it was changed since."""
    places = {whole: np.arange(np.size(whole.value))}
    places |= {whole.operands[0]: places[whole]} if whole.op == "shared" else {}
    found: dict[Places, Part] = {}
    for node in in_order(nodes):
        taken = None if node in places else _places(node, places)
        if taken is None or taken.shape != node.shape or not 0 < taken.size < np.size(whole.value):
            continue
        places[node] = taken
        former = found.setdefault((int(taken.min()), taken.size), Part(node, taken)).node
        if node.changes is former or (former.op in SLICING and former in node.operands):
            found[int(taken.min()), taken.size] = Part(node, taken)
    return found


def _places(node: Node, places: Mapping[Node, NDArray[Any]]) -> NDArray[Any] | None:
    """The places in a vector that a node's numbers lie at, where it is changed there or was taken from it."""
    if node.changes is not None and node.changes in places:
        return places[node.changes]
    if node.op not in TAKING or node.function is None or not node.operands or node.operands[0] not in places:
        return None
    arguments = (places.get(a, a.value) if isinstance(a, Node) else a for a in node.arguments)
    return np.asarray(node.function(*arguments, **node.options))


def _of_pairs(pairs: dict[Node, Node], tape: Tape) -> Step:
    """The step from parameters to their gradients."""
    lineages = {parameter: Lineage(parameter.name, (parameter,), ()) for parameter in pairs}
    before = {lineage: parameter for parameter, lineage in lineages.items()}
    for parameter in pairs:
        begin_with(parameter)
    return step_between(before, {lineages[parameter]: gradient for parameter, gradient in pairs.items()}, tape)
