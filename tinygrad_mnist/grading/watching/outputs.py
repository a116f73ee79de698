"""The outputs of a network as a program has them, their labels, and the losses that both usually have."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_mnist.engine import Tensor, grad
from tinygrad_mnist.grading.watching.decisions import HOLDING, decision
from tinygrad_mnist.grading.watching.graph import MULTIPLYING, Node, in_order, made_of, seen_through, used_by
from tinygrad_mnist.grading.watching.labels import COMPARING, label_behind, target_of
from tinygrad_mnist.grading.watching.multiples import multiple
from tinygrad_mnist.grading.watching.training import Step
from tinygrad_mnist.manual.activations import Array

STEPPING = COMPARING | {"heaviside"}
"""Operations by which one of two classes is chosen: that of numbers above 0."""


@dataclass(frozen=True)
class Output:
    """A value that meets the labels first: ŷ, and the labels of its examples.

    chosen: 1 where the program holds it to be above 0, or to be the largest, else 0, if it compares that alone with the
    labels.
    """

    node: Node
    labels: Node
    chosen: Array | None = None


def outputs(step: Step) -> list[Output]:
    """The outputs of a step's forward passes, in the order of the program."""
    decided = decision(step)
    if decided:
        return [Output(decided.numbers, decided.label, decided.chosen)]
    users = used_by(step.nodes)
    found: list[Output] = []
    below: set[Node] = set()
    for node in in_order(step.forward):
        if any(o in below for o in node.operands):
            below.add(node)
            continue
        choice, stepped = next((o for o in (node, *node.operands) if o.op == "argmax"), None), _stepped(node)
        if _is_of_a_parameter(node, step) or not (is_real(node) or node is choice or stepped):
            continue
        met = [
            o for user in users[node] if user.op in HOLDING or not (node is choice or stepped) for o in user.operands
            if (o in step.by_labels and o not in step.by_parameters) or o is target_of(user, step.by_parameters)
        ]  # fmt: skip
        if met:
            chosen = np.asarray(node.value > 0, float) if stepped else None
            output = stepped or (node if choice is None else choice.operands[0])
            found.append(Output(output, label_behind(met[-1]) or met[-1], chosen))
            below.add(node)
    return [output for output in found if output.chosen is None] or found  # others choose for an accuracy alone


def _is_of_a_parameter(node: Node, step: Step) -> bool:
    """Whether it is one, or a multiple of one, as a decay takes it."""
    is_multiple = node.op in MULTIPLYING and len(node.operands) == 1
    return (node.operands[0] if is_multiple else node) in step.before.values()


def _stepped(node: Node) -> Node | None:
    """What a value tells of whether it is above 0, by the larger of two numbers."""
    if not node.operands or any(o.operands or np.ndim(o.value) for o in node.operands[1:]):  # and not of two numbers
        return None
    if node.op in STEPPING and not np.any(node.arguments[1]):
        return node.operands[0]
    return _stepped(node.operands[0]) if node.op in ("where", "astype", "int", "float", "array") else None


PERCEPTRON = "the perceptron's criterion max ŷ - Σ y ŷ"
"""The loss whose gradients are those of the perceptron's rule: of the examples that are classified wrongly."""


Usual = Callable[[Any, Any], Any]

USUAL: dict[str, Usual] = {
    "cross-entropy": lambda y, Y: -(Y * (y + 1e-300).log()).sum(),
    "log loss": lambda y, Y: -(Y * (y + 1e-300).log() + (1 - Y) * (1 - y + 1e-300).log()).sum(),
    "squared error": lambda y, Y: ((y - Y) ** 2).sum() * 0.5,
    "cross-entropy of logits": lambda y, Y: -(Y * y).sum() + y.logsumexp(axis=-1).sum(),
    PERCEPTRON: lambda y, Y: ((_largest(y.numpy(), 0 if (Y.sum(axis=0) == 1).all() else -1) - Y) * y).sum(),
}
"""The losses that outputs and one-hot labels of the same shape may have, summed over everything."""


