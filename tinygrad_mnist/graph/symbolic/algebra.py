"""What cancels, cancelled: small rewrites of traced expressions, each checked on the numbers as it is applied.

An expression is kept as a coefficient times a core: coefficients travel outwards through everything linear, so that
sign meets sign and 1/m meets 1/m. A gradient that is used in several places is sealed: it is written once, under a
name, and what is built on it is simplified around it; see `Algebra.seal`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from tinygrad_mnist.engine import OPS, Op
from tinygrad_mnist.graph.symbolic.traced import Traced, record, traced

Operand = Traced | int | float
Params = Mapping[str, Any]


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


class RewriteError(AssertionError):
    """A rewrite changed the value of an expression: it is wrong."""


@dataclass(frozen=True)
class Fact:
    """Something about the data that a rewrite relied on, and that was seen to hold for them."""

    leaf: Traced
    axis: int


class Algebra:
    """Simplifies traced expressions. Equal expressions come out as one and the same node.

    tidy: leave the arrangement of terms as it is, for what a learner wrote. squares: write x · x as x².
    """

    def __init__(self, tidy: bool = False, squares: bool = True) -> None:
        self.tidy, self.squares = tidy, squares
        self.facts: list[Fact] = []
        self._pool: dict[Any, Traced] = {}
        self._done: set[Traced] = set()
        self._sealed: set[Traced] = set()
        self._soft: set[Traced] = set()
        self._data: set[Traced] = set()
        self._rules: dict[str, Callable[..., Traced]] = {
            name.removeprefix("_rule_"): getattr(self, name) for name in dir(self) if name.startswith("_rule_")
        }

    # what others use

    def leaf(self, node: Traced, data: bool = False) -> Traced:
        """Take a leaf in as it is; data may be looked into, for facts."""
        self._done.add(node)
        if data:
            self._data.add(node)
        return node

    def seal(self, node: Traced, soft: bool = False) -> None:
        """From now on, let no rewrite look into this expression; a soft seal gives way if that makes things shorter."""
        if node.op is not None:
            self._sealed.add(node)
            (self._soft.add if soft else self._soft.discard)(node)

    def simplify(self, node: Traced) -> Traced:
        """The simplest form that the rewrites find. An expression built on what is done already."""
        results: dict[Traced, Traced] = {}
        stack = [node]
        while stack:
            top = stack[-1]
            if top in self._done or top in results:
                stack.pop()
                continue
            waiting = [x for x in top.inputs if isinstance(x, Traced) and x not in self._done and x not in results]
            if waiting:
                stack.extend(waiting)
                continue
            inputs = [results.get(x, x) if isinstance(x, Traced) else self._constant(x) for x in top.inputs]
            results[top] = self._simplified(top, inputs) if top.op else self._join(self._split(top))
            stack.pop()
        return results.get(node, node)

    def shorter(self, node: Traced, *seals: Traced) -> Traced:
        """The simplest form of an expression built on sealed ones: around them, or seen through, if that is shorter."""
        around = self.simplify(node)
        opened = self._seals_to_open(seals)
        if not opened:
            return around
        facts = len(self.facts)
        self._sealed -= opened
        through = self.simplify(node)
        gain = self.cost(around) - self.cost(through)
        self._sealed |= opened
        if gain > 0 and (opened <= self._soft or self.cost(through) < self.cost(around)):
            return through
        del self.facts[facts:]
        return around

    def _seals_to_open(self, seals: Iterable[Traced], limit: int = 8) -> set[Traced]:
        """The seals, and the soft ones within them: a few, nearest first."""
        opened = {seal for seal in seals if seal in self._sealed}
        queue = list(seals)
        seen = set(queue)
        for node in queue:
            for x in node.inputs if len(opened) < limit and (node not in self._sealed or node in opened) else ():
                if isinstance(x, Traced) and x not in seen:
                    seen.add(x)
                    queue.append(x)
                    if x in self._soft:
                        opened.add(x)
        return opened

    def cost(self, node: Traced, limit: int = 60) -> int:
        """How many operations it takes to write an expression, sealed ones counting as names; up to a limit."""
        seen: set[Traced] = set()
        stack = [node]
        while stack and len(seen) < limit:
            top = stack.pop()
            if top.op is not None and top not in self._sealed and top not in seen:
                seen.add(top)
                stack.extend(x for x in top.inputs if isinstance(x, Traced))
        return len(seen)

    # nodes

    def _make(self, op: Op, inputs: Any, params: Params) -> Traced:
        """The one node that stands for this operation on these inputs."""
        operands = tuple(id(x) if isinstance(x, Traced) else (type(x), x) for x in inputs)
        key = (op.name, operands, *((name, _key(params[name])) for name in sorted(params)))
        if key not in self._pool:
            self._pool[key] = record(op, inputs, params)
            self._done.add(self._pool[key])
        return self._pool[key]

    def _build(self, op: str, *inputs: Operand, **params: Any) -> Traced:
        return self._make(OPS[op], inputs, params)

    def full(self, shape: tuple[int, ...], value: float = 1) -> Traced:
        """An array of one number, which is written as that number where broadcasting allows it."""
        key = ("full", shape, value)
        if key not in self._pool:
            self._pool[key] = self.leaf(Traced(np.full(shape, float(value))))
        return self._pool[key]

    def _simplified(self, node: Traced, inputs: list[Any]) -> Traced:
        assert node.op is not None
        rule = self._rules.get(node.op.name)
        result = rule(*inputs, **{**node.params, "shape": node.shape}) if rule else None
        if result is None or not _agrees(node, result):
            return self._make(node.op, inputs, node.params)
        self._done.add(result)
        return result

    def _is(self, x: Operand, *ops: str) -> bool:
        return isinstance(x, Traced) and x.op is not None and x.op.name in ops and x not in self._sealed

    def _constant(self, x: Any) -> Operand:
        """What a rule brought along: a number, or an array."""
        x = traced(x)
        return self._join(self._split(x)) if isinstance(x, Traced) else x

    # coefficient and core

    def _split(self, x: Operand) -> Scaled:
        if not isinstance(x, Traced):
            return Scaled(1, 1, self.full(())).times(x)
        if x.op is None and x.name is None and x.size and x.dtype.kind == "f":
            first = x.numpy().flat[0]
            if np.isfinite(first) and np.all(x.numpy() == first):
                return Scaled(1, 1, self.full(x.shape)).times(float(first))
        if self._is(x, "neg"):
            return self._split(x.inputs[0]).times(-1)
        if self._is(x, "mul") and not isinstance(x.inputs[0], Traced):
            return self._split(x.inputs[1]).times(x.inputs[0])
        if self._is(x, "div") and not isinstance(x.inputs[1], Traced):
            return self._split(x.inputs[0]).times(1, x.inputs[1])
        return Scaled(1, 1, x)

    def _join(self, scaled: Scaled) -> Traced:
        numerator, denominator, core = scaled
        if numerator == 0:
            return self.full(core.shape, 0)
        if numerator < 0:
            positive = self._join(Scaled(-numerator, denominator, core))
            if self._is_full(positive):
                return self.full(core.shape, -positive.numpy().flat[0])
            return self._build("neg", positive)
        if self._is_ones(core):
            core, numerator = self.full(core.shape, numerator), 1
        if numerator != 1:
            core = self._build("mul", _tidy_number(numerator), core)
        return core if denominator == 1 else self._build("div", core, _tidy_number(denominator))

    def _is_full(self, x: Operand) -> bool:
        return (
            isinstance(x, Traced)
            and x.op is None
            and self._pool.get(("full", x.shape, x.numpy().flat[0] if x.size else 0)) is x
        )

    def _is_ones(self, x: Traced) -> bool:
        return self._pool.get(("full", x.shape, 1)) is x

    def _is_number(self, x: Operand) -> bool:
        return not isinstance(x, Traced) or (x.shape == () and self._is_full(x))

    def _factors(self, core: Traced, limit: int = 12) -> list[Traced]:
        """What a core is a product of; of very many factors, the first few."""
        if self._is_ones(core):
            return []
        factors = [core]
        while len(factors) < limit:
            position = next((i for i, factor in enumerate(factors) if self._is(factor, "mul")), None)
            if position is None:
                break
            operands = factors[position].inputs
            factors[position : position + 1] = [x if isinstance(x, Traced) else self.full((), x) for x in operands]
        return factors

    def _product(self, factors: list[Traced]) -> Traced:
        """f·(g·h), masks last."""
        if not factors:
            return self.full(())
        *rest, result = sorted(factors, key=lambda factor: factor.dtype == np.bool_)
        for factor in reversed(rest):
            result = self._build("mul", factor, result)
        return result

    # rewrites: arithmetic

    def _filled(self, core: Traced, shape: tuple[int, ...]) -> Traced:
        """A core in the shape that broadcasting would have given it; a mask as numbers."""
        if core.dtype == np.bool_:
            core = self._build("astype", core, dtype=np.float64)
        return core if core.shape == shape else self._rule_broadcast_to(core, shape=shape)

    def _thin(self, x: Traced, other: Traced, shape: tuple[int, ...]) -> Traced:
        """An operand without a broadcast, new axes or conversion of a mask that the other operand makes needless."""
        if self._is_full(x) and x.shape and other.shape == shape:
            return self.full((), x.numpy().flat[0])
        inner: Traced = x.inputs[0] if self._is(x, "broadcast_to", "astype", "reshape") and x.dtype.kind == "f" else x
        if self._is(x, "reshape") and x.shape != (1,) * (x.ndim - inner.ndim) + inner.shape:
            return x
        if self._is(x, "astype") and inner.dtype != np.bool_:
            return x
        fits = other.dtype.kind == "f" and np.broadcast_shapes(inner.shape, other.shape) == shape
        return inner if fits else x

    def _rule_mul(self, x: Operand, y: Operand, shape: tuple[int, ...]) -> Traced:
        left, right = self._split(x), self._split(y)
        scaled = left.times(right.numerator, right.denominator)
        a, b = left.core, right.core
        if self._is_ones(a) or self._is_ones(b):
            return self._join(scaled.on(self._filled(b if self._is_ones(a) else a, shape)))
        a = self._thin(a, b, shape)
        b = self._thin(b, a, shape)
        for one, other in ((a, b), (b, a)):  # (p / q) · q
            if self._is(one, "div") and one.inputs[1] is other and not self.tidy:
                return self._join(scaled.on(self._filled(one.inputs[0], shape)))
        if a is b and a.dtype.kind == "f" and self.squares:
            return self._join(scaled.on(self._build("pow", a, 2)))
        return self._join(scaled.on(self._product([a, b] if self.tidy else [*self._factors(a), b])))

    def _rule_div(self, x: Operand, y: Operand, shape: tuple[int, ...]) -> Traced | None:
        left, right = self._split(x), self._split(y)
        if right.numerator == 0:
            return None
        scaled = left.times(right.denominator, right.numerator)
        a, b = left.core, right.core
        if self._is_ones(b):
            return self._join(scaled.on(self._filled(a, shape)))
        b = self._thin(b, a, shape)
        a = self._thin(a, b, shape)
        return self._join(scaled.on(self._build("div", a, b)))

    def _rule_neg(self, x: Traced, shape: tuple[int, ...]) -> Traced:
        return self._join(self._split(x).times(-1))

    def _rule_add(self, x: Operand, y: Operand, shape: tuple[int, ...]) -> Traced:
        return self._sum_of(self._split(x), self._split(y), shape)

    def _rule_sub(self, x: Operand, y: Operand, shape: tuple[int, ...]) -> Traced:
        lse = y if isinstance(y, Traced) and self._is(y, "logsumexp") and y.inputs[0] is x else None
        if lse is not None and lse.params["keepdims"] and isinstance(lse.params["axis"], int):
            return self._build("log_softmax", x, axis=lse.params["axis"])
        return self._sum_of(self._split(x), self._split(y).times(-1), shape)

    def _sum_of(self, x: Scaled, y: Scaled, shape: tuple[int, ...]) -> Traced:
        for one, other in ((x, y), (y, x)):
            if one.numerator == 0:
                return self._join(other.on(self._filled(other.core, shape)))
        if x.core is y.core:
            if x.denominator == y.denominator:
                return self._join(Scaled(1, 1, x.core).times(x.numerator + y.numerator, x.denominator))
            return self._join(Scaled(1, 1, x.core).times(x.numerator / x.denominator + y.numerator / y.denominator))
        if (masked := self._mask_as_choice(x, y, shape)) is not None:
            return masked
        x = x.on(self._thin(x.core, y.core, shape))
        y = y.on(self._thin(y.core, x.core, shape))
        if not self.tidy and (factored := self._common_factor(x, y, shape)) is not None:
            return factored
        return self._combined(x, y)

    def _combined(self, x: Scaled, y: Scaled) -> Traced:
        """x ± y, with what their coefficients have in common outside."""
        outside = Scaled(1, 1, x.core)
        if not self._is_ones(x.core) and not self._is_ones(y.core):
            outside, x, y = _common_coefficient(x, y)
        if x.denominator == y.denominator != 1:
            outside = outside.times(1, x.denominator)
            x, y = Scaled(x.numerator, 1, x.core), Scaled(y.numerator, 1, y.core)
        if x.numerator < 0 < y.numerator:
            x, y = y, x
        if x.numerator < 0:
            outside, x, y = outside.times(-1), x.times(-1), y.times(-1)
        op, second = ("add", y) if y.numerator > 0 else ("sub", y.times(-1))
        return self._join(outside.on(self._build(op, self._join(x), self._join(second))))

    def _mask_as_choice(self, x: Scaled, y: Scaled, shape: tuple[int, ...]) -> Traced | None:
        """a·[c] + b is a + b where c holds, and b elsewhere."""
        for one, other in ((x, y), (y, x)):
            mask = one.core
            if self._is(mask, "astype"):
                mask = mask.inputs[0]
            if mask.dtype == np.bool_ and self._is_ones(other.core) and mask.shape == shape:
                a, b = one.numerator / one.denominator, other.numerator / other.denominator
                return self._build("where", mask, float(_tidy_number(a + b)), float(_tidy_number(b)))
        return None

    def _common_factor(self, x: Scaled, y: Scaled, shape: tuple[int, ...]) -> Traced | None:
        """f·a + f·b as f·(a + b)."""
        left, right = self._factors(x.core), self._factors(y.core)
        common = []
        for factor in list(left):
            if any(factor is f for f in right):
                common.append(factor)
                left, right = _without(left, factor), _without(right, factor)
        if not common:
            return None
        a, b = x.on(self._product(left)), y.on(self._product(right))
        rest = self._combined(a, b) if a.core is not b.core else self._sum_of(a, b, a.core.shape)
        product = self._rule_mul(self._product(common), rest, shape)
        return product if product.shape == shape else None

    def _rule_pow(self, x: Operand, y: Operand, shape: tuple[int, ...]) -> Traced | None:
        if isinstance(y, int | float) and isinstance(x, Traced):
            if y == 1:
                return x
            if y == 0:
                return self.full(shape)
        if self._is_number(x) and self._is_number(y):
            return self.full((), float(_value(x) ** _value(y)))
        return None

    # rewrites: sums and broadcasts

    def _rule_vdot(self, x: Traced, y: Traced, shape: tuple[int, ...]) -> Traced:
        return self._rule_sum(self._rule_mul(x, y, x.shape), shape, None, False)

    def _rule_sum(self, x: Traced, shape: tuple[int, ...], axis: Any, keepdims: bool) -> Traced:
        scaled = self._split(x)
        core = scaled.core
        axes = _axes(axis, core.ndim)
        if self._is_ones(core):
            return self._join(scaled.on(self.full(shape)).times(math.prod(core.shape[a] for a in axes)))
        if all(core.shape[a] == 1 for a in axes) and core.dtype.kind == "f":
            return self._join(scaled.on(self._rule_reshape(core, shape=shape)))
        if self._is(core, "broadcast_to") and (undone := self._repeated(core, axes, shape)):
            count, rest = undone
            return self._join(scaled.on(rest).times(count))
        if self._is(core, "sum") and not keepdims and len(axes) == core.ndim:
            return self._join(scaled.on(self._rule_sum(core.inputs[0], shape, None, False)))
        if self._sums_to_one(core, axes):
            return self._join(scaled.on(self.full(shape)))
        plain_axis = None if len(axes) == core.ndim else axes[0] if len(axes) == 1 else axes
        return self._join(scaled.on(self._build("sum", core, axis=plain_axis, keepdims=keepdims and bool(shape))))

    def _repeated(self, core: Traced, axes: tuple[int, ...], shape: tuple[int, ...]) -> tuple[int, Traced] | None:
        """Σ over axes along which a value was merely repeated: so many times the value."""
        inner: Traced = core.inputs[0]
        new = core.ndim - inner.ndim
        if not all(a < new or inner.shape[a - new] == 1 for a in axes):
            return None
        kept = inner if inner.shape == shape else None
        if kept is None:
            if inner.size != math.prod(shape):
                return None
            kept = self._rule_reshape(inner, shape=shape)
        return math.prod(core.shape[a] for a in axes), kept

    def _sums_to_one(self, core: Traced, axes: tuple[int, ...]) -> bool:
        """Whether the core is data whose every row (or column) is a set of probabilities: seen, not assumed."""
        if core not in self._data or core.ndim < 2 or len(axes) != 1 or not core.size or core.shape[axes[0]] < 2:
            return False
        array = core.numpy()
        if not (np.all(array >= 0) and np.allclose(array.sum(axis=axes), 1, rtol=0, atol=1e-12)):
            return False
        self.facts.append(Fact(core, axes[0]))
        return True

    def _rule_broadcast_to(self, x: Traced, shape: tuple[int, ...], **_: Any) -> Traced:
        scaled = self._split(x)
        core = scaled.core
        if self._is_ones(core):
            return self._join(scaled.on(self.full(shape)))
        if self._is(core, "broadcast_to"):
            core = core.inputs[0]
        if core.shape != shape:
            core = self._build("broadcast_to", core, shape=shape)
        return self._join(scaled.on(core))

    # rewrites: shape

    def _rule_reshape(self, x: Traced, shape: tuple[int, ...], **_: Any) -> Traced:
        scaled = self._split(x)
        core = scaled.core
        if self._is_ones(core):
            return self._join(scaled.on(self.full(shape)))
        while self._is(core, "reshape"):
            core = core.inputs[0]
        if self._is(core, "sum"):
            inner, axes = core.inputs[0], _axes(core.params["axis"], core.inputs[0].ndim)
            for keepdims in (False, True):
                if keepdims != core.params["keepdims"] and _reduced(inner.shape, axes, keepdims) == shape:
                    core = self._build("sum", inner, axis=core.params["axis"], keepdims=keepdims and bool(shape))
                    break
        if core.shape != shape:
            core = self._build("reshape", core, shape=shape)
        return self._join(scaled.on(core))

    def _rule_transpose(self, x: Traced, shape: tuple[int, ...], axes: Any) -> Traced:
        order = tuple(range(x.ndim))[::-1] if axes is None else tuple(a % x.ndim for a in axes)
        return self._reordered(x, order)

    def _rule_swapaxes(self, x: Traced, shape: tuple[int, ...], axis1: int, axis2: int) -> Traced | None:
        order = list(range(x.ndim))
        order[axis1], order[axis2] = order[axis2], order[axis1]
        trivial = x.ndim < 3 or self._is(x, "transpose", "swapaxes") or order == sorted(order)
        return self._reordered(x, tuple(order)) if trivial else None

    def _reordered(self, x: Traced, order: tuple[int, ...]) -> Traced:
        scaled = self._split(x)
        core = scaled.core
        if self._is_ones(core):
            return self._join(scaled.on(self.full(tuple(core.shape[a] for a in order))))
        if self._is(core, "transpose"):
            inner = _order(core)
            core, order = core.inputs[0], tuple(inner[a] for a in order)
        if order == tuple(range(core.ndim)):
            return self._join(scaled.on(core))
        if self._is(core, "matmul") and all(f.ndim == 2 for f in core.inputs) and not self.tidy:
            left, right = (self._reordered(f, (1, 0)) for f in core.inputs)
            return self._join(scaled.on(self._build("matmul", right, left)))
        axes = None if order == tuple(range(core.ndim))[::-1] else order
        return self._join(scaled.on(self._build("transpose", core, axes=axes)))

    def _rule_getitem(self, x: Traced, shape: tuple[int, ...], index: Any) -> Traced | None:
        """The only column of a matrix times a column is the matrix times a vector."""
        first = isinstance(index, tuple) and len(index) == 2 and index[0] is Ellipsis and type(index[1]) is int
        if not (first and self._is(x, "matmul") and x.ndim == 2 and x.shape[1] == 1):
            return None
        matrix, column = x.inputs
        vector = self._rule_reshape(column, shape=column.shape[:1])
        return None if self._is(vector, "reshape") else self._build("matmul", matrix, vector)

    def _rule_astype(self, x: Traced, shape: tuple[int, ...], dtype: Any) -> Traced | None:
        return x if x.dtype == dtype else None

    def _rule_where(self, c: Operand, x: Operand, y: Operand, shape: tuple[int, ...]) -> Traced | None:
        """where(c, g·a, g·b) as g·where(c, a, b)."""
        if not isinstance(c, Traced) or self.tidy:
            return None
        left, right = self._split(x), self._split(y)
        a, b = self._factors(left.core), self._factors(right.core)
        common = [f for f in a if any(f is g for g in b)] if left.numerator and right.numerator else []
        for factor in common:
            a, b = _without(a, factor), _without(b, factor)
        outside, left, right = _common_coefficient(left, right)
        branches = [self._join(part.on(self._product(rest))) for part, rest in ((left, a), (right, b))]
        choice = self._build("where", c, *map(_as_number, branches))
        product = self._rule_mul(self._product(common), self._join(outside.on(choice)), shape)
        return product if product.shape == shape else None


def _common_coefficient(x: Scaled, y: Scaled) -> tuple[Scaled, Scaled, Scaled]:
    """What two coefficients have in common but for the sign, and what is left of each."""
    if abs(x.numerator) != abs(y.numerator) or x.denominator != y.denominator:
        return Scaled(1, 1, x.core), x, y
    first, second = (Scaled(int(math.copysign(1, part.numerator)), 1, part.core) for part in (x, y))
    return Scaled(abs(x.numerator), x.denominator, x.core), first, second


def _without(factors: list[Traced], factor: Traced) -> list[Traced]:
    position = next(i for i, f in enumerate(factors) if f is factor)
    return factors[:position] + factors[position + 1 :]


def _as_number(x: Traced) -> Operand:
    return float(x.numpy()) if x.op is None and x.name is None and x.shape == () else x


def _value(x: Any) -> Any:
    return x.numpy() if isinstance(x, Traced) else x


def _tidy_number(x: float) -> float:
    """A number without what rounding left in its last digit: 0.1 + 0.2 is 0.3."""
    rounded = float(f"{x:.14g}")
    x = rounded if len(repr(rounded)) < 12 else float(x)
    return int(x) if x.is_integer() and abs(x) < 1e15 else x


def _order(node: Traced) -> tuple[int, ...]:
    axes = node.params["axes"]
    return tuple(range(node.ndim))[::-1] if axes is None else tuple(a % node.ndim for a in axes)


def _axes(axis: Any, ndim: int) -> tuple[int, ...]:
    if axis is None:
        return tuple(range(ndim))
    return tuple(a % max(ndim, 1) for a in (axis if isinstance(axis, tuple) else (axis,)))


def _reduced(shape: tuple[int, ...], axes: tuple[int, ...], keepdims: bool) -> tuple[int, ...]:
    kept = tuple(1 if i in axes else n for i, n in enumerate(shape))
    return kept if keepdims else tuple(n for i, n in enumerate(shape) if i not in axes)


def _key(value: Any) -> Any:
    """A parameter as a key: arrays by their contents."""
    if isinstance(value, np.ndarray):
        return value.shape, str(value.dtype), value.tobytes()
    if isinstance(value, list | tuple):
        return type(value), *map(_key, value)
    return repr(value)


def _agrees(before: Traced, after: Traced) -> bool:
    """Whether a rewrite leaves everything as it was; it does not apply where it makes a number of a NaN or infinity.

    Raises RewriteError where it changes a number, or the shape.
    """
    old, new = np.asarray(before.numpy(), np.float64), np.asarray(after.numpy(), np.float64)
    same_kind = before.dtype.kind != "f" or after.dtype.kind == "f"
    exact = before.dtype.itemsize == 8 or before.dtype.kind != "f"
    tolerance, underflow = (1e-9, 1e-290) if exact else (1e-3, 1e-30)
    margin = tolerance * _scale(before) + underflow
    numbers = np.isfinite(old)
    if old.shape == new.shape and same_kind:
        if np.allclose(new, old, tolerance, margin, equal_nan=True):
            return True
        if np.allclose(new[numbers], old[numbers], tolerance, margin):
            return False
    raise RewriteError(f"a rewrite of {before.op} changed its value: {before!r} to {after!r}")


def _scale(x: Any, depth: int = 4) -> float:
    """How large the numbers are that a value was made of: what cancels leaves their rounding behind."""
    array = np.abs(np.asarray(_value(x), np.float64))
    largest = float(np.max(array, initial=0, where=np.isfinite(array)))
    if not (depth and isinstance(x, Traced) and x.op is not None):
        return largest
    if x.op.name in _LINEAR:
        return max(largest, *(_scale(operand, depth - 1) for operand in x.inputs))
    if x.op.name in ("mul", "div"):
        first, second = x.inputs
        other = second if x.op.name == "mul" else 1 / np.asarray(_value(second), np.float64)
        return max(largest, _scale(first, depth - 1) * _scale(other, depth - 1))
    return largest


_LINEAR = {"add", "sub", "neg", "sum", "matmul", "reshape", "transpose", "swapaxes", "broadcast_to", "where"}
