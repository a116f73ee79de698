"""The first wrong values on the way back, where nothing that is known by name explains a gradient."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from tinygrad_mnist.grading.report import Finding
from tinygrad_mnist.grading.textbook.catalogue import named
from tinygrad_mnist.grading.watching.differences import wrong
from tinygrad_mnist.grading.watching.general import Reading
from tinygrad_mnist.grading.watching.graph import FILLED, SUMS, Node, in_order, is_changed_from, names_of, walk
from tinygrad_mnist.grading.watching.labels import is_label, target_of
from tinygrad_mnist.grading.watching.multiples import RTOL, like
from tinygrad_mnist.grading.watching.replay import UNFOLLOWED
from tinygrad_mnist.grading.watching.truncated import Parts, parts
from tinygrad_mnist.manual.activations import Array

PROBES = 16
"""Of so many elements two arrays are compared before all of them are."""

ALONG = {"+", "-", "*", "neg"}
"""Operations of numbers, through which is looked for parts of parameters."""

NEXT = 3
"""So many operations further a value that has no name may have become one with a name."""

VALUE, USE, SUM = "value", "use", "sum"
"""How a value is wrong: see `Wrong`."""

HOW = {
    USE: (
        "it is a derivative of the loss, and nothing that is made of it is right", (), "",
        "By which value is it the derivative, and by which is it taken for one?",
    ),
    SUM: (
        "it is wrong, though each part that it adds up is right", (), "",
        "Is a part missing, or there more than once, or added in another place than where it belongs?",
    ),
}  # fmt: skip
"""What is said of them: what, formulas, explanation, hint."""

TIED = "Some maxima here are those of several equal numbers. Together they get the gradient once, and not each of them."


@dataclass(frozen=True)
class Wrong:
    """A value on the way back that is wrong though what it is made of is right. How it is wrong, is one of these.

    VALUE: it is no derivative of the loss. USE: it is one, but nothing that is made of it is right. SUM: each part of a
    gradient that it adds up is right.
    """

    node: Node
    how: str


def first_wrong(reading: Reading) -> list[Wrong]:
    """The first wrong values on the way back; of a recurrent network with each output gone back from by itself, too."""
    known = _parts(reading)
    of_all = _WayBack(reading, known.of_uses)
    if known.of_outputs:
        found = _WayBack(reading, known.of_uses + known.of_outputs).first()
        if any(w.how != SUM for w in found) or of_all.lacks(known.further_back):
            return found
    return of_all.first()


def _parts(reading: Reading) -> Parts:
    if reading.function:
        with suppress(*UNFOLLOWED):
            return parts(reading.step, reading.function)
    return Parts([], [], [])


class _WayBack:
    """What lies between the labels and the gradients, beside derivatives; more: others that may be met there."""

    def __init__(self, reading: Reading, more: Sequence[Array] = ()) -> None:
        self.reading, self.step = reading, reading.step
        self.back = self.step.by_labels & self.step.by_parameters - set(reading.values)
        self.derivatives = _Derivatives([*reading.expected.values(), *more], (1.0, reading.scale))
        forward = {_content(node) for node in reading.values}
        self.good = {
            node: _is_nothing(node) or _content(node) in forward or self.derivatives.has(node.value)
            for node in self._met()
        }  # what the forward pass has is computed once more
        self.sums = self._sums()

    def _met(self) -> list[Node]:
        """All that the gradients are made of there, in the order of the program."""
        updated, start = self.step.updated, (g.node for g in self.reading.computed.values())
        below = walk(start, lambda n: () if n in updated else (o for o in n.operands if o in self.back))
        return in_order(n for n in below if n in self.back)

    def lacks(self, others: Sequence[Array]) -> bool:
        """Whether some of what is none of the derivatives is one of others."""
        derivatives = _Derivatives(others, (1.0,))
        return any(derivatives.has(node.value) for node, is_good in self.good.items() if not is_good)

    def _sums(self) -> set[Node]:
        """What a gradient was before all of its parts were added, at its line, as far as these are right."""
        found: set[Node] = set()
        for node, is_good in self.good.items():
            if not is_good and self._adds(node) and all(self._is_right(o) or o in found for o in node.operands):
                found.add(node)
        return found

    def _adds(self, node: Node) -> bool:
        """Whether it adds to a gradient what is there at its line."""
        is_there = any(node.line == g.node.line for g in self.reading.computed.values())
        return is_there and node.op in SUMS | {"[]", "[]=", FILLED}

    def _is_right(self, node: Node) -> bool:
        return self.good.get(node, True)

    def first(self) -> list[Wrong]:
        """The first wrong values, in the order of the program."""
        every = [g.node for _, g in wrong(self.reading)]
        gradients = [node for node in every if not self.good.get(node)]
        updated = self.step.updated

        def below(node: Node) -> list[Node]:
            made_of = () if node in updated else node.operands
            return [o for o in made_of if not self._is_right(o) and o not in self.sums]

        values = [node for node in walk(gradients, below) if not below(node) and node not in self.sums]
        used = self._misused(values)
        values = [node for node in values if used.isdisjoint(node.operands)]
        found = [Wrong(node, VALUE) for node in values] + [Wrong(node, USE) for node in used]
        found = found or [Wrong(node, SUM) for node in gradients if node in self.sums]
        found += [Wrong(node, SUM) for node in every if self.good.get(node) and self._is_a_part(node)]
        return sorted(found, key=lambda w: w.node.index)

    def _is_a_part(self, node: Node) -> bool:
        """Whether it is no derivative, but what one of several uses has in one."""
        return not self._whole.has(node.value)

    @cached_property
    def _whole(self) -> _Derivatives:
        """The derivatives alone, without parts of them."""
        return _Derivatives(self.reading.expected.values(), (1.0, self.reading.scale))

    def _misused(self, first: Collection[Node]) -> set[Node]:
        """Right values of which several wrong ones are made, and no right one."""
        users: dict[Node, list[Node]] = {}
        for node in self.good:
            for operand in {*node.operands} if not self._adds(node) else ():
                users.setdefault(operand, []).append(node)
        right = (o for node in first for o in node.operands if self.good.get(o))
        return {o for o in right if len(users[o]) > 1 and all(user in first for user in users[o])}


def _content(node: Node) -> tuple[str, tuple[int, ...], bytes]:
    """An operation and the numbers that it gave."""
    return node.op, node.shape, np.asarray(node.value).tobytes()


def _is_nothing(node: Node) -> bool:
    """Whether it is 0 because something is that it is made of, as what was there before the first time is."""
    return not np.any(node.value) and any(np.ndim(o.value) and not np.any(o.value) for o in node.operands)


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


def describe(every: Sequence[Wrong], reading: Reading) -> Iterator[Finding]:
    """Values that are no derivatives, beside what they may have been meant for; or parameters after their updates."""
    which = "the first wrong value" if len(every) == 1 else "one of several first wrong values"
    return (_described(found, reading, which) for found in every)


def _described(found: Wrong, reading: Reading, which: str) -> Finding:
    node = found.node
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
    if found.how != VALUE:
        return Finding((), (names[0],), *HOW[found.how], (str(node.line),))
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
