"""A derivation as lines: each value that deserves a name, once, in an order in which it can be computed."""

from __future__ import annotations

import keyword
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from tinygrad_mnist.engine import Node
from tinygrad_mnist.graph import notation
from tinygrad_mnist.graph.chainrule import Derivation
from tinygrad_mnist.graph.notation import HELPERS, NOTATION, Style, Text
from tinygrad_mnist.graph.tracing import Traced

LONGEST = 9
"""How many operations one line may hold."""


class Name(NamedTuple):
    """What a value is called in each style."""

    latex: str
    text: str
    numpy: str

    def in_style(self, style: Style) -> str:
        """The name as text of one style."""
        return str(getattr(self, style))


@dataclass(frozen=True)
class Line:
    """A named value. gradient: whether the backward pass computes it; node: what it is the value or gradient of."""

    name: Name
    value: Traced
    gradient: bool
    node: Node | None


class View(NamedTuple):
    """How an expression is read: an operation on operands."""

    op: str
    operands: tuple[Any, ...]
    params: Mapping[str, Any]


def _is_softmax(value: Traced) -> bool:
    inner = value.inputs[0] if value.op and value.op.name == "exp" else None
    return isinstance(inner, Traced) and inner.op is not None and inner.op.name == "log_softmax"


class Names:
    """Gives out names that are unique in every style."""

    def __init__(self, reserved: Iterable[str] = ()) -> None:
        self._taken = {*keyword.kwlist, *keyword.softkwlist, *HELPERS, "np", "m", "n", *reserved}
        self._shown: set[str] = set()

    def new(self, wanted: str, latex: str = "", text: str = "", identifier: str = "") -> Name:
        """A name like the wanted one; numbered where it is taken already."""
        shown, number = " ".join(wanted.split()), 2
        while shown in self._shown:
            shown, number = f"{' '.join(wanted.split())}_{number}", number + 1
        self._shown.add(shown)
        changed = shown != wanted
        return Name(
            latex if latex and not changed else notation.name(shown, "latex").text,
            text if text and not changed else shown,
            self._identifier(identifier or shown),
        )

    def _identifier(self, wanted: str) -> str:
        stem = re.sub(r"\W+", "_", wanted.replace("∂", "d")).strip("_") or "x"
        stem = f"x_{stem}" if stem[0].isdigit() else stem
        found, number = stem, 2
        while found in self._taken or not found.isidentifier():
            found, number = f"{stem}_{number}", number + 1
        self._taken.add(found)
        return found


@dataclass
class Count:
    """The number of examples: the length of an axis that data have and no parameter has."""

    value: int
    leaf: Traced
    axis: int


@dataclass
class Program:
    """The lines of a derivation, and what each value is called.

    inputs: the leaves, data first. results: the output and then the gradients, in the order asked for.
    """

    derivation: Derivation
    mathematical: bool
    names: dict[Traced, Name] = field(default_factory=dict)
    lines: list[Line] = field(default_factory=list)
    inputs: list[tuple[Node, Traced]] = field(default_factory=list)
    results: list[Line] = field(default_factory=list)
    count: Count | None = None
    registry: Names = field(default_factory=Names)
    logarithms: dict[Traced, Traced] = field(default_factory=dict)

    def view(self, value: Traced) -> View:
        """An expression as it is, or, for mathematics, exp(log_softmax(z)) as softmax(z)."""
        assert value.op is not None
        if self.mathematical:
            inner = value.inputs[0]
            if _is_softmax(value):
                return View("softmax", inner.inputs, inner.params)
            if value in self.logarithms:
                return View("log", (self.logarithms[value],), {})
        return View(value.op.name, value.inputs, value.params)

    def write(self, value: Any, style: Style, by_name: bool = True) -> Text:
        """An expression in terms of the names; by_name=False writes out its own definition."""
        if not isinstance(value, Traced):
            return notation.number(value, style)
        if by_name and value in self.names:
            return Text(self.names[value].in_style(style))
        if value.op is None:
            return constant(value, style)
        op, operands, params = self.view(value)
        written = [self.write(x, style) for x in operands]
        if op == "div" and self.count and not isinstance(operands[1], Traced) and operands[1] == self.count.value:
            written[1] = Text("m")
        return notation.write(op, written, params, [getattr(x, "shape", ()) for x in operands], style)

    def definition(self, line: Line, style: Style) -> str:
        """The right-hand side of a line."""
        own = self.names.get(line.value) is line.name
        return self.write(line.value, style, by_name=not own).text


def constant(value: Traced, style: Style) -> Text:
    """An array that a rule brought along: a number where it is one throughout, an identity, or the numbers."""
    array = value.numpy()
    if array.size and np.all(array == array.flat[0]):
        if not array.shape:
            return notation.number(_short(array.item()), style)
        if array.dtype.kind == "f":
            return _filled(_short(array.flat[0]), array.shape, style)
    if array.ndim == 2 and array.shape[0] == array.shape[1] and np.array_equal(array, np.eye(len(array))):
        dtype = ", dtype=bool" if array.dtype == np.bool_ else ""
        return Text({"latex": "I", "text": "I", "numpy": f"np.eye({len(array)}{dtype})"}[style])
    if style == "numpy":
        return Text(notation.source(array))
    shape = notation.size(array.shape, style)
    return Text(rf"\text{{constant}}_{{{shape}}}" if style == "latex" else f"constant({shape})")


