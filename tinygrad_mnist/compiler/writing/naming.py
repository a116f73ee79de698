"""What values, functions and other things are called in the source of a step."""

from __future__ import annotations

import keyword
import re
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_mnist.compiler.kernels.parts import INTERPRETED
from tinygrad_mnist.compiler.program import Value

_OWN = re.compile("(buffer|kernel|part)[0-9]+")
"""Names that a source has for what is its own."""


class Names:
    """Names, each of one thing. things: what a source takes for granted, by their names."""

    def __init__(self) -> None:
        self.things: dict[str, Any] = {"np": np}
        self._values: dict[Value, str] = {}
        self._taken = {"np", "step", "sgemm", "dgemm", *INTERPRETED, *keyword.kwlist}
        self._waiting: dict[Value, Callable[[], None]] = {}

    def of(self, value: Value) -> str:
        """What a value is called; one that waits for it is made now."""
        if value in self._waiting:
            self._waiting.pop(value)()
        return self.name(value)

    def name(self, value: Value) -> str:
        """The same, whether it is made or not."""
        if value not in self._values:
            plain = _plain(value.name) or f"v{len(self._values)}"
            name = plain = plain if not plain[0].isdigit() else f"_{plain}"
            while name in self._taken or _OWN.fullmatch(name):
                name = f"{plain}_{len(self._values)}"
            self._taken.add(name)
            self._values[value] = name
        return self._values[value]

    def wait(self, value: Value, make: Callable[[], None]) -> None:
        """Have a value made where it is first asked for."""
        self._waiting[value] = make

    def known(self, name: str, thing: Any) -> str:
        """A name for something that the source takes for granted."""
        found = _plain(name) or "function"
        while found in self._taken and self.things.get(found) is not thing:
            found = f"{found}_"
        self._taken.add(found)
        self.things[found] = thing
        return found


def _plain(name: str) -> str:
    return re.sub(r"\W+", "_", name).strip("_")
