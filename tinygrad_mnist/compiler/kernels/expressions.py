"""The steps of a kernel as expressions that numba compiles, of numbers and not of arrays."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_mnist.compiler.functions import as_type
from tinygrad_mnist.compiler.kernels.steps import Step
from tinygrad_mnist.compiler.program import Value

EXPRESSIONS: dict[Any, str] = {
    np.add: "{0} + {1}", np.subtract: "{0} - {1}", np.multiply: "{0} * {1}", np.divide: "{0} / {1}",
    np.negative: "-{0}", np.positive: "{0}", np.square: "{0} * {0}", np.reciprocal: "1 / {0}", np.absolute: "abs({0})",
    np.sqrt: "np.sqrt({0})", np.exp: "np.exp({0})", np.log: "np.log({0})", np.log1p: "np.log1p({0})",
    np.expm1: "np.expm1({0})", np.tanh: "np.tanh({0})", np.sin: "np.sin({0})", np.cos: "np.cos({0})",
    np.maximum: "maximum({0}, {1})", np.minimum: "minimum({0}, {1})",
    np.greater: "{0} > {1}", np.greater_equal: "{0} >= {1}", np.less: "{0} < {1}", np.less_equal: "{0} <= {1}",
    np.equal: "{0} == {1}", np.not_equal: "{0} != {1}", np.logical_and: "{0} and {1}", np.logical_or: "{0} or {1}",
    np.logical_not: "not {0}", np.isfinite: "np.isfinite({0})", np.isnan: "{0} != {0}",
    np.where: "{1} if {0} else {2}", np.copy: "{0}", as_type: "{0}",
}  # fmt: skip
"""What an elementwise function is in a kernel."""

SINGLE = {np.exp: "exp({0})"}
"""What a kernel computes in single precision by a function of its own, many at once."""


class Expressions:
    """Steps as expressions. names: what values are called. constants: numbers that are given, by their names."""

    def __init__(self, names: dict[Value, str]) -> None:
        self.names = names
        self.constants: dict[float, str] = {}

    def value(self, step: Step) -> str:
        """What an elementwise step computes."""
        dtype = step.output.dtype
        floats = [x.dtype for x in step.operands if isinstance(x, Value) and not x.is_number]
        wide = dtype if dtype.kind == "f" or not floats else np.result_type(*floats)
        single = SINGLE if dtype == np.float32 else {}
        expression = single.get(step.function, EXPRESSIONS[step.function])
        text = expression.format(*(self._operand(x, wide) for x in step.operands))
        return text if dtype.kind == "b" or all(each == dtype for each in floats) else f"np.{dtype.name}({text})"

    def reduced(self, step: Step, so_far: str) -> str:
        """The assignment that adds an element to a sum, or takes the larger or smaller of two."""
        term = " * ".join(map(self._operand, step.operands))
        if step.function != "add":
            return f"{so_far} = {step.function}({so_far}, {term})"
        return f"{so_far} = plus({so_far}, {term})" if step.output.dtype.kind == "f" else f"{so_far} += {term}"

    def _operand(self, x: Any, dtype: Any = None) -> str:
        if isinstance(x, Value) and not x.is_number:
            return self.names[x]
        is_float = dtype is not None and dtype.kind == "f"
        text = self.names[x] if isinstance(x, Value) else self._constant(x)
        return f"np.{dtype.name}({text})" if is_float else text

    def _constant(self, x: Any) -> str:
        """A number; by a name, if another batch may have another one, so that one kernel serves many sizes."""
        number = x.item() if isinstance(x, np.generic) else x
        if number not in (-1, 0, 1) and math.isfinite(number):
            return self.constants.setdefault(number, f"c{len(self.constants)}")
        return repr(number).replace("inf", "np.inf").replace("nan", "np.nan")


def start_of(step: Step) -> str:
    """What a reduction begins with: the number with which nothing is added, and nothing is larger, or smaller."""
    dtype = step.output.dtype
    if step.start is not None:
        start = step.start
    elif step.function == "add":
        start = 0
    elif dtype.kind == "f":
        start = "-np.inf" if step.function == "maximum" else "np.inf"
    else:
        limits = np.iinfo(dtype)
        start = limits.min if step.function == "maximum" else limits.max
    return f"np.{dtype.name}({start})"
