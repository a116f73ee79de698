"""`to_onnx`: any recorded graph as an ONNX model, the forward alone or with its gradients."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_mnist.engine import OPS, Node
from tinygrad_mnist.engine.errors import GraphError, no_graph
from tinygrad_mnist.graph.layers import Layers, error_of
from tinygrad_mnist.graph.onnx.values import RULES, Trace, Times, Value, trace, values_of
from tinygrad_mnist.graph.onnx.words import WORDS
from tinygrad_mnist.graph.onnx.writing import DTYPES, Writer
from tinygrad_mnist.graph.recording import Recording
from tinygrad_mnist.graph.symbolic.derive import checked, isolated
from tinygrad_mnist.graph.symbolic.traced import Traced

if TYPE_CHECKING:
    from onnx import ModelProto

OPSET, IR = 20, 10
"""The version of ONNX's operations, and of its files, that are written: of 2023, which what runs them reads."""


def to_onnx(
    output: Node, wrt: Iterable[Node] | None = None, backward: bool = False, other: Node | None = None
) -> ModelProto:
    """The program that computed a tensor as an ONNX model, checked; `onnx.save(model, path)` writes it.

    output: its first output, any tensor with a graph; a scalar where gradients are wanted.
    wrt: the tensors whose gradients are outputs too, dW1 for W1, by default with backward=True all leaves that require
        gradients. The backward pass is then part of the graph.
    other: the same output, recorded with another number of examples. Lengths that differ between the two are left open
        in the file, and numbers that differ, 1/m, are computed from the data; without it the shapes are those recorded.

    Parameters are stored as initializers, other tensors are inputs, and where all are parameters these are the inputs.
    Values are called as `graph.describe` calls them. Floating-point numbers are float32 in the file, integers int64.

    Raises ModuleNotFoundError without the package onnx; GraphError for an operation that ONNX has no words for, for
    what depends on the number of examples in a way that can't be written, and what `graph.explain` raises.
    """
    _check_installed()
    if not isinstance(output, Node):
        raise TypeError(f"the output must be a tensor, not {type(output).__name__}")
    if output.op is None:
        raise GraphError(no_graph(output))
    recording = Recording(output)
    targets = _targets(recording, wrt, backward)
    model: ModelProto = isolated(lambda: _Export(recording, targets, other).model())
    return model


def _check_installed() -> None:
    try:
        import onnx  # noqa: F401
    except ImportError as error:
        raise ModuleNotFoundError(
            'ONNX files are written by the package onnx, which is not installed: pip install "tinygrad-mnist[onnx]"'
        ) from error


def _targets(recording: Recording, wrt: Iterable[Node] | None, backward: bool) -> list[Node]:
    if wrt is None and not backward:
        return []
    if wrt is None:
        wrt = [node for node in recording.nodes if not node.op and node.requires_grad]
    return checked(recording.output, wrt)


