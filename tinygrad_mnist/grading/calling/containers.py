"""How values are held together in a call: by themselves, in a dict, a tuple or a list, and in which order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .roles import parameters

Container = Callable[["Given"], Any]


@dataclass(frozen=True)
class Style:
    """What names don't say: how parameters and intermediate values are held together, the order of the unnamed."""

    parameters: int = 0
    cache: int = 0
    activations: int = 0
    order: int = 0


@dataclass
class Given:
    """What there is to give in a call on one network: values by role, and what a forward pass made, by name.

    keys: how the learner's dicts call a role. l2: what was asked for; None: as the function has it.
    """

    values: Mapping[str, Any]
    depth: int
    style: Style
    keys: Mapping[str, str]
    l2: float | None = None
    made: dict[str, Any] = field(default_factory=dict)
    forward: Any = None

    def all(self, kinds: str) -> list[Any]:
        """W1, W2, … of a kind; of several kinds W1, b1, W2, b2, …"""
        return [self.value(f"{kind}{l}") for l in range(1, self.depth + 1) for kind in kinds]

    def value(self, role: str) -> Any:
        """A copy."""
        value = self.values[role]
        return np.array(value, order="C") if isinstance(value, np.ndarray) else value

    def named(self, roles: Iterable[str]) -> dict[str, Any]:
        return {self.keys.get(role, role.upper() if role[0] in "za" else role): self.value(role) for role in roles}


PARAMETERS: Sequence[Container] = (
    lambda given: given.named(parameters(given.depth)),
    lambda given: tuple(given.all("Wb")),
    lambda given: (*given.all("W"), *given.all("b")),
    lambda given: [list(pair) for pair in zip(given.all("W"), given.all("b"), strict=True)],
    lambda given: [{"W": w, "b": b} for w, b in zip(given.all("W"), given.all("b"), strict=True)],
    lambda given: (given.all("W"), given.all("b")),
    lambda given: {given.keys.get("W", "W"): given.all("W"), given.keys.get("b", "b"): given.all("b")},
)
"""How the parameters are held together."""


def _of_the_course(given: Given) -> list[Any]:
    """((a(l-1), W(l), b(l)), z(l)) for each layer."""
    entering = [given.value("X"), *given.all("a")]
    layers = zip(entering, *map(given.all, "Wbz"), strict=False)
    return [((a, W, b), z) for a, W, b, z in layers]


CACHES: Sequence[Container] = (
    lambda given: {
        **given.named(["X", *(f"{kind}{l}" for l in range(1, given.depth + 1) for kind in "zaWb")]),
        "A0": given.value("X"),
    },
    lambda given: tuple(given.all("za")),
    lambda given: tuple(given.all("a")),
    lambda given: [given.value("X"), *given.all("a")],
    lambda given: tuple(given.all("zaWb")),
    _of_the_course,
    lambda given: (given.all("z"), given.all("a")),
    lambda given: (given.value("X"), *given.all("za")),
    lambda given: (*given.all("a"), *given.all("z")),
    lambda given: ([given.value("X"), *given.all("a")], given.all("z")),
    lambda given: (given.all("z"), [given.value("X"), *given.all("a")]),
)
"""How the intermediate values are held together, where no forward pass of the learner's says it."""

ACTIVATIONS: Sequence[Container] = (lambda given: [given.value("X"), *given.all("a")], lambda given: given.all("a"))
"""A list of activations: with the input in front, or without."""
