"""A derivation as lines: each value that deserves a name, once, in an order in which it can be computed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from tinygrad_mnist.engine import Node
from tinygrad_mnist.graph import layers
from tinygrad_mnist.graph.layers import error_of
from tinygrad_mnist.graph.recording import operands_first
from tinygrad_mnist.graph.symbolic import notation, pieces
from tinygrad_mnist.graph.symbolic.derive import Derivation, local_derivative
from tinygrad_mnist.graph.symbolic.names import Name, Names, named, partial
from tinygrad_mnist.graph.symbolic.pieces import Style, Text
from tinygrad_mnist.graph.symbolic.traced import Traced
from tinygrad_mnist.graph.symbolic.writing import Count, View, Writer

SHORT = 24
"""Up to how many characters a constant is written out again wherever it is used."""

WIDEST = 84
"""How many characters an expression may have before its longest operand gets a line of its own."""


@dataclass(frozen=True)
class Line:
    """A named value. gradient: whether it belongs to the backward pass; node: what it is the value or gradient of."""

    name: Name
    value: Traced
    gradient: bool
    node: Node | None


@dataclass(kw_only=True)
class Program(Writer):
    """The lines of a derivation, and what each value is called.

    inputs: the leaves, data first. results: the lines of the output and of the gradients asked for. derivatives:
    what is written as f'(z), for mathematics. node_names: the nodes of the graph that have a name. errors: whether
    ∂output/∂z2 is called δ2.
    """

    derivation: Derivation
    mathematical: bool
    errors: bool = True
    node_names: dict[Node, Name] = field(default_factory=dict)
    inputs: list[tuple[Node, Traced]] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    results: list[Line] = field(default_factory=list)
    derivatives: dict[Traced, Name] = field(default_factory=dict)
    registry: Names = field(default_factory=Names)
    logarithms: dict[Traced, Traced] = field(default_factory=dict)

    def view(self, value: Traced) -> View:
        """An expression as it is, or, for mathematics, exp(log_softmax(z)) as softmax(z)."""
        if self.mathematical and _is_softmax(value):
            (inner,) = value.inputs
            return View("softmax", inner.inputs, inner.params)
        if value in self.logarithms:
            return View("log", (self.logarithms[value],), {})
        return super().view(value)

    def operands(self, value: Traced) -> list[Traced]:
        """The tensors that an expression is made of; none for a leaf, and none for f'(z)."""
        if value.op is None or value in self.derivatives:
            return []
        return [x for x in self.view(value).operands if isinstance(x, Traced)]

    def expressions(self, roots: Sequence[Traced]) -> list[Traced]:
        """The roots and every expression within them, operands first."""
        return list(operands_first(sorted(roots, key=lambda value: value.born), self.operands))

    def definition(self, line: Line, style: Style) -> Text:
        """The right-hand side of a line."""
        return self.write(line.value, style, by_name=self.names.get(line.value) is not line.name)

    def gradient_name(self, node: Node) -> Name:
        """What ∂output/∂node is called: for z2 it is δ2."""
        name = self.node_names[node]
        error = error_of(name.text) if self.errors else None
        return named(error) if error and node is not self.derivation.output else self.partial(name)

    def partial(self, name: Name) -> Name:
        """∂output/∂name, written out."""
        return partial(self.node_names[self.derivation.output], name)


def program(derivation: Derivation, mathematical: bool, errors: bool = True) -> Program:
    """Lay a derivation out in lines: for mathematics, or for a computer."""
    result = Program(derivation=derivation, mathematical=mathematical, errors=errors)
    roots = [derivation.forward[derivation.output], *(derivation.gradients[x] for x in derivation.wrt)]
    if mathematical:
        result.logarithms = {x.inputs[0]: x for x in result.expressions(roots) if _is_softmax(x)}
    present = result.expressions(roots)
    _name_inputs(result, set(present))
    _name_nodes(result, set(present))
    if mathematical:
        _name_derivatives(result, set(present))
        present = result.expressions(roots)
    _name_counts(result, present)
    lines = _Lines(result, present)
    for value in present:
        lines.consider(value)
    lines.finish(roots)
    return result


# names


