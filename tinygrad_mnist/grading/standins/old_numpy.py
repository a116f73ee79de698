"""Names that NumPy had when many tutorials were written, and has no more."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_mnist.grading.standins.absorbing import used

OLD: dict[str, Any] = {
    "int": int, "float": float, "bool": bool, "object": object, "complex": complex, "str": str,
    "float_": np.float64, "complex_": np.complex128, "unicode_": np.str_, "Inf": np.inf, "Infinity": np.inf,
    "infty": np.inf, "NaN": np.nan, "NAN": np.nan, "PINF": np.inf, "NINF": -np.inf, "product": np.prod,
    "cumproduct": np.cumprod, "alltrue": np.all, "sometrue": np.any, "row_stack": np.vstack, "in1d": np.isin,
    "trapz": getattr(np, "trapezoid", None), "bool8": np.bool_, "string_": np.bytes_, "mat": np.asmatrix,
    "msort": lambda a: np.sort(a, 0), "asscalar": lambda a: a.item(), "round_": np.round,
    "asfarray": lambda a, dtype=float: np.asarray(a, dtype),
}  # fmt: skip
"""What each stands for."""


def install() -> None:
    """Let NumPy have them again, where it has not; `used` then holds "numpy.int"."""
    known = np.__getattr__

    def __getattr__(name: str) -> Any:  # a module's own
        if name in OLD:
            used.add(f"numpy.{name}")
            return OLD[name]
        return known(name)

    np.__getattr__ = __getattr__  # type: ignore[method-assign]
