"""The arguments of a step: what stands for them while it is captured, and what it may not do with them."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_mnist.compiler.capturing.tensors import ARRAY, GRADIENT, Tensors
from tinygrad_mnist.compiler.capturing.tracing import Trace
from tinygrad_mnist.compiler.errors import CompileError
from tinygrad_mnist.compiler.program import Value
from tinygrad_mnist.engine import Node


def as_given(x: Any) -> Any:
    """An argument as a program takes it: a scalar of NumPy's has a dtype, as an array has; of a tensor its array.

    Raises CompileError for arrays that compute in a way of their own.
    """
    if isinstance(x, np.generic):
        return np.asarray(x)
    if isinstance(x, np.matrix | np.ma.MaskedArray):
        raise CompileError(f"a compiled step takes plain arrays, and no {type(x).__name__}: pass np.asarray of it")
    return x._array if isinstance(x, Node) else x


class Arguments:
    """What stands in a step for its arguments. values: of those that are given to the program, in order."""

    def __init__(self, trace: Trace) -> None:
        self.trace = trace
        self.values: list[Value] = []
        self._given: list[tuple[Any, Any]] = []

    def traced(self, x: Any) -> Any:
        """What stands for a leaf of the arguments."""
        if isinstance(x, Node):
            tensor = type(x).wrap(self._traced(ARRAY.__get__(x), x.name or ""))
            tensor.requires_grad, tensor.name = x.requires_grad, x.name
            self._given.append((tensor, x))
            return tensor
        return self._traced(as_given(x)) if isinstance(x, np.ndarray | np.generic | float) else x

    def _traced(self, like: Any, name: str = "") -> Any:
        traced = self.trace.input(like, name)
        self.values.append(traced.value)
        self._given.append((traced, like))
        return traced

    def check(self, place: str, tensors: Tensors) -> None:
        """Raise CompileError for an argument that the step has changed, or found by another way too."""
        changed = [met.array for met in tensors.met.values() if met.traced.changes]
        for mine, its in self._given:
            is_tensor = isinstance(mine, Node)
            array = ARRAY.__get__(its) if is_tensor else its
            if is_tensor and its in tensors.met:
                said = f"a tensor, {its.name or 'of no name'}, is an argument and is found by the step too"
            elif is_tensor and mine in tensors.gradients and GRADIENT.__get__(mine) is not None:
                said = "a gradient is left in an argument: take it with grad(loss, [x]), and return it"
            elif (mine.changed if is_tensor else getattr(mine, "changes", 0)) > 0:
                said = "an argument is changed in place: return what is new"
            elif any(np.may_share_memory(array, other) for other in changed):
                said = "an argument lies in the memory of a tensor that the step changes: pass a copy"
            else:
                continue
            raise CompileError(f"of a compiled step{place}, {said}")
