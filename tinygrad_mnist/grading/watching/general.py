"""The verdict on a watched training of any network: autograd of its own forward pass beside its own backward pass."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import product
from operator import itemgetter
from typing import Any

import numpy as np

from tinygrad_mnist.engine import Tensor
from tinygrad_mnist.grading.watching.decisions import decision
from tinygrad_mnist.grading.watching.gradients import Gradient, Gradients, gradient
from tinygrad_mnist.grading.watching.graph import MULTIPLYING, Node, in_order, made_of, names_of, seen_through
from tinygrad_mnist.grading.watching.lineages import Lineage
from tinygrad_mnist.grading.watching.losses import own_losses
from tinygrad_mnist.grading.watching.multiples import like, multiple
from tinygrad_mnist.grading.watching.names import is_called_loss
from tinygrad_mnist.grading.watching.outputs import PERCEPTRON, Output, has_other_labels, one_hot, outputs, usual_losses
from tinygrad_mnist.grading.watching.replay import (
    UNFOLLOWED,
    Loss,
    cotangents,
    ends_of,
    numerical,
    on_tensors,
    slopes_of,
)
from tinygrad_mnist.grading.watching.tape import Tape
from tinygrad_mnist.grading.watching.training import Step
from tinygrad_mnist.grading.watching.truncated import truncated
from tinygrad_mnist.grading.watching.updates import by_one_rate
from tinygrad_mnist.manual.activations import Array

VANISHING = 1e-6
"""How large the rounding in a gradient may be that is zero, relative to the largest of all gradients."""


@dataclass
class Reading:
    """A step with the loss that its gradients are of.

    loss: in words. expected: ∂loss/∂node, of the sum over the examples, for parameters and for what lies between.
    scale: what the program's gradients are multiples of these by. by_differences: whether only numbers could tell.
    output, values: the loss as a tensor, and the tensors of the nodes that it was made of. of: the loss, where it is
    one that the program computes. beside: one that it computes and that its gradients are not those of. other_labels:
    whether that one has labels of other classes. function: the loss. cut: how its gradients through time are cut off,
    in words.
    """

    step: Step
    loss: str
    expected: dict[Node, Array]
    gradients: Gradients[Lineage]
    scale: float = 1.0
    right: set[Lineage] = field(default_factory=set)
    by_differences: str = ""
    output: Any = None
    values: dict[Node, Any] = field(default_factory=dict)
    of: Node | None = None
    beside: Node | None = None
    other_labels: bool = False
    function: Loss | None = None
    cut: str = ""

    @property
    def summed(self) -> bool:
        """Whether the loss is a usual one, summed over the examples, and none that the program computes."""
        return self.of is None

    @property
    def computed(self) -> dict[Lineage, Gradient]:
        """The gradients that the program has."""
        return {lineage: g for lineage, g in self.gradients.items() if g}

    def expected_of(self, lineage: Lineage) -> Array:
        """What a gradient should be."""
        return self.expected[self.step.before[lineage]]

    @property
    def is_of_a_loss(self) -> bool:
        """Whether the number that is differentiated is one to be made small: a logarithm without its minus is not."""
        return self.output is not None and (self.loss == PERCEPTRON or bool(np.sum(self.output.numpy()) > 0))

    def is_mean(self, m: int) -> bool:
        """Whether the loss is divided by m, the number of examples, and not summed over them."""
        of_loss = [node for node in self.values if node not in self.step.forward]
        factors = (a for n in of_loss if n.op in MULTIPLYING for a in n.arguments)
        numbers = (float(a) for a in factors if isinstance(a, (int, float, np.number)))
        return any(n.op == "mean" for n in of_loss) or any(np.isclose(a, (m, 1 / m)).any() for a in numbers)


def read(tape: Tape, step: Step, versions: set[Node]) -> Reading | None:
    """A step with the loss under which most of its gradients are right; None where there is no loss to be seen.

    Nor is there one where rows are moved by another rule than the perceptron's, and none is computed.
    """
    gradients = by_one_rate({lineage: gradient(step, lineage) for lineage in step.before}, step, tape)
    best: Reading | None = None
    own: list[tuple[Node, dict[Node, Array]]] = []
    with np.errstate(all="ignore"):
        for reading in _readings(tape, step, versions, gradients):  # each holds every value of the network
            _scaled(reading)
            if best is None or _fit(reading) > _fit(best):
                best = reading
            if reading.of and any(map(is_called_loss, names_of(reading.of))):
                own.append((reading.of, reading.expected))
            if _fit(best) == (True, len(step.before), True):
                break
    if best is None or not _has_slopes(best):
        return None
    best = _truncated(best)
    best.beside, slopes = _another_loss(best, own) or (None, {})
    best.other_labels = bool(slopes) and has_other_labels(step, best.loss, slopes)
    is_known = best.of or best.right or decision(step)
    return best if is_known or any(g and g.node.op != "parts" for g in gradients.values()) else None


def _truncated(whole: Reading) -> Reading:
    """The same with gradients that are cut off in a chain of steps, where more of the program's are those."""
    best = whole
    if whole.function and len(whole.right) < len(whole.step.before):
        for words, gradients in truncated(whole.step, whole.function, whole.expected):
            reading = replace(whole, expected=whole.expected | gradients, cut=words)
            _scaled(reading)
            best = reading if len(reading.right) > len(best.right) else best
    return best


