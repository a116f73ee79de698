"""The error function, an operation of its own, as NumPy has none; and the exact gelu, which needs it."""

from __future__ import annotations

import math
from functools import reduce

import numpy as np

from tinygrad_mnist.arguments import check_name
from tinygrad_mnist.devices import as_array
from tinygrad_mnist.engine import ops
from tinygrad_mnist.engine.ops import Array
from tinygrad_mnist.engine.primitive import op

GELU_FORMS = ("tanh", "none")

BORDER, END = 0.46875, 6.0
"""Where Cody's first interval ends; and where erf is 1 to the last digit of float64."""

_NEAR = (
    (1.85777706184603153e-1, 3.16112374387056560, 1.13864154151050156e2, 3.77485237685302021e2, 3.20937758913846947e3),
    (1.0, 2.36012909523441209e1, 2.44024637934444173e2, 1.28261652607737228e3, 2.84423683343917062e3),
)
_FAR = (
    (2.15311535474403846e-8, 5.64188496988670089e-1, 8.88314979438837594, 6.61191906371416295e1, 2.98635138197400131e2,
     8.81952221241769090e2, 1.71204761263407058e3, 2.05107837782607147e3, 1.23033935479799725e3),
    (1.0, 1.57449261107098347e1, 1.17693950891312499e2, 5.37181101862009858e2, 1.62138957456669019e3,
     3.29079923573345963e3, 4.36261909014324716e3, 3.43936767414372164e3, 1.23033935480374942e3),
)  # fmt: skip
"""Numerators and denominators, the highest power first."""


@op(lambda g, out, x: g * (2 / math.sqrt(math.pi)) * np.exp(-x * x))
def erf(x: Array, /) -> Array:
    """2/√π ∫ exp(-t²) dt from 0 to x, to the last digits of float64.

    Cody 1969, Rational Chebyshev approximations for the error function, Math. Comp. 23, 631-637: x R(x²) near zero,
    and 1 - exp(-x²) R(x) farther away, whose own third interval only erfc has a use for. Complex x are taken as
    close to the real axis, as where a derivative is found by a complex step.
    """
    x = as_array(x)
    exact = x.astype(np.result_type(x.dtype, np.float64))
    size = np.where(exact.real < 0, -exact, exact)
    near = exact * _ratio(_NEAR, np.where(size.real > BORDER, BORDER, size) ** 2)
    size = np.where(size.real > END, END, size)
    far = 1 - np.exp(-size * size) * _ratio(_FAR, size)
    result = np.where(size.real < BORDER, near, np.where(exact.real < 0, -far, far))
    return result.astype(x.dtype if x.dtype.kind in "fc" else exact.dtype)


def _ratio(polynomials: tuple[tuple[float, ...], tuple[float, ...]], x: Array) -> Array:
    above, below = (reduce(lambda total, a: total * x + a, coefficients) for coefficients in polynomials)
    return above / below


def gelu(x: Array, approximate: str = "tanh") -> Array:
    """x Φ(x) with Φ the normal distribution's function, exactly with approximate="none", else in its form with tanh.

    Hendrycks and Gimpel 2016, section 2. Raises ValueError for another form.
    """
    check_name("approximate", approximate, GELU_FORMS)
    return ops.gelu(x) if approximate == "tanh" else 0.5 * x * (1 + erf(x * math.sqrt(0.5)))


FUNCTIONS = {"erf": erf}
"""The operations of this module by name."""
