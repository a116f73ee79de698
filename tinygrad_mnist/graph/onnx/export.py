"""`to_onnx`: any recorded graph as an ONNX model, the forward alone or with its gradients."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_mnist.engine import Node
from tinygrad_mnist.engine.errors import GraphError, describe, no_graph
from tinygrad_mnist.graph.layers import Layers, error_of
from tinygrad_mnist.graph.onnx.building import DTYPES, Graph
from tinygrad_mnist.graph.onnx.examples import with_one_more
from tinygrad_mnist.graph.onnx.values import Times, Trace, Value, values_of
from tinygrad_mnist.graph.onnx.words import WORDLESS, WORDS
from tinygrad_mnist.graph.onnx.writing import Writer
from tinygrad_mnist.graph.recording import Recording
from tinygrad_mnist.graph.symbolic.derive import checked, isolated
from tinygrad_mnist.graph.symbolic.traced import Traced

if TYPE_CHECKING:
    from onnx import ModelProto

OPSET, IR = 20, 10
"""The version of ONNX's operations, and of its files, that are written: of 2023, which what runs them reads."""


def to_onnx(
    output: Node,
    wrt: Iterable[Node] | None = None,
    backward: bool = False,
    inputs: Iterable[Node] | None = None,
    other: Node | None = None,
) -> ModelProto:
    """The program that computed a tensor as an ONNX model, checked; `onnx.save(model, path)` writes it.

    output: its first output, any tensor with a graph; a scalar where gradients are wanted.
    wrt: the tensors whose gradients are outputs too, dW1 for W1; by default with backward=True the leaves that require
        gradients, but for inputs. The backward pass is then part of the graph.
    inputs: the leaves whose numbers are given when the model is run. By default those that are no parameters, if they
        have a name; without one, if they are not one number throughout and differ between the recordings or, of one
        recording, are as long as what has a name. Where there are none but parameters, these are the inputs.
    other: the same output, recorded with another number of examples, m. What differs between the two depends on m: a
        length is left open in the file, and a number, such as 1 / m, computed from the data. Without it that is done
        where the recording leaves no doubt which numbers depend on m; else the shapes are those recorded.

    The other leaves are stored as initializers. Values are called as `graph.describe` calls them. Floating-point
    numbers are float32 in the file, integers int64.

    Raises ModuleNotFoundError without the package onnx; GraphError for an operation that ONNX has no words for and for
    what depends on m in a way that can't be written; and, of wrt and a scalar output, what `graph.explain` raises.
    """
    _check_installed()
    if not isinstance(output, Node):
        raise TypeError(f"the output must be a tensor, not {type(output).__name__}")
    if output.op is None:
        raise GraphError(no_graph(output))
    program = _Program(Recording(output), None if inputs is None else list(inputs), other)
    if wrt is not None or backward:
        program.wrt = checked(output, program.parameters if wrt is None else wrt)
    return isolated(lambda: _exported(program))


def _exported(program: _Program) -> ModelProto:
    if program.other is None and (longer := with_one_more(program.recording, program.inputs)) is not None:
        try:
            return _Export(program, longer).model()
        except GraphError:  # as recorded, then
            pass
    return _Export(program, program.other).model()


def _check_installed() -> None:
    try:
        import onnx  # noqa: F401
    except ImportError as error:
        raise ModuleNotFoundError(
            'ONNX files are written by the package onnx, which is not installed: pip install "tinygrad-mnist[onnx]"'
        ) from error


class _Program:
    """What is exported. inputs: the leaves that are given when it is run; wrt: what gradients are wanted of."""

    def __init__(self, recording: Recording, inputs: list[Node] | None, other: Node | None) -> None:
        self.recording, self.other = recording, other
        self.wrt: list[Node] = []
        given = None if inputs is None else list(map(self._leaf, inputs))
        self.layers = Layers(recording, given or ())
        self.inputs = dict.fromkeys(self._inputs() if given is None else given)

    @property
    def parameters(self) -> list[Node]:
        """The leaves that learn: those that require gradients, and are no inputs unless all are."""
        learning = [node for node in self.recording.nodes if not node.op and node.requires_grad]
        return [node for node in learning if node not in self.inputs] or learning

    def _leaf(self, node: Node) -> Node:
        """The leaf of the program that this one is, or whose array it holds, as the labels of a loss do."""
        leaves = [x for x in self.recording.nodes if not x.op]
        found = (x for x in leaves if x is node or (isinstance(node, Node) and x.data is node.data))
        if (leaf := next(found, None)) is None:
            raise GraphError(f"{describe(node)} is no leaf of the program, and so can't be an input of it")
        return leaf

    def _inputs(self) -> list[Node]:
        constants = set(self.recording.arrays)
        leaves = [node for node in self.recording.nodes if not node.op and node not in constants]
        data = [node for node in leaves if node not in self.layers.parameters]
        named = {node for node in data if self.layers.name(node)}
        return [node for node in data if node in named or self._is_given(node, named)] if named else data or leaves

    def _is_given(self, node: Node, named: set[Node]) -> bool:
        """Whether a leaf without a name goes with the data: it is another one in the other recording, or as long."""
        if len(np.unique(node.data)) < 2:  # the ones of a rule, say
            return False
        if self.other is not None:
            counterparts = dict(zip(self.recording.nodes, Recording(self.other).nodes, strict=False))
            return node in counterparts and not np.array_equal(node.data, counterparts[node].data)
        return node.shape[:1] in {x.shape[:1] for x in named if x.shape}


