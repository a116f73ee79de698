"""An exercise made of a recorded graph: its forward pass in lines, and a step for every gradient on the way back."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from tinygrad_mnist.engine import Node
from tinygrad_mnist.graph.exercises.exercise import Exercise, Step
from tinygrad_mnist.graph.exercises.judging import Key
from tinygrad_mnist.graph.layers import MOVES, PREDICTION, Layers, unmoved
from tinygrad_mnist.graph.page import words
from tinygrad_mnist.graph.playback import summed_axes
from tinygrad_mnist.graph.recording import Recording
from tinygrad_mnist.graph.symbolic import derive
from tinygrad_mnist.graph.symbolic.algebra import Algebra
from tinygrad_mnist.graph.symbolic.derive import Derivation, check, derived
from tinygrad_mnist.graph.symbolic.explanation import equation
from tinygrad_mnist.graph.symbolic.lines import Line, mentioned_twice, program
from tinygrad_mnist.graph.symbolic.names import Name
from tinygrad_mnist.graph.symbolic.notation import Style
from tinygrad_mnist.graph.symbolic.source import assignment, counted, helpers
from tinygrad_mnist.graph.symbolic.traced import Traced, record
from tinygrad_mnist.graph.symbolic.writing import Writer

Array = NDArray[Any]
T = TypeVar("T")

_REDUCTIONS = {"sum", "vdot"}
_SCALINGS = {"add", "sub", "mul", "div"}

_CANCELLED = 1e-3
"""How small a share of what came in may be, before its rounding is compared with what came in: it has cancelled."""


def exercise(loss: Node, *, wrt: Iterable[Node] | None = None, title: str | None = None) -> Exercise:
    """An exercise of a graph: fill in the gradient of every value between the parameters and the loss.

    wrt: the tensors to arrive at; by default every leaf that requires gradients. title: of the exercise. Values are
    computed in float64, whatever the graph's dtype.

    Raises GraphError for a loss without a graph or of more than one element, for a tensor that it does not depend on,
    and for an operation without NumPy source; ValueError for an empty wrt, and TypeError for what is not a tensor.
    """
    asked = wrt if wrt is None or isinstance(wrt, Node) else tuple(wrt)
    check(loss, (loss,) if asked is None else asked)
    recording = Recording(loss)
    given = [x for x in recording.nodes if x.requires_grad and not x.op] if asked is None else asked
    parameters = [x for x in given if x is not loss]
    lines = _lines(recording, Layers(recording), set(parameters))
    between = recording.between(parameters)
    intermediate = [node for node in lines if node in between and node is not loss]
    made: Exercise = derived(lambda found: _Making(found, lines, title).exercise(), loss, [*intermediate, *parameters])
    return made


# what gets a line


def _lines(recording: Recording, layers: Layers, asked: Set[Node]) -> list[Node]:
    """The operations that get a line, and so a gradient to fill in; the others are written within their only user's.

    Those are what only moves or scales numbers, what a bias is added to, and a sum that is scaled: a mean is one line.
    """

    def is_own(node: Node) -> bool:
        return node in asked or len(recording.users[node]) != 1 or bool(layers.name(node))

    def is_mean(node: Node) -> bool:
        while _scales(node) and not is_own(_scaled(node)):
            node = _scaled(node)
        return str(node.op) in _REDUCTIONS

    def is_within_another(node: Node) -> bool:
        if is_own(node):
            return False
        (user,) = recording.users[node]
        (place,) = [i for i, x in recording.tensors(user) if x is node]
        if place in mentioned_twice(str(user.op), user.params, recording.operands[user]):
            return False
        if str(node.op) in MOVES or _is_shifted(node, user):
            return True
        return is_mean(node) if _scales(user) else _scales(node) and not is_mean(node)

    return [node for node in recording.operations if not is_within_another(node)]


def _scales(node: Node) -> bool:
    """Whether an operation takes one tensor, and else a number: −x, 2x, x/m, x + 1."""
    return str(node.op) == "neg" or (str(node.op) in _SCALINGS and sum(map(_is_number, node.inputs)) == 1)


def _scaled(node: Node) -> Node:
    """The tensor that an operation scales."""
    return next(x for x in node.inputs if isinstance(x, Node) and not _is_number(x))


def _is_number(x: Any) -> bool:
    return not (isinstance(x, Node) and (x.op or x.shape or x.name or x.requires_grad))


def _is_shifted(node: Node, user: Node) -> bool:
    """Whether a leaf is added to a node: x W + b."""
    others = [unmoved(x) for x in user.inputs if isinstance(x, Node) and x is not node]
    return str(user.op) == "add" and len(others) == 1 and not others[0].op and not _is_number(others[0])


# from the derivation to the exercise


class _Making:
    """Writes a derivation down as an exercise."""

    def __init__(self, derivation: Derivation, lines: list[Node], title: str | None) -> None:
        self.derivation, self.recording = derivation, derivation.recording
        self.lines = dict.fromkeys(lines)
        self.program = program(derivation, mathematical=False, errors=False)
        self.loss = str(self.program.results[0].name.numpy)
        self.title = title or f"Backpropagation by hand, from {self.loss} back"
        self.algebra, self.writer = Algebra(tidy=True, squares=False), Writer(counts=self.program.counts)
        self.names = dict(self.program.node_names)
        self.definitions: dict[Node, Traced] = {}
        self.expressions: dict[Node, Traced] = {}
        for node in self.recording.nodes:
            self._take_in(node)

    def exercise(self) -> Exercise:
        """All of it."""
        leaves = [node for node in self.recording.nodes if self._is_given(node)]
        leaves.sort(key=lambda node: node in self.derivation.wanted)
        data = {str(self.names[node].numpy): node.data for node in leaves}
        forward = [*counted(self.program), *map(self._forward, self.lines), *self._extra()]
        steps, nodes = self._steps(), {str(name.numpy): node for node, name in self.names.items()}
        keys = {step.name: self._key(step, nodes[step.of]) for step in steps}
        return Exercise(
            self.title, self.loss, data, helpers(self.program, self.definitions.values()), forward, steps, keys
        )

    # the forward pass, as it was recorded

    def _is_given(self, node: Node) -> bool:
        """Whether a leaf has a name, and is no constant that is written out."""
        return node.op is None and bool(self.derivation.forward[node].name)

    def _take_in(self, node: Node) -> None:
        """Let a value that is given or has a line stand under its name in all others; the rest is written out there."""
        if node.op:
            self.definitions[node] = self.algebra.simplify(record(node.op, self._operands(node), node.params))
        if node in self.lines or self._is_given(node):
            self.names[node] = self.names.get(node) or self._new_name(node)
            array = self.derivation.forward[node].numpy()
            self.expressions[node] = self.algebra.leaf(Traced(array, self.names[node].text))
            self.writer.names[self.expressions[node]] = self.names[node]
        elif node.op:
            self.expressions[node] = self.definitions[node]
        else:
            self.expressions[node] = self.algebra.simplify(Traced(node.data))

    def _new_name(self, node: Node) -> Name:
        """For what no gradient leads to."""
        wanted = self.derivation.layers.name(node)
        registry = self.program.registry
        return registry.new(wanted) if wanted else registry.numbered("t" if node.op else "c")

    def _operands(self, node: Node) -> list[Any]:
        return [self.expressions[x] if isinstance(x, Node) else x for x in self.recording.operands[node]]

    def _forward(self, node: Node) -> str:
        return assignment(self.names[node], self._written(self.definitions[node]), node.shape)

    def _extra(self) -> list[str]:
        """The prediction, which the backward pass begins with, where the forward pass has its logarithm alone."""
        return [self._source(line) for line in self.program.lines if _is_prediction(line)]

    # the backward pass

    def _source(self, line: Line) -> str:
        return assignment(line.name, self.program.definition(line, "numpy"), line.value.shape)

    def _steps(self) -> list[Step]:
        """The steps as they can be done: each when what it comes back along is known, parameters first."""
        place = {node: number for number, node in enumerate(self.recording.nodes)}
        found: dict[Node, Step] = {}
        common: dict[Traced, Line] = {}
        for line in self.program.lines:
            if line.gradient and line.node in self.derivation.wanted:
                found[line.node] = self._step(line.node, line, self._used(line, common))
            elif line.node not in self.lines and not _is_prediction(line):
                common[line.value] = line
        order = sorted(found, key=lambda x: (-min(map(place.__getitem__, self._uses[x])), bool(x.op), place[x]))
        return _arranged([found[node] for node in order])

    def _used(self, line: Line, common: Mapping[Traced, Line]) -> list[Line]:
        """The common expressions within a line, and within each other, in order."""
        names = self.program.names
        found = {line.value: None}
        for value in _growing(found):
            written_out = value in common or value not in names or (value is line.value and names[value] is line.name)
            found.update(dict.fromkeys(self.program.operands(value) if written_out else ()))
        return [line for value, line in common.items() if value in found]

    def _step(self, node: Node, line: Line, common: Sequence[Line]) -> Step:
        text, latex = (self._formula(line, common, style) for style in ("text", "latex"))
        hints = [self._of_shape(node), self._of_uses(node), self._of_rules(node), f"The formula: {text}."]
        lines = [self._source(x) for x in [*common, line]]
        return Step(line.name.numpy, self.names[node].numpy, node.shape, hints, lines, latex)

    def _formula(self, line: Line, common: Sequence[Line], style: Style) -> str:
        where = r" \quad\text{where}\quad " if style == "latex" else ", where "
        equations = [equation(self.program, x) for x in [line, *reversed(common)]]
        return where.join(f"{getattr(x.left, style)} = {getattr(x.right, style)}" for x in equations)

    @cached_property
    def _uses(self) -> dict[Node, dict[Node, list[derive.Step]]]:
        """For each value, the lines that use it, the last first, and how it comes back along each."""
        uses: dict[Node, dict[Node, list[derive.Step]]] = {}
        for step in self.derivation.steps:
            uses.setdefault(step.input, {}).setdefault(self._line_of(step.node), []).append(step)
        return uses

    def _line_of(self, node: Node) -> Node:
        """The line in which an operation is written."""
        while node not in self.lines:
            (node,) = self.recording.users[node]
        return node

    def _key(self, step: Step, node: Node) -> Key:
        uses = self._uses[node]
        shares = {
            str(self.names[line].numpy): np.asarray(sum(s.rule.share.numpy() for s in uses[line])) for line in uses
        }
        rules = [s.rule for steps in uses.values() for s in steps]
        scale = max(max(_size(r.raw), _size(r.share), _CANCELLED * _size(r.g)) for r in rules)
        return Key(step.name, step.of, shares, scale)

    # hints

    def _of_shape(self, node: Node) -> str:
        name, of, loss = self._gradient(node), self.names[node].numpy, self.loss
        each = f"has the shape of {of}, {node.shape}: for each element of {of}" if node.shape else "is a number:"
        return f"{name} {each} how much {loss} changes with it."

    def _of_uses(self, node: Node) -> str:
        """Where it comes back from."""
        of, name = self.names[node].numpy, self._gradient(node)
        uses = [f"{self._forward(line).partition('  # ')[0]}, from {self._gradient(line)}" for line in self._uses[node]]
        if len(uses) == 1:
            return f"{of} is used in one place, and {name} comes back along it: {uses[0]}."
        every = f"{of} is used in {len(uses)} places, and {name} is the sum of what comes back along each"
        return f"{every}: {'; '.join(uses)}."

    def _of_rules(self, node: Node) -> str:
        """The rule of each operation on the way from the lines back to a value, in words."""
        within = {node: None}
        for x in _growing(within):
            within.update(dict.fromkeys(user for user in self.recording.users[x] if user not in self.lines))
        sentences = [text for step in self.derivation.steps if step.input in within for text in self._sentences(step)]
        return " ".join(dict.fromkeys(sentences))

    def _sentences(self, step: derive.Step) -> Iterator[str]:
        rule, operands = step.rule, [self._written(x) for x in self._operands(step.node)]
        to, x, share = operands[rule.position], self.derivation.forward[step.input].numpy(), rule.share.numpy()
        yield words.backward(str(step.node.op), to, x, operands, rule.g.numpy(), share)
        axes = summed_axes(rule.raw.shape, x.shape)
        if axes:
            yield words.unbroadcast(str(step.node.op), to, axes, rule.raw.shape, "the gradient")

    def _written(self, x: Any) -> str:
        return self.writer.write(x, "numpy")

    def _gradient(self, node: Node) -> str:
        """What the gradient of a value is called; of the output it is 1."""
        if node is self.derivation.output:
            return f"d{self.loss} = 1"
        return next(line.name.numpy for line in self.program.lines if line.gradient and line.node is node)


def _is_prediction(line: Line) -> bool:
    return line.node is None and line.name.text == PREDICTION


def _size(x: Traced) -> float:
    """The size of the largest finite number."""
    array = np.abs(x.numpy())
    return float(np.max(array, initial=0, where=np.isfinite(array)))


def _growing(found: dict[T, None]) -> Iterator[T]:
    """The keys in order, those among them that are added on the way."""
    seen: set[T] = set()
    while new := [x for x in found if x not in seen]:
        seen.update(new)
        yield from new


def _arranged(steps: Sequence[Step]) -> list[Step]:
    """The same steps, each after those that its source mentions."""
    names = {step.name: step for step in steps}
    arranged: dict[str, Step] = {}

    def add(step: Step) -> None:
        mentioned = re.findall(r"\w+", " ".join(step.lines))
        for name in mentioned:
            if name in names and name not in arranged and name != step.name:
                add(names[name])
        arranged.setdefault(step.name, step)

    for step in steps:
        add(step)
    return list(arranged.values())