def _has_slopes(reading: Reading) -> bool:
    """Whether its loss depends on the parameters other than in steps, as the rule of a perceptron with two classes."""
    return any(reading.expected_of(lineage).any() for lineage in reading.gradients)


def _fit(reading: Reading) -> tuple[bool, int, bool]:
    """How well a loss fits a program's gradients."""
    is_itself = not reading.summed and bool(np.isclose(reading.scale, 1, rtol=1e-3))
    return bool(reading.right) and reading.scale > 0, len(reading.right), is_itself


def _another_loss(
    best: Reading, own: Sequence[tuple[Node, dict[Node, Array]]]
) -> tuple[Node, dict[Node, Array]] | None:
    """A loss that the program computes, and its derivatives, where its gradients, all right, are those of a usual one.

    They are told apart by their errors in the last layer, where no penalty enters: no multiples of each other.
    own: what is called a loss in the program, with its derivatives.
    """
    if not own or not best.summed or len(best.right) < len(best.step.before):
        return None
    start = {*best.step.before.values()}
    meeting = (n for n in in_order(best.expected) if not start.isdisjoint(map(seen_through, n.operands)))
    last = next((n for n in reversed([*meeting]) if np.any(best.expected[n])), None)
    if last is None or any(multiple(expected.get(last, 0), best.expected[last]) for _, expected in own):
        return None
    return own[0]


def _readings(tape: Tape, step: Step, versions: set[Node], gradients: Gradients[Lineage]) -> Iterator[Reading]:
    found = outputs(step)
    is_stepped = any(output.chosen is not None for output in found)  # which no loss of the program's own follows
    computed = [] if is_stepped else own_losses(tape, step, versions, picked=True)
    own = [loss for loss in computed if not any(loss in other.operands for other in computed)][-3:]
    start = list(step.before.values())
    slopes = slopes_of(step.forward)
    became = {new: old for lineage, old in step.before.items() for new in lineage.versions if new.index > old.index}
    for node, slope in product(reversed(own), slopes):
        later = {new: became[new] for new in made_of([node], became.keys() | {*start}) if new in became}
        name = f"its own loss{f' {node.name}' if node.name not in ('', 'loss') else ''}"
        with suppress(*UNFOLLOWED):
            yield _by_autograd(step, gradients, Loss(name, [node], itemgetter(node), slope, later), of=node)
    numbers = [*start, *(output.node for output in found)] if len(found) == 1 else []
    if not found or (numbers and not any(np.ndim(n.value) for n in numbers)):  # which any loss of one number fits
        return
    for slope in slopes:
        yield from _of_logits(step, found, gradients, slope)
        yield from _of_saturated(step, found, gradients, slope)
    try:
        for slope in slopes:
            targets = [output.node for output in found]
            values = on_tensors(start, targets, slope)
            if not all(isinstance(values[node], Tensor) for node in targets):
                return  # a step, which has no slope
            for name, loss in usual_losses(found):
                yield _by_autograd(step, gradients, Loss(name, targets, loss, slope), values)
    except UNFOLLOWED as error:
        yield from _numerical(step, found, gradients, str(error))


def _of_logits(step: Step, found: Sequence[Output], gradients: Gradients[Lineage], slope: Any) -> Iterator[Reading]:
    """Cross-entropy of what a softmax is taken of, where the outputs are one; also right where they round to 0."""
    labels = [one_hot(output) for output in found]
    logits = [_softmax_of(output, step) for output in found]
    parts = [(z, t, o) for z, t, o in zip(logits, labels, found, strict=True) if z and t is not None]
    if len(parts) < len(found) or any(t.shape != o.node.shape for _, t, o in parts):
        return

    def loss(values: Any) -> Any:
        losses = [
            -(Tensor(t, name=min(o.labels.names, key=len, default=None)) * values[z].log_softmax(axis=axis)).sum()
            for (z, axis), t, o in parts
        ]
        return sum(losses[1:], losses[0])

    with suppress(*UNFOLLOWED):
        targets = [z for (z, _), _, _ in parts]
        yield _by_autograd(step, gradients, Loss("cross-entropy", targets, loss, slope))


