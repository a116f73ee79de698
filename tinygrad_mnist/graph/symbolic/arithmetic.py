"""Rewrites of what works on elements: products, quotients, powers, sums, choices, and the coefficients in them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator

import numpy as np

from tinygrad_mnist.engine import OPS
from tinygrad_mnist.graph.symbolic.expressions import Expressions, Operand, Scaled, rewrite, tidy_number
from tinygrad_mnist.graph.symbolic.traced import OUTER, Traced

# coefficients


@rewrite("neg", example=lambda x: -(2 * x), result="−2 · x")
def negation_is_a_coefficient(e: Expressions, node: Traced, x: Traced) -> Traced:
    """−x is −1 · x."""
    return e.join(e.split(x).times(-1))


@rewrite("sum", "reshape", "broadcast_to", "transpose", example=lambda x: (2 * x / 5).sum(), result="2 · Σ x / 5")
def coefficient_leaves_a_linear_function(e: Expressions, node: Traced, x: Traced) -> Traced | None:
    """f(c · x) is c · f(x)."""
    scaled = e.split(x)
    return None if scaled.core is x else e.scale(e.again(node, scaled.core), scaled)


@rewrite("mul", example=lambda x, y: (2 * x) * (y / 3), result="2 · x ⊙ y / 3")
def coefficients_leave_a_product(e: Expressions, node: Traced, x: Operand, y: Operand) -> Traced | None:
    """(c · x) · (d · y) is c d · (x · y)."""
    left, right = e.split(x), e.split(y)
    if left.core is x and right.core is y:
        return None
    return e.scale(e.again(node, left.core, right.core), left.times(right.numerator, right.denominator))


@rewrite("div", example=lambda x, y: (2 * x) / (3 * y), result="2 · (x / y) / 3")
def coefficients_leave_a_quotient(e: Expressions, node: Traced, x: Operand, y: Operand) -> Traced | None:
    """(c · x) / (d · y) is c/d · (x / y)."""
    left, right = e.split(x), e.split(y)
    if (left.core is x and right.core is y) or right.numerator == 0:
        return None
    return e.scale(e.again(node, left.core, right.core), left.times(right.denominator, right.numerator))


# products and quotients


def _filled(e: Expressions, x: Traced, shape: tuple[int, ...]) -> Traced:
    """x in the shape that broadcasting would have given it; a mask as numbers."""
    if x.dtype.kind != "f":
        x = e.build("astype", x, dtype=np.float64)
    return x if x.shape == shape else e.of("broadcast_to", x, shape=shape)


@rewrite("mul", example=lambda x: x * np.ones((3, 4)), result="x")
def product_with_one(e: Expressions, node: Traced, x: Traced, y: Traced) -> Traced | None:
    """1 · x is x."""
    if e.is_ones(x):
        return _filled(e, y, node.shape)
    return _filled(e, x, node.shape) if e.is_ones(y) else None


@rewrite("div", example=lambda x: x / np.ones((3, 4)), result="x")
def quotient_by_one(e: Expressions, node: Traced, x: Traced, y: Traced) -> Traced | None:
    """x / 1 is x."""
    return _filled(e, x, node.shape) if e.is_ones(y) else None


def _thin(e: Expressions, x: Traced, other: Traced, shape: tuple[int, ...]) -> Traced:
    """An operand without a broadcast, new axes or conversion of a mask that the other operand makes needless."""
    value = e.number(x)
    if value is not None and x.shape and other.shape == shape:
        return e.full((), value)
    inner: Traced = x.inputs[0] if e.made_by(x, "broadcast_to", "astype", "reshape") and x.dtype.kind == "f" else x
    if e.made_by(x, "reshape") and x.shape != (1,) * (x.ndim - inner.ndim) + inner.shape:
        return x
    if e.made_by(x, "astype") and inner.dtype != np.bool_:
        return x
    fits = other.dtype.kind == "f" and np.broadcast_shapes(inner.shape, other.shape) == shape
    return inner if fits else x


@rewrite("mul", "div", example=lambda v, x: v.broadcast_to((3, 4)) * x, result="v ⊙ x")
def operands_broadcast_by_themselves(e: Expressions, node: Traced, x: Traced, y: Traced) -> Traced | None:
    """broadcast(v) · x is v · x, and so are new axes and a mask made numbers."""
    thin_x = _thin(e, x, y, node.shape)
    thin_y = _thin(e, y, thin_x, node.shape)
    return None if thin_x is x and thin_y is y else e.again(node, thin_x, thin_y)


@rewrite("mul", example=lambda x, y: (x / y) * y, result="x")
def quotient_times_its_divisor(e: Expressions, node: Traced, x: Traced, y: Traced) -> Traced | None:
    """(p / q) · q is p."""
    for one, other in ((x, y), (y, x)):
        if e.made_by(one, "div") and one.inputs[1] is other and not e.tidy:
            return _filled(e, one.inputs[0], node.shape)
    return None


@rewrite("mul", example=lambda x: x * x, result="x^2")
def product_with_itself(e: Expressions, node: Traced, x: Traced, y: Traced) -> Traced | None:
    """x · x is x²."""
    return e.build("pow", x, 2) if x is y and x.dtype.kind == "f" and e.squares else None


@rewrite("mul", example=lambda v: v.reshape(4, 1) * v, result="v vᵀ")
def column_times_row(e: Expressions, node: Traced, x: Traced, y: Operand) -> Traced | None:
    """A column of numbers times a row of them is an outer product."""
    if e.tidy or not e.made_by(x, "reshape") or not isinstance(y, Traced):
        return None
    (column,) = x.inputs
    is_outer = column.ndim == y.ndim == 1 and x.shape == (column.size, 1)
    return e.make(OUTER, (column, y), {}, like=node) if is_outer else None


def _factors(e: Expressions, core: Traced, limit: int = 12) -> list[Traced]:
    """What a core is a product of; of very many factors, the first few."""
    factors = [] if e.is_ones(core) else [core]
    while len(factors) < limit:
        position = next((i for i, factor in enumerate(factors) if e.made_by(factor, "mul")), None)
        if position is None:
            break
        operands = factors[position].inputs
        factors[position : position + 1] = [x if isinstance(x, Traced) else e.full((), x) for x in operands]
    return factors


def _product(e: Expressions, factors: list[Traced]) -> Traced:
    """f·(g·h), masks last."""
    *rest, result = sorted(factors, key=lambda factor: factor.dtype == np.bool_) or [e.full(())]
    for factor in reversed(rest):
        result = e.build("mul", factor, result)
    return result


@rewrite("mul", example=lambda x, y, v: (x / y - 3 / v) * (v * y), result="x ⊙ v − 3 · y")
def sum_of_quotients_times_their_divisors(e: Expressions, node: Traced, x: Operand, y: Operand) -> Traced | None:
    """(p / q + r) · q is p + r · q."""
    factors = [] if e.tidy else [f for operand in (x, y) if isinstance(operand, Traced) for f in _factors(e, operand)]
    for i, whole in enumerate(factors):
        terms = _terms(e, whole) if e.made_by(whole, "add", "sub") else ()
        others = Counter(factors[:i] + factors[i + 1 :])
        quotients = [f for term in terms for f in _factors(e, term.core) if e.made_by(f, "div")]
        divisors = Counter({f.inputs[1]: 1 for f in quotients if f.inputs[1] in others})
        if divisors:
            total = e.of("add", *(_times(e, term, divisors) for term in terms))
            rest = _product(e, list((others - divisors).elements()))
            return _filled(e, e.of("mul", rest, total), node.shape)
    return None


def _times(e: Expressions, term: Scaled, factors: Counter[Traced]) -> Traced:
    """A term times factors, which may be what a factor of its own is divided by."""
    left = Counter(factors)
    own = []
    for factor in _factors(e, term.core):
        cancels = e.made_by(factor, "div") and left[factor.inputs[1]] > 0
        if cancels:
            left[factor.inputs[1]] -= 1
        own.append(factor.inputs[0] if cancels and isinstance(factor.inputs[0], Traced) else factor)
    result = e.full(())
    for factor in [*own, *left.elements()]:
        result = e.of("mul", result, factor)
    return e.join(term.on(result))


@rewrite("mul", example=lambda x, y, v: (x * y) * v, result="x ⊙ y ⊙ v")
def factors_of_a_product(e: Expressions, node: Traced, x: Traced, y: Traced) -> Traced:
    """(f · g) · h is f · (g · h), and a mask comes last."""
    return _product(e, [x, y] if e.tidy else [*_factors(e, x), y])


@rewrite("pow", example=lambda x: x**1, result="x")
def first_power(e: Expressions, node: Traced, x: Operand, y: Operand) -> Traced | None:
    """x¹ is x."""
    return x if isinstance(x, Traced) and isinstance(y, int | float) and y == 1 else None


@rewrite("pow", example=lambda x: x**0, result="ones(3 × 4)")
def zeroth_power(e: Expressions, node: Traced, x: Operand, y: Operand) -> Traced | None:
    """x⁰ is 1."""
    return e.full(node.shape) if isinstance(y, int | float) and y == 0 else None


@rewrite("pow", example=lambda: Traced(3.0) ** 2, result="9")
def power_of_numbers(e: Expressions, node: Traced, x: Operand, y: Operand) -> Traced | None:
    """3² is 9."""
    base, exponent = e.number(x), e.number(y)
    return None if node.shape or base is None or exponent is None else e.full((), float(base**exponent))


# sums and differences


def _terms(e: Expressions, node: Traced) -> tuple[Scaled, Scaled]:
    """The two terms of a sum; of a difference, the second one with its sign."""
    x, y = map(e.split, node.inputs)
    return x, y.times(-1) if node.op is OPS["sub"] else y


@rewrite("sub", example=lambda x: x - x.logsumexp(axis=-1, keepdims=True), result="log_softmax(x)")
def log_of_softmax(e: Expressions, node: Traced, x: Operand, y: Traced) -> Traced | None:
    """x − log Σ exp(x) is log softmax(x)."""
    whole = e.made_by(y, "logsumexp") and y.inputs[0] is x and y.params["keepdims"]
    return e.build("log_softmax", x, axis=y.params["axis"]) if whole and isinstance(y.params["axis"], int) else None


@rewrite("add", "sub", example=lambda x, y: x + 0 * y, result="x")
def sum_with_zero(e: Expressions, node: Traced, *_: Operand) -> Traced | None:
    """x + 0 is x."""
    x, y = _terms(e, node)
    for one, other in ((x, y), (y, x)):
        if one.numerator == 0:
            return e.join(other.on(_filled(e, other.core, node.shape)))
    return None


@rewrite("add", "sub", example=lambda x: 2 * x + x, result="3 · x")
def multiples_of_one_core(e: Expressions, node: Traced, *_: Operand) -> Traced | None:
    """c · x + d · x is (c + d) · x."""
    x, y = _terms(e, node)
    return e.join(_together(x, y)) if x.core is y.core else None


def _together(x: Scaled, y: Scaled) -> Scaled:
    """The sum of two multiples of one core.

    x/2m + x/2m is x/m, where m is the length of an axis: a mean was differentiated, and m is another for other data.
    """
    once = Scaled(1, 1, x.core)
    if x.denominator == y.denominator:
        numerator, denominator = x.numerator + y.numerator, x.denominator
        length, rest = divmod(denominator, abs(numerator) or 1)
        if not rest and length in x.core.shape and denominator not in x.core.shape:
            return once.times(math.copysign(1, numerator), length)
        return once.times(numerator, denominator)
    return once.times(x.numerator / x.denominator + y.numerator / y.denominator)


@rewrite("add", "sub", example=lambda x, y: (y - x) - x, result="y − 2 · x")
def multiples_beside_another_term(e: Expressions, node: Traced, *_: Operand) -> Traced | None:
    """(y + c · x) + d · x is y + (c + d) · x."""
    first, second = _terms(e, node)
    for whole, term in ((first, second), (second, first)):
        if whole.numerator == whole.denominator == 1 and (e.made_by(whole.core, "add") or e.made_by(whole.core, "sub")):
            x, y = _terms(e, whole.core)
            for one, other in ((x, y), (y, x)):
                if other.core is term.core:
                    return e.of("add", e.join(one), e.join(_together(other, term)))
    return None


@rewrite("add", "sub", example=lambda x: (x > 0) * 0.99 + 0.01, result="(1 if x > 0 else 0.01)")
def mask_is_a_choice(e: Expressions, node: Traced, *_: Operand) -> Traced | None:
    """a · [c] + b is a + b where c holds, and b elsewhere."""
    x, y = _terms(e, node)
    for one, other in ((x, y), (y, x)):
        mask = one.core.inputs[0] if e.made_by(one.core, "astype") else one.core
        if mask.dtype == np.bool_ and e.is_ones(other.core) and mask.shape == node.shape:
            a, b = one.numerator / one.denominator, other.numerator / other.denominator
            return e.build("where", mask, float(tidy_number(a + b)), float(tidy_number(b)))
    return None


@rewrite("add", "sub", example=lambda v, x: 2 * v.broadcast_to((3, 4)) + x, result="2 · v + x")
def terms_broadcast_by_themselves(e: Expressions, node: Traced, *_: Operand) -> Traced | None:
    """broadcast(v) + x is v + x."""
    x, y = _terms(e, node)
    thin_x = _thin_term(e, x, y.core, node.shape)
    thin_y = _thin_term(e, y, thin_x, node.shape)
    unchanged = thin_x is x.core and thin_y is y.core
    return None if unchanged else e.of("add", e.join(x.on(thin_x)), e.join(y.on(thin_y)))


def _thin_term(e: Expressions, x: Scaled, other: Traced, shape: tuple[int, ...]) -> Traced:
    """The same of a term; a mask has no negative, and stays numbers where one is needed."""
    thin = _thin(e, x.core, other, shape)
    return x.core if thin.dtype == np.bool_ and x.numerator < 0 else thin


@rewrite("add", "sub", example=lambda x, y: x * (1 - y) - (1 - x) * y, result="x − y")
def what_both_products_have_falls_out(e: Expressions, node: Traced, *_: Operand) -> Traced | None:
    """x · (1 − y) − y · (1 − x) is x − y."""
    first, second = _terms(e, node)
    if e.tidy or first.numerator != -second.numerator or first.denominator != second.denominator:
        return None
    left, right = _factors(e, first.core), _factors(e, second.core)
    for x in left:
        for y in right:
            if Counter(left) == Counter([x, _rest(e, y)]) and Counter(right) == Counter([y, _rest(e, x)]):
                return e.join(first.on(e.of("sub", x, y)))
    return None


def _rest(e: Expressions, x: Traced) -> Traced:
    """1 − x."""
    return e.of("sub", 1, x)


def _common_factors(left: list[Traced], right: list[Traced]) -> Iterator[list[Traced]]:
    """What two products have in common, and what is left of each."""
    first, second = Counter(left), Counter(right)
    common = first & second
    return (list(factors.elements()) for factors in (common, first - common, second - common))


@rewrite("add", "sub", example=lambda x, y, v: x * y + x * v, result="x ⊙ (y + v)")
def common_factors_leave_a_sum(e: Expressions, node: Traced, *_: Operand) -> Traced | None:
    """f · a + f · b is f · (a + b)."""
    x, y = _terms(e, node)
    common, left, right = _common_factors(_factors(e, x.core), _factors(e, y.core))
    if e.tidy or not common:
        return None
    a, b = x.on(_product(e, left)), y.on(_product(e, right))
    rest = _combined(e, a, b) if a.core is not b.core else e.of("add", e.join(a), e.join(b))
    return _filled(e, e.of("mul", _product(e, common), rest), node.shape)


def _common_coefficient(x: Scaled, y: Scaled) -> tuple[Scaled, Scaled, Scaled]:
    """What two coefficients have in common but for the sign, and what is left of each."""
    if abs(x.numerator) != abs(y.numerator) or x.denominator != y.denominator:
        return Scaled(1, 1, x.core), x, y
    first, second = (Scaled(int(math.copysign(1, part.numerator)), 1, part.core) for part in (x, y))
    return Scaled(abs(x.numerator), x.denominator, x.core), first, second


def _combined(e: Expressions, x: Scaled, y: Scaled) -> Traced:
    """x ± y, with what their coefficients have in common outside."""
    outside = Scaled(1, 1, x.core)
    if not e.is_ones(x.core) and not e.is_ones(y.core):
        outside, x, y = _common_coefficient(x, y)
    if x.denominator == y.denominator != 1:
        outside = outside.times(1, x.denominator)
        x, y = x._replace(denominator=1), y._replace(denominator=1)
    if x.numerator < 0 < y.numerator:
        x, y = y, x
    if x.numerator < 0:
        outside, x, y = outside.times(-1), x.times(-1), y.times(-1)
    op, second = ("add", y) if y.numerator > 0 else ("sub", y.times(-1))
    return e.join(outside.on(e.build(op, e.join(x), e.join(second))))


@rewrite("add", "sub", example=lambda x, y: y / 8 - x / 8, result="(y − x) / 8")
def common_coefficient_leaves_a_sum(e: Expressions, node: Traced, *_: Operand) -> Traced:
    """c · x − c · y is c · (x − y), and −x + y is y − x."""
    return _combined(e, *_terms(e, node))


@rewrite("where", example=lambda x, y: np.where(x > 1, y, 0), result="y ⊙ [x > 1]")
def nothing_elsewhere_is_a_mask(e: Expressions, node: Traced, c: Operand, x: Operand, y: Operand) -> Traced | None:
    """where(c, g, 0) is g · [c], where g is finite."""
    if e.tidy or not isinstance(c, Traced) or c.op is None or isinstance(y, Traced) or y or c.shape != node.shape:
        return None
    return e.of("mul", x, c) if np.isfinite(x.numpy() if isinstance(x, Traced) else x).all() else None


@rewrite("where", example=lambda x, y: np.where(x > 1, x * y, 2 * y), result="y ⊙ (x if x > 1 else 2)")
def common_factors_leave_a_choice(e: Expressions, node: Traced, c: Operand, *branches: Operand) -> Traced | None:
    """where(c, g · a, g · b) is g · where(c, a, b)."""
    if not isinstance(c, Traced) or e.tidy:
        return None
    x, y = map(e.split, branches)
    common, left, right = _common_factors(_factors(e, x.core), _factors(e, y.core))
    if not (x.numerator and y.numerator):
        common, left, right = [], _factors(e, x.core), _factors(e, y.core)
    outside, x, y = _common_coefficient(x, y)
    a, b = (_as_number(e, e.join(part.on(_product(e, rest)))) for part, rest in ((x, left), (y, right)))
    choice = e.join(outside.on(e.build("where", c, a, b)))
    return _filled(e, e.of("mul", _product(e, common), choice), node.shape)


def _as_number(e: Expressions, x: Traced) -> Operand:
    value = None if x.shape else e.number(x)
    return x if value is None else value


@rewrite("astype", example=lambda x: x.astype(np.float64), result="x")
def the_kind_that_it_has(e: Expressions, node: Traced, x: Traced) -> Traced | None:
    """Converted to the kind of numbers that it is already."""
    return x if x.dtype == node.params["dtype"] else None
