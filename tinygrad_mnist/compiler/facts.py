"""What a step was captured by and does not compute: the shape of its world, in which alone the program is right."""

from __future__ import annotations

import pickle
import random
import sys
from collections.abc import Callable, Iterator, Mapping
from operator import is_
from types import CellType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from tinygrad_mnist.engine import Node
from tinygrad_mnist.engine.node import is_recording
from tinygrad_mnist.nn import Module, Optimizer
from tinygrad_mnist.nn import module as modules
from tinygrad_mnist.places import is_inside

_PLAIN = int, float, complex, str, bytes, bool, type(None)
_MISSING = object()

FEW = 64
"""A list or dict with more elements is known by its identity alone."""


class Facts:
    """Options, attributes of modules, which leaves learn, and what a function finds by name.

    By name are found the globals and closures of a function and of those that it calls, the elements of lists and
    dicts, and the attributes of objects that the functions mention. Numbers and words are known by what they are, all
    else by its identity.
    """

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self._is_recording = is_recording()
        self._leaves: list[tuple[Node, bool, bool | None]] = []
        self._items: list[tuple[Mapping[str, Any], str, Any]] = []
        self._noted: set[tuple[int, str]] = set()
        self._lists: dict[int, tuple[list[Any], list[Any]]] = {}
        self._modules: dict[Module, dict[str, Any]] = {}
        self._cells: list[tuple[str, CellType, Any]] = []
        self._optimizers: dict[Optimizer, list[Any]] = {}
        self._options: list[tuple[dict[str, Any], dict[str, Any]]] = []
        self._generators: list[tuple[Callable[[], Any], bytes]] = []
        self._models: list[Module] = []
        self._names: set[str] = set()
        self._objects: dict[int, Any] = {}
        for state in (random.getstate, np.random.get_state):
            self._note_generator(state)
        for found in (function, *arguments):
            self._follow(found)
        for each in [*self._objects.values()]:
            self._note_attributes(each)
        self._last_change = modules.last_change[0]

    def note_leaf(self, leaf: Node, without_gradient: bool | None) -> None:
        """Whether a leaf learns, and whether it has no gradient yet; None where that is all the same."""
        self._leaves.append((leaf, leaf.requires_grad, without_gradient))

    def note_item(self, owner: Mapping[str, Any], name: str) -> None:
        """An item of a dict, such as an option."""
        if (id(owner), name) not in self._noted:
            self._noted.add((id(owner), name))
            self._items.append((owner, name, owner[name]))

    def note_module(self, module: Module) -> None:
        """The attributes of a module that was called."""
        if module not in self._modules:
            attributes = self._modules[module] = _attributes(module)
            for value in attributes.values():
                self._note_list(value)

    def note_optimizer(self, optimizer: Optimizer) -> None:
        """The groups of an optimizer that moved, and what is in them."""
        self._optimizers[optimizer] = _groups(optimizer)
        for group in optimizer.param_groups:
            self._note_list(group["params"])

    def note_models(self) -> None:
        """The attributes of the modules that were found and not called: as the step leaves them."""
        for model in self._models:
            for module in model.modules():
                self.note_module(module)

    def _follow(self, value: Any) -> None:
        """Note what is found behind something that the function finds."""
        if (
            isinstance(value, (*_PLAIN, np.ndarray, np.generic, Node))
            or _is_library(value)
            or id(value) in self._objects
        ):
            return
        self._objects[id(value)] = value
        value = getattr(value, "__wrapped__", value)
        if isinstance(value, MethodType):
            self._follow(value.__self__)
            value = value.__func__
        if isinstance(value, FunctionType):
            self._note_function(value)
        elif isinstance(value, Module):
            self._models.append(value)
        elif isinstance(value, Optimizer):
            self._options += [(group, {**group}) for group in value.param_groups]
        elif isinstance(value, np.random.Generator):
            self._note_generator(lambda: value.bit_generator.state)
        elif isinstance(value, list | tuple | dict) and len(value) <= FEW:
            for name in value if isinstance(value, dict) else ():
                self._note(value, name)
            self._note_list(value)
            for each in value if isinstance(value, list | tuple) else ():
                self._follow(each)
        for kind in (value if isinstance(value, type) else type(value)).__mro__:
            for method in vars(kind).values() if not _is_ours(kind) else ():
                if isinstance(method, FunctionType):
                    self._follow(method)

    def _note_list(self, value: Any) -> None:
        """What a list holds when it is met first."""
        if isinstance(value, list):
            self._lists.setdefault(id(value), (value, [*value]))

    def _note_generator(self, state: Callable[[], Any]) -> None:
        self._generators.append((state, pickle.dumps(state())))

    def _note(self, owner: Any, name: Any) -> None:
        self.note_item(owner, name)
        self._follow(owner[name])

    def _note_function(self, function: FunctionType) -> None:
        if is_inside(function.__code__.co_filename):
            return
        self._names.update(_names(function.__code__))
        for name in _names(function.__code__):
            if name in function.__globals__:
                self._note(function.__globals__, name)
        for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
            self._cells.append((name, cell, _contents(cell)))
            self._follow(_contents(cell))
        for default in (*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()):
            self._follow(default)

    def _note_attributes(self, owner: Any) -> None:
        """The attributes of an object that the functions mention."""
        if isinstance(owner, FunctionType | Module | Optimizer) or not isinstance(
            getattr(owner, "__dict__", 0), Mapping
        ):
            return
        kinds = [kind for kind in (owner if isinstance(owner, type) else type(owner)).__mro__ if not _is_ours(kind)]
        for kind in kinds:
            for name in self._names.intersection(vars(kind)):
                self._items.append((vars(owner), name, vars(owner).get(name, _MISSING)))
                self._note(vars(kind), name)
        for name in self._names.intersection(vars(owner)):
            known = {*self._objects}
            self._note(vars(owner), name)
            for each in [v for k, v in self._objects.items() if k not in known]:
                self._note_attributes(each)

    def hold(self) -> bool:
        """Whether all is as it was."""
        if is_recording() is not self._is_recording:
            return False
        for leaf, learns, without in self._leaves:
            if leaf.requires_grad is not learns or (without is not None and (leaf._grad is None) is not without):
                return False
        for owner, name, value in self._items:
            if (found := owner.get(name, _MISSING)) is not value and not _is_same(found, value):
                return False
        for _, cell, value in self._cells:
            if (found := _contents(cell)) is not value and not _is_same(found, value):
                return False
        for elements, values in self._lists.values():
            if not _are_same(elements, values):
                return False
        for optimizer, groups in self._optimizers.items():
            if _groups(optimizer) != groups:
                return False
        return self._last_change == modules.last_change[0] or self._modules_hold()

    def changed(self) -> str:
        """What the step itself has changed, in words; "" for nothing."""
        for state, before in self._generators:
            if pickle.dumps(state()) != before:
                return "draws from a generator of its own"
        for group, options in self._options:
            for name, value in options.items():
                if not _is_same(group.get(name), value):
                    return f"changes {name} of an optimizer"
        named = [(name, owner.get(name, _MISSING), value) for owner, name, value in self._items]
        named += [(name, _contents(cell), value) for name, cell, value in self._cells]
        for name, found, value in named:
            if not _is_same(found, value):
                return f"changes {name}"
        if not all(_are_same(*each) for each in self._lists.values()):
            return "changes a list"
        for module, attributes in self._modules.items():
            now = _attributes(module)
            for name in attributes:
                if not _is_same(now.get(name, _MISSING), attributes[name]):
                    return f"changes {name} of {type(module).__name__} after using it"
        return ""

    def _modules_hold(self) -> bool:
        now = modules.last_change[0]
        for module, attributes in self._modules.items():
            found = _attributes(module)
            if found.keys() != attributes.keys() or not _are_same([*found.values()], [*attributes.values()]):
                return False
        self._last_change = now
        return True