def _largest(y: Array, axis: int) -> Array:
    """1 at the first of the largest numbers along an axis, and 0 elsewhere."""
    index = np.expand_dims(y.argmax(axis=axis), axis)
    largest = np.zeros(y.shape)
    np.put_along_axis(largest, index, 1, axis)
    return largest


def one_hot(output: Output) -> Any:
    """The labels in the shape of the output, or None where they don't fit."""
    y, labels = np.asarray(output.node.value), np.asarray(output.labels.value)
    if labels.shape == y.shape:
        return labels.astype(float)
    if labels.size == 1 and max(y.shape) == y.size and labels.dtype.kind in "iu" and 0 <= int(labels.flat[0]) < y.size:
        return np.eye(y.size)[int(labels.flat[0])].reshape(y.shape)
    if labels.size == y.size:
        return (labels.reshape(y.shape) if 1 in y.shape or y.ndim != 2 else labels.T).astype(float)
    if y.ndim == 2 and labels.size in y.shape and labels.dtype.kind in "iuf":
        axis = 0 if labels.size == y.shape[0] else 1
        hot = np.eye(max(y.shape[1 - axis], int(labels.max()) + 1))[labels.astype(int).ravel()]
        return hot if axis == 0 else hot.T
    return None


def examples(step: Step) -> int:
    """How many examples have labels in a step; 0 where these don't tell."""
    hots = [hot for output in outputs(step) if (hot := one_hot(output)) is not None]
    return sum(hot.size // outputs_of(hot) for hot in hots)


def outputs_of(hot: Any) -> int:
    """How many outputs an example has, whose labels are one 1 among zeros."""
    lengths = [hot.shape[axis] for axis in range(hot.ndim) if (hot.sum(axis=axis) == 1).all()]
    return lengths[0] if lengths else 1


def has_other_labels(step: Step, loss: str, slopes: Mapping[Node, Array]) -> bool:
    """Whether what has these slopes by a step's outputs is this usual loss of them with labels of other classes."""
    found = outputs(step) if loss in USUAL else []
    pairs = []
    for output in found:
        hot, slope = one_hot(output), slopes.get(seen_through(output.node))
        if hot is None or slope is None or slope.shape != hot.shape or not np.isin(hot, (0, 1)).all():
            return False
        told = (slope < 0).astype(float)
        both = np.stack([hot, told], axis=-1)
        if not any((both.sum(axis=axis) == 1).all() for axis in range(hot.ndim)):
            return False
        y = Tensor(np.asarray(output.node.value, float), requires_grad=True)
        (expected,) = grad(USUAL[loss](y, told), [y])
        if not multiple(slope, expected.numpy()):
            return False
        pairs.append((hot, told))
    return any(not np.array_equal(hot, told) for hot, told in pairs)


def labelled(step: Step) -> Iterator[tuple[Array, Array]]:
    """The inputs that each output of a step was made of, with its one-hot labels, in columns."""
    for output in outputs(step):
        hot = one_hot(output)
        if hot is None or hot.ndim > 2:
            continue
        made = made_of([output.node], step.before.values()) - step.by_parameters
        for node in in_order(made):
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
    if any(output.chosen is not None for output in found):
        yield PERCEPTRON, lambda values: _of_choices(found, targets, values)
        return
    inside = all(((v := np.asarray(o.node.value)) >= 0).all() and (v <= 1).all() for o in found)
    for name, usual in USUAL.items():
        if inside or name not in ("cross-entropy", "log loss"):

            def loss(values: Any, usual: Usual = usual) -> Any:
                parts = [usual(values[o.node], t) for o, t in zip(found, targets, strict=True)]
                return sum(parts[1:], parts[0])

            yield name, loss


def _of_choices(found: Sequence[Output], targets: Sequence[Any], values: Any) -> Any:
    """The perceptron's criterion: by how much what was chosen is above the label's, or on the wrong side of 0."""
    parts = [((o.chosen - (t > 0)) * values[o.node]).sum() for o, t in zip(found, targets, strict=True)]
    return sum(parts[1:], parts[0])


def is_real(node: Node) -> bool:
    """Whether it is a real number, or an array of them."""
    return np.asarray(node.value).dtype.kind == "f"