def _of_saturated(step: Step, found: Sequence[Output], gradients: Gradients[Lineage], slope: Any) -> Iterator[Reading]:
    """Log loss of what a sigmoid is taken of, where outputs of one round to 0 or 1 and their slopes to 0."""
    labels = [one_hot(output) for output in found]
    if not any(np.isin(output.node.value, (0, 1)).any() for output in found):
        return
    logits = [next(filter(_is_sigmoid_of(output), _below(output, step)), None) for output in found]
    parts = [(z, t) for z, t in zip(logits, labels, strict=True) if z and t is not None and t.shape == z.shape]

    def loss(values: Any) -> Any:
        losses = [(values[z].softplus() - t * values[z]).sum() for z, t in parts]
        return sum(losses[1:], losses[0])

    if len(parts) == len(found):
        with suppress(*UNFOLLOWED):
            yield _by_autograd(step, gradients, Loss("log loss", [z for z, _ in parts], loss, slope))


def _is_sigmoid_of(output: Output) -> Callable[[Node], bool]:
    """Whether an output is the sigmoid of a value."""
    y = np.asarray(output.node.value, float)
    return lambda z: bool(np.allclose(1 / (1 + np.exp(-np.asarray(z.value, float))), y, rtol=1e-4, atol=1e-7))


def _by_autograd(
    step: Step, gradients: Gradients[Lineage], loss: Loss, values: Any = None, of: Node | None = None
) -> Reading:
    """A step with the derivatives of a loss by its parameters, and by what lies between."""
    start = step.before.values()
    values = loss.values(start) if values is None else values
    output = loss.of(values)
    expected = cotangents(output, values, [*start, *in_order(step.forward.difference(start))])
    return Reading(step, loss.name, expected, gradients, output=output, values=values, of=of, function=loss)


def _softmax_of(output: Output, step: Step) -> tuple[Node, int] | None:
    """What an output is the softmax of, all that is learned included, and along which axis."""
    y = np.asarray(output.node.value, float)
    for node in _below(output, step):
        z = np.asarray(node.value, float)
        for axis in range(y.ndim - 1, -1, -1):
            e = np.exp(z - z.max(axis=axis, keepdims=True))
            if np.allclose(e / e.sum(axis=axis, keepdims=True), y, rtol=1e-4, atol=1e-7):
                return node, axis
    return None


def _below(output: Output, step: Step) -> Iterator[Node]:
    """What has the shape of an output and lies below it, made of all parameters that it is made of."""
    start = set(step.before.values())
    made = made_of([output.node], start)
    for node in in_order(made & step.forward - {output.node}):
        is_like_it = node.shape == output.node.shape and np.isfinite(node.value).all()
        if is_like_it and made_of([node], start) & start == made & start:
            yield node


def _numerical(step: Step, found: Any, gradients: Any, why: str) -> Iterator[Reading]:
    start = {node: np.asarray(node.value, float) for node in step.before.values()}
    targets = [output.node for output in found]
    own = {step.before[l]: like(g.value, np.asarray(step.before[l].value)) for l, g in gradients.items() if g}
    usual = list(usual_losses(found))

    def losses(values: Any) -> list[float]:
        tensors = {k: Tensor(np.asarray(values[k], float)) for k in targets}
        return [float(loss(tensors).item()) for _, loss in usual]

    for ends in ends_of(step.forward):
        rng = np.random.default_rng(0)
        try:
            slopes = {node: numerical(losses, start, targets, node, rng, ends, own.get(node)) for node in start}
        except Exception:
            return
        for i, (name, _) in enumerate(usual):
            expected = {node: of_each[i] for node, of_each in slopes.items()}
            yield Reading(step, name, expected, gradients, by_differences=why)


def _scaled(reading: Reading) -> None:
    """Find the number that most of the gradients are multiples of the right ones by."""
    factors = {lineage: multiple(g.value, reading.expected_of(lineage)) for lineage, g in reading.computed.items()}
    known = {lineage: f for lineage, f in factors.items() if f is not None}
    exact = 0 if reading.summed else 1  # of a loss that the program computes, some gradients may be exactly right

    def likely(lineage: Lineage) -> tuple[bool, int, bool]:
        f = known[lineage]
        alike = sum(bool(np.isclose(f, k, rtol=1e-3)) for k in known.values())
        return bool(np.isclose(f, exact, rtol=1e-3)), alike, (f > 0) == reading.computed[lineage].descends

    last_first = [*known][::-1]  # the fewest rules lead to the gradients of the last layer
    reading.scale = known[max(last_first, key=likely)] if known else reading.scale
    fitting = {l for l, f in factors.items() if f is not None and np.isclose(f, reading.scale, rtol=1e-3)}
    reading.right = fitting | {l for l, g in reading.computed.items() if l not in fitting and vanishes(g, reading)}


def vanishes(g: Gradient, reading: Reading) -> bool:
    """Whether a gradient is rounding alone, as it should be: that of a bias before a batch norm."""
    sizes = {lineage: np.abs(reading.expected_of(lineage)).max(initial=0) for lineage in reading.gradients}
    size = max(sizes[g.lineage], np.abs(g.value).max(initial=0) / abs(reading.scale))
    return bool(size <= VANISHING * max(sizes.values()))
