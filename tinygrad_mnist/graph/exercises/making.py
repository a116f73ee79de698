"""An exercise made of a recorded graph: its forward pass in lines, and a step for every gradient on the way back."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from tinygrad_mnist.engine import Node
from tinygrad_mnist.graph.exercises.exercise import Exercise, Step
from tinygrad_mnist.graph.exercises.forward import Forward, lines
from tinygrad_mnist.graph.exercises.hints import Hints, Uses
from tinygrad_mnist.graph.exercises.judging import Key
from tinygrad_mnist.graph.layers import PREDICTION, Layers
from tinygrad_mnist.graph.recording import Recording, breadth_first
from tinygrad_mnist.graph.symbolic.derive import Derivation, check, derived
from tinygrad_mnist.graph.symbolic.explanation import equation
from tinygrad_mnist.graph.symbolic.lines import Line, program
from tinygrad_mnist.graph.symbolic.pieces import Style
from tinygrad_mnist.graph.symbolic.source import assignment, counted, helpers
from tinygrad_mnist.graph.symbolic.traced import Traced

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
    own = lines(recording, Layers(recording), set(parameters))
    between = recording.between(parameters)
    intermediate = [node for node in own if node in between and node is not loss]
    return derived(lambda found: _Making(found, own, title).exercise(), loss, [*intermediate, *parameters])


class _Making:
    """Writes a derivation down as an exercise."""

    def __init__(self, derivation: Derivation, lines: list[Node], title: str | None) -> None:
        self.derivation = derivation
        self.program = program(derivation, mathematical=False, errors=False)
        self.forward = Forward(derivation, self.program, lines)
        self.names = self.forward.names
        self.uses = _uses(derivation, self.forward)
        self.hints = Hints(self.forward, self.uses)
        self.title = title or f"Backpropagation by hand, from {self.hints.loss} back"

    def exercise(self) -> Exercise:
        """All of it."""
        data = {str(self.names[node].numpy): node.data for node in self.forward.given}
        # the backward pass begins with the prediction, where the forward pass has its logarithm alone
        predictions = [self._source(line) for line in self.program.lines if _is_prediction(line)]
        forward = [*counted(self.program), *map(self.forward.line, self.forward.lines), *predictions]
        called = helpers(self.program, self.forward.definitions.values())
        steps, nodes = self._steps(), {str(name.numpy): node for node, name in self.names.items()}
        keys = {step.name: self._key(step, nodes[step.of]) for step in steps}
        return Exercise(self.title, self.hints.loss, data, called, forward, steps, keys)

    def _source(self, line: Line) -> str:
        return assignment(line.name, self.program.definition(line, "numpy"), line.value.shape)

    def _steps(self) -> list[Step]:
        """The steps as they can be done: each when what it comes back along is known, parameters first."""
        place = {node: number for number, node in enumerate(self.derivation.recording.nodes)}
        found: dict[Node, Step] = {}
        common: dict[Traced, Line] = {}
        for line in self.program.lines:
            if line.gradient and line.node in self.derivation.wanted:
                found[line.node] = self._step(line.node, line, self._used(line, common))
            elif line.node not in self.forward.lines and not _is_prediction(line):
                common[line.value] = line
        order = sorted(found, key=lambda x: (-min(map(place.__getitem__, self.uses[x])), bool(x.op), place[x]))
        return _arranged([found[node] for node in order])

    def _used(self, line: Line, common: Mapping[Traced, Line]) -> list[Line]:
        """The common expressions within a line, and within each other, in order."""
        names = self.program.names

        def within(value: Traced) -> list[Traced]:
            is_line = value is line.value and names.get(value) is line.name
            return self.program.operands(value) if is_line or value in common or value not in names else []

        found = set(breadth_first([line.value], within))
        return [line for value, line in common.items() if value in found]

    def _step(self, node: Node, line: Line, common: Sequence[Line]) -> Step:
        text, latex = (self._formula(line, common, style) for style in ("text", "latex"))
        hints = [*self.hints.of(node), f"The formula: {text}."]
        lines = [self._source(x) for x in [*common, line]]
        return Step(line.name.numpy, self.names[node].numpy, node.shape, hints, lines, latex)

    def _formula(self, line: Line, common: Sequence[Line], style: Style) -> str:
        where = r" \quad\text{where}\quad " if style == "latex" else ", where "
        equations = [equation(self.program, x) for x in [line, *reversed(common)]]
        return where.join(f"{getattr(x.left, style)} = {getattr(x.right, style)}" for x in equations)

    def _key(self, step: Step, node: Node) -> Key:
        uses = self.uses[node]
        shares = {
            str(self.names[line].numpy): np.asarray(sum(s.rule.share.numpy() for s in uses[line])) for line in uses
        }
        rules = [s.rule for steps in uses.values() for s in steps]
        scale = max(max(_size(r.raw), _size(r.share), _CANCELLED * _size(r.g)) for r in rules)
        return Key(step.name, step.of, shares, scale)


def _uses(derivation: Derivation, forward: Forward) -> Uses:
    uses: Uses = {}
    for step in derivation.steps:
        uses.setdefault(step.input, {}).setdefault(forward.line_of(step.node), []).append(step)
    return uses


def _is_prediction(line: Line) -> bool:
    return line.node is None and line.name.text == PREDICTION


def _size(x: Traced) -> float:
    """The size of the largest finite number."""
    array = np.abs(x.numpy())
    return float(np.max(array, initial=0, where=np.isfinite(array)))


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
