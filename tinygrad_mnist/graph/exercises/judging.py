"""What is said about an answer: right, or what is wrong with it. Never the answer itself."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_mnist.engine.node import plain
from tinygrad_mnist.screens.cell import cell, line

Array = NDArray[Any]

_OF_SHAPE = "a gradient has the shape of its value: this is {given}, and {of} is {shape}"

WORDS = {
    "missing": "not yet",
    "kind": "no array of numbers: {given}",
    "exact": "right, to the last digit",
    "rounding": "right, up to rounding",
    "transposed": "the right numbers, transposed: these are {given}, and {of} is {shape}",
    "arranged": "the right numbers in the shape {given}, and {of} is {shape}",
    "unsummed": "not summed: {of} was repeated along axis {axis} of {given}, so its gradient is the sum over it",
    "shape": _OF_SHAPE,
    "fits-transposed": f"{_OF_SHAPE}. Its transpose would fit",
    "fits-summed": f"{_OF_SHAPE}. Its sum over axis {{axis}} would fit",
    "nan": "NaN or infinite in {count} of {size} elements",
    "zero": "zero everywhere, and it should not be",
    "sign": "the sign is turned, everywhere",
    "large": "{factor} times too large, everywhere",
    "small": "{factor} times too small, everywhere",
    "sign-large": "the sign is turned, and it is {factor} times too large, everywhere",
    "sign-small": "the sign is turned, and it is {factor} times too small, everywhere",
    "path": "what comes back along {along} is missing; {of} is used in {count} places, and their shares add up",
    "alone": "this is what comes back along {along} alone; {of} is used in {count} places, and their shares add up",
    "twice": "what comes back along {along} is counted twice",
    "row": "right but for row {index}",
    "column": "right but for column {index}",
    "some": "{count} of {size} elements differ, the first at {index}",
    "differs": "every element differs",
}
"""One sentence for each kind of verdict; pages say the same."""

RIGHT = ("exact", "rounding")

ROUNDING, ROUNDING_IN_FLOAT32 = 1e-9, 1e-4
"""How far right answers may be off, relative to the size of the numbers that they are added up from."""

PATHS = 12
"""Up to how many shares of a value are looked for one by one."""


@dataclass(frozen=True)
class Key:
    """What an answer is judged by.

    of: the value whose gradient it is. shares: what comes back along each line that uses it. scale: the size of the
    numbers that it is added up from, to which rounding is compared.
    """

    name: str
    of: str
    shares: dict[str, Array]
    scale: float

    @property
    def value(self) -> Array:
        """The gradient: the shares added up."""
        first, *others = self.shares.values()
        return np.asarray(sum(others, first))


@dataclass(frozen=True, repr=False)
class Verdict:
    """What is said about one answer. kind: a key of WORDS. It is true where the answer is right."""

    name: str
    kind: str
    text: str

    def __bool__(self) -> bool:
        return self.kind in RIGHT

    def __str__(self) -> str:
        return textwrap.fill(f"{self.mark} {self.name}: {self.text}", 80, subsequent_indent="  ")

    __repr__ = __str__

    @property
    def mark(self) -> str:
        """✓ right, ✗ wrong, · not filled in."""
        return "✓" if self else "·" if self.kind == "missing" else "✗"

    def _repr_html_(self) -> str:
        style = {"✓": "bold green", "✗": "bold red", "·": "dim"}[self.mark]
        return cell(line((f"{self.mark} {self.name}", style), f": {self.text}"))


class Verdicts(list[Verdict]):
    """What is said about several answers, in the order of the exercise."""

    def __str__(self) -> str:
        return "\n".join(map(str, self))

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return "".join(verdict._repr_html_() for verdict in self)


def judge(key: Key, answer: Any) -> Verdict:
    """The verdict on an answer: an array, a tensor, a number or a nested list; None or … where there is none yet."""
    with np.errstate(all="ignore"):
        kind, facts = _found(key, answer)
    return Verdict(key.name, kind, WORDS[kind].format(of=key.of, shape=key.value.shape, **facts))


def _found(key: Key, answer: Any) -> tuple[str, dict[str, Any]]:
    if answer is None or answer is Ellipsis:
        return "missing", {}
    try:
        given = np.asarray(plain(answer))
    except ValueError:  # lists of different lengths
        given = np.empty(0, object)
    if given.dtype.kind not in "fiub":
        return "kind", {"given": f"{type(answer).__name__}"}
    answered = _Answer(key, given)
    return next(answered.findings())


class _Answer:
    """An answer beside the right value, and the questions that are asked of it, in order."""

    def __init__(self, key: Key, given: Array) -> None:
        self.key, self.right = key, key.value
        precise = given.dtype.kind != "f" or given.dtype.itemsize >= 8
        self.tolerance = (ROUNDING if precise else ROUNDING_IN_FLOAT32) * key.scale
        self.given = given.astype(np.float64)

    def is_near(self, given: Array, right: Array | None = None, times: float = 1) -> bool:
        """Whether two arrays are the same up to rounding."""
        right = self.right if right is None else right
        tolerance = self.tolerance * max(abs(times), 1)
        return given.shape == right.shape and np.allclose(given, right, rtol=0, atol=tolerance, equal_nan=True)

    def findings(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """What there is to say, the first to be said."""
        if self.given.shape != self.right.shape:
            yield from self._of_shape()
        unexpected = np.count_nonzero(~np.isfinite(self.given) & np.isfinite(self.right))
        if unexpected:
            yield "nan", {"count": unexpected, "size": self.right.size}
        if self.is_near(self.given):
            yield ("exact" if np.array_equal(self.given, self.right, equal_nan=True) else "rounding"), {}
        yield from self._of_factor()
        yield from self._of_paths()
        if self.is_near(self.given.T):
            yield "transposed", {"given": self.given.shape}
        yield from self._of_places()

    def _of_shape(self) -> Iterator[tuple[str, dict[str, Any]]]:
        given, shape = self.given, self.right.shape
        facts: dict[str, Any] = {"given": given.shape}
        sums = [(axis, given.sum(axis=axis, keepdims=keep)) for axis in range(given.ndim) for keep in (False, True)]
        summed = [(axis, array) for axis, array in sums if array.shape == shape]
        if self.is_near(given.T):
            yield "transposed", facts
        if given.size == self.right.size and self.is_near(given.reshape(shape)):
            yield "arranged", facts
        if _broadcasts(given.shape, shape) and self.is_near(np.broadcast_to(given, shape)):
            yield "arranged", facts
        for axis, array in summed:
            if self.is_near(array):
                yield "unsummed", facts | {"axis": axis}
        if given.T.shape == shape:
            yield "fits-transposed", facts
        for axis, _ in summed:
            yield "fits-summed", facts | {"axis": axis}
        yield "shape", facts

    def _of_factor(self) -> Iterator[tuple[str, dict[str, Any]]]:
        size = np.vdot(self.right, self.right)
        factor = float(np.vdot(self.right, self.given) / size) if np.isfinite(size) and size else 0.0
        if not self.given.any():
            yield "zero", {}
        elif abs(factor) > 1e-6 and self.is_near(self.given, factor * self.right, factor):
            times = max(abs(factor), 1 / abs(factor))
            sign, by = factor < 0, "large" if abs(factor) > 1 else "small"
            kind = "sign" if sign and times < 1 + 1e-4 else f"sign-{by}" if sign else by
            yield kind, {"factor": f"{times:.4g}"}

    def _of_paths(self) -> Iterator[tuple[str, dict[str, Any]]]:
        shares = self.key.shares if 1 < len(self.key.shares) <= PATHS else {}
        lacking = {along: self.right - share for along, share in shares.items()}
        doubled = {along: self.right + share for along, share in shares.items()}
        for kind, results in (("path", lacking), ("alone", shares), ("twice", doubled)):
            for along, result in results.items():
                if self.is_near(self.given, result):
                    yield kind, {"along": along, "count": len(shares)}

    def _of_places(self) -> Iterator[tuple[str, dict[str, Any]]]:
        wrong = ~(np.abs(self.given - self.right) <= self.tolerance)
        wrong &= ~(np.isnan(self.given) & np.isnan(self.right))
        if wrong.ndim == 2:
            for axis, kind in enumerate(("row", "column")):
                (places,) = np.nonzero(wrong.any(axis=1 - axis))
                if len(places) == 1 and wrong.shape[axis] > 2:
                    yield kind, {"index": places[0]}
        if wrong.all():
            yield "differs", {}
        index = ", ".join(str(places[0]) for places in np.nonzero(wrong))
        yield "some", {"count": np.count_nonzero(wrong), "size": wrong.size, "index": f"[{index}]"}


def _broadcasts(shape: tuple[int, ...], target: tuple[int, ...]) -> bool:
    try:
        return np.broadcast_shapes(shape, target) == target
    except ValueError:
        return False
