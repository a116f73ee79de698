"""Kernels: what a group of elementwise instructions computes as one loop, written in Python and compiled by numba."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_mnist.compiler import tracing
from tinygrad_mnist.compiler.parts import PART, compiled
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
    np.where: "{1} if {0} else {2}", np.copy: "{0}", tracing.as_type: "{0}",
}  # fmt: skip
"""What an elementwise function is in a kernel."""

SINGLE = {np.exp: "exp({0})"}
"""What a kernel computes in single precision by a function of its own, many at once."""

HEAVY = {np.exp, np.log, np.log1p, np.expm1, np.tanh, np.sin, np.cos}
"""Functions that NumPy computes many of at once, and a kernel else one after the other."""

SLOW = {*HEAVY, np.divide, np.reciprocal, np.sqrt}
"""Functions whose results are kept for a later pass over a row, rather than computed again."""


@dataclass(frozen=True, eq=False)
class Step:
    """An instruction in a kernel: a function of operands, element by element, or the name of a reduction of them.

    kind: of its result. stage: the pass over a row in which it is computed, or, for a row's, before which.
    over: of a reduction, the pass in which its numbers are met; start: what it begins with, if that is given.
    """

    function: Any
    operands: tuple[Any, ...]
    output: Value
    kind: str
    stage: int
    over: int | None = None
    start: Any = None


class Kernel:
    """A loop over the rows of a domain. See `fusion` for its kinds of values.

    inputs: what it is given; outputs: what it leaves.
    """

    def __init__(
        self, domain: tuple[int, ...], steps: Sequence[Step], outputs: Sequence[Value], kinds: dict[Value, str]
    ) -> None:
        self.domain, self.steps, self.outputs = domain, steps, outputs
        made = {step.output for step in steps}
        operands = [x for step in steps for x in step.operands if isinstance(x, Value) and x not in made]
        self.inputs = list(dict.fromkeys(operands))
        self.kinds = kinds
        for x in self.inputs:
            self.kinds.setdefault(x, _kind(x, domain))
        self.stages = 1 + max((step.over if step.over is not None else step.stage) for step in steps)
        self.__name__ = "kernel"

    def __call__(self, *arrays: Any) -> Any:
        """Compute the outputs into arrays of their own, which come after the inputs."""
        text, constants = self.source({})
        return compiled(PART + text.replace("def kernel(", "def part("))(*arrays, *constants)

    def may_overwrite(self, output: Value) -> list[Value]:
        """The inputs in whose place an output may be written: each is read before, and never again."""
        summed = any(step.output is output and step.kind == "column" and step.over is not None for step in self.steps)
        if summed or (self.kinds[output] == "each" and self.stages > 1):
            return []
        alike = [x for x in self.inputs if self.kinds[x] == self.kinds[output] and not x.is_number]
        return [x for x in alike if (x.shape, x.dtype) == (output.shape, output.dtype)]

    def text(self, value: Value, name: str, shape: tuple[int, ...]) -> str:
        """How the array of a value is given, whose numbers lie in one of this shape: as rows and columns."""
        rows, columns = math.prod(self.domain[:-1]), self.domain[-1]
        wanted = {"each": (rows, columns), "row": (rows,), "column": (columns,), "one": ()}[self.kinds[value]]
        if value.is_number or shape == wanted:
            return name
        free = -1 if self.kinds[value] in ("row", "column") else (-1, columns) if rows > 1 else (1, -1)
        return f"{name}.reshape({free if wanted else ()})"

    def source(self, shared: dict[Value, Value]) -> tuple[str, list[float]]:
        """The kernel as Python, and the constants that it takes after its arrays.

        shared: the outputs that lie where an input lies.
        """
        loop = _Loop(self, shared)
        return loop.write(), [*loop.constants]


def _kind(x: Value, domain: tuple[int, ...]) -> str:
    if x.is_number or not x.shape:
        return "one"
    if x.shape == domain:
        return "each"
    return "row" if len(domain) > 1 and x.shape == (*domain[:-1], 1) else "column"


class _Loop:
    """Writes a kernel."""

    def __init__(self, kernel: Kernel, shared: dict[Value, Value]) -> None:
        self.kernel = kernel
        self.names: dict[Value, str] = {}
        for i, x in enumerate(kernel.inputs):
            self.names[x] = f"x{i}" if x.is_number else f"a{i}"
        self.places = {x: f"x{i}" for i, x in enumerate(kernel.inputs)}
        for i, y in enumerate(kernel.outputs):
            self.places[y] = self.places[shared[y]] if y in shared else f"y{i}"
        self.parameters = list(dict.fromkeys(self.places.values()))
        for i, step in enumerate(kernel.steps):
            self.names[step.output] = f"v{i}"
        self.makers: dict[Any, Step] = {step.output: step for step in kernel.steps if step.kind == "each"}
        self.kept = self._kept()
        self.constants: dict[float, str] = {}

    def _kept(self) -> dict[Value, str]:
        """Each's values that a later pass over the row needs and that take long, and where they are kept.

        What takes a moment is computed again.
        """
        late = [
            x for step in self.kernel.steps for x in step.operands
            if x in self.makers and self.makers[x].stage < (step.stage if step.over is None else step.over)
        ]  # fmt: skip
        kept = {}
        for x in late:
            if x in self.places:
                kept[x] = f"{self.places[x]}[i, j]"
            elif self.makers[x].function in SLOW:
                kept[x] = f"row_{self.names[x]}[j]"
            else:
                late += [y for y in self.makers[x].operands if y in self.makers and y not in late]
        return kept

    def write(self) -> str:
        """The whole source."""
        lines = [f"    n, m = {self._size()}"]
        for x, place in self.kept.items():
            if x not in self.places:
                lines.append(f"    {place[:-3]} = np.empty(m, np.{x.dtype.name})")
        lines += self._ones_given()
        lines += [f"    {line}" for step in self._reductions("column", "one") for line in self._begin(step)]
        lines.append("    for i in range(n):")
        rows = [x for x in self.kernel.inputs if self.kernel.kinds[x] == "row"]
        lines += [f"        {self.names[x]} = {self.places[x]}[i]" for x in rows]  # before one is written over
        for stage in range(self.kernel.stages):
            lines += [f"        {line}" for line in self._row(stage)]
            inner = self._pass(stage)
            lines += ["        for j in range(m):"] if inner else []
            lines += [f"            {line}" for line in inner]
        lines += [f"        {line}" for line in self._row(self.kernel.stages)]
        lines += self._ending()
        head = f"def kernel({', '.join([*self.parameters, *self.constants.values()])}):"
        return "\n".join([head, *lines]) + "\n"

    def _size(self) -> str:
        """The numbers of rows and columns, as an array of each tells them, so that one kernel serves many sizes."""
        every = (x for x in (*self.kernel.inputs, *self.kernel.outputs) if self.kernel.kinds[x] == "each")
        first = next(every, None)
        domain = self.kernel.domain
        return f"{math.prod(domain[:-1])}, {domain[-1]}" if first is None else f"{self.places[first]}.shape"

    def _reductions(self, *kinds: str) -> list[Step]:
        return [step for step in self.kernel.steps if step.over is not None and step.kind in kinds]

    def _ones_given(self) -> list[str]:
        arrays = [x for x in self.kernel.inputs if self.kernel.kinds[x] == "one" and not x.is_number]
        return [f"    {self.names[x]} = {self.places[x]}[()]" for x in arrays]

    def _begin(self, step: Step) -> list[str]:
        """What a reduction starts from."""
        dtype = step.output.dtype
        start = f"np.{dtype.name}({_start(step.function, dtype) if step.start is None else step.start})"
        if step.kind != "column":
            return [f"{self.names[step.output]} = {start}"]
        array = self._column(step.output)
        made = [] if step.output in self.places else [f"{array} = np.empty(m, np.{dtype.name})"]
        return [*made, f"{array}[:] = 0"]

    def _column(self, value: Value) -> str:
        return self.places.get(value, f"column_{self.names[value]}")

    def _row(self, stage: int) -> list[str]:
        """What is done between two passes over a row."""
        lines = []
        for step in self.kernel.steps:
            if step.kind == "row" and step.over is None and step.stage == stage:
                lines.append(f"{self.names[step.output]} = {self._value(step)}")
            if step.kind == "row" and step.over == stage:
                lines += self._begin(step)
            if step.kind == "row" and step.stage == stage and step.output in self.places:
                lines.append(f"{self.places[step.output]}[i] = {self.names[step.output]}")
        return lines

    def _pass(self, stage: int) -> list[str]:
        """What is done with each element of a row: all is read first, as a result may lie where an operand did."""
        each = self._steps_of(stage)
        made = {step.output for step in each if step.kind == "each"}
        read = dict.fromkeys(x for step in each for x in step.operands if isinstance(x, Value) and x not in made)
        lines = [f"{self.names[x]} = {place}" for x in read if (place := self._place(x))]
        for step in each:
            lines += (
                self._reduce(step) if step.over is not None else [f"{self.names[step.output]} = {self._value(step)}"]
            )
            place = self.places.get(step.output, "") and f"{self.places[step.output]}[i, j]"
            is_new = step.kind == "each" and step.stage == stage
            if is_new and (place := place or self.kept.get(step.output, "")):
                lines.append(f"{place} = {self.names[step.output]}")
        return lines

    def _steps_of(self, stage: int) -> list[Step]:
        """The steps of a pass over a row, and what they need of earlier passes and is not kept."""
        steps = [step for step in self.kernel.steps if self._pass_of(step) == stage]
        found = {step.output for step in steps}
        for step in steps:
            again = [x for x in step.operands if x in self.makers and x not in self.kept and x not in found]
            steps += [self.makers[x] for x in again]
            found.update(again)
        return [step for step in self.kernel.steps if step.output in found]

    def _pass_of(self, step: Step) -> int | None:
        if step.over is not None:
            return step.over
        return step.stage if step.kind == "each" else None

    def _place(self, x: Value) -> str:
        """Where an operand is read in a pass over a row; "" for what is at hand."""
        if x in self.kept:
            return self.kept[x]
        index = {"each": "[i, j]", "column": "[j]"}.get(self.kernel.kinds[x])
        return f"{self.places[x]}{index}" if x in self.kernel.inputs and index else ""

    def _reduce(self, step: Step) -> list[str]:
        term = " * ".join(map(self._operand, step.operands))
        target = f"{self._column(step.output)}[j]" if step.kind == "column" else self.names[step.output]
        if step.function == "add":
            return [f"{target} = plus({target}, {term})" if step.output.dtype.kind == "f" else f"{target} += {term}"]
        return [f"{target} = {step.function}({target}, {term})"]

    def _value(self, step: Step) -> str:
        """The expression of a step."""
        floats = [x.dtype for x in step.operands if isinstance(x, Value) and not x.is_number]
        wide = (
            step.output.dtype
            if step.output.dtype.kind == "f"
            else np.result_type(*floats)
            if floats
            else step.output.dtype
        )
        operands = [self._operand(x, wide) for x in step.operands]
        single = SINGLE if step.output.dtype == np.float32 else {}
        text = single.get(step.function, EXPRESSIONS[step.function]).format(*operands)
        same = all(dtype == step.output.dtype for dtype in floats)
        return text if same or step.output.dtype.kind == "b" else f"np.{step.output.dtype.name}({text})"

    def _operand(self, x: Any, dtype: Any = None) -> str:
        if isinstance(x, Value) and not x.is_number:
            return self.names[x]
        is_float = dtype is not None and dtype.kind == "f"
        text = self.names[x] if isinstance(x, Value) else self._constant(x, is_float)
        return f"np.{dtype.name}({text})" if is_float else text

    def _constant(self, x: Any, is_float: bool) -> str:
        """A number; by a name, if another batch may have another one, so that one kernel serves many sizes."""
        number = x.item() if isinstance(x, np.generic) else x
        if is_float and number not in (-1, 0, 1) and math.isfinite(number):
            return self.constants.setdefault(number, f"c{len(self.constants)}")
        return repr(number).replace("inf", "np.inf").replace("nan", "np.nan")

    def _ending(self) -> list[str]:
        """What is done after the last row: for each column, and once."""
        columns = [step for step in self.kernel.steps if step.kind == "column" and step.over is None]
        made = {step.output for step in columns}
        read = dict.fromkeys(x for step in columns for x in step.operands if isinstance(x, Value) and x not in made)
        lines = ["    for j in range(m):"] if columns else []
        lines += [
            f"        {self.names[x]} = {self._column(x)}[j]" for x in read if self.kernel.kinds.get(x) == "column"
        ]
        for step in columns:
            lines.append(f"        {self.names[step.output]} = {self._value(step)}")
            if step.output in self.places:
                lines.append(f"        {self.places[step.output]}[j] = {self.names[step.output]}")
        for step in self.kernel.steps:
            if step.kind == "one":
                if step.over is None:
                    lines.append(f"    {self.names[step.output]} = {self._value(step)}")
                if step.output in self.places:
                    lines.append(f"    {self.places[step.output]}[()] = {self.names[step.output]}")
        return lines


def _start(reduction: str, dtype: np.dtype[Any]) -> str:
    """The number with which nothing is added, and nothing is larger, or smaller."""
    if reduction == "add":
        return "0"
    if dtype.kind == "f":
        return "-np.inf" if reduction == "maximum" else "np.inf"
    limits = np.iinfo(dtype)
    return str(limits.min if reduction == "maximum" else limits.max)
