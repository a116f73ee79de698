"""Arrays that a program changes in place: their objects stand for new nodes, and the old ones keep their numbers."""

from __future__ import annotations

import contextlib
import operator
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_mnist.grading.watching.graph import FILLED, LINEAR, Node, is_made_from, walk
from tinygrad_mnist.grading.watching.tape import Given, Tape, Update

Do = Callable[[], Any]
"""Changes arrays, and gives what the program gets of that."""

MOVES = 4
"""So many changes of one element are looked back over."""

MOST_PARTS = 4096
"""An array is filled with so many parts in one operation, at most."""


def change(tape: Tape, line: int, op: str, function: Any, target: NDArray[Any], rest: Given, do: Do) -> Any:
    """Change an array in place, and record it. function: what gives its new value from the old one and the rest."""
    if tape.paused:
        return do()
    old = tape.node(target)
    operands = [old]
    linked = tuple(tape.linked(a, operands) for a in rest)
    tape.memory.before_change(target)
    try:
        result = do()
    except Exception:
        tape.fail(line, op, (target, *rest))
        _did_not_fit(tape, line, op, function, target, rest)
        raise
    new = tape.add(line, op, function, (old, *linked), {}, tuple(operands), target, old)
    if op != "[]=" or (is_everything(rest[0]) and len(operands) > 1 and is_made_from(operands[-1], old)):
        tape.updated(Update(old, new, line, old.name))
    return result


def _did_not_fit(tape: Tape, line: int, op: str, function: Any, target: NDArray[Any], rest: Given) -> None:
    """Record an update in place that raises for its shape as what it would have been made: a larger array."""
    with contextlib.suppress(Exception):
        value = function(target, *rest)
        tape.record(line, op, function, (target, *rest), {}, value)
        tape.updated(Update(tape.node(target), tape.node(value), line, tape.node(target).name))


def store(tape: Tape, line: int, array: NDArray[Any], index: Any, value: Any, do: Do | None = None) -> None:
    """`array[index] = value`, or another way to do so."""
    do = do or partial(array.__setitem__, index, value)
    array, index = _in_its_base(tape, array, index)
    old = None if tape.paused else tape.node(array)
    if old is None or not _stored_too(tape, line, old, array, index, value, do):
        change(tape, line, "[]=", _stored, array, (index, value), do)
        if old and not is_everything(index):
            _update_a_part(tape, line, old, tape.node(array))
            tape.memory.stored.add(tape.node(array))
            _put_back(tape, array)
    without_a_label(tape, line, array, [(index, value)])


def _put_back(tape: Tape, array: NDArray[Any]) -> None:
    """Let an array be what it was before an element was moved to and fro, as one is for a difference of losses."""
    node = tape.node(array)
    place = place_of(node.arguments[1])
    moved: list[Node] = []
    while place and len(place) == array.ndim and len(moved) < MOVES:
        if node.op != "[]=" or node.changes is None or place_of(node.arguments[1]) != place:
            return
        moved.append(node)
        node = node.changes
        if len(moved) > 1 and abs(node.value[place] - array[place]) <= _rounding(array[place], moved):
            tape.memory.put_back(array, node)
            if not tape.in_parts.keys().isdisjoint(moved):
                tape.updates = [update for update in tape.updates if update.new not in moved]
            return


def _rounding(number: Any, moved: Sequence[Node]) -> float:
    """How far a number that was moved to and fro may be from what it was."""
    largest = max(abs(float(n.value[place_of(n.arguments[1])])) for n in moved)
    return 8 * float(np.finfo(np.result_type(number, np.float16)).eps) * max(abs(float(number)), largest)


def _stored_too(tape: Tape, line: int, filled: Node, array: NDArray[Any], index: Any, value: Any, do: Do) -> bool:
    """Whether a line went on to fill an array, at which nothing has looked since: that is recorded as one operation."""
    is_one = filled.op == FILLED or (filled.op == "[]=" and filled not in tape.in_parts)
    if filled not in tape.memory.stored or not is_one or filled.line != line or is_everything(index):
        return False
    operands: list[Node] = []
    linked = tape.linked(index, operands), tape.linked(value, operands)
    if filled not in tape.memory.stored or (filled.op == FILLED and len(filled.arguments[1]) == MOST_PARTS):
        return False
    tape.memory.before_change(array, but=filled)
    try:
        do()
    except Exception:
        tape.fail(line, "[]=", (array, index, value))
        raise
    finally:
        tape.memory.put(array, filled)
    if filled.op != FILLED:
        target, *first = filled.arguments
        filled.op, filled.function, filled.arguments = FILLED, _filled, (target, *([part] for part in first))
    for parts, part in zip(filled.arguments[1:], linked, strict=True):
        parts.append(part)
    filled.operands += tuple(operands)
    return True


def _filled(target: Any, indices: Sequence[Any], values: Sequence[Any]) -> Any:
    """A copy of an array with one part after another replaced."""
    copy = target.copy()
    for index, value in zip(indices, values, strict=True):
        copy[index] = value
    return copy


