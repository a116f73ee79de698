"""What a step was captured by and does not compute: the shape of its world, in which alone the program is right."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial
from operator import attrgetter, is_
from types import CellType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_mnist.compiler.program import fingerprint
from tinygrad_mnist.engine import Node
from tinygrad_mnist.engine.node import is_recording
from tinygrad_mnist.nn import Module, Optimizer
from tinygrad_mnist.nn import module as modules

FEW = 64
"""A list or dict with more elements is known by its identity and length alone."""

PLAIN = int, float, complex, str, bytes, bool, type(None)
KNOWN_BY_VALUE = *PLAIN, np.generic, np.dtype, range
MISSING = object()

Fact = tuple[str, Callable[[], Any], Any]
"""What the step would do if it changed something, in words; how that is found; and what it was."""


class Facts:
    """Options, attributes of modules, which leaves learn, and what a function finds by name: items, closures, lists.

    Numbers and words are known by what they are, all else by its identity.
    """

    def __init__(self) -> None:
        self._last_change = modules.last_change[0]
        self._lasting: dict[Any, Fact] = {"": ("", is_recording, is_recording())}
        self._contents: dict[int, tuple[Collection[Any], tuple[Any, ...]]] = {}
        self._of_modules: dict[Any, Fact] = {}
        self._in_the_step: dict[Any, Fact] = {}

    def note_leaves(self, leaves: Sequence[Node], without_gradient: Mapping[Node, bool]) -> None:
        """Which leaves learn, and of those whose gradients were read, whether they had none yet."""
        learns = attrgetter("requires_grad")
        learn = [*map(learns, leaves)]
        self._lasting["leaves"] = "", lambda: [*map(learns, leaves)] == learn, True
        if without_gradient:
            self._lasting["gradients"] = "", partial(_lack_as, without_gradient), True

    def note_item(self, owner: Mapping[str, Any], name: str) -> None:
        """An item of a dict, such as an option or an attribute, or that there is none."""
        _note(self._lasting, (id(owner), name), f"changes {name}", partial(owner.get, name, MISSING))

    def note_slot(self, owner: Any, name: str) -> None:
        """An attribute of an object that keeps it in a slot."""
        _note(self._lasting, (id(owner), name), f"changes {name}", partial(getattr, owner, name, MISSING))

    def note_array(self, array: NDArray[Any]) -> None:
        """The numbers of an array, of which the step computes what is a constant to its program."""
        _note(self._lasting, id(array), "changes an array", partial(fingerprint, array))

    def note_cell(self, name: str, cell: CellType) -> None:
        """What a function finds in a closure."""
        _note(self._lasting, id(cell), f"changes {name}", partial(contents, cell))

    def note_contents(self, value: Any) -> None:
        """What a list holds, or which keys a dict has, when it is met first; of a large one how many."""
        if isinstance(value, list | set | deque | dict):
            if len(value) <= FEW:
                self._contents.setdefault(id(value), (value, tuple(value)))
            else:
                _note(self._lasting, id(value), f"changes {_contents_in_words(value)}", partial(len, value))

    def note_module(self, module: Module) -> None:
        """The attributes of a module that was called."""
        kind, attributes = type(module).__name__, vars(module)
        _note(self._of_modules, module, f"gives {kind} another attribute", partial(tuple, attributes))
        for name in (*attributes, "training"):
            words = f"changes {name} of {kind} after using it"
            _note(self._of_modules, (module, name), words, partial(getattr, module, name, MISSING))
            self.note_contents(getattr(module, name))

    def note_optimizer(self, optimizer: Optimizer) -> None:
        """The groups of an optimizer that moved, what is in them, and what is kept for their parameters."""
        self.note_item(vars(optimizer), "param_groups")
        self.note_contents(optimizer.param_groups)
        for group in optimizer.param_groups:
            self.note_item(group, "params")
            self.note_contents(group["params"])
            words = "changes what an optimizer keeps"
            _note(self._lasting, (optimizer, id(group)), words, partial(optimizer.slots, group))

    def note_until_done(self, key: Any, words: str, load: Callable[[], Any]) -> None:
        """What the step itself may not change, and others may between its calls."""
        _note(self._in_the_step, key, words, load)

    def hold(self) -> bool:
        """Whether all is as it was."""
        if self._last_change != modules.last_change[0]:
            now = modules.last_change[0]
            if _first_changed(self._of_modules.values()):
                return False
            self._last_change = now
        return _first_changed(self._lasting.values()) is None and self._other_contents() is None

    def changed(self) -> str | None:
        """What the step itself has changed, in words; None for nothing."""
        other = self._other_contents()
        if other is not None:
            return f"changes {_contents_in_words(other)}"
        return _first_changed([*self._lasting.values(), *self._of_modules.values(), *self._in_the_step.values()])

    def _other_contents(self) -> Collection[Any] | None:
        """A list, set or dict that holds something else than it did."""
        for found, before in self._contents.values():
            if not _are_same(found, before):
                return found
        return None


def _note(facts: dict[Any, Fact], key: Any, words: str, load: Callable[[], Any]) -> None:
    if key not in facts:
        facts[key] = words, load, load()


def _first_changed(facts: Iterable[Fact]) -> str | None:
    for words, load, value in facts:
        if (found := load()) is not value and not is_same(found, value):
            return words
    return None


def _lack_as(without_gradient: Mapping[Node, bool]) -> bool:
    return all((leaf._grad is None) is had_none for leaf, had_none in without_gradient.items())


def _contents_in_words(value: Collection[Any]) -> str:
    return "the keys of a dict" if isinstance(value, dict) else f"a {type(value).__name__}"


def contents(cell: CellType) -> Any:
    """What is in a closure."""
    try:
        return cell.cell_contents
    except ValueError:  # it is empty as yet
        return MISSING


def is_same(one: Any, other: Any) -> bool:
    """Whether two things are one, or numbers or words of one type and value."""
    if one is other:
        return True
    if type(one) is tuple and type(other) is tuple:
        return _are_same(one, other)
    return type(one) is type(other) and isinstance(one, KNOWN_BY_VALUE) and repr(one) == repr(other)


def _are_same(ones: Collection[Any], others: Collection[Any]) -> bool:
    return len(ones) == len(others) and (all(map(is_, ones, others)) or all(map(is_same, ones, others)))
