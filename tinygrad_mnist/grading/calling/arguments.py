"""What each parameter of a learner's function is given: by its name, or by trying what is plausible."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import product
from typing import Any

import numpy as np

from .naming import deepest, strings
from .roles import arguments, at_depth, parameters, plain, role_of

DEEPEST = 8
"""How many layers a graded network may have."""

RATE = 0.1
"""The learning rate that is given where there is no default."""

Code = Callable[..., Any]
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

    def all(self, kind: str) -> list[Any]:
        """W1, W2, … of a kind."""
        return [self.value(f"{kind}{l}") for l in range(1, self.depth + 1)]

    def value(self, role: str) -> Any:
        """A copy."""
        value = self.values[role]
        return np.array(value, order="C") if isinstance(value, np.ndarray) else value

    def named(self, roles: Iterable[str]) -> dict[str, Any]:
        return {self.keys.get(role, role.upper() if role[0] in "za" else role): self.value(role) for role in roles}


PARAMETERS: Sequence[Container] = (
    lambda given: given.named(parameters(given.depth)),
    lambda given: tuple(given.value(role) for role in parameters(given.depth)),
    lambda given: (*given.all("W"), *given.all("b")),
    lambda given: [list(pair) for pair in zip(given.all("W"), given.all("b"), strict=True)],
    lambda given: [{"W": w, "b": b} for w, b in zip(given.all("W"), given.all("b"), strict=True)],
    lambda given: (given.all("W"), given.all("b")),
    lambda given: {given.keys.get("W", "W"): given.all("W"), given.keys.get("b", "b"): given.all("b")},
)
"""How the parameters are held together."""


def _in_layers(given: Given, kinds: str) -> list[Any]:
    return [given.value(f"{kind}{l}") for l in range(1, given.depth + 1) for kind in kinds]


def _of_the_course(given: Given) -> list[Any]:
    """((a(l-1), W(l), b(l)), z(l)) for each layer."""
    entering = [given.value("X"), *given.all("a")]
    return [
        ((entering[l - 1], given.value(f"W{l}"), given.value(f"b{l}")), given.value(f"z{l}"))
        for l in range(1, given.depth + 1)
    ]


CACHES: Sequence[Container] = (
    lambda given: {
        **given.named(["X", *(f"{kind}{l}" for l in range(1, given.depth + 1) for kind in "zaWb")]),
        "A0": given.value("X"),
    },
    lambda given: tuple(_in_layers(given, "za")),
    lambda given: tuple(_in_layers(given, "a")),
    lambda given: [given.value("X"), *given.all("a")],
    lambda given: tuple(_in_layers(given, "zaWb")),
    _of_the_course,
    lambda given: (given.all("z"), given.all("a")),
    lambda given: (given.value("X"), *_in_layers(given, "za")),
    lambda given: (*given.all("a"), *given.all("z")),
    lambda given: ([given.value("X"), *given.all("a")], given.all("z")),
    lambda given: (given.all("z"), [given.value("X"), *given.all("a")]),
)
"""How the intermediate values are held together, where no forward pass of the learner's says it."""

ACTIVATIONS: Sequence[Container] = (lambda given: [given.value("X"), *given.all("a")], lambda given: given.all("a"))
"""A list of activations: with the input in front, or without."""


def _unnamed(depth: int) -> list[tuple[str, ...]]:
    """The orders in which arguments come whose names don't say what they are."""
    layers = range(1, depth + 1)
    found = []
    for inner in (parameters(depth), [f"{p}{l}" for p in "Wb" for l in layers]):
        found += [("X", "Y", *inner), (*inner, "X", "Y"), ("X", *inner, "Y"), ("Y", "X", *inner), ("Y", *inner, "X")]
    return found


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


_TELLING = ("W", "b", "p", "c")
"""How roles of parameters, and of what holds them, begin: where there is none of these, single letters say nothing,
unless there are no more than X and Y."""


