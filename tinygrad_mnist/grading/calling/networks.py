"""A learner's class: made anew for each network, with that network's numbers as its parameters."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from .conventions import Convention
from .roles import parameters, role_of
from .signatures import RATE, Signature
from .trees import Leaf, leaves, numeric, parameter_at, replaced

SIZES = (7, 6, 5, 4, 3, 9, 11, 13, 8)
"""Layer sizes that are all different, so that shapes tell what is what."""


class Network:
    """A class, or an instance of one, whose parameters can be replaced.

    paths: where each parameter lies in an instance. Raises TypeError, with words, where none can be made or found.
    """

    def __init__(self, source: Any, asked: int | None) -> None:
        self.source = source
        self.name = source.__name__ if isinstance(source, type) else type(source).__name__
        self.ways = list(constructions(source)) if isinstance(source, type) else []
        self.way: Any = None
        for depth in [asked] if asked else [2, 3, 1, 4]:
            instance = self._first(depth)
            self.shapes = _parameters(leaves(instance)) if instance is not None else {}
            if self.shapes and (len(self.shapes) // 2 == depth or not self._sized):
                break
        else:
            raise TypeError(self._why_not())
        self.depth = len(self.shapes) // 2

    @property
    def _sized(self) -> bool:
        """Whether its constructor takes the number of layers."""
        return bool(self.way) and "sizes" in Signature(self.source, constructing=True).roles

    def _first(self, depth: int) -> Any:
        """An instance with as many layers, if it takes them; None where its constructor raises."""
        if not isinstance(self.source, type):
            return self.source
        for way in self.ways:
            try:
                instance = construct(self.source, way, SIZES[: depth + 1])
            except (Exception, SystemExit) as error:
                self.error = error
                continue
            if _parameters(leaves(instance)):
                self.way = way
                return instance
        return None

    def _why_not(self) -> str:
        signature = Signature(self.source, constructing=True) if isinstance(self.source, type) else None
        takes = f"({', '.join(p.name for p in signature.every)})" if signature else ""
        error = getattr(self, "error", None)
        raised = f": {type(error).__name__}: {error}" if error else ""
        return f"{self.name}{takes} has no weights and biases that could be found, as W1, b1, … or in a list{raised}"

    def agrees(self, convention: Convention) -> bool:
        """Whether its own shapes are written in this convention, as far as they tell."""
        weight, bias = (np.shape(self.shapes[role][1]) for role in ("W1", "b1"))
        size = int(np.prod(bias))
        if weight[0] != weight[1] and size in weight and (weight[1] == size) != convention.weights_in_out:
            return False
        if len(bias) == 1:
            return not convention.columns and not convention.one_row
        return convention.columns if bias[1] == 1 else convention.one_row

    def make(self, sizes: Sequence[int], values: Mapping[str, Any]) -> Any:
        """An instance with these parameters."""
        instance = None
        if self.way is not None:
            try:
                instance = construct(self.source, self.way, sizes)
            except (Exception, SystemExit):
                instance = construct(self.source, self.way, SIZES[: self.depth + 1])
        instance = copy.deepcopy(self.source) if instance is None else instance
        found = _parameters(leaves(instance))
        return replaced(instance, {path: values[role] for role, (path, _) in found.items()})

    def parameters(self, instance: Any) -> dict[str, Any]:
        """Its parameters by role."""
        found = _parameters(leaves(instance))
        return {role: np.array(found[role][1], np.float64) for role in parameters(self.depth) if role in found}

    def rate(self, instance: Any) -> float | None:
        """The learning rate that it keeps."""
        for path, value in leaves(instance):
            if path and isinstance(path[-1], str) and role_of(path[-1]) == "rate" and isinstance(value, (int, float)):
                return float(value)
        return None


def _parameters(found: Sequence[Leaf]) -> dict[str, Leaf]:
    """The leaves that are W1, b1, …: by names, with layers in them or in order; nothing where they don't match."""
    kinds: dict[str, list[tuple[Any, Leaf]]] = {"W": [], "b": []}
    for i, (path, value) in enumerate(found):
        role = parameter_at(path)
        if role and numeric(value) and np.ndim(value) == (2 if role[0] == "W" else np.ndim(value)) > 0:
            number = 99 if role[1:] == "L" else int(role[1:] or 0)
            kinds[role[0]].append(((number, i), (path, value)))
    if len(kinds["W"]) != len(kinds["b"]):
        return {}
    return {
        f"{kind}{l}": leaf for kind in "Wb" for l, (_, leaf) in enumerate(sorted(kinds[kind], key=lambda k: k[0]), 1)
    }


def constructions(source: type) -> Iterator[dict[str, str]]:
    """What each parameter of a constructor may be, the most plausible first."""
    signature = Signature(source, constructing=True)
    required = [p for p in signature.every if p.default is inspect.Parameter.empty]
    named = {p.name: p.role for p in signature.every if p.role and (p in required or p.role in ("sizes", "rate"))}
    named |= {p.name: p.role for p in signature.every if p.role and p.role[0] == "n"}
    unnamed = [p for p in required if p.name not in named]
    yield {**named, **{p.name: f"n{i}" for i, p in enumerate(unnamed)}}
    yield {p.name: f"n{i}" for i, p in enumerate(required)}
    if len(required) == 1:
        yield {required[0].name: "sizes"}
    yield {}


def construct(source: type, way: Mapping[str, str], sizes: Sequence[int]) -> Any:
    """An instance for these layer sizes."""
    state = np.random.get_state()
    given = {name: _argument(role, sizes) for name, role in way.items()}
    try:
        return source(**given)
    finally:
        np.random.set_state(state)


def _argument(role: str, sizes: Sequence[int]) -> Any:
    units = [int(n) for n in sizes]
    if role[0] == "n" and role[1:].isdigit():
        return units[min(int(role[1:]), len(units) - 1)]
    known = {"sizes": units, "nL": units[-1], "classes": units[-1], "rate": RATE}
    return {**known, "m": 10, "seed": 0, "l2": 0.0, "keep": 1.0}.get(role, 1)