def _name_inputs(result: Program, present: set[Traced]) -> None:
    """The leaves: the names they go by everywhere; x, x_2 … and c, c_2 … for what has none."""
    derivation = result.derivation
    leaves = [n for n in derivation.recording.nodes if n.op is None and derivation.forward[n].name]
    used = [n for n in leaves if derivation.forward[n] in present or n in derivation.wanted]
    for node in sorted(used, key=lambda n: n.requires_grad or n in derivation.wanted):
        fallback = "x" if node.requires_grad or node in derivation.wanted else "c"
        result.node_names[node] = name = result.registry.new(derivation.layers.name(node) or fallback)
        result.names[derivation.forward[node]] = name
        result.inputs.append((node, derivation.forward[node]))


def _name_nodes(result: Program, present: set[Traced]) -> None:
    """Intermediate values by the names that they go by everywhere; a prediction is found among the lines."""
    derivation = result.derivation
    for node in derivation.recording.operations:
        wanted = derivation.layers.name(node) if derivation.is_named(node) else None
        if node is derivation.output and not wanted:
            result.node_names[node] = result.registry.new("L", identifier="loss")
        elif node in derivation.wanted or node is derivation.output or (wanted and derivation.forward[node] in present):
            result.node_names[node] = result.registry.wanted(wanted, "t")


def _name_derivatives(result: Program, present: set[Traced]) -> None:
    """f'(z1) for the derivative of a layer's activation, where it is more than a name."""
    derivation = result.derivation
    for layer in derivation.layers:
        before, activation = layer.before, layer.activation
        if activation is None or before not in result.node_names:
            continue
        value = local_derivative(derivation, layer)
        if value is not None and value.op and value.op.name == "astype":
            (value,) = value.inputs
        if value in present and value.op is not None and value not in result.names:
            alone = all(x is before for _, x in derivation.recording.tensors(activation))
            function = activation.op.name if activation.op and alone else "f"
            symbol = pieces.name(function, "latex") if len(function) == 1 else pieces.operator_name(function)
            of = result.node_names[before]
            name = Name(Text(rf"{symbol}'\left({of.latex}\right)"), Text(f"{function}'({of.text})"))
            result.derivatives[value] = result.names[value] = name


# lines


class _Lines:
    """Decides which expressions get a line, and what each line is called."""

    def __init__(self, result: Program, present: Sequence[Traced]) -> None:
        self.result, self.names = result, result.names
        self.uses = Counter(dict.fromkeys(present, 0))
        self.uses.update(x for value in present for x in result.operands(value))
        self.forward = set(result.expressions([result.derivation.forward[result.derivation.output]]))
        derivation, named = result.derivation, result.node_names
        operations = [node for node in named if node.op is not None]
        self.values = {derivation.forward[node]: node for node in reversed(operations)}  # of one value, the first
        self.gradients: dict[Traced, Node] = {}
        for node, value in derivation.gradients.items():  # from the output back
            if node not in named or node is derivation.output or value not in self.uses:
                continue
            if value not in self.gradients or (node in derivation.wanted and not self._is_shared(value)):
                self.gradients[value] = node

    def consider(self, value: Traced) -> None:
        """Give an expression a line if it has a name, is used more than once, or would be too long otherwise."""
        if value in self.names:
            return
        if value.op is None:
            if self.uses[value] > 1 and self._width(value) > SHORT:
                self.add(value)
            return
        op, operands, params = self.result.view(value)
        for position in () if self.result.mathematical else mentioned_twice(op, params, operands):
            if self._is_inline(operands[position]):
                self.add(operands[position])
        while self._width(value) > WIDEST and (inline := [*filter(self._is_inline, self.result.operands(value))]):
            self.add(max(inline, key=self._width))
        moved = op in ("transpose", "swapaxes") and all(x in self.names for x in operands)
        if self._has_a_name(value) or (self._is_shared(value) and not moved):
            self.add(value)

    def _is_inline(self, value: Any) -> bool:
        return isinstance(value, Traced) and value.op is not None and value not in self.names

    def _width(self, value: Traced) -> int:
        return len(self.result.write(value, "text" if self.result.mathematical else "numpy"))

    def _is_shared(self, value: Traced) -> bool:
        derivation = self.result.derivation
        return self.uses[value] + sum(derivation.gradients[x] is value for x in derivation.wrt) > 1

    def _has_a_name(self, value: Traced) -> bool:
        node = self.gradients.get(value)
        asked = node is not None and (
            node in self.result.derivation.wanted or self.result.gradient_name(node).text.startswith("δ")
        )
        return value in self.values or (asked and value not in self.forward) or _is_softmax(value)

    def add(self, value: Traced) -> None:
        """A line for an expression that has none yet."""
        result = self.result
        if value in self.values:
            node: Node | None = self.values[value]
            name, gradient = result.node_names[self.values[value]], False
        elif value in self.gradients and value not in self.forward:
            node, gradient = self.gradients[value], True
            name = result.registry.new(result.gradient_name(node))
        else:
            node, name = None, self._common(value)
            gradient = value not in self.forward and not _is_softmax(value)
        self.names[value] = name
        result.lines.append(Line(name, value, gradient, node))

    def _common(self, value: Traced) -> Name:
        """A name for what occurs more than once."""
        new = self.result.registry.new
        if value.op is None:
            return self.result.registry.numbered("c")
        if _is_softmax(value):
            return new(layers.PREDICTION)
        if value.op.name == "log_softmax":
            return new(layers.LOG_PREDICTION)
        return self.result.registry.numbered("t")

    def finish(self, roots: Sequence[Traced]) -> None:
        """The lines of the results; another one where a result has the value of an input or of another line."""
        result = self.result
        lines = {line.value: line for line in result.lines}
        asked = [result.derivation.output, *result.derivation.wrt]
        for position, (value, node) in enumerate(zip(roots, asked, strict=True)):
            line = lines.get(value)
            if line is None or line.node is not node or line.gradient != bool(position):
                name = result.registry.new(result.gradient_name(node)) if position else result.node_names[node]
                line = Line(name, value, bool(position), node)
                result.lines.append(line)
            result.results.append(line)
        result.lines = self._arranged()

    def _arranged(self) -> list[Line]:
        """Gradients of leaves that follow each other, and that nothing else uses, in the order they were asked for."""
        order = {line.name: position for position, line in enumerate(self.result.results)}

        def is_final(line: Line) -> bool:
            is_of_leaf = line.gradient and line.node is not None and line.node.op is None
            return is_of_leaf and line.name in order and self.uses[line.value] == 0

        runs = ((final, list(run)) for final, run in groupby(self.result.lines, is_final))
        return [line for final, run in runs for line in (self._sorted(run, order) if final else run)]

    def _sorted(self, run: list[Line], order: Mapping[Name, int]) -> list[Line]:
        """A run in its order; of lines of one value the first has the expression, and the others its name."""
        found = sorted(run, key=lambda line: order[line.name])
        own = {line.name for line in run}
        for line in reversed(found):
            if self.names.get(line.value) in own:
                self.names[line.value] = line.name
        return found


