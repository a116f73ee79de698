"""A learner's update θ := θ - η ∂L/∂θ, called with known parameters and gradients: what becomes of each parameter."""

from __future__ import annotations

import copy
import inspect
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np

from .containers import PARAMETERS, Given, Style
from .conventions import Array, Convention
from .naming import Code, signature_of
from .returned import named
from .roles import at_depth, gradient_of, holds_gradients, parameters, plain, role_of
from .signatures import RATE, Parameter, Signature
from .trees import leaves, numeric, replaced
from .trying import Attempt

_UPDATE = re.compile(r"update|step|descent|descend|optimi[sz]e|sgd|apply|adjust")
_NOT = re.compile(r"train|fit|back|forward|rate|decay|schedule|batch|epoch|loss|activation")
"""What stands in the name of an update, and what does not."""

STATES = ("v", "s", "velocity", "velocities")
NUMBERS = {"beta": 0.9, "momentum": 0.9, "mu": 0.9, "beta1": 0.9, "beta2": 0.999, "t": 2}
"""Arguments for what is kept from step to step, zero at first, and for numbers that are no learning rate."""

ONE_LAYER = {"l", "layer", "i", "index", "idx", "key", "name"}
"""Arguments that say which of the parameters is meant: the others are left alone, as they should be."""

PREFIXES = ("d", "", "grad_")
"""What stands before a parameter's key in a dict of gradients."""

UNITS = 10
"""In every layer, so that another layer's gradient fits too."""


@dataclass(frozen=True)
class Becomes:
    """What an update does to a parameter: "right", or a mistake's name; other: whose gradient it takes instead."""

    role: str
    kind: str
    other: str = ""


class _Unknown(Exception):
    """What an argument is can't be told."""


def mistakes(functions: Mapping[str, Code], attempt: Attempt) -> list[dict[str, str]]:
    """What is wrong with the updates among a module's functions and the methods of a program's class.

    A parameter that one of several leaves alone may be another one's. What can't be called says nothing.
    """
    known = _Known(attempt.depth, attempt.convention, attempt.program.keys)
    network, owner = attempt.program.network, attempt.program.owner
    methods = dict(inspect.getmembers(owner, inspect.isfunction)) if network else {}
    found: list[tuple[Becomes, str]] = []
    for of, every in ((None, functions), (attempt, methods)):
        for name, function in every.items():
            if function is not attempt.program.backward and _is_update(name):
                called = signature_of(f"{network.name}.{name}" if of and network else name, function)
                found += [(becomes, called) for becomes in known.best(function, of)]
    changed = {becomes.role for becomes, _ in found if becomes.kind != "update-missing"}
    return [
        {"mistake": b.kind, "role": b.role, "other": b.other, "function": function}
        for b, function in found
        if b.kind != "right" and not (b.kind == "update-missing" and b.role in changed)
    ]


def _is_update(name: str) -> bool:
    return bool(_UPDATE.search(plain(name))) and not _NOT.search(plain(name))


