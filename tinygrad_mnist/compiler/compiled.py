"""`compile`: a function that is captured as a program once for each shape of its arguments, and then replayed."""

from __future__ import annotations

import functools
from collections.abc import Callable, Hashable
from typing import Any

import numpy as np

from tinygrad_mnist.compiler.capture import Captured, captured
from tinygrad_mnist.compiler.kernels import has_numba
from tinygrad_mnist.compiler.plan import Plan, passes_of
from tinygrad_mnist.compiler.program import leaves, mapped
from tinygrad_mnist.compiler.tracing import CompileError
from tinygrad_mnist.engine import Node
from tinygrad_mnist.places import at

PLANS = 8
"""How many plans are kept for arguments of the same form; with more the oldest is forgotten."""

ATTEMPTS = 8
"""How often a step is captured for two captures in a row to agree."""


class Compiled:
    """A function as programs: each is captured by running the function, twice, and replayed from then on.

    It is called as the function is, and does what it does. Tensors that come out have no graph; a gradient by which an
    optimizer has moved a parameter in the same call is not kept, and its `.grad` is None afterwards.

    Raises CompileError for what can't be part of a program.
    """

    def __init__(self, function: Callable[..., Any], *, exact: bool = False, fused: bool | None = None) -> None:
        functools.update_wrapper(self, function)
        self.function = function
        self._passes = passes_of(exact, has_numba() if fused is None else fused)
        self._plans: dict[Hashable, list[Plan]] = {}
        self._untried: dict[Hashable, list[Captured]] = {}

    def __call__(self, *args: Any, **options: Any) -> Any:
        key = _form((args, options))
        given = [x.data if isinstance(x, Node) else x for x in leaves((args, options))]
        arguments = [x for x in given if isinstance(x, np.ndarray | float)]
        plans = self._plans.setdefault(key, [])
        for plan in plans:
            found = plan(arguments)
            if found is not None:
                return found[0]
        return self._capture(key, args, options)

    def _capture(self, key: Hashable, args: Any, options: dict[str, Any]) -> Any:
        """Run the function itself; where it was the same program as before, that is replayed from now on."""
        found, result = captured(self.function, args, options)
        earlier = self._untried.setdefault(key, [])
        if any(found.program.is_same(other.program) for other in earlier):
            self._plans[key] = [Plan(found, self._passes), *self._plans[key]][:PLANS]
            earlier.clear()
        else:
            earlier.append(found)
        if len(earlier) == ATTEMPTS:
            raise CompileError(_differing(found, earlier[-2]))
        return result

    @property
    def plans(self) -> list[Plan]:
        """The plans so far, for all forms of arguments."""
        return [plan for plans in self._plans.values() for plan in plans]


def _differing(one: Captured, other: Captured) -> str:
    """Where two captures of a step part, in words."""
    place = one.program.first_difference(other.program)
    return (
        f"a compiled step must compute the same in every call, and this one does not{at(place)}: pass what differs, a number "
        f"or an array, as an argument"
    )


def _form(tree: Any) -> Hashable:
    """What of the arguments a program is captured for: all but the numbers in arrays and floats."""
    return repr(mapped(tree, _form_of))


def _form_of(x: Any) -> Any:
    if isinstance(x, Node):
        return type(x).__name__, _form_of(x.data), x.requires_grad
    return (x.shape, x.dtype.str, x.strides) if isinstance(x, np.ndarray) else float if isinstance(x, float) else x
