"""The vjps of a graph, each run once: its numbers, its formula, and what it makes of any other cotangent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_mnist.engine import Node
from tinygrad_mnist.graph import playback
from tinygrad_mnist.graph.layers import LOG_PREDICTION, PREDICTION
from tinygrad_mnist.graph.recording import rule
from tinygrad_mnist.graph.symbolic.derive import isolated
from tinygrad_mnist.graph.symbolic.names import Name, named
from tinygrad_mnist.graph.symbolic.notation import write
from tinygrad_mnist.graph.symbolic.pieces import Style, Text
from tinygrad_mnist.graph.symbolic.rule import Rule, exact, run
from tinygrad_mnist.graph.symbolic.traced import Traced
from tinygrad_mnist.graph.symbolic.writing import Writer

Array = NDArray[Any]

LONGEST = 600
"""How many characters of LaTeX a formula may have."""

_TRANSPOSED = r"^{\top}"


class Rules:
    """Runs the vjps of a graph on leaves that keep the engine's numbers, and keeps what they recorded."""

    def __init__(self) -> None:
        self._run: dict[tuple[Node, int], Rule | None] = {}

    def pull(self, node: Node, position: int, cotangent: Array) -> Array:
        """One vjp on a cotangent, as `playback.play` wants it."""
        found = self._record(node, position, cotangent)
        return playback.pull(node, position, cotangent) if found is None else found.raw.data

    def _record(self, node: Node, position: int, cotangent: Array) -> Rule | None:
        """A rule of a learner's own may do what only arrays can: it is run as it is then, and has no formula."""
        try:
            recorded = isolated(lambda: run(node, position, cotangent, node, node.inputs, exact))
        except (TypeError, ValueError, IndexError):
            recorded = None
        return self._run.setdefault((node, position), recorded)

    def again(self, node: Node, position: int) -> Callable[[Array], Array] | None:
        """The vjp for the operand at a position, for any cotangent; None where there is nothing to differentiate."""
        x = node.inputs[position]
        if not isinstance(x, Node) or x.dtype.kind != "f" or rule(node, position) is None:
            return None
        if (node, position) not in self._run:
            self._record(node, position, np.ones(node.shape, node.dtype))
        recorded = self._run[node, position]
        return recorded.at if recorded else lambda g: playback.pull(node, position, g)

    def formula(self, node: Node, position: int, g: Name, out: Name, operands: list[Name]) -> Text | None:
        """∂L/∂operand in LaTeX; None where the rule does not run on names, or comes out too long to help."""
        recorded = self._run[node, position]
        if recorded is None:
            return None
        leaves = zip(recorded.operands, operands, strict=True)
        names = {leaf: name for leaf, name in leaves if isinstance(leaf, Traced)} | {recorded.out: out, recorded.g: g}
        text = _RuleWriter(names).write(recorded.share, "latex")
        return text if len(text) <= LONGEST else None


class _RuleWriter(Writer):
    """Writes a rule as it stands, but that (xᵀ)ᵀ is x, (x y)ᵀ is yᵀ xᵀ, and exp(log ŷ) is ŷ."""

    def write(self, value: Any, style: Style, by_name: bool = True) -> Text:
        if isinstance(value, Traced) and value.op and value not in self.names:
            x = value.inputs[0]
            if value.op.name == "swapaxes" and value.ndim == 2:
                return self._transposed(x, style)
            if value.op.name == "exp" and x in self.names and self.names[x].text == LOG_PREDICTION:
                return named(PREDICTION).latex
        return super().write(value, style, by_name)

    def _transposed(self, x: Traced, style: Style) -> Text:
        op = "" if x in self.names else str(x.op)
        if op == "swapaxes":
            return self.write(x.inputs[0], style)
        if op == "matmul":
            factors = x.inputs[::-1]
            transposed = [self._transposed(factor, style) for factor in factors]
            return write("matmul", transposed, {}, [factor.shape for factor in factors], style)
        text = self.write(x, style)
        if x in self.names and text.endswith(_TRANSPOSED):
            return Text(text.removesuffix(_TRANSPOSED))
        return write("transpose", [text], {}, [x.shape], style)
