"""Values written as nodes: their operands, and lengths that may depend on the number of examples."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from tinygrad_mnist.graph.onnx.building import Graph
from tinygrad_mnist.graph.onnx.values import Times, Value


def common(v: Value) -> str:
    """The kind in which the operands of a value, which may be of different ones, are compared."""
    return max(map(_kind_of, v.inputs), key="bif".index)


def _kind_of(x: Any) -> str:
    if isinstance(x, Value):
        return x.kind
    return "b" if isinstance(x, bool) else "i" if isinstance(x, int) else "f"


class Writer:
    """Writes values as nodes of a graph. names: of the values that are written.

    Methods that write nodes return the name of the result.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.op, self.constant, self.cast = graph.op, graph.constant, graph.cast
        self.names: dict[Value, str] = {}
        self._source: tuple[str, int] | None = None
        self._m: str | None = None

    def constant_of(self, v: Value) -> str:
        """The numbers of a constant; where its shape depends on m, the one number that it is filled with, repeated."""
        assert v.array is not None
        own = self.constant(v.array, v.kind)
        return own if v.array.shape == v.shape else self.expand(own, v.shape)

    # the number of examples

    def read_examples(self, input: str, axis: int) -> None:
        """Where m is read from, when first needed: the length of an input's axis."""
        self._source = self._source or (input, axis)

    def _examples(self) -> str:
        """m, as an array of one number."""
        if self._m is None:
            assert self._source
            input, axis = self._source
            self._m = self.graph.called(self.op("Shape", input, start=axis, end=axis + 1), None, "m")
        return self._m

    def lengths(self, dims: Sequence[Any]) -> str:
        """Lengths as an array of integers."""
        if not any(isinstance(n, Times) for n in dims):
            return self.constant(np.array(dims, np.int64))
        return self.op("Concat", *(self._length(n) for n in dims), axis=0)

    def _length(self, n: Any) -> str:
        if not isinstance(n, Times):
            return self.constant([n])
        if n.power not in (1, 2) or n.factor % 1:
            raise NotImplementedError("a length is no multiple of the number of examples")
        m = self._examples()
        power = m if n.power == 1 else self.op("Mul", m, m)
        return power if n.factor == 1 else self.op("Mul", power, self.constant([n.factor]))

    def _times(self, n: Times, kind: str) -> str:
        m = self.cast(self.op("Squeeze", self._examples(), self.constant([0])), "i", "f")
        power = m if n.power == 1 else self.op("Pow", m, self.constant(n.power, "f"))
        return self.cast(self.op("Mul", self.constant(n.factor, "f"), power), "f", kind)

    # operands

    def of(self, x: Any, kind: str) -> str:
        """An operand, a value or a number, as one of this kind."""
        if isinstance(x, Value):
            return self.cast(self.names.get(x) or self.constant_of(x), x.kind, kind)
        return self._times(x, kind) if isinstance(x, Times) else self.constant(x, kind)

    def operands(self, v: Value) -> list[str]:
        """All operands, in the kind of the result."""
        return [self.of(x, v.kind) for x in v.inputs]

    def operand(self, v: Value) -> str:
        """The first operand, in the kind of the result."""
        return self.of(v.inputs[0], v.kind)

    # shapes

    def reshape(self, x: str, shape: Sequence[Any]) -> str:
        """The same elements in another shape; where one length depends on m, ONNX works it out."""
        symbolic = [n for n in shape if isinstance(n, Times)]
        if len(symbolic) == 1 and 0 not in shape:
            return self.op("Reshape", x, self.constant([-1 if isinstance(n, Times) else n for n in shape]))
        return self.op("Reshape", x, self.lengths(shape), **({"allowzero": 1} if 0 in shape else {}))

    def expand(self, x: str, shape: Sequence[Any]) -> str:
        """Repeated to fill the shape."""
        return self.op("Expand", x, self.lengths(shape))

    def transpose(self, x: str, order: Sequence[int]) -> str:
        """The axes in another order."""
        return x if list(order) == sorted(order) else self.op("Transpose", x, perm=list(order))

    def slice(self, x: str, shape: Sequence[Any], cuts: dict[int, slice]) -> str:
        """Parts along axes of a value of this shape, as NumPy's slices take them."""
        cuts = {axis: cut for axis, cut in cuts.items() if shape[axis] != 0}
        if not cuts:
            return x
        starts, stops, steps = zip(*(_bounds(cut, shape[axis]) for axis, cut in cuts.items()), strict=True)
        return self.op(
            "Slice", x, self.lengths(starts), self.lengths(stops), self.constant([*cuts]), self.constant(steps)
        )

    def flip(self, x: str, shape: Sequence[Any], axes: Iterable[int]) -> str:
        """The other way round along axes of a value of this shape."""
        return self.slice(x, shape, dict.fromkeys(axes, slice(None, None, -1)))


def _bounds(cut: slice, length: Any) -> tuple[Any, Any, int]:
    """Where ONNX begins and ends a slice, and its step: what lies beyond the first element is the least of integers."""
    far = np.iinfo(np.int64)
    step = 1 if cut.step is None else cut.step
    if isinstance(length, Times):
        start = (0 if step > 0 else far.max) if cut.start is None else cut.start
        return start, (far.max if step > 0 else far.min) if cut.stop is None else cut.stop, step
    start, stop, step = cut.indices(length)
    return start, far.min if stop < 0 else stop, step
