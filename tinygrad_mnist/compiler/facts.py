"""What a step was captured by and does not compute: the shape of its world, in which alone the program is right."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import CellType, FunctionType
from typing import Any

from tinygrad_mnist.engine import Node
from tinygrad_mnist.nn import Module
from tinygrad_mnist.nn import module as modules
from tinygrad_mnist.places import is_inside

_PLAIN = int, float, complex, str, bool, type(None)
_MISSING = object()


class Facts:
    """Options, attributes of modules, which leaves learn, and the plain numbers that a function finds by name."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._leaves: list[tuple[Node, bool, bool | None]] = []
        self._items: list[tuple[Mapping[str, Any], str, Any]] = []
        self._modules: dict[Module, dict[str, Any]] = {}
        self._cells: list[tuple[CellType, Any]] = []
        self._note_names(function, set())
        self._last_change = modules.last_change[0]

    def note_leaf(self, leaf: Node, without_gradient: bool | None) -> None:
        """Whether a leaf learns, and whether it has no gradient yet; None where that is all the same."""
        self._leaves.append((leaf, leaf.requires_grad, without_gradient))

    def note_item(self, owner: Mapping[str, Any], name: str) -> None:
        """An item of a dict, such as an option."""
        self._items.append((owner, name, owner[name]))

    def note_module(self, module: Module) -> None:
        """The attributes of a module that was called."""
        self._modules.setdefault(module, _attributes(module))

    def _note_names(self, function: Any, seen: set[Any]) -> None:
        """The plain values that a function, and those that it calls by name, find in globals and closures."""
        function = getattr(function, "__func__", getattr(function, "__wrapped__", function))
        if not isinstance(function, FunctionType) or function in seen or is_inside(function.__code__.co_filename):
            return
        seen.add(function)
        for name in function.__code__.co_names:
            value = function.__globals__.get(name, _MISSING)
            if isinstance(value, _PLAIN):
                self.note_item(function.__globals__, name)
            self._note_names(value, seen)
        for cell in function.__closure__ or ():
            value = _contents(cell)
            if isinstance(value, _PLAIN):
                self._cells.append((cell, value))
            self._note_names(value, seen)

    def hold(self) -> bool:
        """Whether all is as it was."""
        for leaf, learns, without in self._leaves:
            if leaf.requires_grad is not learns or (without is not None and (leaf._grad is None) is not without):
                return False
        for owner, name, value in self._items:
            if (found := owner.get(name, _MISSING)) is not value and found != value:
                return False
        for cell, value in self._cells:
            if (found := _contents(cell)) is not value and found != value:
                return False
        return self._last_change == modules.last_change[0] or self._modules_hold()

    def _modules_hold(self) -> bool:
        now = modules.last_change[0]
        if any(_attributes(module) != attributes for module, attributes in self._modules.items()):
            return False
        self._last_change = now
        return True


def _contents(cell: CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # it is empty as yet
        return _MISSING


def _attributes(module: Module) -> dict[str, Any]:
    """Plain values as they are, and what else a module has by its identity."""
    return dict(_facts(vars(module) | {"training": module.training}))


def _facts(attributes: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in attributes.items():
        yield name, value if isinstance(value, (*_PLAIN, tuple)) else id(value)
