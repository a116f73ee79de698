"""Which arrays of a running program stand for which nodes, also where they share memory and are changed in place."""

from __future__ import annotations

from itertools import takewhile
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_mnist.grading.watching.graph import Node


class Memory:
    """The node of every array and number. A node keeps the numbers as they were when it was made.

    An array is current until memory that it shares is changed through another one; its node is then made anew when it
    is looked at again. copied: the bytes of what was kept as it was. stored: arrays into which something was stored,
    and at which nothing has looked since.
    """

    def __init__(self) -> None:
        self._of: dict[int, tuple[Any, Node]] = {}
        self._current: dict[int, dict[int, NDArray[Any]]] = {}
        self._changes: dict[int, list[Node]] = {}
        self._seen: dict[int, int] = {}
        self.copied = 0
        self.stored: set[Node] = set()

    def put(self, value: Any, node: Node) -> None:
        """Let a value stand for this node from now on."""
        self._of[id(value)] = value, node
        if isinstance(value, np.ndarray):
            root = id(_root(value))
            self._current.setdefault(root, {})[id(value)] = value
            if node.changes is not None and node.op != "shared":
                self._changes.setdefault(root, []).append(node)

    def put_back(self, array: NDArray[Any], node: Node) -> None:
        """Let an array that was changed to and fro stand for what it was, but for rounding."""
        root = id(_root(array))
        self._of[id(array)] = array, node
        self._current.setdefault(root, {})[id(array)] = array
        self._seen[id(array)] = self._changes[root][-1].index

    def node_of(self, value: Any) -> Node | None:
        """The node that a value stood for when it was last looked at."""
        known = self._of.get(id(value))
        return known[1] if known else None

    def before_change(self, target: NDArray[Any], but: Node | None = None) -> None:
        """Keep the numbers as they are, for every node that would see them change, but for one."""
        for array in self._current.pop(id(_root(target)), {}).values():
            node = self._of[id(array)][1]
            if node.value is array and node is not but:
                node.value = array.copy()
                self.copied += array.nbytes

    def changes_since(self, value: Any, node: Node) -> list[Node]:
        """The changes through other arrays, since this was an array's node, that changed its numbers."""
        changes = self._changes.get(id(_root(value))) if isinstance(value, np.ndarray) else None
        seen = max(node.index, self._seen.get(id(value), -1))
        if not changes or changes[-1].index <= seen:
            return []
        self._seen[id(value)] = changes[-1].index
        since = list(takewhile(lambda change: change.index > seen, reversed(changes)))
        return [] if np.array_equal(node.value, value, equal_nan=True) else since[::-1]


def _root(array: NDArray[Any]) -> Any:
    """What owns an array's memory."""
    base: Any = array
    while isinstance(base, np.ndarray) and base.base is not None:
        base = base.base
    return base
