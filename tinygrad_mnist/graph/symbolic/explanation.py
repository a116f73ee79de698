"""The chain rule of a graph, written down: the forward pass, one vjp after the other, and what they come to."""

from __future__ import annotations

import html
import itertools
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

from tinygrad_mnist.engine import OPS, Node
from tinygrad_mnist.engine.errors import GraphError, describe
from tinygrad_mnist.graph.recording import Recording, rule
from tinygrad_mnist.graph.symbolic import pieces
from tinygrad_mnist.graph.symbolic.algebra import Algebra
from tinygrad_mnist.graph.symbolic.derive import INLINE, Step, checked, derived, isolated
from tinygrad_mnist.graph.symbolic.handwritten import Reading, read
from tinygrad_mnist.graph.symbolic.indices import Indices, Sentence
from tinygrad_mnist.graph.symbolic.lines import Line, Program, program
from tinygrad_mnist.graph.symbolic.markup import mathml
from tinygrad_mnist.graph.symbolic.names import Name, Names, applied, named, partial
from tinygrad_mnist.graph.symbolic.pieces import Text
from tinygrad_mnist.graph.symbolic.rule import run
from tinygrad_mnist.graph.symbolic.traced import Traced, record
from tinygrad_mnist.graph.symbolic.writing import Writer

Format = Literal["markdown", "latex", "mathml", "text"]


@dataclass(frozen=True)
class Equation:
    """left = right, in LaTeX and as plain text, with a remark in words.

    sign: between the two; "+=" where the right-hand side is one of several shares that add up. depth: 1 for what
    follows from the equation above it.
    """

    left: Name
    right: Name
    remark: str = ""
    sign: str = "="
    depth: int = 0


@dataclass(frozen=True)
class Section:
    """Equations under a heading."""

    title: str
    equations: list[Equation]


@dataclass(frozen=True)
class Explanation:
    """A derivation to read: it shows itself in a notebook, and prints in the format that it was asked for in.

    sections: the forward pass, the rules one at a time, the result, and what its letters stand for.
    """

    sections: list[Section]
    format: Format = "text"

    def __str__(self) -> str:
        return str(getattr(self, self.format)())

    def text(self) -> str:
        """Plain text in Unicode."""
        return "\n".join(f"{section.title}\n\n{_text(section)}" for section in self.sections)

    def markdown(self) -> str:
        """Markdown with formulas in LaTeX between dollars, as notebooks and GitHub show it."""
        return "\n".join(f"**{s.title}**\n\n$$\n{_aligned(s, 'aligned')}\n$$\n" for s in self.sections)

    def latex(self) -> str:
        """LaTeX for a document that uses amsmath."""
        return "\n".join(f"\\paragraph{{{s.title}}}\n{_aligned(s, 'align*')}\n" for s in self.sections)

    def document(self) -> str:
        """The LaTeX as a document of its own, to compile."""
        return _DOCUMENT.replace("CONTENT", self.latex())

    def mathml(self) -> str:
        """MathML in HTML, which browsers show without any script."""
        return "\n".join(f"<h3>{html.escape(s.title)}</h3>\n{_mathml(s)}\n" for s in self.sections)

    _repr_markdown_, _repr_latex_ = markdown, latex


def explain(output: Node, wrt: Iterable[Node], format: Format = "text", indices: bool = False) -> Explanation:
    """The gradients of a scalar output as formulas, derived step by step from the rules of its operations.

    wrt: the tensors to differentiate with respect to. format: what printing it gives: "text", "markdown", "latex" or
    "mathml". indices: below each formula of the forward pass and of the result, write what it says of a single
    element, ∂L/∂Wᵢⱼ = Σₙ δₙᵢ aₙⱼ below ∂L/∂W = δᵀ a, with one letter for each axis, which counts from 0.

    Each step is one vjp, in the names of the tensors; the result is what the steps come to, with what cancels
    cancelled. All of it is derived by running the rules and rewriting what they compute, and each rewrite is checked
    on the numbers of the graph.

    Raises GraphError for an output without a graph, of more than one element, or that does not depend on one of wrt;
    ValueError for an unknown format and an empty wrt.
    """
    if format not in get_args(Format):
        raise ValueError(f"format is 'markdown', 'latex', 'mathml' or 'text', not {format!r}")
    wrt = checked(output, wrt)
    reading = isolated(lambda: read(output, wrt))
    result = derived(lambda derivation: program(derivation, mathematical=True), reading.output, reading.wrt)
    asides = isolated(lambda: [*_ties(result, reading), *_guards(result, output, wrt, reading)])
    return Explanation(isolated(lambda: _sections(result, asides, indices)), format)


