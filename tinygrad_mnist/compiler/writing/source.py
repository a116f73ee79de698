"""The NumPy source that runs a program: arrays are made once, and every step writes into them anew."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Source:
    """The source of a step.

    setup: what is done once, for the arrays at hand. names: what both take for granted. parts: what numba compiles.
    """

    arguments: list[str]
    names: dict[str, Any]
    setup: list[str] = field(default_factory=list)
    body: list[str] = field(default_factory=list)
    parts: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        body = "\n".join(f"    {line}" for line in self.body or ["pass"])
        return "\n".join([*self.setup, "", f"def step({', '.join(self.arguments)}):", body, ""])
