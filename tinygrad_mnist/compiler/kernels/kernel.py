"""Kernels: what a group of elementwise instructions computes as one loop, written in Python and compiled by numba."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from tinygrad_mnist.compiler.kernels.loops import Loop
from tinygrad_mnist.compiler.kernels.parts import PART, compiled
from tinygrad_mnist.compiler.kernels.steps import Step, kind_of, read_by
from tinygrad_mnist.compiler.program import Value


class Kernel:
    """A loop over the rows of a domain. See `fusion` for its kinds of values.

    inputs: what it is given; outputs: what it leaves.
    """

    def __init__(self, domain: tuple[int, ...], steps: Sequence[Step], outputs: Sequence[Value]) -> None:
        self.domain, self.steps, self.outputs = domain, steps, outputs
        self.inputs = read_by(steps)
        self.kinds = {x: "one" if x.is_number else kind_of(x.shape, domain) or "" for x in self.inputs}
        self.kinds |= {step.output: step.kind for step in steps}
        self.stages = 1 + max(step.reads_in for step in steps)
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
        places = {x: f"x{i}" for i, x in enumerate(self.inputs)}
        for i, y in enumerate(self.outputs):
            places[y] = places[shared[y]] if y in shared else f"y{i}"
        loop = Loop(self.steps, self.kinds, places)
        return loop.source(self._size(places), self.stages), [*loop.constants]

    def _size(self, places: dict[Value, str]) -> str:
        """The numbers of rows and columns, as an array of each tells them, so that one kernel serves many sizes."""
        first = next((place for x, place in places.items() if self.kinds[x] == "each"), None)
        return f"{math.prod(self.domain[:-1])}, {self.domain[-1]}" if first is None else f"{first}.shape"