def _is_softmax(value: Traced) -> bool:
    return str(value.op) == "exp" and str(getattr(value.inputs[0], "op", None)) == "log_softmax"


def mentioned_twice(op: str, params: Mapping[str, Any], operands: Sequence[Any]) -> set[int]:
    """The operands that the source of an operation mentions more than once."""
    marks = [f"⟨{i}⟩" for i in range(len(operands))]
    shapes = [getattr(x, "shape", ()) for x in operands]
    text = notation.write(op, [Text(mark) for mark in marks], params, shapes, "numpy")
    return {i for i, mark in enumerate(marks) if text.count(mark) > 1}


def _name_counts(result: Program, present: Sequence[Traced]) -> None:
    """What is divided by: m for an axis that all data have, n for a number of elements; 2 may be anything."""
    views = [result.view(value) for value in present if value.op is not None]
    divisors = [v.operands[1] for v in views if v.op == "div" and isinstance(v.operands[1], int)]
    known = result.derivation.layers.parameters  # running statistics among them
    data = [(node, value) for node, value in result.inputs if node not in known and node.shape]
    for number in dict.fromkeys(divisors):
        everywhere = number > 2 and all(_is_by_example(node, number) for node, _ in data)
        for node, value in data if number > 2 else ():
            axes = node.shape if len(data) > 1 else node.shape[:1]
            axis = axes.index(number) if everywhere and number in axes else None
            if axis is not None or value.size == number:
                own = {node} | ({n for n, _ in data} if axis is not None else set())
                others = [result.node_names[n] for n, _ in result.inputs if _has_length(n, number, twice=n in own)]
                name = result.registry.new("n" if axis is None else "m")
                result.counts[number] = Count(name, number, value, axis, others)
                break


def _is_by_example(node: Node, number: int) -> bool:
    """Whether data may have something for each of so many examples: along an axis, or a row for each of its windows."""
    return number in node.shape or node.shape[0] % number == 0


def _has_length(node: Node, number: int, twice: bool) -> bool:
    """Whether a number may be the length of an axis, another one, or the number of elements."""
    return node.shape.count(number) > 1 if twice else number in node.shape or node.data.size == number
