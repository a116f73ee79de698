"""Nodes written one after the other, and what they are written with: constants, lengths and casts."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from tinygrad_mnist.graph.onnx.values import Times, Value

DTYPES: dict[str, Any] = {"f": np.float32, "i": np.int64, "b": np.bool_}
"""Of each kind of value, what it is in the file."""

_ORDER = "bif"


def kind_of(x: Any) -> str:
    """The kind of a value or number."""
    if isinstance(x, Value):
        return x.kind
    return "b" if isinstance(x, bool) else "i" if isinstance(x, int) else "f"


def common(inputs: Iterable[Any]) -> str:
    """The kind in which different ones are compared and computed with."""
    return max(map(kind_of, inputs), key=_ORDER.index)


class Writer:
    """Collects the nodes and constants of a graph. names: of the values that are written.

    reserved: what nothing else may be called. Methods that write nodes return the name of the result.
    """

    def __init__(self, reserved: Collection[str] = ()) -> None:
        from onnx import helper, numpy_helper

        self._helper, self._arrays = helper, numpy_helper
        self.nodes: list[Any] = []
        self.initializers: list[Any] = []
        self.names: dict[Value, str] = {}
        self.reserved = set(reserved)
        self.taken: set[str] = set()
        self._numbers: defaultdict[str, Iterator[int]] = defaultdict(lambda: itertools.chain([0], itertools.count(2)))
        self._settled: set[str] = set()
        self._constants: dict[Any, str] = {}
        self._source: tuple[str, int] | None = None
        self._m: str | None = None

    def new(self, wanted: str) -> str:
        """A name that no other value has: the one wanted, or with a number."""
        name, number = wanted, 2
        while name in self.taken:
            name, number = f"{wanted}_{number}", number + 1
        self.taken.add(name)
        return name

    def other(self, stem: str) -> str:
        """A name for what has none of its own."""
        numbers = self._numbers[stem]
        names = (f"{stem}_{number}" if number else stem for number in numbers)
        return self.new(next(name for name in names if name not in self.taken and name not in self.reserved))

    def op(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """A node."""
        name = self.other(kind.lower())
        self.nodes.append(self._helper.make_node(kind, list(inputs), [name], name=name, **attributes))
        return name

    def called(self, result: str, wanted: str | None, otherwise: str = "") -> str:
        """The result of the last node under another name, or one of a stem; a copy of what has its name already."""
        if not self.nodes or self.nodes[-1].output[0] != result or result in self._settled:
            result = self.op("Identity", result)
        if not wanted and self.nodes[-1].op_type.lower() == otherwise:
            self._settled.add(result)
            return result
        self.taken.discard(result)
        self.nodes[-1].output[0] = self.nodes[-1].name = name = self.new(wanted) if wanted else self.other(otherwise)
        self._settled.add(name)
        return name

    # constants

    def leaf(self, array: Any, kind: str, name: str, note: str = "") -> str:
        """An initializer of its own. note: what else it is called."""
        tensor = self._arrays.from_array(np.ascontiguousarray(array, DTYPES[kind]).reshape(np.shape(array)), name)
        tensor.doc_string = note
        self.initializers.append(tensor)
        return name

    def constant(self, array: Any, kind: str = "i") -> str:
        """An initializer for these numbers, the same for the same ones."""
        own = np.asarray(array, DTYPES[kind])
        key = kind, own.shape, own.tobytes()
        if key not in self._constants:
            self._constants[key] = self.leaf(own, kind, self.other("c"))
        return self._constants[key]

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
            self._m = self.called(self.op("Shape", input, start=axis, end=axis + 1), None, "m")
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

    def cast(self, name: str, own: str, kind: str) -> str:
        """A value of one kind as one of another."""
        if own == kind:
            return name
        return self.op("Cast", name, to=self._helper.np_dtype_to_tensor_dtype(np.dtype(DTYPES[kind])))

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


def _bounds(cut: slice, length: Any) -> tuple[Any, Any, int]:
    """Where ONNX begins and ends a slice, and its step: what lies beyond the first element is the least of integers."""
    far = np.iinfo(np.int64)
    step = 1 if cut.step is None else cut.step
    if isinstance(length, Times):
        start = (0 if step > 0 else far.max) if cut.start is None else cut.start
        return start, (far.max if step > 0 else far.min) if cut.stop is None else cut.stop, step
    start, stop, step = cut.indices(length)
    return start, far.min if stop < 0 else stop, step
