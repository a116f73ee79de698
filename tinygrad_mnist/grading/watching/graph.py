"""The values of a running program and what each was made of, and questions to them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any

import numpy as np

LINEAR = {"@", "dot", "matmul"}
"""Operations by which a layer's weights meet what enters it."""

DIVISIONS = {"/", "divide", "true_divide"}
MULTIPLYING = DIVISIONS | {"*", "multiply"}
"""Operations by which a value becomes a multiple of it, and a sum over examples their mean."""

SUMS = {"+", "add"}
ADDING = SUMS | {"-", "subtract"}
"""What a bias meets a weighted sum by, and an update the old value of a parameter."""

JOINING = {"concatenate", "hstack", "append"}
"""Operations by which arrays become parts of one."""

VIEWS = {"T", "transpose", "reshape", "copy", "asarray", "array", "astype", "ravel", "flatten", "squeeze", "atleast_2d",
         "expand_dims", "ascontiguousarray", "swapaxes", "float64", "float32"}  # fmt: skip
"""Operations whose result holds the numbers of their first operand."""


FILLED = "filled"
"""The operation of an array in which a line stored part after part, before anything looked at it."""


UPDATING = {"+", "-", "*", "/", "neg", "add", "subtract", "multiply", "divide", "true_divide", "clip", "where", "[]=",
            FILLED, "copy", "array", "asarray", "astype", "maximum", "minimum"}  # fmt: skip
"""Operations by which something is updated."""


@dataclass(eq=False, repr=False)  # its operands' operands would be shown too, all the way back
class Node:
    """One value: what made it (`function` of `arguments`, which hold nodes), or a leaf.

    op: the operation's name. value: an array or a NumPy number, as it was then. operands: the nodes in its arguments.
    changes: the node whose object it is now, where it was changed in place. names: what the program called it.
    holders: what the dicts that it lies in are called.
    """

    index: int
    op: str
    function: Callable[..., Any] | None
    arguments: tuple[Any, ...]
    options: dict[str, Any]
    operands: tuple[Node, ...]
    value: Any
    line: int
    changes: Node | None = None
    names: list[str] = field(default_factory=list)
    holders: set[str] = field(default_factory=set)

    @property
    def shape(self) -> tuple[int, ...]:
        return np.shape(self.value)

    @property
    def name(self) -> str:
        return self.names[0] if self.names else ""


_INDEX = attrgetter("index")


def put_last(node: Node, nodes: list[Node]) -> None:
    """Let an array that was filled come after what it was filled with; a number takes its place in the record."""
    if node.op != FILLED:
        return
    nodes[node.index] = Node(node.index, "leaf", None, (), {}, (), np.nan, node.line)
    node.index = len(nodes)
    nodes.append(node)


def names_of(node: Node) -> list[str]:
    """The names of a value; where it is one changed in place, those that it had before."""
    while not node.names and node.changes is not None:
        node = node.changes
    return node.names


def changes_since(node: Node, before: Node) -> Iterator[Node]:
    """A value that was changed in place, and what it was before each change but the first one since it was that."""
    while node is not before and node.changes is not None:
        yield node
        node = node.changes


def is_changed_from(new: Node, old: Node) -> bool:
    """Whether both are one array, which was changed in place since."""
    return any(node.changes is old for node in changes_since(new, old))


def walk(nodes: Iterable[Node], below: Callable[[Node], Iterable[Node]] = attrgetter("operands")) -> Iterator[Node]:
    """These nodes and what lies below each of them, such as all that it was made of, each once, the nearest first."""
    seen: set[Node] = set()
    waiting = deque(nodes)
    while waiting:
        node = waiting.popleft()
        if node not in seen:
            seen.add(node)
            yield node
            waiting.extend(below(node))


def in_order(nodes: Iterable[Node]) -> list[Node]:
    """Nodes in the order of the program. Those of a tape already are, and are sorted the faster for it."""
    return sorted(nodes, key=_INDEX)


def made_of(nodes: Iterable[Node], stop: Collection[Node] = ()) -> set[Node]:
    """These nodes and all that they were made of, down to where it stops."""
    return set(walk(nodes, lambda node: () if node in stop else node.operands))


def depending(nodes: Collection[Node], on: Callable[[Node], bool], stop: Collection[Node] = ()) -> set[Node]:
    """Those of the nodes that are, or are made of one for which `on` holds; nothing is followed through `stop`."""
    found: set[Node] = set()
    for node in in_order(nodes):
        if on(node) or (node not in stop and any(operand in found for operand in node.operands)):
            found.add(node)
    return found


def used_by(nodes: Collection[Node]) -> dict[Node, list[Node]]:
    """For each node, those of the nodes that have it as an operand, in the order of the program."""
    users: dict[Node, list[Node]] = {node: [] for node in nodes}
    for node in in_order(nodes):
        for operand in dict.fromkeys(node.operands):
            if operand in users:
                users[operand].append(node)
    return users


def is_view(node: Node) -> bool:
    """Whether it holds the numbers of its first operand, all of them."""
    if not node.operands:
        return False
    whole = np.size(node.value) == np.size(node.operands[0].value)
    return whole and (node.op in VIEWS or (node.op == "[]" and len(node.operands) == 1))


def seen_through(node: Node) -> Node:
    """What it is a view of."""
    while is_view(node):
        node = node.operands[0]
    return node


def is_made_from(new: Node, old: Node, depth: int = 5) -> bool:
    """Whether a value was made from another by sums, differences and products; broadcast in the last one, at most."""
    if new is old:
        return True
    if depth == 0 or new.op not in UPDATING:
        return False
    return any(n is old or (n.shape == old.shape and is_made_from(n, old, depth - 1)) for n in new.operands)
