"""Where a learner's function puts its gradients: returned in some order, by name, kept, or in what they updated."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from .conventions import Array, Convention, Values
from .roles import gradient_of, holds_gradients, parameters, plain, role_of
from .trees import Leaf, Path, innermost, leaves, numeric, parameter_at

Names = Sequence[tuple[str | None, ...]]
"""The names in each return statement, as `naming.returned_names` has them."""


@dataclass
class Ran:
    """What one call left behind.

    kept: what it keeps, of an object's attributes. before, after: parameters by role; rate: how fast they learn.
    owner: the object, where a method was called.
    """

    returned: Any
    names: Names = ()
    kept: list[Leaf] = field(default_factory=list)
    before: Mapping[str, Array] = field(default_factory=dict)
    after: Mapping[str, Array] = field(default_factory=dict)
    rate: float | None = None
    owner: Any = None

    @cached_property
    def leaves(self) -> list[Leaf]:
        """What was returned, with the names that its variables have in the source."""
        if not isinstance(self.returned, (tuple, list)):
            (name,) = next((n for n in self.names if len(n) == 1), (None,))
            return leaves(self.returned, (name,) if name else ())
        names = next((n for n in self.names if len(n) == len(self.returned)), ())
        named = [name or i for i, name in enumerate(names)] or range(len(self.returned))
        return [leaf for key, value in zip(named, self.returned, strict=True) for leaf in leaves(value, (key,))]


@dataclass(frozen=True)
class Reading:
    """Where the gradients are found: in "returned", "kept" or "updated"; and the place of each among the leaves.

    steps: whether these are parameters after a step. transposed: whether every dW is W's transpose.
    """

    where: str
    places: tuple[int, ...] = ()
    steps: bool = False
    transposed: bool = False
    note: str = ""

    def arrays(self, ran: Ran) -> list[Array]:
        """dW1, db1, dW2, … of a call. Raises TypeError, with words, where there are none."""
        roles = parameters(len(ran.before) // 2)
        if self.where == "updated":
            return [self._gradient(ran, role, ran.after[role]) for role in roles]
        found = ran.leaves if self.where == "returned" else ran.kept
        if not self.places or len(found) <= max(self.places):
            raise TypeError(wrong(ran))
        values = [_array(f"d{role}", found[place][1]) for role, place in zip(roles, self.places, strict=True)]
        if self.steps:
            values = [self._gradient(ran, role, value) for role, value in zip(roles, values, strict=True)]
        return [v.T if self.transposed and role[0] == "W" else v for role, v in zip(roles, values, strict=True)]

    @staticmethod
    def _gradient(ran: Ran, role: str, after: Array) -> Array:
        """What a step changed by; where that broadcast the parameter, what was broadcast."""
        change = (ran.before[role] - np.asarray(after)) / (ran.rate or 1)
        if change.ndim == 2 and change.shape != ran.before[role].shape and np.allclose(change, change[:1]):
            return change[:1]
        return change


def read(runs: Sequence[Ran], values: Sequence[Values], convention: Convention) -> list[Reading]:
    """How what all calls left behind may be read; where nothing fits, as it is expected, which then raises."""
    if not runs:
        return [Reading("returned")]
    first = runs[0]
    reading = _by_names(first) or _by_steps(first) or _by_parameters(first) or _by_order(runs, values, convention)
    return _turned(reading, runs, values, convention) if reading else [Reading("returned")]


def _by_names(ran: Ran) -> Reading | None:
    """Gradients that are called so."""
    depth = len(ran.before) // 2
    for where, found in (("returned", ran.leaves), ("kept", ran.kept)):
        places = named(found, depth)
        if places:
            order = [f"d{role}" for _, role in sorted(zip(places, parameters(depth), strict=True))]
            usual = places == sorted(places) or where == "kept"
            flat = isinstance(ran.returned, (tuple, list)) and all(len(path) == 1 for path, _ in found)
            return Reading(where, tuple(places), note="" if usual or not flat else _in_this_order(order))
    return None


def named(found: Sequence[Leaf], depth: int, plainly: bool = False) -> list[int] | None:
    """The places of dW1, db1, … among leaves that have such names; None where one is missing.

    plainly: whether they are called as their parameters.
    """
    by_role: dict[tuple[str, str], list[int]] = {}
    for place, (path, value) in enumerate(found):
        gradient = _gradient_at(path, plainly)
        if gradient and (numeric(value) or isinstance(value, list)):
            by_role.setdefault(gradient, []).append(place)
    said = {layer for _, layer in by_role if layer.isdigit()}
    first = 0 if "0" in said and str(depth) not in said else 1
    places = []
    for l in range(1, depth + 1):
        for kind in "Wb":
            own = by_role.get((kind, str(l - 1 + first))) or (by_role.get((kind, "L")) if l == depth else None)
            inside = sorted(by_role.get((kind, ""), ()), key=lambda place: _numbers(found[place][0]))
            inside = own[:1] if own else inside[l - 1 : l] if len(inside) == depth else []
            if not inside:
                return None
            places.append(inside[0])
    return places


def _numbers(path: Path) -> tuple[int, ...]:
    return tuple(key for key in path if isinstance(key, int))


def _gradient_at(path: Path, plainly: bool = False) -> tuple[str, str] | None:
    """Which gradient lies at a path: its own name says it, or that of what it lies in."""
    words = [key for key in path if isinstance(key, str)]
    for place, word in reversed(list(enumerate(words))):
        gradient = gradient_of(word)
        if gradient:
            return gradient
        role = role_of(word)
        if role and role[0] in "Wb" and (plainly or any(map(holds_gradients, words[:place]))):
            return role[0], role[1:]
    return None


def _by_steps(ran: Ran) -> Reading | None:
    """Parameters that come back after a step whose size is known."""
    if not ran.rate:
        return None
    roles = parameters(len(ran.before) // 2)
    at = {parameter_at(path): i for i, (path, _) in enumerate(ran.leaves)}
    if all(role in at for role in roles) and not _untouched(ran, [ran.leaves[at[r]][1] for r in roles]):
        note = "it returns the parameters after a step: its gradients are what they changed by, divided by its rate"
        return Reading("returned", tuple(at[role] for role in roles), True, note=note)
    if all(role in ran.after for role in roles) and not _untouched(ran, [ran.after[role] for role in roles]):
        note = "it updates the parameters: its gradients are what they changed by, divided by its learning rate"
        return Reading("updated", steps=True, note=note)
    return None


def _by_parameters(ran: Ran) -> Reading | None:
    """Gradients in a dict that calls them as their parameters are called."""
    depth = len(ran.before) // 2
    dicts = ran.returned if isinstance(ran.returned, (tuple, list)) else [ran.returned]
    places = named(ran.leaves, depth, plainly=True) if any(isinstance(d, dict) for d in dicts) else None
    return Reading("returned", tuple(places)) if places else None


def _untouched(ran: Ran, values: Sequence[Any]) -> bool:
    """Whether the parameters came back as they were."""
    return all(np.array_equal(old, new) for old, new in zip(ran.before.values(), values, strict=True))


def _by_order(runs: Sequence[Ran], values: Sequence[Values], convention: Convention) -> Reading | None:
    """Gradients in an order that their shapes tell, among other things perhaps."""
    found = runs[0].leaves
    depth = len(runs[0].before) // 2
    if isinstance(runs[0].returned, dict):
        return None
    if len(found) == 2 * depth:
        kept = list(range(len(found)))
    else:
        kept = [i for i, (path, value) in enumerate(found) if numeric(value) and np.ndim(value) and not _other(path)]
    usual, *others = orders(depth)

    def placed(order: Sequence[str]) -> list[int]:
        return _subsequence(found, kept, order, values[0], convention) if len(kept) > len(order) else kept

    def fitting(order: Sequence[str]) -> int:
        return sum(
            fits(ran.leaves[place][1], role, value, convention)
            for ran, value in zip(runs, values, strict=True)
            for place, role in zip(placed(order), order, strict=False)
            if place < len(ran.leaves)
        )

    order = max((usual, *others), key=fitting)
    places = placed(order)
    if len(places) != len(order):
        return None
    note = "" if order == usual else _in_this_order([f"d{role}" for role in order])
    return Reading("returned", tuple(places[order.index(role)] for role in usual), note=note)


def _other(path: Path) -> bool:
    """Whether a name says that this is no gradient of a parameter."""
    word = innermost(path)
    return not _gradient_at(path) and (role_of(word) is not None or "loss" in plain(word))


def _subsequence(
    found: Sequence[Leaf], kept: Sequence[int], order: Sequence[str], values: Values, convention: Convention
) -> list[int]:
    """The first leaves, in this order, that have the parameters' shapes."""
    places: list[int] = []
    remaining = iter(kept)
    for role in order:
        place = next((i for i in remaining if fits(found[i][1], role, values, convention)), None)
        if place is None:
            return []
        places.append(place)
    return places


