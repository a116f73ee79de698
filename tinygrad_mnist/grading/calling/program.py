"""A learner's backward pass, with the forward pass and the class that belong to it, called on one network."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .arguments import arguments, keys, styles
from .containers import Given, Style
from .conventions import Convention, Values
from .naming import Code, returned_names, signature_of
from .networks import Network
from .returned import Ran
from .roles import at_depth, parameters, plain, role_of
from .signatures import Signature
from .trees import innermost, leaves, numeric, parameter_at


@dataclass(frozen=True)
class Call:
    """One call's outcome: what it left, or what it raised; and which arguments it changed."""

    ran: Ran | None
    error: BaseException | None
    changed: tuple[str, ...] = ()


class Program:
    """backward, and where they are needed a forward pass and a class or an instance whose methods these are.

    A method is given by its name. l2: λ as it was asked for; None: as the program has it.
    """

    def __init__(
        self, backward: Any, forward: Any = None, network: Network | None = None, l2: float | None = None
    ) -> None:
        self.network, self.l2 = network, l2
        self.owner = (network.source if isinstance(network.source, type) else type(network.source)) if network else None
        self.backward, self.forward = self._function(backward), self._function(forward)
        self.backward_name, self.forward_name = self._name(backward), self._name(forward)
        functions = [f for f in (self.backward, self.forward) if f]
        self.keys = keys(functions)
        self.returns = returned_names(self.backward)
        self.makes = returned_names(self.forward) if self.forward else []
        made = [name for names in self.makes for name in names if name]
        self.takes = Signature(self.backward, [n for n in made if self._made(n)])
        self.first = Signature(self.forward, leads=True) if self.forward else None

    def _function(self, named: Any) -> Any:
        return getattr(self.owner, named) if isinstance(named, str) and self.owner else named

    def _name(self, named: Any) -> str:
        name = named if isinstance(named, str) else getattr(named, "__name__", type(named).__name__)
        return f"{self.network.name}.{name}" if self.network else name

    @staticmethod
    def _made(name: str) -> bool:
        """Whether what a forward pass calls so is to be taken from it, and not the data or a parameter."""
        role = role_of(name)
        return role is None or role[0] not in "XYWb"

    @property
    def needs_forward(self) -> bool:
        """Whether its backward pass is given, or finds in its object, what a forward pass makes."""
        asks = any(p.made or p.role in ("cache", None) or p.role[0] in "za" for p in self.takes.parameters)
        return bool(self.first) and (bool(self.network) or asks)

    def depths(self, asked: int | None) -> list[int]:
        return [self.network.depth] if self.network else self.takes.depths(asked)

    def why_not(self, depth: int) -> str | None:
        """Why it can't be called, in words."""
        return None if self.network and not self.takes.unnamed else self.takes.why_not(depth, bool(self.network))

    def styles(self) -> list[Style]:
        own = styles(self.takes)
        return styles(self.first) if self.needs_forward and self.first and len(own) == 1 else own

    @property
    def description(self) -> list[str]:
        """What was taken for what."""
        notes = [f"{signature_of(self.backward_name, self.backward)} was taken for the backward pass"]
        if self.needs_forward and self.forward:
            made = [p.name for p in self.takes.parameters if p.made or (p.role or "")[:1] in tuple("zac")]
            forward = signature_of(self.forward_name, self.forward)
            notes.append(f"{', '.join(made)}: output of {forward}" if made else f"{forward} is called before it")
        return notes

    def default_l2(self) -> float | None:
        """λ as it is given to its backward pass, where that takes it."""
        taken = (float(p.number if self.l2 is None else self.l2) for p in self.takes.parameters if p.role == "l2")
        return next(taken, None)

    def call(self, values: Values, depth: int, convention: Convention, style: Style) -> Call:
        """One call on one network."""
        written = {role: convention.write(role, value) for role, value in values.items()}
        before = {role: written[role].copy() for role in parameters(depth)}
        given = Given(written, depth, style, self.keys, self.l2)
        watched: list[tuple[str, Any, Any]] = []
        try:
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")
                ran = self._run(given, before, values, watched)
        except (Exception, SystemExit) as error:
            return Call(None, error, _changed(watched))
        return Call(ran, None, _changed(watched))

    def _run(self, given: Given, before: Mapping[str, Any], values: Values, watched: list[tuple[str, Any, Any]]) -> Ran:
        depth = given.depth
        instance = None
        if self.network:
            sizes = [len(values["X"]), *(len(values[f"W{l}"]) for l in range(1, depth + 1))]
            instance = self.network.make(sizes, {role: given.values[role] for role in before})
        if self.needs_forward and self.forward and self.first:
            by_place, by_name = arguments(self.first, given)
            given.forward = self._bound(self.forward, instance)(*by_place, **by_name)
            given.made = _made(given.forward, self.makes, depth)
        by_place, by_name = arguments(self.takes, given)
        names = [p.name for p in self.takes.parameters]
        watched += [
            (name, value, np.array(value))
            for name, value in zip(names, by_place, strict=False)
            if isinstance(value, np.ndarray)
        ]
        returned = self._bound(self.backward, instance)(*by_place, **by_name)
        if instance is not None and self.network:
            after = self.network.parameters(instance)
            rate = self._rate() or self.network.rate(instance)
            return Ran(returned, self.returns, leaves(instance), before, after, rate, instance)
        after = _after(by_place, by_name, self.takes, depth)
        return Ran(returned, self.returns, [], before, after, self._rate())

    def _rate(self) -> float | None:
        """The learning rate that its backward pass is called with."""
        return next((float(p.number) for p in self.takes.every if p.role == "rate"), None)

    @staticmethod
    def _bound(function: Code, instance: Any) -> Code:
        return function if instance is None else function.__get__(instance)


def _made(returned: Any, names: Sequence[tuple[str | None, ...]], depth: int) -> dict[str, Any]:
    """What a forward pass gave: by the names of its variables, by those in its dicts, and by their roles."""
    ran = Ran(returned, names)
    whole = next((n[0] for n in names if len(n) == 1 and n[0]), None)
    found: dict[str, Any] = {plain(whole): returned} if whole else {}
    several = returned if isinstance(returned, (tuple, list)) else ()
    own = next((n for n in names if len(n) == len(several)), ())
    found |= {plain(name): value for name, value in zip(own, several, strict=False) if name}
    for path, value in ran.leaves:
        word = innermost(path)
        if word and numeric(value):
            found.setdefault(plain(word), value)
            role = role_of(word)
            if role and role[0] in "za":
                found.setdefault(at_depth(role, depth), value)
    containers = [v for v in several if isinstance(v, (dict, list, tuple))]
    return {**dict.fromkeys(("cache", "caches"), containers[0]), **found} if len(containers) == 1 else found


def _after(by_place: Sequence[Any], by_name: Mapping[str, Any], takes: Signature, depth: int) -> dict[str, Any]:
    """The parameters in the arguments after the call."""
    found = {}
    values = [*by_place, *by_name.values()]
    for p, value in zip(takes.parameters, values, strict=False):
        for path, leaf in leaves(value, (p.name,)):
            role = parameter_at(path)
            if role and numeric(leaf):
                found[at_depth(role, depth, takes.first_layer)] = leaf
    return found


def _changed(watched: Sequence[tuple[str, Any, Any]]) -> tuple[str, ...]:
    return tuple(name for name, now, then in watched if not np.array_equal(now, then, equal_nan=True))