class Signature:
    """A learner's function and what its parameters are; made: names of what a forward pass of theirs gives.

    constructing: whether it makes a network, of sizes. leads: whether it is a forward pass, which begins with X.
    """

    def __init__(
        self, function: Code, made: Iterable[str] = (), *, constructing: bool = False, leads: bool = False
    ) -> None:
        self.function = function
        self.known = {plain(name) for name in made}
        try:
            parameters = [*inspect.signature(function).parameters.values()]
        except (TypeError, ValueError):
            parameters = []
        self.any_number = any(p.kind == p.VAR_POSITIONAL for p in parameters)
        every = [
            Parameter(p.name, role_of(p.name, constructing), p.kind, p.default, plain(p.name) in self.known)
            for p in parameters
            if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
        ]
        if every and every[0].name == "self":
            del every[0]
        if not constructing and len(every) > 2 and not any(p.made or (p.role or "")[:1] in _TELLING for p in every):
            every = [replace(p, role=None) if len(p.name) == 1 and p.name not in "XYxy" else p for p in every]
        if leads and every and not any(p.role == "X" for p in every):
            first = next((i for i, p in enumerate(every) if p.role is None or p.role[0] == "a"), None)
            every = [replace(p, role="X") if i == first else p for i, p in enumerate(every)]
        self.every, self.parameters = every, [p for p in every if p.given]

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
            if (len(self.unnamed) == len(rest) or self.any_number) and not holds:
                return None
            if self.any_number and not [p for p in self.unnamed if p.role == "partial"]:
                return None
            unknown = ", ".join(p.name for p in self.unnamed)
            step = any(p.role == "partial" for p in self.unnamed)
            one = "; it may be one step of a backward pass, where all of it is wanted, from X and Y to every dW and db"
            return f"takes {count} arguments, and its names don't say what {unknown} is{one if step else ''}"
        intermediate = any(role[0] in "za" for role in roles) or any(p.made for p in self.parameters)
        missing = [r for r in parameters(depth) if r not in roles and not (r[0] == "b" and intermediate)]
        if depth < 1 or (missing and not holds and not intermediate):
            return f"takes {count} arguments; expected are X, Y and a W and a b for each layer: ({', '.join(expected)})"
        return None

    def styles(self) -> list[Style]:
        """What is to be tried where names don't say it."""
        roles = [p.role for p in self.parameters if not p.made]
        held = "parameters" in roles or ("W" in roles and "b" not in roles) or ("b" in roles and "W" not in roles)
        choices = (
            range(len(PARAMETERS) if held else 1),
            range(len(CACHES) if "cache" in roles else 1),
            range(len(ACTIVATIONS) if "a" in roles else 1),
            range(len(_unnamed(2)) if self.unnamed else 1),
        )
        return [Style(*style) for style in product(*choices)]

    def arguments(self, given: Given) -> tuple[list[Any], dict[str, Any]]:
        """What a call is given."""
        taken = {at_depth(role, given.depth, self.first_layer) for role in self.roles}
        rest = [role for role in _unnamed(given.depth)[given.style.order] if role not in taken]
        by_place, by_name = [], {}
        unnamed = iter(rest)
        for p in self.parameters:
            role = p.role
            if not p.made and (role is None or role == "partial"):
                role = next(unnamed, None)
            value = self._value(p, role, given)
            if p.place == inspect.Parameter.KEYWORD_ONLY or self._gap_before(p):
                by_name[p.name] = value
            else:
                by_place.append(value)
        if self.any_number and not by_name:
            by_place += [given.value(role) for role in unnamed]
        return by_place, by_name

    def _gap_before(self, parameter: Parameter) -> bool:
        """Whether one that stands before is left at its default."""
        before = self.every[: self.every.index(parameter)]
        return any(not p.given for p in before)

    def _value(self, p: Parameter, role: str | None, given: Given) -> Any:
        if role == "l2":
            default = p.default if isinstance(p.default, (int, float)) else None
            return given.l2 if given.l2 is not None else RATE if default is None else default
        if role == "rate":
            return RATE
        role = role and at_depth(role, given.depth, self.first_layer)
        if role and role[0] in "XYWb" and role in given.values:
            return given.value(role)
        if p.made:
            return given.made[plain(p.name)]
        return self._held(role, p, given)

    def _held(self, role: str | None, p: Parameter, given: Given) -> Any:
        """A value of the forward pass, a container or a number."""
        if role in ("m", "classes"):
            return given.values[role]
        if role in ("keep", "flag"):
            return 1.0 if role == "keep" else False
        if role == "parameters":
            return PARAMETERS[given.style.parameters](given)
        if role == "cache":
            made = given.made.get("cache", given.forward)
            return made if made is not None else CACHES[given.style.cache](given)
        if role in ("W", "b"):
            alone = {"W", "b"} - set(self.roles)
            if given.depth == 1 and not alone:
                return given.value(f"{role}1")
            return PARAMETERS[given.style.parameters](given) if alone else given.all(role)
        if role == "a":
            return ACTIVATIONS[given.style.activations](given)
        if role == "z":
            return given.all("z")
        if role is None:
            raise TypeError(f"what {p.name} is can't be told from its name")
        if role in given.made:
            return given.made[role]
        if role == f"a{given.depth}" and isinstance(given.forward, np.ndarray):
            return given.forward
        if role in given.values:
            return given.value(role)
        raise TypeError(f"what {p.name} is can't be told from its name")


def keys(functions: Iterable[Code]) -> dict[str, str]:
    """How the words in quotes in these functions call the roles, as "w1" for W1."""
    found: dict[str, str] = {}
    for word in sorted({word for function in functions for word in strings(function)}):
        role = role_of(word) if word.isidentifier() else None
        if role and (role[0] in "Wbza" and (role[1:].isdigit() or role in ("W", "b"))):
            found.setdefault(role, word)
    from_0 = [kinds for kinds, first in (("Wb", "W0"), ("za", "z0")) if first in found]
    return {_from_1(role) if role[0] in "".join(from_0) else role: word for role, word in found.items()}


def _from_1(role: str) -> str:
    """The role where layers are counted from 0."""
    return f"{role[0]}{int(role[1:]) + 1}" if role[1:] else role
