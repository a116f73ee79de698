"""Arrays that are put together of rows, and taken apart again: each unit may be an object with weights of its own."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_mnist.grading.watching.graph import Node, is_made_from

STACKING = {"array", "asarray", "stack", "vstack"}
"""Operations by which rows are put together."""


class Rows:
    """Which arrays hold which rows. Those that hold the same are one, however often they are put together."""

    def __init__(self) -> None:
        self._stacks: dict[tuple[Node, ...], Node] = {}
        self._holding: dict[Node, list[tuple[int, Node]]] = {}
        self._updates: set[tuple[Node, Node]] = set()

    def put(self, stack: Node) -> None:
        """A value, which may be put together of rows."""
        rows = _rows_of(stack.op, stack.arguments)
        if rows:
            self._stacks[rows] = stack
        for i, row in enumerate(rows):
            self._holding.setdefault(row, []).append((i, stack))

    def whole(self, op: str, arguments: tuple[Any, ...], value: Any) -> Node | None:
        """The array that was put together of the same rows before as a value is, or of which these are all."""
        rows = _rows_of(op, arguments)
        found = self._stacks.get(rows) or _of_which_all_are(rows)
        return found if found and found.shape == np.shape(value) and found.value.dtype == value.dtype else None

    def put_back(self, old: Node, new: Node) -> tuple[Node, Node] | None:
        """Of a row that takes another one's place, what both are rows of, if the one is made of the other: but once."""
        if new.op != "[]" or not isinstance(i := new.arguments[1], int):
            return None
        stacks = [stack for place, stack in self._holding.get(old, ()) if place == i]
        stacks += [old.operands[0]] if old.op == "[]" and old.arguments[1] == i else []
        pairs = ((stack, new.operands[0]) for stack in stacks if stack is not new.operands[0])
        update = next((pair for pair in pairs if pair not in self._updates and is_made_from(pair[1], pair[0])), None)
        self._updates |= {update} if update else set()
        return update


def is_of_rows(node: Node) -> bool:
    """Whether it is put together of several rows."""
    return len(_rows_of(node.op, node.arguments)) > 1


def _rows_of(op: str, arguments: tuple[Any, ...]) -> tuple[Node, ...]:
    """The rows that are put together to an array; () for what is anything else."""
    rows = arguments[0] if op in STACKING and len(arguments) == 1 else ()
    is_of_rows = isinstance(rows, (list, tuple)) and all(isinstance(row, Node) for row in rows)
    return tuple(rows) if is_of_rows else ()


def _of_which_all_are(rows: tuple[Node, ...]) -> Node | None:
    """The array of which these are all rows, in their order."""
    if not rows or any(row.op != "[]" for row in rows):
        return None
    whole = rows[0].operands[0]
    is_whole = len(rows) == len(np.atleast_1d(whole.value))
    return whole if is_whole and all(row.arguments == (whole, i) for i, row in enumerate(rows)) else None
