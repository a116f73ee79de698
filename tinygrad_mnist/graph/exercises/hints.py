"""The hints of an exercise: what a gradient's shape is, where it comes back from, and by which rules."""

from __future__ import annotations

from collections.abc import Iterator

from tinygrad_mnist.engine import Node
from tinygrad_mnist.graph.exercises.forward import Forward
from tinygrad_mnist.graph.page import words
from tinygrad_mnist.graph.playback import summed_axes
from tinygrad_mnist.graph.recording import breadth_first
from tinygrad_mnist.graph.symbolic.derive import Step

Uses = dict[Node, dict[Node, list[Step]]]
"""For each value, the lines that use it, the last first, and how it comes back along each."""


class Hints:
    """In growing strength. gradients: what the gradient of each value is called."""

    def __init__(self, forward: Forward, uses: Uses) -> None:
        self.forward, self.uses = forward, uses
        self.loss = str(forward.program.results[0].name.numpy)
        lines = reversed(forward.program.lines)
        self.gradients = {line.node: str(line.name.numpy) for line in lines if line.gradient and line.node is not None}
        self.gradients[forward.derivation.output] = f"d{self.loss} = 1"

    def of(self, node: Node) -> list[str]:
        """Those for the gradient of a value."""
        return [self._of_shape(node), self._of_uses(node), self._of_rules(node)]

    def _of_shape(self, node: Node) -> str:
        name, of = self.gradients[node], self.forward.names[node].numpy
        each = f"has the shape of {of}, {node.shape}: for each element of {of}" if node.shape else "is a number:"
        return f"{name} {each} how much {self.loss} changes with it."

    def _of_uses(self, node: Node) -> str:
        """Where it comes back from."""
        of, name = self.forward.names[node].numpy, self.gradients[node]
        uses = [f"{self.forward.line(x).partition('  # ')[0]}, from {self.gradients[x]}" for x in self.uses[node]]
        if len(uses) == 1:
            return f"{of} is used in one place, and {name} comes back along it: {uses[0]}."
        every = f"{of} is used in {len(uses)} places, and {name} is the sum of what comes back along each"
        return f"{every}: {'; '.join(uses)}."

    def _of_rules(self, node: Node) -> str:
        """The rule of each operation on the way from the lines back to a value, in words."""
        users, lines = self.forward.recording.users, self.forward.lines
        within = set(breadth_first([node], lambda x: (user for user in users[x] if user not in lines)))
        steps = [step for step in self.forward.derivation.steps if step.input in within]
        return " ".join(dict.fromkeys(text for step in steps for text in self._sentences(step)))

    def _sentences(self, step: Step) -> Iterator[str]:
        rule, operands = step.rule, [self.forward.write(x) for x in self.forward.operands(step.node)]
        to, op = operands[rule.position], str(step.node.op)
        x = self.forward.derivation.forward[step.input].numpy()
        yield words.backward(op, to, x, operands, rule.g.numpy())
        axes = summed_axes(rule.raw.shape, x.shape)
        if axes:
            yield words.unbroadcast(op, to, axes, rule.raw.shape, "the gradient")