class _Known:
    """Parameters and gradients that an update is called with, drawn at random."""

    def __init__(self, depth: int, convention: Convention, keys: Mapping[str, str]) -> None:
        self.depth, self.convention, self.keys = depth, convention, keys
        rng = np.random.default_rng(0)
        self.columns = {role: rng.normal(size=(UNITS, UNITS if role[0] == "W" else 1)) for role in parameters(depth)}
        self.parameters = {role: convention.write(role, value) for role, value in self.columns.items()}
        self.gradients = {role: rng.normal(size=value.shape) for role, value in self.parameters.items()}

    def best(self, function: Code, of: Attempt | None) -> list[Becomes]:
        """What becomes of the parameters, in the way of calling it in which most of them become what they should."""
        ran = [self.judged(arrays) for arrays in self._calls(function, of)]
        some = [found for found in ran if any(b.kind != "update-missing" for b in found)]
        return max(some, key=lambda found: sum(b.kind == "right" for b in found), default=[])

    def _calls(self, function: Code, of: Attempt | None) -> Iterator[list[Array]]:
        """The arrays that are there after a call, for every way of calling it that runs."""
        for held, prefix in product(range(len(PARAMETERS)), PREFIXES):
            try:
                with warnings.catch_warnings(), np.errstate(all="ignore"):
                    warnings.simplefilter("ignore")
                    yield self._after(function, of, Style(parameters=held), prefix)
            except _Unknown:
                return
            except (Exception, SystemExit):
                continue

    def _after(self, function: Code, of: Attempt | None, style: Style, prefix: str) -> list[Array]:
        given = Given(self.parameters, self.depth, style, self.keys)
        keys = {role: prefix + self.keys.get(role, role) for role in self.parameters}
        gradients = replace(given, values=self.gradients, keys=keys)
        signature = Signature(function)
        if any(plain(p.name) in ONE_LAYER for p in signature.every):
            raise _Unknown
        arguments = {
            p.name: self._argument(p, signature.first_layer, given, gradients)
            for p in signature.every
            if p.default is inspect.Parameter.empty or _is_gradient(p)
        }
        instance = self._instance(of) if of else None
        if not any(map(_is_gradient, signature.every)) and instance is None:
            raise _Unknown
        returned = (function if instance is None else function.__get__(instance))(**arguments)
        found = (*leaves(returned), *leaves(arguments), *(leaves(instance) if instance is not None else ()))
        return [np.array(value, float) for _, value in found if numeric(value) and np.ndim(value)]

    def _argument(self, p: Parameter, first: int, given: Given, gradients: Given) -> Any:
        of, name, role = gradient_of(p.name), plain(p.name), role_of(p.name) or ""
        if of:
            return self._value("".join(of), first, gradients)
        if holds_gradients(p.name):
            return PARAMETERS[given.style.parameters](gradients)
        if name in STATES:
            zeros = {role: np.zeros_like(value) for role, value in gradients.values.items()}
            return PARAMETERS[given.style.parameters](replace(gradients, values=zeros))
        if name in NUMBERS:
            return NUMBERS[name]
        if role == "parameters":
            return PARAMETERS[given.style.parameters](given)
        if role in ("rate", "l2", "m"):
            return {"rate": RATE, "l2": 0.0, "m": UNITS}[role]
        if role[:1] in ("W", "b"):
            return self._value(role, first, given)
        raise _Unknown(p.name)

    def _value(self, role: str, first: int, given: Given) -> Any:
        """A parameter or gradient, or those of all layers."""
        if role in ("W", "b") and self.depth > 1:
            return given.all(role)
        role = at_depth(f"{role}1" if role in ("W", "b") else role, self.depth, first)
        if role not in given.values:
            raise _Unknown(role)
        return given.value(role)

    def _instance(self, attempt: Attempt) -> Any:
        """An object of the learner's class with these parameters, and these gradients where it keeps its own."""
        rng = np.random.default_rng(1)
        layers = range(1, self.depth + 1)
        values: dict[str, Any] = {f"{kind}{l}": rng.random((UNITS, UNITS)) for l in layers for kind in "za"}
        values |= {"X": rng.random((UNITS, UNITS)), "Y": np.eye(UNITS), "m": UNITS, "classes": UNITS, **self.columns}
        ran = attempt.program.call(values, self.depth, self.convention, attempt.style).ran
        if ran is None or ran.owner is None:
            raise _Unknown
        instance = copy.deepcopy(ran.owner)
        found = leaves(instance)
        places = named(found, self.depth) or ()
        at = zip(places, self.gradients.values(), strict=False)
        return replaced(instance, {found[place][0]: gradient for place, gradient in at})

    def judged(self, arrays: Sequence[Array]) -> list[Becomes]:
        """What became of each parameter that is among the arrays after a call, unchanged or changed."""
        found = (self._becomes(role, arrays) for role in self.parameters)
        return [becomes for becomes in found if becomes]

    def _becomes(self, role: str, arrays: Sequence[Array]) -> Becomes | None:
        before = self.parameters[role]
        changes = [change for array in arrays for change in [_difference(before, array)] if change is not None]
        ways = {_way(change, self.gradients[role], before) for change in changes}
        if ways & {1, -1}:
            return Becomes(role, "right" if 1 in ways else "update-sign")
        for other, gradient in self.gradients.items():
            if other != role and any(_rate(change, gradient, before) for change in changes):
                return Becomes(role, "update-swapped", other)
        return Becomes(role, "update-missing") if any(not change.any() for change in changes) else None


def _is_gradient(p: Parameter) -> bool:
    return bool(gradient_of(p.name)) or holds_gradients(p.name)


def _difference(before: Array, after: Array) -> Array | None:
    try:
        return before - after
    except ValueError:
        return None


def _way(change: Array, gradient: Array, before: Array) -> int:
    """1 for a step down a gradient, -1 for one up, 0 for what is no step: by a multiple of it, or by its signs."""
    rate = _rate(change, gradient, before)
    if rate or change.shape != gradient.shape or np.linalg.norm(change) > np.linalg.norm(before) / 2:
        return int(np.sign(rate))
    signs = np.sign(change) * np.sign(gradient)
    return int(signs.flat[0]) if (signs == signs.flat[0]).all() else 0


def _rate(change: Array, gradient: Array, before: Array) -> float:
    """What a gradient was multiplied with, beside a small multiple of the parameter that may decay; 0 for no step."""
    if change.shape != gradient.shape or not np.isfinite(change).all() or not change.any():
        return 0.0
    parts = np.stack([gradient.ravel(), np.broadcast_to(before, change.shape).ravel()], axis=1)
    (rate, decay), *_ = np.linalg.lstsq(parts, change.ravel(), rcond=None)
    exact = np.abs(change.ravel() - parts @ (rate, decay)).max() <= 1e-6 * np.abs(change).max()
    return float(rate) if exact and abs(decay) < 0.5 and abs(rate) > 1e-9 else 0.0
