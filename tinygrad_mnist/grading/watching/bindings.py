"""What the program's names stand for: variables, attributes, items of lists and dicts."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from tinygrad_mnist.grading.watching.graph import Node

Key = tuple[int, str]
"""An owner, the number of a scope or the id of an object, and a name in it."""

LONGEST = 16
"""A list of parameters, or of a layer's values, is no longer."""


class Whole(int):
    """A whole number that is an object of its own: of those of Python, all that are 0 are one object."""


class Bindings:
    """Names, and the nodes that they stand for. Those in lists and dicts have a name in what holds them, too.

    node_of: the node of an array or a number. nodes: that of every name.
    """

    def __init__(self, node_of: Callable[[Any], Node]) -> None:
        self._node_of = node_of
        self.nodes: dict[Key, Node] = {}
        self._holding: dict[Key, list[Any] | dict[Any, Any]] = {}
        self._called: dict[int, tuple[list[Any] | dict[Any, Any], str]] = {}
        self._own: dict[int, float] = {}

    def name_of(self, holder: Any) -> str:
        """What a list or a dict is called; "" where it has no name."""
        called = self._called.get(id(holder))
        return called[1] if called and called[0] is holder else ""

    def bind(self, owner: Any, text: str, value: Any) -> Iterator[tuple[list[Node], Node]]:
        """Let a name, and those in what it holds, stand for what they do now; with the nodes that they stood for."""
        if isinstance(value, dict):
            self.set_apart(value, list(value))
        if isinstance(value, (list, dict)):
            self._hold(owner, text, value)
        holder = {text} if isinstance(value, dict) else {self.name_of(owner)} if isinstance(owner, dict) else set()
        for keys, name, array in _named_arrays(owner, text, value):
            name = self._shown(owner, name)
            node = self._node_of(array)
            node.holders |= holder - {""}
            if name not in node.names:
                node.names.append(name)
            before = {self.nodes[key]: None for key in keys if key in self.nodes}
            self.nodes.update(dict.fromkeys(keys, node))
            yield [old for old in before if old is not node], node

    def unnamed(self, value: Any) -> list[str]:
        """The attributes of an object whose arrays have no name yet: the program has not written what made it."""
        if type(value).__module__ in ("builtins", "numpy") or isinstance(value, type):
            return []
        held = [*getattr(value, "__dict__", {}), *getattr(type(value), "__slots__", ())]
        return [name for name in held if (id(value), name) not in self.nodes and _is_array(getattr(value, name, None))]

    def _shown(self, owner: Any, name: str) -> str:
        """An item's name with that of the list or dict that it lies in, where it is a number alone: w[3]."""
        holder = self.name_of(owner) if isinstance(owner, (list, dict)) else ""
        if holder and re.fullmatch(r"\d+|\[\d+\]", name):
            return f"{holder}[{name.strip('[]')}]"
        return name

    def set_apart(self, held: dict[Any, Any], keys: Iterable[Any]) -> None:
        """Let the plain numbers under these keys of a dict each be an object of its own."""
        for key in keys:
            if type(held.get(key)) is float:
                dict.__setitem__(held, key, self._of_its_own(held[key]))  # as its class may do more

    def _of_its_own(self, number: float) -> float:
        """A number that was written and not computed, as an object of its own: of one literal all are one object."""
        if id(number) not in self._own and not self._node_of(number).operands:
            number = number * 1.0
            self._own[id(number)] = number
        return number

    def _hold(self, owner: Any, text: str, value: Any) -> None:
        """Give a list or a dict its name; what was put into the former one since has its own by now."""
        held = _place(owner), text
        for keys, _, array in _named_arrays(owner, text, self._holding.get(held)):
            self.nodes.update(dict.fromkeys(keys, self._node_of(array)))
        self._holding[held] = value
        self._called[id(value)] = value, text


def _place(owner: Any) -> int:
    return owner if isinstance(owner, int) else id(owner)


def _named_arrays(owner: Any, text: str, value: Any) -> Iterator[tuple[list[Key], str, Any]]:
    """The arrays that are called by a name, itself or those in a list or a dict, with all the keys that they go by.

    What lies in it may be lists, tuples or dicts of arrays itself, as [(W1, b1), (W2, b2)] is.
    """
    place, last = _place(owner), text.rpartition(".")[2]
    if _is_array(value) or _is_number(value):
        yield [(place, last)], text, value
    for within, name, part in _parts(text, value):
        if _is_array(part) or (isinstance(value, dict) and _is_number(part)):
            yield [(id(value), within), (place, f"{last}:{within}")], name, part
        for inner, inner_name, array in _parts(name, part):
            if _is_array(array):
                itself = [] if isinstance(part, tuple) else [(id(part), inner)]
                yield [*itself, (place, f"{last}:{within}:{inner}")], inner_name, array


def _parts(text: str, value: Any) -> Iterator[tuple[str, str, Any]]:
    """What lies in a list, a tuple or a dict: its place, its name, and itself."""
    if isinstance(value, (list, tuple)) and len(value) <= LONGEST:
        yield from ((f"[{i}]", f"{text}[{i}]", part) for i, part in enumerate(value))
    elif isinstance(value, dict) and len(value) <= 64:
        for key, part in value.items():
            yield key_name(key), f"{text}[{key}]" if isinstance(key, int) else key_name(key), part


def key_name(key: Any) -> str:
    """A dict's key as a name: "W1" for ("W", 1)."""
    return "".join(map(str, key)) if isinstance(key, tuple) else str(key)


def _is_array(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.dtype.kind in "fiub"


def _is_number(value: Any) -> bool:
    return isinstance(value, (float, np.floating, Whole)) and not math.isnan(value)