def _sections(result: Program, asides: list[Equation], indices: bool) -> list[Section]:
    elements = Indices(result) if indices else None
    forward, together = (
        [e for line in result.lines if line.gradient == gradient for e in _equations(result, line, elements)]
        for gradient in (False, True)
    )
    steps, letters = _steps(result), [Equation(*letter) for letter in elements.legend()] if elements else []
    sections = [
        Section("Forward", forward),
        Section("Backward, one rule at a time", steps),
        Section("Together, what cancels cancelled", together),
        Section("Where", letters + _remarks(result) + asides),
    ]
    return [section for section in sections if section.equations]


def _equations(result: Program, line: Line, elements: Indices | None) -> Iterator[Equation]:
    """A line as a formula, and below it what it says of one element, where that needs indices."""
    yield equation(result, line)
    if elements and elements.lines[line].letters():
        yield Equation(*elements.equation(line), depth=1)


def equation(result: Program, line: Line) -> Equation:
    """A line as a formula."""
    left = line.name
    if line.node is not None and left.text.startswith("δ"):
        written = result.partial(result.node_names[line.node])
        left = Name(Text(f"{left.latex} = {written.latex}"), Text(f"{left.text} = {written.text}"))
    own = result.names.get(line.value) is line.name
    return Equation(left, _written(result, line.value, by_name=not own), _size(line.value))


def _written(result: Program, value: Traced, by_name: bool) -> Name:
    """A value as a formula; a comparison stands in brackets, 1 where it holds."""
    written = result.in_formulas(value, by_name=by_name)
    if value.dtype != np.bool_ or (by_name and value in result.names):
        return written
    return Name(Text(rf"\left[{written.latex}\right]"), Text(f"[{written.text}]"))


def _text_of(number: str) -> Name:
    return Name(Text(number), Text(number))


def _size(value: Traced) -> str:
    return pieces.size(value.shape, "text") if value.shape else ""


def _remarks(result: Program) -> list[Equation]:
    """What letters stand for, and what was seen in the data and relied on."""
    remarks = []
    for value, name in result.derivatives.items():
        remarks.append(Equation(name, _written(result, value, by_name=False)))
    for count in result.counts.values():
        what = "elements"
        if count.axis is not None:
            what = ("rows", "columns")[count.axis] if count.axis < 2 else f"entries along axis {count.axis}"
        data = result.names[count.leaf].text
        remark = f"as many as {data} has {what}" if count.others else f"the number of {what} of {data}"
        remarks.append(Equation(count.name, _text_of(str(count.value)), remark))
    for fact in result.derivation.facts:
        params = {"axis": fact.axis, "keepdims": False}
        total = applied("sum", [result.names[fact.leaf]], params, [fact.leaf.shape])
        remarks.append(Equation(total, _text_of("1"), "as seen in the data"))
    return remarks


def _ties(result: Program, reading: Reading) -> Iterator[Equation]:
    """What was written with np.maximum, and read as an operation that has another slope at its kink."""
    forward = result.derivation.forward
    for node in reading.shared:
        if node in forward and forward[node] in result.names:
            z, slope = forward[node.inputs[0]], node.params.get("negative_slope", 0)
            other = record(OPS["mul"], (slope, z)) if slope else 0
            name = result.write(z, "text")
            ties = int(np.count_nonzero(z.numpy() == 0))
            here = f", at {ties} of {z.size} elements here" if ties else ""
            yield Equation(
                _written(result, forward[node], by_name=False),
                _written(result, record(OPS["maximum"], (z, other)), by_name=False),
                f"where {name} = 0, np.maximum takes the mean of both slopes{here}",
            )


