"""What a function finds by name, and what it finds behind that, noted as facts."""

from __future__ import annotations

import pickle
import random
import sys
from collections.abc import Callable, Iterator, Mapping
from types import FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from tinygrad_mnist.compiler.capturing.facts import PLAIN, Facts, contents, is_same
from tinygrad_mnist.engine import Node
from tinygrad_mnist.nn import Module, Optimizer
from tinygrad_mnist.places import is_inside

FEW = 64
"""A list or dict with more elements is known by its identity alone."""


class Finder:
    """Follows the names in a function: its globals and closures and those of the functions that it calls, the elements
    of lists and dicts, and the attributes of objects that the functions mention.

    models: the modules that were found.
    """

    def __init__(self, facts: Facts, function: Callable[..., Any], *arguments: Any) -> None:
        self.facts = facts
        self.models: list[Module] = []
        self._names: set[str] = set()
        self._objects: dict[int, Any] = {}
        self._options: list[tuple[dict[str, Any], dict[str, Any]]] = []
        self._generators: list[tuple[Callable[[], Any], bytes]] = []
        for state in (random.getstate, np.random.get_state):
            self._note_generator(state)
        for found in (function, *arguments):
            self._follow(found)
        for each in [*self._objects.values()]:
            self._note_attributes(each)

    def changed(self) -> str:
        """What the step has done to generators and optimizers that were found, in words; "" for nothing."""
        if any(pickle.dumps(state()) != before for state, before in self._generators):
            return "draws from a generator of its own"
        for group, options in self._options:
            for name, value in options.items():
                if not is_same(group.get(name), value):
                    return f"changes {name} of an optimizer"
        return ""

    def _follow(self, value: Any) -> None:
        """Note what is found behind something that the function finds."""
        is_known = isinstance(value, (*PLAIN, np.ndarray, np.generic, Node)) or _is_library(value)
        if is_known or id(value) in self._objects:
            return
        self._objects[id(value)] = value
        value = getattr(value, "__wrapped__", value)
        if isinstance(value, MethodType):
            self._follow(value.__self__)
            value = value.__func__
        if isinstance(value, FunctionType):
            self._note_function(value)
        elif isinstance(value, Module):
            self.models.append(value)
        elif isinstance(value, Optimizer):
            self._options += [(group, {**group}) for group in value.param_groups]
        elif isinstance(value, np.random.Generator):
            self._note_generator(lambda: value.bit_generator.state)
        elif isinstance(value, list | tuple | dict) and len(value) <= FEW:
            self._note_elements(value)
        for kind in _kinds_of(value):
            for method in vars(kind).values():
                if isinstance(method, FunctionType):
                    self._follow(method)

    def _note_generator(self, state: Callable[[], Any]) -> None:
        self._generators.append((state, pickle.dumps(state())))

    def _note_elements(self, value: list[Any] | tuple[Any, ...] | dict[Any, Any]) -> None:
        self.facts.note_list(value)
        if isinstance(value, dict):
            for name in value:
                self._note(value, name)
        else:
            for each in value:
                self._follow(each)

    def _note(self, owner: Any, name: Any) -> None:
        self.facts.note_item(owner, name)
        self._follow(owner[name])

    def _note_function(self, function: FunctionType) -> None:
        if is_inside(function.__code__.co_filename):
            return
        names = [*_names(function.__code__)]
        self._names.update(names)
        for name in names:
            if name in function.__globals__:
                self._note(function.__globals__, name)
        for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
            self.facts.note_cell(name, cell)
            self._follow(contents(cell))
        for default in (*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()):
            self._follow(default)

    def _note_attributes(self, owner: Any) -> None:
        """The attributes of an object that the functions mention."""
        has_attributes = isinstance(getattr(owner, "__dict__", 0), Mapping)
        if isinstance(owner, FunctionType | Module | Optimizer) or not has_attributes:
            return
        for kind in _kinds_of(owner):
            for name in self._names.intersection(vars(kind)):
                self.facts.note_item(vars(owner), name)
                self._note(vars(kind), name)
        for name in self._names.intersection(vars(owner)):
            known = {*self._objects}
            self._note(vars(owner), name)
            for each in [v for k, v in self._objects.items() if k not in known]:
                self._note_attributes(each)


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


def _kinds_of(value: Any) -> Iterator[type]:
    """The classes of an object, or a class and its bases, but for those of this package, of Python and its libraries:
    what these do is no fact of a step.
    """
    ours = ("builtins", "numpy", "tinygrad_mnist", "random", "collections")
    for kind in (value if isinstance(value, type) else type(value)).__mro__:
        if kind.__module__.partition(".")[0] not in ours:
            yield kind
