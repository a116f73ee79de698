"""The backward pass as it happens: every step in the order that the engine takes, with all its numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from tinygrad_mnist.engine import Node
from tinygrad_mnist.engine.autodiff import changes, check_unchanged, fit, seed
from tinygrad_mnist.graph.recording import Recording, rule

Array = NDArray[Any]
Pull = Callable[[Node, int, Array], Array]
"""Runs a node's vjp for the operand at a position on a cotangent."""


def pull(node: Node, position: int, cotangent: Array) -> Array:
    """One vjp, run on the arrays that the forward pass saw."""
    vjp = rule(node, position)
    assert vjp
    raw: Array = vjp(cotangent, node.data, *node.values, **node.params)
    return raw


@dataclass(frozen=True)
class Share:
    """What one input gets from one step.

    node, position: the input, and its place among the operation's inputs.
    raw: what the vjp gives, of the shape that broadcasting made. axes: those of raw that are summed to undo the
        broadcast, () where nothing was broadcast. contribution: the result, of the input's shape and dtype.
    total: ∂L/∂input as far as it has been added up after this share. first: nothing had come before.
    """

    node: Node
    position: int
    raw: Array
    axes: tuple[int, ...]
    contribution: Array
    total: Array
    first: bool


@dataclass(frozen=True)
class Step:
    """One operation's turn: its cotangent ∂L/∂node is complete, and each input that needs a gradient gets a share."""

    node: Node
    cotangent: Array
    shares: Sequence[Share]


def play(output: Node, gradient: Any = None, pull: Pull = pull) -> list[Step]:
    """The backward pass step by step, users before their inputs, as the engine walks.

    gradient: the cotangent of the output, as in `backward`. The last total of every leaf is what `grad` gives. pull:
    runs each vjp, once.
    Raises GraphError where no graph leads to the output or where it is no scalar and no gradient is given,
    MutationError where a value that a rule reads has been replaced since, and TypeError for what is not a tensor.
    """
    if not isinstance(output, Node):
        raise TypeError(f"the backward pass starts from a tensor, not {type(output).__name__} {output!r:.60}")
    totals: dict[Node, Array] = {output: seed(output, gradient, create_graph=False)}
    steps, changed = [], changes(output)
    for node in reversed(Recording(output).operations):
        if node in totals:
            check_unchanged(node, changed)
            steps.append(_step(node, totals, pull))
    return steps


def _step(node: Node, totals: dict[Node, Array], pull: Pull) -> Step:
    cotangent, shares = totals[node], []
    for position, x in enumerate(node.inputs):
        if isinstance(x, Node) and x.requires_grad and rule(node, position):
            raw = pull(node, position, cotangent)
            contribution = fit(raw, x, node)
            first = x not in totals
            totals[x] = contribution if first else totals[x] + contribution
            shares.append(Share(x, position, raw, summed_axes(raw.shape, x.shape), contribution, totals[x], first))
    return Step(node, cotangent, shares)


def summed_axes(shape: Sequence[int], target: Sequence[int]) -> tuple[int, ...]:
    """The axes of a cotangent of this shape that are summed to give the target's: those that broadcasting made."""
    new = len(shape) - len(target)
    return tuple(i for i, length in enumerate(shape) if i < new or length != target[i - new])