def _guards(result: Program, output: Node, wrt: list[Node], reading: Reading) -> Iterator[Equation]:
    """The first gradient as it would be if nothing guarded a logarithm from zero, and how far it is from that."""
    if not reading.guards:
        return
    without = isolated(lambda: read(output, wrt, guarded=False))
    bare = derived(lambda derivation: program(derivation, mathematical=True), without.output, without.wrt)
    lines = {line.name.text: line for line in result.lines if line.gradient and line.node is not None}
    for line in bare.lines:
        formula = _written(bare, line.value, by_name=False)
        if line.gradient and line.name.text in lines and not _TEMPORARY.search(formula.text):
            guards = " and ".join(f"{number:g}".replace("e-0", "e-") for number in reading.guards)
            apart = float(np.max(np.abs(lines[line.name.text].value.numpy() - line.value.numpy())))
            left = Name(
                Text(f"{line.name.latex} {pieces.words(f' without {guards}')}"),
                Text(f"{line.name.text} without {guards}"),
            )
            yield Equation(left, formula, f"no element differs by more than {apart:.1g}" if apart else "the same here")
            return


_TEMPORARY = re.compile(r"\bt\d")


# step by step


def _steps(result: Program) -> list[Equation]:
    """Each vjp on its own: its operands, and the gradient that reaches it, are names."""
    steps = result.derivation.steps
    symbols = _Symbols(result)
    shares = Counter(step.input for step in steps)
    equations: list[Equation] = []
    previous = None
    for step in steps:
        if step.node is not previous and symbols.is_named(step.node):
            equations.append(Equation(symbols.names[step.node], symbols.definition(step.node)))
        previous = step.node
        sign = "=" if shares[step.input] == 1 else "+="
        equations.append(Equation(symbols.gradient(step.input), symbols.share(step), "", sign, depth=1))
    return [equation for equation in equations if equation.left[:2] != equation.right[:2]]


class _Symbols:
    """A leaf for every node of the program and for every gradient, so that each rule is read on names alone."""

    def __init__(self, result: Program) -> None:
        self.result, self.derivation = result, result.derivation
        self.as_it_is, self.algebra = Algebra(tidy=True, squares=False), Algebra()
        self.writer = Writer(counts=result.counts)
        self.leaves: dict[Node, Traced] = {}
        self.names: dict[Node, Name] = dict(result.node_names)
        self._name_by_lines()
        for node in self.derivation.recording.nodes:
            self._take_in(node)

    def _name_by_lines(self) -> None:
        """The names of the forward pass; where it computes the same twice, for the first: each has its own gradient."""
        forward = self.derivation.forward
        taken = {forward[node] for node in self.names}
        lines = {line.value: line.name for line in self.result.lines if not line.gradient and line.value not in taken}
        for node in self.derivation.recording.nodes:
            if node not in self.names and forward[node] in lines:
                self.names[node] = lines.pop(forward[node])

    def _take_in(self, node: Node) -> None:
        leaf = Traced(self.derivation.forward[node].numpy())
        if node.op is None and node not in self.names and not node.name and node.data.size <= INLINE:
            self.leaves[node] = self.algebra.simplify(leaf)
        elif node.op and node.op.name in ("transpose", "swapaxes") and node not in self.names:
            self.leaves[node] = self.algebra.simplify(record(node.op, self._operands(node), node.params))
            self.names[node] = self.writer.in_formulas(self.leaves[node])
        else:
            if node not in self.names:
                self.names[node] = self.result.registry.wanted(node.name, "t")
            leaf.name = self.names[node].text
            self.leaves[node] = self.algebra.leaf(self.as_it_is.leaf(leaf))
            self.writer.names[leaf] = self.names[node]

    def is_named(self, node: Node) -> bool:
        """Whether a node goes by a name, and not by its own expression, as W1ᵀ does."""
        return self.leaves[node].op is None

    def gradient(self, node: Node) -> Name:
        """What ∂output/∂node is called."""
        known = node in self.result.node_names
        return self.result.gradient_name(node) if known else self.result.partial(self.names[node])

    def definition(self, node: Node) -> Name:
        """A node's operation on the names of its operands."""
        assert node.op is not None
        value = self.as_it_is.simplify(record(node.op, self._operands(node), node.params))
        return self.writer.in_formulas(value, by_name=value.op is None)

    def share(self, step: Step) -> Name:
        """The vjp of a step in terms of names."""
        node = step.node
        g = self.algebra.full(node.shape)
        if node is not self.derivation.output:
            g = self.algebra.leaf(step.rule.g)
            self.writer.names[g] = self.gradient(node)
        share = step.rule.on(g, self.leaves[node], self._operands(node))
        return self.writer.in_formulas(self.algebra.simplify(share))

    def _operands(self, node: Node) -> list[Traced | float]:
        return [self.leaves[x] if isinstance(x, Node) else x for x in self.derivation.recording.operands[node]]