def _names(code: Any) -> Iterator[str]:
    """The names that a function's code mentions, and the functions that are made in it."""
    yield from code.co_names
    for inner in code.co_consts:
        if isinstance(inner, type(code)):
            yield from _names(inner)


def _is_library(value: Any) -> bool:
    """Whether it is a Python module, and not one of the reader's own."""
    library = {*sys.stdlib_module_names, "numpy", "scipy", "tinygrad_mnist"}
    return isinstance(value, ModuleType) and value.__name__.partition(".")[0] in library - {"__main__"}


def _is_ours(kind: type) -> bool:
    """Whether a class is of this package or of Python and its libraries: what those do is no fact of a step."""
    return kind.__module__.partition(".")[0] in ("builtins", "numpy", "tinygrad_mnist", "random", "collections")


def _groups(optimizer: Optimizer) -> list[Any]:
    """Which groups an optimizer has, and what it keeps for their parameters."""
    return [(id(group), optimizer.slots(group)) for group in optimizer.param_groups]


def _are_same(one: Any, other: Any) -> bool:
    return len(one) == len(other) and (all(map(is_, one, other)) or all(map(_is_same, one, other)))


def _is_same(one: Any, other: Any) -> bool:
    """Whether two things are one, or numbers or words of one type and value."""
    if one is other:
        return True
    if type(one) is tuple and type(other) is tuple:
        return _are_same(one, other)
    return type(one) is type(other) and isinstance(one, _PLAIN) and repr(one) == repr(other)


def _contents(cell: CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # it is empty as yet
        return _MISSING


def _attributes(module: Module) -> dict[str, Any]:
    """What a module has: held, so that nothing else takes its place in memory."""
    return vars(module) | {"training": module.training}