class _Export:
    """One program on its way into a file."""

    def __init__(self, recording: Recording, wrt: list[Node], other: Node | None) -> None:
        self.recording, self.wrt = recording, wrt
        self.layers = Layers(recording)
        self.trace = trace(recording, wrt)
        own = self.trace.values(wrt)
        self.order = own
        self.inputs = self._inputs()
        self.values = values_of(own, self._again(other) if other is not None else own, self.inputs)
        self.writer = Writer()

    def _again(self, other: Node) -> list[Traced]:
        """The values of the other recording, whose tensors are those at the same positions."""
        recording = Recording(other)
        counterparts = dict(zip(self.recording.nodes, recording.nodes, strict=False))
        if len(recording.nodes) != len(self.recording.nodes):
            raise GraphError("the other recording is of another program: it has more operations, or fewer")
        wrt = [counterparts[x] for x in self.wrt]
        return trace(recording, wrt).values(wrt)

    def _inputs(self) -> dict[Traced, Node]:
        """The leaves whose numbers are given when the file is run."""
        present = set(self.order)
        constants = set(self.recording.arrays)
        leaves = [node for node in self.recording.nodes if not node.op and node not in constants]
        leaves = [node for node in leaves if self.trace.forward[node] in present]
        data = [node for node in leaves if node not in self.layers.parameters]
        return {self.trace.forward[node]: node for node in data or leaves}

    def model(self) -> Any:
        import onnx
        from onnx import helper

        wanted = self._wanted_names()
        for position, node in enumerate(self.order):
            self._write(node, wanted.get(node))
        outputs = self._outputs(wanted)
        value_infos = [self._info(v) for v in self.values.values() if v.op and self.writer.names[v] not in outputs]
        graph = helper.make_graph(
            self.writer.nodes,
            "program",
            [self._info(self.values[x]) for x in self.inputs],
            [self._info(v, name) for name, v in outputs.items()],
            self.writer.initializers,
            value_info=value_infos,
        )
        model = helper.make_model(
            graph, producer_name="tinygrad_mnist", ir_version=IR, opset_imports=[helper.make_opsetid("", OPSET)]
        )
        onnx.checker.check_model(model, full_check=True)
        return model

    # names

    def _wanted_names(self) -> dict[Traced, str]:
        """What the values are called that have a name of their own."""
        names: dict[Traced, str] = {}
        for node, value in self.trace.forward.items():
            if name := self.layers.name(node):
                names.setdefault(value, name)
        for node, value in self.trace.gradients.items():
            if name := self.layers.name(node):
                names.setdefault(value, self._gradient_name(name))
        return names

    def _gradient_name(self, name: str) -> str:
        return error_of(name) or f"d{name}"

    # nodes

    def _write(self, node: Traced, wanted: str | None) -> None:
        value, w = self.values[node], self.writer
        if value.op is None:
            w.names[value] = self._leaf(node, value, wanted)
            return
        if value.op not in WORDS:
            raise GraphError(f"{value.op} can't be written as ONNX, whose standard has no words for it")
        try:
            result = WORDS[value.op](w, value)
        except NotImplementedError as error:
            raise GraphError(f"this can't be written as ONNX: {error}") from None
        w.names[value] = w.called(result, wanted or value.op)

    def _leaf(self, node: Traced, value: Value, wanted: str | None) -> str:
        w = self.writer
        if node in self.inputs:
            name = w.new(wanted or "x")
            for axis, n in enumerate(value.shape):
                if n == Times(1):
                    w.read_examples(name, axis)
            return name
        if value.array is not None and value.array.shape != value.shape:
            return w.expand(w.constant(value.array, value.kind), value.shape)
        if wanted is None:
            return w.constant(value.array, value.kind)
        return w.leaf(value.array, value.kind, w.new(wanted), self._own_names.get(node, ""))

    @property
    def _own_names(self) -> dict[Traced, str]:
        return {value: node.name for node, value in self.trace.forward.items() if node.name and not node.op}

    # what comes out

    def _outputs(self, wanted: dict[Traced, str]) -> dict[str, Value]:
        """The outputs by their names: the program's, and the gradients; a copy of what has a name already."""
        w, outputs = self.writer, {}
        written = {self.writer.names[self.values[x]] for x in self.inputs} | {t.name for t in w.initializers}
        asked = [(self.trace.forward[self.recording.output], self._name(self.recording.output, "output"))]
        asked += [(self.trace.gradients[x], self._gradient_name(self._name(x, "x"))) for x in self.wrt]
        for node, name in asked:
            value = self.values[node]
            own = w.names[value]
            if own in outputs or own in written or (wanted.get(node) != name and name != own):
                own = w.called(own if not w.nodes or w.nodes[-1].output[0] != own else w.op("Identity", own), name)
            outputs[own] = value
        return outputs

    def _name(self, node: Node, otherwise: str) -> str:
        return self.layers.name(node) or otherwise

    def _info(self, value: Value, name: str | None = None) -> Any:
        from onnx import helper

        dtype = helper.np_dtype_to_tensor_dtype(np.dtype(DTYPES[value.kind]))
        return helper.make_tensor_value_info(name or self.writer.names[value], dtype, list(map(_dim, value.shape)))


def _dim(n: Any) -> Any:
    """A length as the file shows it: a number, m, or 4*m."""
    return n if not isinstance(n, Times) else "m" if n == Times(1) else f"{n.factor}*m"
