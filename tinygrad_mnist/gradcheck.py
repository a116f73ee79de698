"""Gradients judged by numbers: the rules against differences of the function itself."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinygrad_mnist.engine import Node, Tensor, grad

Array = NDArray[Any]
Function = Callable[..., Any]

EPSILON = float(np.finfo(np.float64).eps)


class GradientError(AssertionError):
    """A gradient is not the derivative of its function."""


@dataclass(frozen=True)
class Agreement:
    """A derivative that is right: of which order, for which input, by which judge, and how near the two were."""

    order: int
    input: str
    shape: tuple[int, ...]
    judge: str
    error: float
    allowed: float


class Agreements(list[Agreement]):
    """What `check_gradients` found, all of it right."""

    def __repr__(self) -> str:
        worst = max(self, key=lambda found: found.error / found.allowed, default=None)
        if worst is None:
            return "no derivative was checked"
        return f"all {len(self)} derivatives agree: scaled error {worst.error:.0e} at most, {worst.allowed:.0e} allowed"

    def _repr_html_(self) -> str:
        from tinygrad_mnist.screens.cell import cell, dimensions, line, table

        head = ("input", "shape", "order", "beside", "scaled error", "allowed")
        rows = (
            (x.input, dimensions(x.shape), str(x.order), x.judge, f"{x.error:.1e}", f"{x.allowed:.1e}") for x in self
        )
        return cell(line((repr(self), "bold green")), table(head, rows, "llllr"))


def check_gradients(
    fn: Function,
    inputs: Sequence[ArrayLike | Node],
    order: int = 2,
    complex_step: bool = False,
    seed: int = 0,
    *,
    rtol: float = 1e-6,
    step: float = EPSILON ** (1 / 5),
    name: str | None = None,
) -> Agreements:
    """Check the derivatives of fn(*inputs) up to an order, in float64, against differences of its values.

    fn: takes a tensor for each input and returns one, or a list of them. Of any shapes; away from kinks.
    inputs: arrays or tensors to differentiate at, converted to float64; what is not to be differentiated
        (labels, indices) belongs into fn.
    order: 1 checks the gradient; 2 then checks the gradient of the gradient in the same way, and so on.
    complex_step: judge the first order a second time, with Im f(x + ih) / h, for an analytic fn that runs
        on complex arrays. No difference is taken, so nothing is lost to rounding.
    rtol: the scaled error that is allowed on top of the rounding error of the differences.
    step: how far to move, relative to the root mean square of the input.
    name: what to call fn in the message; otherwise its own name, or that of its last operation.

    One input at a time is moved along a random direction v, and the output is weighed with a random
    cotangent u, as in autograd's test_util (Maclaurin et al. 2015): uᵀ(∂f/∂x)v is one number by the rules
    and one by central differences of fourth order (Abramowitz and Stegun 1964, 25.3.6) or by the complex
    step (Squire and Trapp 1998). Their difference is divided by the size of the gradient, Σ|gᵢvᵢ|, so that
    a tiny gradient is checked as strictly as any.

    Gives what was checked, which a notebook shows as a table. Raises GradientError at the first input and order where
    the two disagree.
    """
    rng = np.random.default_rng(seed)
    points = [np.array(x.data if isinstance(x, Node) else x, np.float64) for x in inputs]
    names = _names(fn, inputs)
    label = name or getattr(fn, "__name__", type(fn).__name__)
    found = Agreements()
    for level in range(1, order + 1):
        leaves = [Tensor(x, requires_grad=True, name=n) for x, n in zip(points, names, strict=True)]
        outputs = _outputs(fn, leaves)
        if level == 1 and label == "<lambda>":
            label = str(outputs[0].op)
        cotangents = [_random(rng, out.shape) for out in outputs]
        gradients = _pull(outputs, leaves, cotangents)
        for i, (x, gradient) in enumerate(zip(points, gradients, strict=True)):
            v = _random(rng, x.shape)
            reach = float(np.sqrt(np.mean(x * x))) if x.any() else 1.0
            judges = {"central differences": _central_difference(fn, points, i, v, step * reach, cotangents)}
            if complex_step and level == 1:
                judges["complex step"] = _complex_step(fn, points, i, v, reach, cotangents)
            for judge, by_numbers in judges.items():
                by_rules, error, allowed = _compared(gradient.data * v, *by_numbers, rtol)
                if not error <= allowed:
                    raise GradientError(
                        f"{label}: wrong derivative of order {level} for input {i}, {names[i]} {x.shape}: along a "
                        f"random direction {by_rules:.9g} by the rules, {by_numbers[0]:.9g} by {judge}; "
                        f"scaled error {error:.1e}, allowed {allowed:.1e}"
                    )
                found.append(Agreement(level, names[i], x.shape, judge, error, allowed))
        fn = _gradient_of(fn, cotangents)
    return found


def _compared(terms: Array, by_numbers: float, rounding: float, rtol: float) -> tuple[float, float, float]:
    """The sum of a gradient's terms, how far it is from a judge's number for its size, and how far it may be."""
    by_rules, size = float(np.sum(terms)), float(np.sum(np.abs(terms)))
    scale = max(size, abs(by_numbers)) or 1.0
    return by_rules, abs(by_rules - by_numbers) / scale, rtol + rounding / scale


def _outputs(fn: Function, inputs: Sequence[Tensor]) -> list[Tensor]:
    result = fn(*inputs)
    return list(result) if isinstance(result, list | tuple) else [result]


def _pull(
    outputs: list[Tensor], inputs: Sequence[Tensor], cotangents: list[Array], create_graph: bool = False
) -> list[Tensor]:
    """Σ uᵀ ∂output/∂input for each input; zeros where no output depends on it."""
    totals = [Tensor(np.zeros_like(x.data)) for x in inputs]
    for output, u in zip(outputs, cotangents, strict=True):
        if output.requires_grad:
            shares = grad(output, inputs, u, create_graph)
            totals = [total + share for total, share in zip(totals, shares, strict=True)]
    return totals


def _gradient_of(fn: Function, cotangents: list[Array]) -> Function:
    def gradient(*inputs: Tensor) -> list[Tensor]:
        return _pull(_outputs(fn, inputs), inputs, cotangents, create_graph=True)

    return gradient


def _weighed(fn: Function, points: list[Array], cotangents: list[Array]) -> tuple[Any, float]:
    """Σ u·f(points), and how large the terms of the sum are."""
    leaves = [Tensor(x, requires_grad=x.dtype.kind == "f") for x in points]
    terms = [u * out.data for u, out in zip(cotangents, _outputs(fn, leaves), strict=True)]
    return sum(np.sum(term) for term in terms), float(sum(np.sum(np.abs(term)) for term in terms))


def _moved(points: list[Array], i: int, by: Array) -> list[Array]:
    return [x + by if k == i else x for k, x in enumerate(points)]


def _central_difference(
    fn: Function, points: list[Array], i: int, v: Array, h: float, cotangents: list[Array]
) -> tuple[float, float]:
    """d/dt Σ u·f(xᵢ + tv) at t = 0, and the rounding error to expect: some ε of the values, divided by h."""
    slope = size = 0.0
    for k, weight in ((1, 8), (-1, -8), (2, -1), (-2, 1)):
        value, terms = _weighed(fn, _moved(points, i, k * h * v), cotangents)
        slope += weight * value / (12 * h)
        size = max(size, terms)
    return slope, 20 * EPSILON * size / h


def _complex_step(
    fn: Function, points: list[Array], i: int, v: Array, reach: float, cotangents: list[Array]
) -> tuple[float, float]:
    """The same from Im Σ u·f(xᵢ + ihv) / h, with h so small that h² is zero: some ε of the values, over reach."""
    h = 1e-200
    value, size = _weighed(fn, _moved([x.astype(complex) for x in points], i, 1j * h * v), cotangents)
    return float(value.imag / h), 20 * EPSILON * size / reach


def _random(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Numbers of either sign, none so near zero that an error could hide behind it."""
    return rng.choice((-1.0, 1.0), shape) * rng.uniform(0.5, 1.5, shape)


def _names(fn: Function, inputs: Sequence[Any]) -> list[str]:
    """Each input's own name, else that of fn's parameter, else its number."""
    try:
        signature = inspect.signature(fn).parameters.values()
        parameters = [p.name for p in signature if p.kind <= p.POSITIONAL_OR_KEYWORD]
    except (TypeError, ValueError):
        parameters = []
    pairs = list(zip_longest(inputs, parameters[: len(inputs)]))
    return [getattr(x, "name", None) or parameter or f"x{i}" for i, (x, parameter) in enumerate(pairs)]