def orders(depth: int) -> Iterator[tuple[str, ...]]:
    """The usual order first: layer by layer, all weights before all biases, each from either end."""
    for layers in (range(1, depth + 1), range(depth, 0, -1)):
        yield tuple(f"{p}{l}" for l in layers for p in "Wb")
        yield tuple(f"{p}{l}" for p in "Wb" for l in layers)
        yield tuple(f"{p}{l}" for p in "bW" for l in layers)
        yield tuple(f"{p}{l}" for l in layers for p in "bW")


def fits(value: Any, role: str, values: Values, convention: Convention) -> bool:
    """Whether a gradient has its parameter's shape, as far as the convention is strict."""
    parameter = values[role]
    try:
        array = np.asarray(value)
    except ValueError:
        return False
    return array.dtype.kind in "fiub" and convention.to_columns(array, parameter).shape == parameter.shape


def _turned(reading: Reading, runs: Sequence[Ran], values: Sequence[Values], convention: Convention) -> list[Reading]:
    """The reading, and with every dW turned where shapes allow it, or with layers from the other end where they ask."""
    depth = len(runs[0].before) // 2
    total = sum(value[f"W{l}"].shape != value[f"W{l}"].T.shape for value in values for l in range(1, depth + 1))
    standing, lying = _shapes(reading, runs, values, convention)
    if depth == 1 or standing:
        return [reading]
    backwards = [reading.places[2 * l + i] for l in reversed(range(depth)) for i in (0, 1)] if reading.places else []
    other = replace(reading, places=tuple(backwards), note="it returns the last layer first")
    if total and backwards and _shapes(other, runs, values, convention)[0] == total:
        return [other]
    turned = replace(reading, transposed=True, note=reading.note or TRANSPOSED)
    return [turned] if total and lying == total else [reading, turned]


