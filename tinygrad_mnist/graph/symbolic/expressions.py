"""Expressions, equal ones one and the same node, each a coefficient times a core; and the table of what rewrites them.

Coefficients travel outwards through everything linear, so that sign meets sign and 1/m meets 1/m.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from tinygrad_mnist.engine import OPS, Op
from tinygrad_mnist.graph.symbolic.pieces import whole
from tinygrad_mnist.graph.symbolic.traced import Traced, record

Operand = Traced | int | float
Become = Callable[..., Traced | None]


@dataclass(frozen=True)
class Rewrite:
    """One way to write an operation more simply.

    become: from the operation on operands that are simple already to the simpler form, None where it does not match.
    example, result: an expression that it matches, of leaves named by the parameters; and the formula it becomes.
    """

    become: Become
    example: Callable[..., Traced]
    result: str


REWRITES: dict[str, list[Rewrite]] = {}
"""By the operation that they match, in the order in which they are tried."""


def rewrite(*ops: str, example: Callable[..., Any], result: str) -> Callable[[Become], Become]:
    """Enter a function into the table as a rewrite of these operations."""

    def enter(become: Become) -> Become:
        for op in ops:
            REWRITES.setdefault(op, []).append(Rewrite(become, example, result))
        return become

    return enter


class Scaled(NamedTuple):
    """numerator / denominator · core. The core of a constant is an array of ones."""

    numerator: float
    denominator: float
    core: Traced

    def times(self, numerator: float, denominator: float = 1) -> Scaled:
        """The same with another factor; the denominator is positive, and 1 where it divides the numerator."""
        a, b = self.numerator * numerator, self.denominator * denominator
        if b < 0:
            a, b = -a, -b
        if b > 1 and a % b == 0:
            a, b = a / b, 1
        return Scaled(a, b, self.core)

    def on(self, core: Traced) -> Scaled:
        """The same coefficient on another core."""
        return Scaled(self.numerator, self.denominator, core)


@dataclass(frozen=True)
class Fact:
    """Something about the data that a rewrite relied on, and that was seen to hold for them: slices that sum to 1."""

    leaf: Traced
    axis: int


class Expressions:
    """Where expressions are built.

    tidy: leave the arrangement of terms as it is, for what a learner wrote. squares: write x · x as x².
    """

    def __init__(self, tidy: bool = False, squares: bool = True) -> None:
        self.tidy, self.squares = tidy, squares
        self.facts: list[Fact] = []
        self.data: set[Traced] = set()
        self.done: set[Traced] = set()
        self.opaque: set[Traced] = set()
        self._pool: dict[Any, Traced] = {}
        self._numbers: dict[Traced, float] = {}

    # nodes

    def leaf(self, node: Traced, data: bool = False) -> Traced:
        """Take a leaf in as it is; data may be looked into, for facts."""
        self.done.add(node)
        if data:
            self.data.add(node)
        return node

    def full(self, shape: tuple[int, ...], value: float = 1) -> Traced:
        """An array of one number, which is written as that number where broadcasting allows it."""
        key = ("full", shape, value)
        if key not in self._pool:
            self._pool[key] = self.leaf(Traced(np.broadcast_to(float(value), shape)))
            self._numbers[self._pool[key]] = float(value)
        return self._pool[key]

    def make(self, op: Op, inputs: Any, params: Mapping[str, Any], like: Traced | None = None) -> Traced:
        """The one node that stands for this operation on these inputs. like: a node of the same value."""
        operands = tuple(id(x) if isinstance(x, Traced) else (type(x), x) for x in inputs)
        key = (op.name, operands, *((name, _key(params[name])) for name in sorted(params)))
        if key not in self._pool:
            self._pool[key] = record(op, inputs, params, like)
            self.done.add(self._pool[key])
        return self._pool[key]

    def build(self, op: str, *inputs: Operand, **params: Any) -> Traced:
        """An operation as it is."""
        return self.make(OPS[op], inputs, params)

    def of(self, op: str, *inputs: Operand, **params: Any) -> Traced:
        """An operation on simple operands in its simplest form."""
        return self.rewritten(self.build(op, *inputs, **params))

    def again(self, node: Traced, *inputs: Operand, **changed: Any) -> Traced:
        """The operation of a node on other simple operands, in its simplest form."""
        return self.of(str(node.op), *inputs, **{**node.params, **changed})

    def rewritten(self, node: Traced) -> Traced:
        """What the first rewrite that matches makes of an operation."""
        results = (rewrite.become(self, node, *node.inputs) for rewrite in REWRITES.get(str(node.op), ()))
        return next((result for result in results if result is not None), node)

    # what rewrites ask

    def made_by(self, x: Operand, *ops: str) -> bool:
        """Whether an operand comes from one of these operations, and may be looked into."""
        return isinstance(x, Traced) and x.op is not None and x.op.name in ops and x not in self.opaque

    def number(self, x: Operand) -> float | None:
        """What all elements of a constant are."""
        return self._numbers.get(x) if isinstance(x, Traced) else x

    def is_ones(self, x: Traced) -> bool:
        """Whether it is the constant 1."""
        return self._numbers.get(x) == 1

    # coefficient and core

    def split(self, x: Operand) -> Scaled:
        """An operand as coefficient and core."""
        if not isinstance(x, Traced):
            return Scaled(1, 1, self.full(())).times(x)
        if x.op is None:
            value = self.number(x) if x in self._numbers else _uniform(x)
            return Scaled(1, 1, x) if value is None else Scaled(1, 1, self.full(x.shape)).times(value)
        if self.made_by(x, "neg"):
            return self.split(x.inputs[0]).times(-1)
        if self.made_by(x, "mul") and not isinstance(x.inputs[0], Traced):
            return self.split(x.inputs[1]).times(x.inputs[0])
        if self.made_by(x, "div") and not isinstance(x.inputs[1], Traced):
            return self.split(x.inputs[0]).times(1, x.inputs[1])
        return Scaled(1, 1, x)

    def join(self, scaled: Scaled) -> Traced:
        """Coefficient and core as an expression: −(a · core / b)."""
        numerator, denominator, core = scaled
        if numerator == 0:
            return self.full(core.shape, 0)
        if numerator < 0:
            positive = self.join(Scaled(-numerator, denominator, core))
            value = self.number(positive)
            return self.build("neg", positive) if value is None else self.full(core.shape, -value)
        if self.is_ones(core):
            core, numerator = self.full(core.shape, numerator), 1
        if numerator != 1:
            core = self.build("mul", tidy_number(numerator), core)
        return core if denominator == 1 else self.build("div", core, tidy_number(denominator))

    def scale(self, x: Traced, by: Scaled) -> Traced:
        """An expression times the coefficient of another one."""
        return self.join(self.split(x).times(by.numerator, by.denominator))


def _uniform(leaf: Traced) -> float | None:
    """The finite number that all elements of a leaf without a name are; None where there is none."""
    if leaf.name is not None or not leaf.size or leaf.dtype.kind != "f":
        return None
    array = leaf.numpy()
    first = float(array.flat[0])
    return first if np.isfinite(first) and np.all(array == first) else None


def tidy_number(x: float) -> float:
    """A number without what rounding left in its last digit: 0.1 + 0.2 is 0.3."""
    rounded = float(f"{x:.14g}")
    return whole(rounded if len(repr(rounded)) < 12 else x)


def _key(value: Any) -> Any:
    """A parameter as a key: arrays by their contents."""
    if isinstance(value, np.ndarray):
        return value.shape, str(value.dtype), value.tobytes()
    if isinstance(value, list | tuple):
        return type(value), *map(_key, value)
    return repr(value)
