"""What the parameters of a learner's function are, as far as their names and their number say it."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from .naming import Code, deepest
from .roles import arguments, at_depth, parameters, plain, role_of

DEEPEST = 8
"""How many layers a graded network may have."""

RATE = 0.1
"""The learning rate, or the λ, that is given where there is no default."""


@dataclass(frozen=True)
class Parameter:
    """One that a call must give; role: by its name; made: whether a forward pass makes something of that name."""

    name: str
    role: str | None
    place: inspect._ParameterKind
    default: Any
    made: bool

    @property
    def given(self) -> bool:
        """Whether a value must be given: not where it has one that is better known there."""
        if self.default is inspect.Parameter.empty:
            return True
        data = self.role is not None and self.role[0] in "XYWbza" and self.default is None
        return self.role == "l2" or data or (self.made and self.default is None)

    @property
    def number(self) -> float:
        """What it is called with, where that is a number: its default, if it has one."""
        return self.default if isinstance(self.default, (int, float)) else RATE


class Signature:
    """A learner's function and what its parameters are; made: names of what a forward pass of theirs gives.

    constructing: whether it makes a network, of sizes. leads: whether it is a forward pass, which begins with X.
    """

    def __init__(
        self, function: Code, made: Iterable[str] = (), *, constructing: bool = False, leads: bool = False
    ) -> None:
        self.function = function
        taken, known = _taken_by(function), {plain(name) for name in made}
        self.any_number = any(p.kind == p.VAR_POSITIONAL for p in taken)
        every = [
            Parameter(p.name, role_of(p.name, constructing), p.kind, p.default, plain(p.name) in known)
            for p in taken
            if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
        ]
        every = every if constructing else _without_letters(every)
        self.every = _led_by_data(every) if leads else every
        self.parameters = [p for p in self.every if p.given]

    def leaves_out_before(self, parameter: Parameter) -> bool:
        """Whether one that stands before is left at its default."""
        return any(not p.given for p in self.every[: self.every.index(parameter)])

    @cached_property
    def roles(self) -> list[str]:
        return [p.role for p in self.parameters if p.role]

    @property
    def first_layer(self) -> int:
        """0 where layers are counted from 0."""
        return 0 if {"W0", "b0"} & set(self.roles) else 1

    @property
    def unnamed(self) -> list[Parameter]:
        return [p for p in self.parameters if (p.role is None or p.role == "partial") and not p.made]

    def depths(self, asked: int | None) -> list[int]:
        """How many layers it may have."""
        if asked:
            return [asked]
        numbers = [int(role[1:]) for role in self.roles if role[0] in "Wbza" and role[1:].isdigit()]
        in_words = any(role in ("WL", "bL") for role in self.roles)
        weights = [int(r[1:]) for r in self.roles if r[0] in "Wb" and r[1:].isdigit()]
        if weights:
            return [max(weights) + (1 - self.first_layer) + in_words]
        count = len(self.parameters)
        if not self.any_number and len(self.unnamed) == count and count >= 4 and count % 2 == 0:
            return [(count - 2) // 2]
        if {"W", "b"} <= set(self.roles) and {"X", "Y"} <= set(self.roles) and count == 4:
            return [1, 2] if {"w", "b"} <= {plain(p.name) for p in self.parameters} else [2, 1]
        return [max([deepest(self.function), *numbers]) or 2]

    def why_not(self, depth: int, makes_forward: bool) -> str | None:
        """Why it can't be called as one that gives the gradients of so many layers; None where it can."""
        roles = {at_depth(role, depth, self.first_layer) for role in self.roles}
        expected = arguments(max(depth, 2))
        count = len(self.parameters)
        if depth > DEEPEST:
            return f"takes {depth} layers; at most {DEEPEST} are graded"
        holds = self.any_number or "parameters" in roles or roles & {"W", "b", "cache", "z", "a"} or makes_forward
        if self.unnamed:
            rest = [role for role in arguments(depth) if role not in roles]
            step = any(p.role == "partial" for p in self.unnamed)
            if (len(self.unnamed) == len(rest) and not holds) or (self.any_number and not step):
                return None
            unknown = ", ".join(p.name for p in self.unnamed)
            one = "; it may be one step of a backward pass, where all of it is wanted, from X and Y to every dW and db"
            return f"takes {count} arguments, and its names don't say what {unknown} is{one if step else ''}"
        intermediate = any(role[0] in "za" for role in roles) or any(p.made for p in self.parameters)
        missing = [r for r in parameters(depth) if r not in roles and not (r[0] == "b" and intermediate)]
        if depth < 1 or (missing and not holds and not intermediate):
            return f"takes {count} arguments; expected are X, Y and a W and a b for each layer: ({', '.join(expected)})"
        return None


def _taken_by(function: Code) -> list[inspect.Parameter]:
    """What a function takes, as a method what it takes besides itself; nothing where that can't be told."""
    try:
        taken = [*inspect.signature(function).parameters.values()]
    except (TypeError, ValueError):
        return []
    return taken[1:] if taken and taken[0].name == "self" else taken


def _without_letters(every: list[Parameter]) -> list[Parameter]:
    """Single letters say nothing where no name tells of parameters or of what holds them; but X and Y always do."""
    if len(every) <= 2 or any(p.made or (p.role or "")[:1] in ("W", "b", "p", "c") for p in every):
        return every
    return [replace(p, role=None) if len(p.name) == 1 and p.name not in "XYxy" else p for p in every]


def _led_by_data(every: list[Parameter]) -> list[Parameter]:
    """The first that may be X is X, where none is called so."""
    if any(p.role == "X" for p in every):
        return every
    first = next((i for i, p in enumerate(every) if p.role is None or p.role[0] == "a"), None)
    return [replace(p, role="X") if i == first else p for i, p in enumerate(every)]
