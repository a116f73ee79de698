"""The first wrong values on the way back, where nothing that is known by name explains a gradient."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from functools import cache
from typing import Any

import numpy as np

from tinygrad_mnist.grading.report import Finding
from tinygrad_mnist.grading.textbook.catalogue import named
from tinygrad_mnist.grading.watching.differences import wrong
from tinygrad_mnist.grading.watching.general import Reading
from tinygrad_mnist.grading.watching.graph import Node, in_order, is_changed_from, names_of, walk
from tinygrad_mnist.grading.watching.labels import is_label, target_of
from tinygrad_mnist.grading.watching.multiples import RTOL, like
from tinygrad_mnist.manual.activations import Array

PROBES = 16
"""Of so many elements two arrays are compared before all of them are."""

ALONG = {"+", "-", "*", "neg"}
"""Operations of numbers, through which is looked for parts of parameters."""

NEXT = 3
"""So many operations further a value that has no name may have become one with a name."""

TIED = "Some maxima here are those of several equal numbers. Together they get the gradient once, and not each of them."


def first_wrong(reading: Reading) -> list[Node]:
    """The values on the way back that are no derivative of the loss by anything, though what they are made of is."""
    step = reading.step
    back = step.by_labels & step.by_parameters - set(reading.values)
    derivatives = _Derivatives(reading.expected.values(), (1.0, reading.scale))
    updated = step.updated

    @cache
    def is_good(node: Node) -> bool:
        return node in back and derivatives.has(node.value)

    def below(node: Node) -> list[Node]:
        return [] if node in updated else [o for o in node.operands if o in back and not is_good(o)]

    gradients = (g.node for _, g in wrong(reading) if not is_good(g.node))
    return in_order(node for node in walk(gradients, below) if not below(node))


class _Derivatives:
    """Derivatives of a loss, to be compared with many values: those of one shape at once.

    factors: what those of one or two numbers, which are multiples of one another too easily, may be multiplied with.
    """

    def __init__(self, every: Collection[Array], factors: Collection[float]) -> None:
        self._tiny = [f * d.ravel() for d in every if 0 < d.size <= 2 and d.any() for f in factors]
        of_shape: dict[tuple[int, ...], list[Array]] = {}
        for derivative in every:
            if derivative.size > 2 and np.isfinite(derivative).all() and derivative.any():
                of_shape.setdefault(derivative.shape, []).append(derivative)
        self._of_shape = {shape: np.stack([d.ravel() for d in alike]) for shape, alike in of_shape.items()}
        with np.errstate(over="ignore"):  # of a training that diverged, nothing is compared any more
            self._squares = {shape: (rows * rows).sum(axis=1) for shape, rows in self._of_shape.items()}

    def has(self, value: Any) -> bool:
        """Whether a value is a multiple of one of them, or of its transpose."""
        if not np.isfinite(value).all() or not np.any(value):
            return False
        if np.size(value) <= 2:
            return any(d.size == np.size(value) and np.allclose(d, np.ravel(value), RTOL, 0) for d in self._tiny)
        fitting = (shape for shape, rows in self._of_shape.items() if rows.shape[1] == np.size(value))
        return any(self._has(like(value, np.empty(shape)).ravel(), shape) for shape in fitting)

    def _has(self, found: Array, shape: tuple[int, ...]) -> bool:
        rows, allowed = self._of_shape[shape], RTOL * np.abs(found).max()
        largest = int(np.abs(found).argmax())
        some = np.linspace(0, found.size - 1, PROBES).astype(int)
        with np.errstate(divide="ignore", invalid="ignore"):
            by_one = found[largest] / rows[:, largest]
            likely = np.abs(found[some] - by_one[:, None] * rows[:, some]).max(axis=1) <= 10 * allowed
        rows, squares = rows[likely], self._squares[shape][likely]
        factors = rows @ found / squares
        return bool((np.abs(found - factors[:, None] * rows).max(axis=1, initial=0) <= allowed).any())


def describe(nodes: Sequence[Node], reading: Reading) -> Iterator[Finding]:
    """Values that are no derivatives, beside what they may have been meant for; or parameters after their updates."""
    which = "the first wrong value" if len(nodes) == 1 else "one of several first wrong values"
    return (_described(node, reading, which) for node in nodes)


def _described(node: Node, reading: Reading, which: str) -> Finding:
    run = _by_one_name(node, reading)
    names = next(filter(None, map(names_of, (*run, *_made_next_of(run[-1], reading)))), ["this value"])
    moved = _moved_before(node, reading)
    if node in reading.step.updated or moved:
        name = moved or names[0]
        return Finding(
            ("carried-updated",), (name,), f"{name} is updated before the last gradient is known", (),
            "All gradients belong to the parameters of the forward pass.",
            "Which gradients are computed after this line, and with which of its values?", (str(node.line),),
        )  # fmt: skip
    compared = any(target_of(n, reading.step.by_parameters) for n in reading.step.nodes)
    if not compared and not any(map(is_label, reading.step.nodes - reading.step.by_parameters)):
        missing = named("error-labels-missing")
        line = (str(node.line),)
        return Finding((missing.name,), (names[0],), missing.title, (), missing.explanation, missing.hint, line)
    alike = _of_its_shape(run, reading)
    meant = f"; by its shape it is meant for ∂loss/∂{alike[0]}" if len(alike) == 1 else ""
    return Finding(
        (), (names[0],),
        f"{which}: what it is made of is right, and it is no derivative of {reading.loss}{meant}",
        (), TIED if any(map(_is_tied, reading.step.forward)) else "",
        "What comes after it on the way back may follow from it.",
        tuple(dict.fromkeys(str(n.line) for n in run)),
    )  # fmt: skip


def _of_its_shape(run: Sequence[Node], reading: Reading) -> list[str]:
    """What a value may be meant for the derivative by: the parameter whose gradient it is, or what has its shape."""
    own = [lineage.name for lineage, g in reading.computed.items() if g.node in run]
    return own or [n.name for n in reading.expected if n.shape == run[0].shape and n.names]


def _is_tied(node: Node) -> bool:
    """Whether it is the largest of numbers among which several are largest: pixels of paper in a pooling's window."""
    if node.op not in ("max", "amax") or not node.operands:
        return False
    x, axis = node.operands[0].value, node.options.get("axis", (*node.arguments, None)[1])
    if axis is None or isinstance(axis, Node):
        return False
    return bool((x == np.max(x, axis=axis, keepdims=True)).sum() > np.size(node.value))