TRANSPOSED = "every dW comes transposed: it was judged so, but W -= η dW needs it turned"


def _shapes(reading: Reading, runs: Sequence[Ran], values: Sequence[Values], convention: Convention) -> tuple[int, int]:
    """How many dW of weights that are not square have their shape, and how many their transpose's."""
    standing = lying = 0
    for ran, value in zip(runs, values, strict=True):
        try:
            arrays = reading.arrays(ran)[::2]
        except (TypeError, ValueError):
            continue
        for l, array in enumerate(arrays, 1):
            right = convention.write("W", value[f"W{l}"]).shape
            standing += array.shape == right != right[::-1]
            lying += array.shape == right[::-1] != right
    return standing, lying


def _in_this_order(names: Sequence[str]) -> str:
    return f"it returns {', '.join(names)}, and was judged in this order"


def wrong(ran: Ran) -> str:
    """What was returned where gradients were expected, in words."""
    names = [f"d{role}" for role in parameters(len(ran.before) // 2)]
    expected = ", ".join(names)
    returned = ran.returned
    if isinstance(returned, dict):
        missing = [n for n in names if n not in returned]
        return f"a dict without {', '.join(missing)} (it has {', '.join(map(str, returned)) or 'nothing'})"
    if isinstance(returned, (tuple, list)):
        return f"{len(returned)} values, where {len(names)} are expected: {expected}"
    what = "nothing (None)" if returned is None else f"a single {type(returned).__name__}"
    return f"{what}, where a tuple or a dict of {expected} is expected"


def _array(name: str, value: Any) -> Array:
    try:
        array = np.asarray(value)
    except Exception:
        array = np.asarray(None)
    if array.dtype.kind in "fiub":
        return np.array(array, np.float64)
    kind = f"an array of {array.dtype}" if isinstance(value, np.ndarray) else f"a {type(value).__name__}"
    raise TypeError(f"{name} as {'None' if value is None else kind}, where an array of real numbers is expected")
