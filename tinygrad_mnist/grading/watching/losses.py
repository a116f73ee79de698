"""Which loss a program's gradients may be of: one that it computes itself, or one that its output suggests."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from tinygrad_mnist.grading.textbook.derivation import Network
from tinygrad_mnist.grading.watching.graph import depending, made_of, used_by
from tinygrad_mnist.grading.watching.names import CALLED_LOSS
from tinygrad_mnist.grading.watching.tape import Node, Tape
from tinygrad_mnist.grading.watching.training import Step, is_label, versions_of
from tinygrad_mnist.manual.activations import Array
from tinygrad_mnist.manual.columns import CLASSES_AXIS
from tinygrad_mnist.manual.heads import Head

LARGEST = 10.0
"""What λ may be."""

NOT_DIFFERENTIABLE = {"==", "!=", "argmax", "argmin", "round", "isclose", "equal"}


@dataclass(frozen=True)
class Output:
    """A value that meets the labels first: ŷ, and the labels of its examples."""

    node: Node
    labels: Node


def outputs(step: Step) -> list[Output]:
    """The outputs of a step's forward passes, in the order of the program."""
    users = used_by(step.nodes)
    found: list[Output] = []
    below: set[Node] = set()
    for node in sorted(step.forward, key=lambda n: n.index):
        if any(o in below for o in node.operands):
            below.add(node)
            continue
        if np.asarray(node.value).dtype.kind != "f":
            continue
        met = [
            o for user in users[node] for o in user.operands
            if o in step.by_labels and o not in step.by_parameters
        ]  # fmt: skip
        if met:
            found.append(Output(node, met[-1]))
            below.add(node)
    return found


def own_losses(tape: Tape, step: Step, versions: set[Node]) -> list[Node]:
    """The numbers that a program computes from a step's outputs and labels, those that are called a loss last."""
    start = set(step.before.values())
    first = min(n.index for n in step.forward)
    last = max((n.index for n in step.after.values()), default=first)
    nodes = [n for n in tape.nodes if n in start or n in step.by_labels or first <= n.index]
    reached = depending(nodes, lambda n: n in start, versions)
    labels = {n for n in step.by_labels - step.by_parameters if is_label(n)} or set(step.labels)
    labelled = depending(nodes, lambda n: n in labels, versions)
    blocked = depending(nodes, lambda n: n.op in NOT_DIFFERENTIABLE and n in reached)
    found = [
        n for n in sorted(reached & labelled, key=lambda n: n.index)
        if np.size(n.value) == 1 and n not in step.nodes and n not in blocked and np.asarray(n.value).dtype.kind == "f"
    ]  # fmt: skip
    turned = {o for n in found for o in n.operands if n.op in ("neg", "*", "/") and n.value * np.asarray(o.value) < 0}
    near = [n for n in found if n.index <= last + 40 and n not in turned]
    return sorted(near, key=lambda n: any(CALLED_LOSS.search(name) for name in n.names))


Usual = Callable[[Any, Any], Any]

USUAL: dict[str, Usual] = {
    "cross-entropy": lambda y, Y: -(Y * (y + 1e-300).log()).sum(),
    "log loss": lambda y, Y: -(Y * (y + 1e-300).log() + (1 - Y) * (1 - y + 1e-300).log()).sum(),
    "squared error": lambda y, Y: ((y - Y) ** 2).sum() * 0.5,
    "cross-entropy of logits": lambda y, Y: -(Y * y).sum() + y.logsumexp(axis=-1).sum(),
}
"""The losses that outputs and one-hot labels of the same shape may have, summed over everything."""


def one_hot(output: Output) -> Any:
    """The labels in the shape of the output, or None where they don't fit."""
    y, labels = np.asarray(output.node.value), np.asarray(output.labels.value)
    if labels.shape == y.shape:
        return labels.astype(float)
    if labels.size == y.size:
        return (labels.reshape(y.shape) if 1 in y.shape or y.ndim != 2 else labels.T).astype(float)
    if y.ndim == 2 and labels.size in y.shape and labels.dtype.kind in "iuf":
        axis = 0 if labels.size == y.shape[0] else 1
        hot = np.eye(max(y.shape[1 - axis], int(labels.max()) + 1))[labels.astype(int).ravel()]
        return hot if axis == 0 else hot.T
    return None


def labelled(step: Step) -> Iterator[tuple[Array, Array]]:
    """The inputs that each output of a step was made of, with its one-hot labels, in columns."""
    for output in outputs(step):
        hot = one_hot(output)
        if hot is None or hot.ndim > 2:
            continue
        made = made_of([output.node], step.before.values()) - step.by_parameters
        for node in sorted(made, key=lambda n: n.index):
            value = np.asarray(node.value)
            if value.ndim == hot.ndim == 1 and value.size > hot.size:
                yield value[:, None], hot[:, None]
            elif value.ndim == hot.ndim == 2 and value.shape[1] == hot.shape[1]:
                yield value, hot
            elif value.ndim == hot.ndim == 2 and len(value) == len(hot):
                yield value.T, hot.T


def usual_losses(found: Sequence[Output]) -> Iterator[tuple[str, Callable[[Any], Any]]]:
    """Name and function of the nodes' values, for every usual loss that the outputs may have."""
    targets = [one_hot(output) for output in found]
    if not found or any(t is None or t.shape != o.node.shape for t, o in zip(targets, found, strict=True)):
        return
    inside = all(((v := np.asarray(o.node.value)) >= 0).all() and (v <= 1).all() for o in found)
    for name, usual in USUAL.items():
        if inside or name not in ("cross-entropy", "log loss"):

            def loss(values: Any, usual: Usual = usual) -> Any:
                parts = [usual(values[o.node], t) for o, t in zip(found, targets, strict=True)]
                return sum(parts[1:], parts[0])

            yield name, loss


@dataclass(frozen=True)
class Own:
    """The loss that a program computes itself, as the textbook writes it: an output with its loss, and λ of ½ λ Σ W².

    mean: whether it is the mean over the examples, or their sum.
    """

    head: Head
    l2: float
    node: Node
    mean: bool


def own_loss(tape: Tape, networks: Sequence[tuple[Step, Network]], heads: Sequence[Head]) -> Own | None:
    """The loss in the record whose value in every step is a textbook's, with one λ; None where there is none."""
    versions = versions_of(step for step, _ in networks)
    found = [own_losses(tape, step, versions) for step, _ in networks]
    for without_penalty, head, mean in product((True, False), heads, (True, False)):
        fits = [{_l2(n, head, net, mean): n for n in nodes} for nodes, (_, net) in zip(found, networks, strict=True)]
        for l2, node in fits[0].items():
            if l2 is None or without_penalty != (l2 == 0):
                continue
            if without_penalty:
                return Own(head, 0.0, node, mean)
            if all(any(x is not None and np.isclose(x, l2, rtol=1e-3) for x in others) for others in fits[1:]):
                return Own(head, float(f"{l2:.3g}"), node, mean)
    return None


def _l2(node: Node, head: Head, net: Network, mean: bool) -> float | None:
    """λ with which a number is the loss of the network."""
    loss = float(np.asarray(node.value).reshape(()))
    with np.errstate(all="ignore"):
        data = head.value(net.z[net.L], net.Y, CLASSES_AXIS) / (net.m if mean else 1)
    squares = sum(float((w**2).sum()) for w in net.W.values())
    penalty = (loss - data) * 2 / squares if squares else 0.0
    if abs(loss - data) <= 1e-5 * abs(data):
        return 0.0
    return penalty if 0 < penalty < LARGEST and loss - data < 3 * abs(data) else None
