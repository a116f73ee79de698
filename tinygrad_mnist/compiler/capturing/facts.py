"""What a step was captured by and does not compute: the shape of its world, in which alone the program is right."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from operator import is_
from types import CellType
from typing import Any

from tinygrad_mnist.engine import Node
from tinygrad_mnist.engine.node import is_recording
from tinygrad_mnist.nn import Module, Optimizer
from tinygrad_mnist.nn import module as modules

PLAIN = int, float, complex, str, bytes, bool, type(None)
_MISSING = object()


class Facts:
    """Options, attributes of modules, which leaves learn, and what a function finds by name: items, closures, lists.

    Numbers and words are known by what they are, all else by its identity.
    """

    def __init__(self) -> None:
        self._is_recording = is_recording()
        self._leaves: list[tuple[Node, bool, bool | None]] = []
        self._named: list[tuple[str, Callable[[], Any], Any]] = []
        self._noted: set[tuple[int, str]] = set()
        self._lists: dict[int, tuple[list[Any], list[Any]]] = {}
        self._modules: dict[Module, dict[str, Any]] = {}
        self._optimizers: dict[Optimizer, list[Any]] = {}
        self._last_change = modules.last_change[0]

    def note_leaf(self, leaf: Node, without_gradient: bool | None) -> None:
        """Whether a leaf learns, and whether it has no gradient yet; None where that is all the same."""
        self._leaves.append((leaf, leaf.requires_grad, without_gradient))

    def note_item(self, owner: Mapping[str, Any], name: str) -> None:
        """An item of a dict, such as an option or an attribute, or that there is none."""
        if (id(owner), name) not in self._noted:
            self._noted.add((id(owner), name))
            self._note(name, partial(owner.get, name, _MISSING))

    def note_cell(self, name: str, cell: CellType) -> None:
        """What a function finds in a closure."""
        self._note(name, partial(contents, cell))

    def _note(self, name: str, load: Callable[[], Any]) -> None:
        self._named.append((name, load, load()))

    def note_list(self, value: Any) -> None:
        """What a list holds when it is met first; nothing for what is no list."""
        if isinstance(value, list):
            self._lists.setdefault(id(value), (value, [*value]))

    def note_module(self, module: Module) -> None:
        """The attributes of a module that was called."""
        if module not in self._modules:
            attributes = self._modules[module] = _attributes(module)
            for value in attributes.values():
                self.note_list(value)

    def note_optimizer(self, optimizer: Optimizer) -> None:
        """The groups of an optimizer that moved, and what is in them."""
        self._optimizers[optimizer] = _groups(optimizer)
        for group in optimizer.param_groups:
            self.note_list(group["params"])

    def hold(self) -> bool:
        """Whether all is as it was."""
        if is_recording() is not self._is_recording:
            return False
        for leaf, learns, without in self._leaves:
            if leaf.requires_grad is not learns or (without is not None and (leaf._grad is None) is not without):
                return False
        for _, load, value in self._named:
            if (found := load()) is not value and not is_same(found, value):
                return False
        for elements, values in self._lists.values():
            if not _are_same(elements, values):
                return False
        for optimizer, groups in self._optimizers.items():
            if _groups(optimizer) != groups:
                return False
        return self._last_change == modules.last_change[0] or self._modules_hold()

    def _modules_hold(self) -> bool:
        now = modules.last_change[0]
        for module, attributes in self._modules.items():
            found = _attributes(module)
            if found.keys() != attributes.keys() or not _are_same([*found.values()], [*attributes.values()]):
                return False
        self._last_change = now
        return True

    def changed(self) -> str:
        """What the step itself has changed, in words; "" for nothing."""
        for name, load, value in self._named:
            if not is_same(load(), value):
                return f"changes {name}"
        if not all(_are_same(*each) for each in self._lists.values()):
            return "changes a list"
        for module, attributes in self._modules.items():
            now = _attributes(module)
            for name in attributes:
                if not is_same(now.get(name, _MISSING), attributes[name]):
                    return f"changes {name} of {type(module).__name__} after using it"
        return ""


def _groups(optimizer: Optimizer) -> list[Any]:
    """Which groups an optimizer has, and what it keeps for their parameters."""
    return [(id(group), optimizer.slots(group)) for group in optimizer.param_groups]


def _attributes(module: Module) -> dict[str, Any]:
    """What a module has: held, so that nothing else takes its place in memory."""
    return vars(module) | {"training": module.training}


def contents(cell: CellType) -> Any:
    """What is in a closure."""
    try:
        return cell.cell_contents
    except ValueError:  # it is empty as yet
        return _MISSING


def is_same(one: Any, other: Any) -> bool:
    """Whether two things are one, or numbers or words of one type and value."""
    if one is other:
        return True
    if type(one) is tuple and type(other) is tuple:
        return _are_same(one, other)
    return type(one) is type(other) and isinstance(one, PLAIN) and repr(one) == repr(other)


def _are_same(one: Any, other: Any) -> bool:
    return len(one) == len(other) and (all(map(is_, one, other)) or all(map(is_same, one, other)))