class _Export:
    """One program on its way into a file, with another recording of it to compare it with, if any."""

    def __init__(self, program: _Program, other: Node | None) -> None:
        self.recording, self.wrt, self.layers = program.recording, program.wrt, program.layers
        self.trace = Trace(self.recording, self.wrt)
        self.order = self.trace.values()
        leaves = (self.trace.forward[node] for node in program.inputs)
        present = set(self.order)
        self.inputs = dict.fromkeys(leaf for leaf in leaves if leaf in present)
        self.values = values_of(self.order, self.order if other is None else self._again(other), self.inputs)
        self.wanted = self._wanted_names()
        self.own_names = {x: node.name for node, x in self.trace.forward.items() if node.name and not node.op}
        self.graph = Graph(self.wanted.values())
        self.writer = Writer(self.graph)

    def _again(self, other: Node) -> list[Traced]:
        """The values of the other recording, whose tensors are those at the same positions."""
        recording = Recording(other)
        if len(recording.nodes) != len(self.recording.nodes):
            raise GraphError("the other recording is of another program: it has more operations, or fewer")
        counterparts = dict(zip(self.recording.nodes, recording.nodes, strict=True))
        return Trace(recording, [counterparts[x] for x in self.wrt]).values()

    def model(self) -> ModelProto:
        import onnx
        from onnx import helper

        for node in self.order:
            self._write(node)
        computed = {name for node in self.graph.nodes for name in node.output}
        outputs = self._outputs(computed)
        inner = computed - outputs.keys()
        value_infos = [self._info(v) for v in self.values.values() if self.writer.names[v] in inner]
        graph = helper.make_graph(
            self.graph.nodes,
            "program",
            [self._info(self.values[x]) for x in self.inputs],
            [self._info(v, name) for name, v in outputs.items()],
            self.graph.initializers,
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
        name_of = self.layers.name
        named = [(value, name_of(node)) for node, value in self.trace.forward.items()]
        named += [(x, _gradient_name(name)) for node, x in self.trace.gradients.items() if (name := name_of(node))]
        named.append((self.trace.forward[self.recording.output], "output"))
        return {value: name for value, name in reversed(named) if name}  # of several names, the first

    # nodes

    def _write(self, node: Traced) -> None:
        value, w, wanted = self.values[node], self.writer, self.wanted.get(node)
        if value.op is None:
            w.names[value] = self._leaf(node, value, wanted)
            return
        if value.op not in WORDS:
            raise GraphError(f"{value.op} can't be written as ONNX: {_lack(value.op)}")
        if 0 in value.shape and not any(isinstance(n, Times) for n in value.shape):  # which onnxruntime may get wrong
            w.names[value] = w.constant(np.empty(value.shape), value.kind)
            return
        try:
            result = WORDS[value.op](w, value)
        except NotImplementedError as error:
            raise GraphError(f"{value.op} can't be written as ONNX: {error}") from None
        w.names[value] = self.graph.called(result, wanted, value.op)

    def _leaf(self, node: Traced, value: Value, wanted: str | None) -> str:
        w = self.writer
        if node in self.inputs:
            name = self.graph.new(wanted) if wanted else self.graph.other("x")
            for axis, n in enumerate(value.shape):
                if n == Times(1):
                    w.read_examples(name, axis)
            return name
        if wanted is None or value.array is None or value.array.shape != value.shape:
            return w.constant_of(value)
        return self.graph.leaf(value.array, value.kind, self.graph.new(wanted), self.own_names.get(node, ""))

    # what comes out

    def _outputs(self, computed: set[str]) -> dict[str, Value]:
        """The outputs by their names: the program's, and the gradients. What is no node's result, or goes by another
        name, is copied.
        """
        output, name_of = self.recording.output, self.layers.name
        asked = [(self.trace.forward[output], name_of(output) or "output")]
        asked += [(self.trace.gradients[x], _gradient_name(name_of(x) or "x")) for x in self.wrt]
        outputs: dict[str, Value] = {}
        for node, name in asked:
            value = self.values[node]
            own = self.writer.names[value]
            is_own = own in computed - outputs.keys() and self.wanted.get(node) == name
            outputs[own if is_own else self.graph.called(own, name)] = value
        return outputs

    def _info(self, value: Value, name: str | None = None) -> Any:
        from onnx import helper

        dtype = helper.np_dtype_to_tensor_dtype(np.dtype(DTYPES[value.kind]))
        return helper.make_tensor_value_info(name or self.writer.names[value], dtype, list(map(_dim, value.shape)))


def _gradient_name(name: str) -> str:
    return error_of(name) or f"d{name}"


def _lack(op: str) -> str:
    if op in WORDLESS:
        return f"of the standard, {WORDLESS[op]}"
    return f'it has no entry in the table of words: add one with @word("{op}") of tinygrad_mnist.graph.onnx.words'


def _dim(n: Any) -> Any:
    """A length as the file shows it: a number, m, or 4*m."""
    if not isinstance(n, Times):
        return n
    power = "m" if n.power == 1 else f"m**{n.power:g}"
    return power if n.factor == 1 else f"{n.factor:g}*{power}"