def _short(number: Any) -> float | int:
    return int(number) if np.isfinite(number) and number == int(number) and abs(number) < 1e15 else number


def _filled(number: float, shape: tuple[int, ...], style: Style) -> Text:
    if style == "numpy":
        size = notation.source(shape if len(shape) != 1 else shape[0])
        return Text(
            f"np.ones({size})"
            if number == 1
            else f"np.zeros({size})"
            if number == 0
            else f"np.full({size}, {float(number)!r})"
        )
    size = notation.size(shape, style)
    written = notation.number(number, style)
    if style == "latex":
        ones = rf"\mathbf{{{1 if number else 0}}}_{{{size}}}"
        return Text(ones) if number in (0, 1) else Text(rf"{written} \cdot {ones}", "product")
    return Text(f"{written} everywhere ({size})", "product")


def program(derivation: Derivation, mathematical: bool) -> Program:
    """Lay a derivation out in lines: for mathematics, or for a computer."""
    result = Program(derivation, mathematical)
    roots = [derivation.forward[derivation.output], *(derivation.gradients[x] for x in derivation.wrt)]
    if mathematical:
        result.logarithms = {n.inputs[0]: n for n in _reachable(roots, result.view) if _is_softmax(n)}
    dag = _reachable(roots, result.view)
    _name_inputs(result, dag)
    names = result.names
    given = _Given(result, dag)
    result.count = _count(result, dag)
    uses = _uses(dag, result.view)
    length: dict[Traced, int] = {}
    for value in dag:
        if value.op is None or value in names:
            continue
        op, operands, params = result.view(value)
        length[value] = 1 + sum(length.get(x, 0) for x in operands if isinstance(x, Traced) and x not in names)
        repeated = 0 if mathematical else _repeated_slots(op, params, operands)
        for i, x in enumerate(operands):
            if (
                isinstance(x, Traced)
                and x.op
                and x not in names
                and (repeated >> i & 1 or (length[value] > LONGEST and length.get(x, 0) > 3))
            ):
                given.line(x)
                length[value] = 1 + sum(length.get(x, 0) for x in operands if isinstance(x, Traced) and x not in names)
        trivial = op in ("transpose", "swapaxes") and all(x in names for x in operands if isinstance(x, Traced))
        if given.forced(value) or (uses[value] > 1 and not trivial):
            given.line(value)
    given.finish(roots)
    return result


def _reachable(roots: Sequence[Traced], view: Callable[[Traced], View]) -> list[Traced]:
    """Every expression within the roots, operands first."""
    found = list(dict.fromkeys(roots))
    seen = set(found)
    for value in found:
        for x in view(value).operands if value.op else ():
            if isinstance(x, Traced) and x not in seen:
                seen.add(x)
                found.append(x)
    return _operands_first(found, view)


def _operands_first(values: list[Traced], view: Callable[[Traced], View]) -> list[Traced]:
    order: list[Traced] = []
    done: set[Traced] = set()
    for root in sorted(values, key=lambda value: value.born):
        stack = [root]
        while stack:
            top = stack[-1]
            waiting = [x for x in (view(top).operands if top.op else ()) if isinstance(x, Traced) and x not in done]
            if top in done or not waiting:
                stack.pop()
                if top not in done:
                    done.add(top)
                    order.append(top)
            else:
                stack.extend(waiting)
    return order


def _uses(dag: Sequence[Traced], view: Callable[[Traced], View]) -> dict[Traced, int]:
    uses = dict.fromkeys(dag, 0)
    for value in dag:
        for x in view(value).operands if value.op else ():
            if isinstance(x, Traced):
                uses[x] += 1
    return uses


def _repeated_slots(op: str, params: Mapping[str, Any], operands: Sequence[Any]) -> int:
    """Which operands the source of an operation mentions more than once, as bits."""
    entry = NOTATION.get(op)
    template = entry.numpy if entry else ""
    if not isinstance(template, str):
        return 0
    return sum(1 << i for i in range(len(operands)) if len(re.findall(rf"<{i}\b", template)) > 1)


def _name_inputs(result: Program, dag: Sequence[Traced]) -> None:
    """The leaves: the learner's own names; x, x_2 … and c, c_2 … for what has none."""
    derivation = result.derivation
    used, wanted = set(dag), derivation.wanted
    leaves = [n for n in derivation.nodes if n.op is None and derivation.forward[n].name]
    kept = [n for n in leaves if derivation.forward[n] in used or n in wanted]
    for node in sorted(kept, key=lambda n: n.requires_grad or n in wanted):
        value = derivation.forward[node]
        fallback = "x" if node.requires_grad or node in wanted else "c"
        result.names[value] = result.registry.new(node.name or fallback)
        result.inputs.append((node, value))