def _moved_before(node: Node, reading: Reading) -> str:
    """Another parameter, parts of which were updated already, where a value is made of one; "" where there is none."""
    own = {lineage for lineage, g in reading.computed.items() if g.node is node}
    others = {before: lineage.name for lineage, before in reading.step.before.items() if lineage not in own}

    def below(node: Node) -> tuple[Node, ...]:
        return node.operands[:1] if node.op == "[]" else node.operands if node.op in ALONG else ()

    made = walk(node.operands, below)
    moved = (name for part in made for before, name in others.items() if is_changed_from(part, before))
    return next(moved, "")


def _made_next_of(node: Node, reading: Reading) -> Iterator[Node]:
    """What is made of a value on the way back, and of that, for as long as one thing is."""
    for _ in range(NEXT):
        users = [n for n in reading.step.by_labels if node in n.operands]
        if len(users) != 1:
            return
        (node,) = users
        yield node


def _by_one_name(node: Node, reading: Reading) -> list[Node]:
    """A value, and what is made of it as long as it has no name, or the same."""
    run, names = [node], {*node.names}
    while True:
        users = (n for n in reading.step.by_labels if run[-1] in n.operands)
        same = (n for n in in_order(users) if n.changes is run[-1] or not names or names & {*n.names})
        after = next((n for n in same if n.shape == node.shape), None)
        if after is None:
            return run
        run.append(after)
        names |= {*after.names}
