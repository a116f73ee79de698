"""A graph of ONNX as it is built: nodes and initializers, each of a name of its own."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Collection, Iterator
from typing import Any

import numpy as np

from tinygrad_mnist.graph.symbolic.names import untaken

DTYPES: dict[str, Any] = {"f": np.float32, "i": np.int64, "b": np.bool_}
"""Of each kind of value, what it is in the file."""


class Graph:
    """Nodes in order, and the constants that they read. reserved: what nothing else may be called.

    Methods that add something return the name of the result.
    """

    def __init__(self, reserved: Collection[str] = ()) -> None:
        from onnx import helper, numpy_helper

        self._helper, self._arrays = helper, numpy_helper
        self.nodes: list[Any] = []
        self.initializers: list[Any] = []
        self._reserved, self._taken = set(reserved), set[str]()
        self._numbers: defaultdict[str, Iterator[int]] = defaultdict(lambda: itertools.chain([0], itertools.count(2)))
        self._settled: set[str] = set()
        self._constants: dict[Any, str] = {}

    def new(self, wanted: str) -> str:
        """A name that no other value has: the one wanted, or with a number."""
        return untaken(wanted, self._taken)

    def other(self, stem: str) -> str:
        """A name for what has none of its own."""
        numbers = self._numbers[stem]
        names = (f"{stem}_{number}" if number else stem for number in numbers)
        return self.new(next(name for name in names if name not in self._taken and name not in self._reserved))

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
        self._taken.discard(result)
        self.nodes[-1].output[0] = self.nodes[-1].name = name = self.new(wanted) if wanted else self.other(otherwise)
        self._settled.add(name)
        return name

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

    def cast(self, name: str, own: str, kind: str) -> str:
        """A value of one kind as one of another."""
        if own == kind:
            return name
        return self.op("Cast", name, to=self._helper.np_dtype_to_tensor_dtype(np.dtype(DTYPES[kind])))