def rules(node: Node) -> list[Equation]:
    """The rules of a recorded operation: what it computes, and its vjp for each tensor among its inputs.

    Inputs without a name are called x, y, w; the result is z, and the gradient that reaches it g. Where the input was
    broadcast, the sum that undoes it is part of the vjp.
    """
    if node.op is None:
        raise GraphError(f"{describe(node)} is no operation: it has no rule")
    return isolated(lambda: _rules(node))


def _rules(node: Node) -> list[Equation]:
    assert node.op is not None
    algebra, registry, writer = Algebra(), Names(), Writer()
    operands = Recording(node).operands[node]
    free = iter(["x", "y", *"wuvabc", *itertools.repeat("x", len(operands))])

    def symbol(array: Any, name: str) -> Traced:
        leaf = algebra.leaf(Traced(array, name))
        writer.names[leaf] = registry.new(name)
        return leaf

    symbols = {x: symbol(x.data, x.name or next(free)) for x in operands if isinstance(x, Node)}
    expressions = [symbols[x] if isinstance(x, Node) else x for x in operands]
    out, g = symbol(node.data, node.name or "z"), symbol(np.ones(node.shape), "g")
    value = writer.in_formulas(record(node.op, expressions, node.params), by_name=False)
    equations = [Equation(writer.names[out], value, _size(out))]
    for position, x in enumerate(expressions):
        if isinstance(x, Traced) and rule(node, position):
            share = algebra.simplify(run(node, position, g.data, node, operands).on(g, out, expressions))
            left = partial(named("L"), writer.names[x])
            equations.append(Equation(left, writer.in_formulas(share), _size(share)))
    return equations


# formats

_DOCUMENT = r"""\documentclass{article}
\usepackage[utf8]{inputenc}
\usepackage{amsmath}
\usepackage[margin=2cm]{geometry}
\allowdisplaybreaks
\begin{document}
CONTENT
\end{document}
"""


def _text(section: Section) -> str:
    lefts = ["    " * e.depth + e.left.text for e in section.equations]
    width = max(map(len, lefts))
    lines = [f"  {left:<{width}} {e.sign} {e.right.text}" for left, e in zip(lefts, section.equations, strict=True)]
    column = min(max(map(len, lines)), 72)
    return "".join(
        (f"{line:<{column}}   {e.remark}" if e.remark else line) + "\n"
        for line, e in zip(lines, section.equations, strict=True)
    )


def _aligned(section: Section, environment: str) -> str:
    nested = any(equation.depth for equation in section.equations)
    rows = [_latex(equation, nested) for equation in section.equations]
    return f"\\begin{{{environment}}}\n" + " \\\\\n".join(rows) + f"\n\\end{{{environment}}}"


def _latex(equation: Equation, nested: bool) -> str:
    """A row: aligned at its sign, or, where equations follow from others, at its indented left-hand side."""
    sign = r"\mathrel{+}=" if equation.sign == "+=" else equation.sign
    indent = "&" + r"\quad " * equation.depth if nested else ""
    said = equation.remark.latex if isinstance(equation.remark, Sentence) else pieces.words(equation.remark)
    remark = f" && {said}" if equation.remark else ""
    return f"{indent}{equation.left.latex} {'' if nested else '&'}{sign} {equation.right.latex}{remark}"


def _mathml(section: Section) -> str:
    rows = []
    for equation in section.equations:
        sign = r"\;\text{+=}\;" if equation.sign == "+=" else equation.sign
        formula = mathml(f"{equation.left.latex} {sign} {equation.right.latex}")
        remark = f"&emsp;<small>{html.escape(equation.remark)}</small>" if equation.remark else ""
        rows.append(f'<p style="margin-left: {2 * equation.depth}em">{formula}{remark}</p>')
    return "\n".join(rows)
