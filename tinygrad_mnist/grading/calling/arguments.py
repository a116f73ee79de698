"""What each parameter of a learner's function is given: by its name, or by trying what is plausible."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from itertools import product
from typing import Any

import numpy as np

from .containers import ACTIVATIONS, CACHES, PARAMETERS, Given, Style
from .naming import Code, strings
from .roles import at_depth, parameters, plain, role_of
from .signatures import RATE, Parameter, Signature


def styles(signature: Signature) -> list[Style]:
    """What is to be tried where names don't say it."""
    roles = [p.role for p in signature.parameters if not p.made]
    held = "parameters" in roles or ("W" in roles) != ("b" in roles)
    choices = (
        range(len(PARAMETERS) if held else 1),
        range(len(CACHES) if "cache" in roles else 1),
        range(len(ACTIVATIONS) if "a" in roles else 1),
        range(len(_orders(2)) if signature.unnamed else 1),
    )
    return [Style(*style) for style in product(*choices)]


def arguments(signature: Signature, given: Given) -> tuple[list[Any], dict[str, Any]]:
    """What a call is given: by place, and by name."""
    taken = {at_depth(role, given.depth, signature.first_layer) for role in signature.roles}
    rest = iter([role for role in _orders(given.depth)[given.style.order] if role not in taken])
    by_place, by_name = [], {}
    for p in signature.parameters:
        role = next(rest, None) if p in signature.unnamed else p.role
        value = _value(signature, p, role, given)
        if p.place == inspect.Parameter.KEYWORD_ONLY or signature.leaves_out_before(p):
            by_name[p.name] = value
        else:
            by_place.append(value)
    if signature.any_number and not by_name:
        by_place += [given.value(role) for role in rest]
    return by_place, by_name


def _orders(depth: int) -> list[tuple[str, ...]]:
    """The orders in which arguments come whose names don't say what they are."""
    layers = range(1, depth + 1)
    found = []
    for inner in (parameters(depth), [f"{p}{l}" for p in "Wb" for l in layers]):
        found += [("X", "Y", *inner), (*inner, "X", "Y"), ("X", *inner, "Y"), ("Y", "X", *inner), ("Y", *inner, "X")]
    return found


def _value(signature: Signature, p: Parameter, role: str | None, given: Given) -> Any:
    if role == "l2":
        return p.number if given.l2 is None else given.l2
    if role == "rate":
        return RATE
    role = role and at_depth(role, given.depth, signature.first_layer)
    if role and role[0] in "XYWb" and role in given.values:
        return given.value(role)
    if p.made:
        return given.made[plain(p.name)]
    if role in ("W", "b"):
        return _of_every_layer(role, signature, given)
    if role in HELD:
        return HELD[role](given)
    if role in given.made:
        return given.made[role]
    if role == f"a{given.depth}" and isinstance(given.forward, np.ndarray):
        return given.forward
    if role and role in given.values:
        return given.value(role)
    raise TypeError(f"what {p.name} is can't be told from its name")


def _of_every_layer(kind: str, signature: Signature, given: Given) -> Any:
    """All weights, or all biases; all parameters, where a function takes one of the two alone."""
    if not {"W", "b"} <= set(signature.roles):
        return HELD["parameters"](given)
    return given.value(f"{kind}1") if given.depth == 1 else given.all(kind)


def _cache(given: Given) -> Any:
    made = given.made.get("cache", given.forward)
    return made if made is not None else CACHES[given.style.cache](given)


HELD: dict[str, Callable[[Given], Any]] = {
    "m": lambda given: given.values["m"],
    "classes": lambda given: given.values["classes"],
    "keep": lambda given: 1.0,
    "flag": lambda given: False,
    "parameters": lambda given: PARAMETERS[given.style.parameters](given),
    "cache": _cache,
    "a": lambda given: ACTIVATIONS[given.style.activations](given),
    "z": lambda given: given.all("z"),
}
"""Numbers, and values that are held together, by their role."""


def keys(functions: Iterable[Code]) -> dict[str, str]:
    """How the words in quotes in these functions call the roles, as "w1" for W1."""
    found: dict[str, str] = {}
    for word in sorted({word for function in functions for word in strings(function)}):
        role = role_of(word) if word.isidentifier() else None
        if role and (role[0] in "Wbza" and (role[1:].isdigit() or role in ("W", "b"))):
            found.setdefault(role, word)
    from_0 = "".join(kinds for kinds, first in (("Wb", "W0"), ("za", "z0")) if first in found)
    return {at_depth(role, depth=0, first=0) if role[0] in from_0 else role: word for role, word in found.items()}
