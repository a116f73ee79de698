"""What can't be recorded, and what to write in its place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from tinygrad_mnist.array_functions.table import named
from tinygrad_mnist.engine.tensor import NUMPY

_WHERE = "np.where(mask, v, t) makes a new value"
ADVICE: dict[str, str] = {
    "copyto": _WHERE,
    "put": _WHERE,
    "place": _WHERE,
    "putmask": _WHERE,
    "put_along_axis": _WHERE,
    "fill_diagonal": "np.where(np.eye(n, dtype=bool), v, t) makes a new value",
    "apply_along_axis": "call the function on each row, np.stack([f(row) for row in t])",
    "apply_over_axes": "name the axes, t.sum(axis=(0, 1))",
    "piecewise": "np.where(condition, f(t), g(t)) chooses between two",
    "choose": "np.stack(choices)[t, np.arange(n)] takes from several by index",
    "block": "np.concatenate([np.concatenate(row, 1) for row in rows], 0)",
}
"""What to write in place of NumPy's functions."""

UFUNC_METHODS = {"add.at": "scatter with np.eye(n)[index].T @ t, or collect with np.stack", "subtract.at": _WHERE}
"""The same for methods of ufuncs, by their names."""


def _refusal(name: str, advice: str) -> Callable[..., NoReturn]:
    def refusal(*args: Any, **options: Any) -> NoReturn:
        raise TypeError(f"np.{name} is not recorded on a Tensor: {advice}; t.numpy() is the plain array")

    return refusal


NUMPY.update({f: _refusal(name, advice) for name, advice in ADVICE.items() for f in named(name)})
NUMPY.update({name: _refusal(name, advice) for name, advice in UFUNC_METHODS.items()})