class _Given:
    """Names for lines: the learner's own, the layers', those of gradients, and t1, t2 … for the rest."""

    def __init__(self, result: Program, dag: Sequence[Traced]) -> None:
        self.result, self.names = result, result.registry
        derivation = result.derivation
        present = set(dag)
        self.forward: dict[Traced, tuple[Node, Name]] = {}
        self.gradient: dict[Traced, tuple[Node, Name]] = {}
        self.node_names: dict[Node, Name] = {n: result.names[v] for n, v in result.inputs}
        self.temporary = 0
        for node in derivation.nodes:
            if node.op is None:
                continue
            value = derivation.forward[node]
            wanted = node.name or derivation.layers.get(node)
            if node is derivation.output and not wanted:
                self.node_names[node] = self._new("L", identifier="loss")
            elif wanted and (value in present or node in derivation.wanted):
                self.node_names[node] = self._new(wanted)
            elif node in derivation.wanted:
                self.node_names[node] = self._new("t")
            if node in self.node_names and value.op is not None:
                self.forward.setdefault(value, (node, self.node_names[node]))
        loss = self.node_names[derivation.output]
        for node in derivation.nodes:
            if node in derivation.gradients and node in self.node_names and node is not derivation.output:
                value = derivation.gradients[node]
                if (
                    value.op is None
                    or value in self.forward
                    or (value not in present and node not in derivation.wanted)
                ):
                    continue
                if value in self.gradient and node not in derivation.wanted:
                    continue
                self.gradient[value] = (node, self._gradient_name(node, loss))

    def _new(self, wanted: str, **styles: str) -> Name:
        name: Name = self.names.new(wanted, **styles)
        return name

    def _gradient_name(self, node: Node, loss: Name) -> Name:
        name = self.node_names[node]
        if match := re.fullmatch(r"z_?(\d*)", name.text):
            number = match[1]
            return self._new(
                f"δ{number}", latex=rf"\delta_{{{number}}}" if number else r"\delta", identifier=f"delta{number}"
            )
        return self._new(
            f"∂{loss.text}/∂{name.text}",
            latex=rf"\frac{{\partial {loss.latex}}}{{\partial {name.latex}}}",
            identifier=f"d{name.numpy}",
        )

    def forced(self, value: Traced) -> bool:
        """Whether an expression has a line of its own however often it is used."""
        if value in self.forward:
            return True
        if value in self.gradient:
            node, name = self.gradient[value]
            return node in self.result.derivation.wanted or name.text.startswith("δ")
        return _is_softmax(value)

    def line(self, value: Traced) -> None:
        """Give an expression a name and a line."""
        names = self.result.names
        if value in names:
            return
        node: Node | None = None
        gradient = False
        if value in self.forward:
            node, name = self.forward[value]
        elif value in self.gradient:
            (node, name), gradient = self.gradient[value], True
        else:
            name = self._common(value)
        names[value] = name
        self.result.lines.append(Line(name, value, gradient, node))

    def _common(self, value: Traced) -> Name:
        """A name for an expression that occurs more than once."""
        op = self.result.view(value).op
        assert value.op is not None
        if _is_softmax(value):
            return self._new("ŷ", latex=r"\hat{y}", identifier="y_hat")
        if op == "log_softmax":
            return self._new("log ŷ", latex=r"\log \hat{y}", identifier="log_y_hat")
        self.temporary += 1
        return self._new(f"t{self.temporary}")

    def finish(self, roots: Sequence[Traced]) -> None:
        """The results, those included whose value has a line already, or is an input or a number."""
        result = self.result
        by_value = {line.value: line for line in result.lines}
        derivation = result.derivation
        loss = self.node_names[derivation.output]
        for position, (value, node) in enumerate(zip(roots, [derivation.output, *derivation.wrt], strict=True)):
            line = by_value.get(value)
            own = line is not None and line.node is node and line.gradient == bool(position)
            if not own:
                name = self._gradient_name(node, loss) if position else loss
                line = Line(name, value, bool(position), node)
                result.lines.append(line)
            assert line is not None
            result.results.append(line)
        result.lines = _arranged(result)


def _arranged(result: Program) -> list[Line]:
    """Gradients of parameters that follow each other, in the order they were asked for."""
    order = {id(line): i for i, line in enumerate(result.results)}
    lines: list[Line] = []
    run: list[Line] = []
    for line in result.lines:
        if id(line) in order and line.gradient and line.node is not None and line.node.op is None:
            run.append(line)
        else:
            lines += [*sorted(run, key=lambda line: order[id(line)]), line]
            run = []
    return lines + sorted(run, key=lambda line: order[id(line)])


def _count(result: Program, dag: Sequence[Traced]) -> Count | None:
    """The number of examples, where a division by it occurs and nothing else can be meant."""
    divisors = {
        v.inputs[1] for v in dag if v.op and v.op.name == "div" and isinstance(v.inputs[1], int) and v.inputs[1] > 1
    }
    data = [(n, v) for n, v in result.inputs if not n.requires_grad]
    learned = {length for n, _ in result.inputs if n.requires_grad for length in n.shape}
    for _, value in data:
        for axis, length in enumerate(value.shape):
            if length in divisors and length not in learned and value.shape.count(length) == 1:
                return Count(length, value, axis)
    return None