def _stored(target: Any, index: Any, value: Any) -> Any:
    """A copy of an array with some of its elements replaced."""
    return _filled(target, [index], [value])


def _in_its_base(tape: Tape, array: NDArray[Any], index: Any) -> tuple[NDArray[Any], Any]:
    """`a` and `(i, j)` for `a[i]` and `j`: the array of which one was taken, and the place in it."""
    node, base = tape.known(array), array.base
    if node and node.op == "[]" and base is not None and tape.known(base) is node.operands[0]:
        first = node.arguments[1]
        if isinstance(first, (int, np.integer)):
            return base, _index_within(first, index)
    return array, index


def _update_a_part(tape: Tape, line: int, old: Node, new: Node) -> None:
    """Record that a part of an array got a new value made from its old one, and other parts before it.

    A plain number that is added counts where the place is told by a recorded one, as by a label.
    """
    stored = new.operands[-1]
    if (len(stored.operands) < 2 and len(new.operands) < 3) or new.changes is not old:
        return
    since = tape.nodes[old.index + 1 : new.index]
    if any(_is_same_place(_place_in(old, node), new.arguments[1]) and is_made_from(stored, node) for node in since):
        goes_on = all(node.op == "[]" and node.line == line for node in since if old in node.operands)
        first = tape.in_parts.get(old, old) if goes_on else old
        tape.in_parts[new] = first
        tape.updated(Update(first, new, line, old.name, in_parts=True))


def _place_in(array: Node, item: Node) -> Any:
    """The index at which something was taken from an array, also by two of them; None where it was not."""
    if item.op != "[]":
        return None
    owner, index = item.operands[0], item.arguments[1]
    if owner is array:
        return index
    is_of_a_part = owner.op == "[]" and owner.operands[0] is array
    return _index_within(owner.arguments[1], index) if is_of_a_part else None


def _index_within(first: Any, index: Any) -> tuple[Any, ...]:
    """Of what an index takes of `a[first]`, the index in a."""
    return first, *(index if isinstance(index, tuple) else (index,))


def _is_same_place(one: Any, other: Any) -> bool:
    """Whether two indices of numbers, slices and recorded arrays are the same."""
    if isinstance(one, tuple) and isinstance(other, tuple):
        return len(one) == len(other) and all(map(_is_same_place, one, other))
    return one is other or (not isinstance(one, Node) and type(one) is type(other) and bool(one == other))


def is_everything(index: Any) -> bool:
    """Whether an index stands for all elements of an array."""
    parts = index if isinstance(index, tuple) else (index,)
    return all(part is Ellipsis or (isinstance(part, slice) and part == slice(None)) for part in parts)


def called(tape: Tape, line: int, name: str, given: list[Any], call: Do) -> Any:
    """A call of something that changes its arguments, such as `fill`; given: what it may change."""
    arrays = [] if tape.paused else [a for a in given if isinstance(a, np.ndarray)]
    before = [a.copy() for a in arrays]
    for array in arrays:
        tape.memory.before_change(array)
    nodes = [tape.node(a) for a in arrays]
    value = call()
    for array, old, node in zip(arrays, before, nodes, strict=True):
        if not np.array_equal(array, old, equal_nan=True):
            others = (other for other in nodes if other is not node)
            tape.add(line, name, None, (), {}, (node, *others), array, node)
    return value


def without_a_label(tape: Tape, line: int, array: Any, elements: list[tuple[Any, Any]]) -> None:
    """Record an array as outputs and labels where it is outputs but for a 1 less, or more, in one place.

    elements: the numbers in it that are told by: what was taken from outputs there, perhaps with a 1 less or more.
    """
    bases = {_taken_from(tape, value, index) for index, value in elements}
    base = bases.pop() if len(bases) == 1 else None
    if base is None or base.shape != np.shape(array) or not any(n.op in LINEAR for n in walk([base])):
        return
    label = np.round(base.value - array, 9)
    if np.count_nonzero(label) == 1 and abs(label).max() == 1:
        symbol, function = ("-", operator.sub) if label.max() == 1 else ("+", operator.add)
        hot, old = tape.node(abs(label)), tape.node(array)
        tape.add(line, symbol, function, (base, hot), {}, (base, hot), array, old)


def _taken_from(tape: Tape, value: Any, index: Any) -> Node | None:
    """The vector whose number this is in that place, or was before a plain number was added; None for others."""
    is_number = isinstance(value, np.floating) or (isinstance(value, np.ndarray) and value.size == 1)
    node = tape.known(value) if is_number else None
    if node and node.op in ("+", "-") and len(node.operands) == 1:
        node = node.operands[0]
    is_taken = node and node.op == "[]" and place_of(node.arguments[1]) == place_of(index) is not None
    return node.operands[0] if node and is_taken else None


def place_of(index: Any) -> tuple[int, ...] | None:
    """An index of one number, which may have been taken from an array; None for others."""
    at = index if isinstance(index, tuple) else (index,)
    numbers = [i.value if isinstance(i, Node) else i for i in at]
    return tuple(map(int, numbers)) if all(isinstance(i, (int, np.integer)) for i in numbers) else None
