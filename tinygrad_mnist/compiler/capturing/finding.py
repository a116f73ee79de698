"""What a function finds by name, and what it finds behind that, noted as facts."""

from __future__ import annotations

import pickle
import random
import sys
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property, partial
from itertools import chain
from types import FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from tinygrad_mnist.compiler.capturing.facts import FEW, MISSING, PLAIN, Facts, contents
from tinygrad_mnist.compiler.capturing.iterators import progress
from tinygrad_mnist.compiler.program import fingerprint
from tinygrad_mnist.engine import Node
from tinygrad_mnist.nn import Module, Optimizer
from tinygrad_mnist.places import is_inside

LIBRARIES = {*sys.stdlib_module_names, "numpy", "scipy", "tinygrad_mnist"} - {"__main__"}

SMALL = 2**16
"""Up to so many numbers an array that is found is looked at for changes that the step makes to it."""


class Finder:
    """Follows the names in a function: its globals and closures and those of the functions that it calls, the elements
    of lists and dicts, and the attributes of objects that the functions mention.

    models: the modules that were found. objects: all that was, by its number.
    """

    def __init__(self, facts: Facts, function: Callable[..., Any], *arguments: Any) -> None:
        self.facts = facts
        self.models: list[Module] = []
        self._names: set[str] = set()
        self.objects: dict[int, Any] = {}
        for state in (random.getstate, np.random.get_state):
            self._note_generator(state)
        for found in (function, *arguments):
            self._follow(found)
        noted = 0
        while found := [*self.objects.values()][noted:]:  # what hangs on them is found on the way
            noted += len(found)
            for each in found:
                self._note_attributes(each)

    def _follow(self, value: Any) -> None:
        """Note what is found behind something that the function finds."""
        is_known = isinstance(value, (*PLAIN, np.generic, Node)) or _is_library(value)
        if is_known or id(value) in self.objects:
            return
        self.objects[id(value)] = value
        self._follow(getattr(value, "__dict__", {}).get("__wrapped__"))
        if isinstance(value, MethodType):
            self._follow(value.__self__)
            value = value.__func__
        if isinstance(value, FunctionType):
            self._note_function(value)
        elif isinstance(value, partial):
            self._follow((value.func, value.args, value.keywords))
        elif isinstance(value, np.ndarray):
            if value.size <= SMALL:
                self.facts.note_until_done(id(value), "changes an array", partial(fingerprint, value))
        elif isinstance(value, Module):
            self.models.append(value)
            for each in [*vars(value).values()]:
                self._follow(each)
        elif isinstance(value, Optimizer):
            for group in value.param_groups:
                for name in group:
                    self.facts.note_until_done(
                        (id(group), name), f"changes {name} of an optimizer", partial(group.get, name, MISSING)
                    )
        elif isinstance(value, np.random.Generator):
            self._note_generator(lambda: value.bit_generator.state)
        elif isinstance(value, np.random.RandomState):
            self._note_generator(value.get_state)
        elif isinstance(value, random.Random):
            self._note_generator(value.getstate)
        elif isinstance(value, list | tuple | dict | set | deque):
            self._note_elements(value)
        elif isinstance(value, Iterator):
            self.facts.note_until_done(id(value), "takes from an iterator", partial(progress, value))
        for kind in _kinds_of(value):
            for method in map(_function_of, vars(kind).values()):
                if isinstance(method, FunctionType):
                    self._follow(method)

    def _note_generator(self, state: Callable[[], Any]) -> None:
        self.facts.note_until_done(state, "draws from a generator of its own", lambda: pickle.dumps(state()))

    def _note_elements(self, value: Any) -> None:
        self.facts.note_contents(value)
        for each in value if len(value) <= FEW else ():
            if isinstance(value, dict):
                self._note(value, each)
            else:
                self._follow(each)

    def _note(self, owner: Any, name: Any) -> None:
        """Note an item of a dict, or that there is none yet, and follow it."""
        self.facts.note_item(owner, name)
        self._follow(owner.get(name))

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
        """The attributes of an object that the functions mention, and an optimizer's options if they look at these."""
        if isinstance(owner, Optimizer) and not self._names.isdisjoint(("param_groups", "current_lr")):
            for group in owner.param_groups:
                for name in group:
                    self.facts.note_item(group, name)
        if isinstance(owner, FunctionType):
            return
        attributes, slots = getattr(owner, "__dict__", None), [*_slots_of(owner)]
        if not isinstance(attributes, Mapping):
            attributes = {}
        kinds = [*map(vars, _kinds_of(owner))]
        for name in self._names.intersection(chain(*kinds)):
            for where in (attributes, *kinds):  # one that lacks it may get it later
                self._note(where, name)
        if isinstance(owner, Module):  # whose own are noted when it is called
            return
        for name in self._names.intersection((*attributes, *slots)):
            if name in slots:
                self.facts.note_slot(owner, name)
                self._follow(getattr(owner, name, None))
            else:
                self._note(attributes, name)


def _names(code: Any) -> Iterator[str]:
    """The names that a function's code mentions, as words too, and those of the functions that are made in it."""
    yield from code.co_names
    for inner in code.co_consts:
        if isinstance(inner, type(code)):
            yield from _names(inner)
        elif isinstance(inner, str) and inner.isidentifier():
            yield inner


def _is_library(value: Any) -> bool:
    """Whether it is a module or class of Python, its libraries or this package: what these do is no fact of a step."""
    is_class = isinstance(value, type)
    module = value.__module__ if is_class else value.__name__ if isinstance(value, ModuleType) else ""
    return module.partition(".")[0] in LIBRARIES


def _function_of(method: Any) -> Any:
    """What a property, or a static or class method, calls; anything else as it is."""
    if isinstance(method, property):
        return method.fget
    if isinstance(method, cached_property):
        return method.func
    return method.__func__ if isinstance(method, staticmethod | classmethod) else method


def _slots_of(value: Any) -> Iterator[str]:
    """The names of the attributes that an object keeps in slots."""
    for kind in () if isinstance(value, type) else _kinds_of(value):
        slots = vars(kind).get("__slots__", ())
        yield from [slots] if isinstance(slots, str) else slots


def _kinds_of(value: Any) -> Iterator[type]:
    """The classes of an object, or a class and its bases, but for those of libraries."""
    return (kind for kind in (value if isinstance(value, type) else type(value)).__mro__ if not _is_library(kind))
