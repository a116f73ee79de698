"""What is no wrong gradient, and would be better another way: in the forward pass, the data and the beginning."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice

import numpy as np

from tinygrad_mnist.grading.report import Finding
from tinygrad_mnist.grading.standins.digits import Digits, small
from tinygrad_mnist.grading.textbook.catalogue import named
from tinygrad_mnist.grading.textbook.mistakes import rounded
from tinygrad_mnist.grading.watching.graph import Node, in_order, made_of
from tinygrad_mnist.grading.watching.textbook import Observed
from tinygrad_mnist.manual.activations import Array

IN_PLACE = "the activation changes z(l) in place, and its mask is lost"

LOOKED_AT = 40
"""How many images are compared with known ones."""

BATCHES = 40
"""How many batches are looked at."""

ENOUGH = 8
"""How many images a batch has that is looked at by itself."""

FEWEST = 3
"""With how many known images their labels are judged."""

SATURATED = 0.9
"""The share of a layer's units that stand where a sigmoid or tanh is flat, with weights that are too large."""


def _remark(name: str, where: str, what: str, explanation: str, *nodes: Node) -> Finding:
    return Finding((name,), (where,), what, (), explanation, "", tuple(str(n.line) for n in nodes))


def remarks(observed: Observed) -> Iterator[Finding]:
    """Everything that the textbook would do another way."""
    yield from _softmax(observed)
    yield from _pixels(observed)
    yield from _beginning(observed)


def mislabelled(seen: Iterable[tuple[Array, Array]], digits: Digits) -> Iterator[Finding]:
    """Labels that are not those of their images, as far as the images are digits whose labels are known.

    seen: images and one-hot labels in columns, as they met. All are looked at together, and each batch by itself: the
    labels of the first one may be those of all others too.
    """
    images, labels = digits
    every = (_unit(of_size.reshape(len(images), -1).T) for of_size in (images, small(images)))
    known = {len(of_size): of_size for of_size in every}
    fitting = ((X, Y) for X, Y in islice(seen, BATCHES) if len(X) in known and len(Y) >= 10)
    batches = [(X[:, :LOOKED_AT], Y[:, :LOOKED_AT]) for X, Y in fitting]
    batches = [(X, Y) for X, Y in batches if (len(X), len(Y)) == tuple(map(len, batches[0]))]
    together = [tuple(map(np.hstack, zip(*batches, strict=True)))] if batches else []
    large = [batch for batch in batches if batch[0].shape[1] >= ENOUGH]
    looked_at = ((X[:, :LOOKED_AT], Y[:, :LOOKED_AT]) for X, Y in (*together, *large))
    yield from islice((finding for X, Y in looked_at for finding in _mislabelled(X, Y, known[len(X)], labels)), 1)


def _mislabelled(X: Array, Y: Array, known: Array, labels: Array) -> Iterator[Finding]:
    alike = known.T @ _unit(X)
    sure = alike.max(axis=0) > 0.98
    true, said = labels[alike.argmax(axis=0)][sure].astype(int), Y.argmax(axis=0)[sure]
    if len(true) < FEWEST or (true == said).mean() > 0.5:
        return
    i = int(np.argmax(true != said))
    shifts = np.unique((said - true + 4) % 10 - 4)
    how = f"every one is {shifts[0]:+d} beside it" if len(shifts) == 1 else "they belong to other images"
    yield Finding(
        ("labels-shifted",), ("Y",), f"labels that are not those of their images: {how}", (),
        f"An image of a {true[i]} is labelled {said[i]}. The network can learn that, but it is not what you mean.",
        "Which row or column of the one-hot array is that of the digit 0? Were X and Y shuffled alike?",
    )  # fmt: skip


def _unit(columns: Array) -> Array:
    """Columns about their mean, of length 1."""
    centred = columns - columns.mean(axis=0)
    return np.asarray(centred / np.maximum(np.linalg.norm(centred, axis=0), 1e-12))


def mistakes(observed: Observed) -> Iterator[Finding]:
    """What keeps a network from learning though every gradient is right."""
    net = observed.network
    if net.L > 1 and not any(net.W[l].any() for l in net.W):
        yield Finding(
            ("init-zero",), ("every W(l)",), "all weights begin at 0", (),
            "Every unit of a layer then computes the same and gets the same gradient; with ReLU nothing moves at all.",
            "What would make two units of a layer become different?",
        )  # fmt: skip


def renamed(finding: Finding, observed: Observed) -> Finding:
    """A finding by the name that the program's values give it, where the gradients are the same for another."""
    if "slope-twice" in finding.names:
        return _of_another_slope(finding, observed)
    if "slope-missing" not in finding.names and "slope-kink" not in finding.names:
        return finding
    for linear in observed.layers[:-1]:
        changed = [n for n in observed.step.nodes if n.changes is linear.z]
        if changed:
            return replace(
                finding, names=("relu-in-place", *finding.names), what=IN_PLACE,
                hint="Which numbers stand in z(l) when the backward pass looks at their sign?",
                places=(str(changed[0].line), *finding.places),
            )  # fmt: skip
    return finding


def _of_another_slope(finding: Finding, observed: Observed) -> Finding:
    """The square of a slope, where the program computes it at once: 0.01, written where f has 0.1."""
    slope = -float(observed.network.activation.f(np.array([-1.0]))[0])
    other = named("slope-other")
    for numbers in (np.asarray(node.value, float) for node in observed.step.by_parameters):
        if numbers.size > 1 and {*np.unique(numbers.round(6))} == {round(slope**2, 6), 1.0}:
            return replace(
                finding, names=(other.name,), what=f"{other.title} ({rounded(slope**2)})",
                explanation=other.explanation, hint=other.hint,
            )  # fmt: skip
    return finding


def _softmax(observed: Observed) -> Iterator[Finding]:
    a_pass = observed.passes[0]
    if observed.heads[0].output.name != "softmax":
        return
    z = a_pass.layers[-1].z
    for node in in_order(made_of([a_pass.output], {z})):
        if node.op != "exp" or not node.operands:
            continue
        entering = np.asarray(node.operands[0].value)
        if entering.shape != z.shape:
            continue
        shift = np.asarray(z.value, float) - entering
        if not shift.any() and node.operands[0].op not in ("-", "subtract"):  # what is 0 may have been subtracted
            yield _remark(
                "softmax-unshifted", "ŷ", named("softmax-unshifted").title,
                "exp overflows above 709 (above 88 in float32), and ∞/∞ is NaN. On small logits it is right.", node,
            )  # fmt: skip
        elif shift.any() and np.ptp(shift) == 0 and np.asarray(z.value).ndim == 2 and min(z.shape) > 1:
            yield _remark(
                "softmax-array-max", "ŷ", named("softmax-array-max").title,
                "Where one example's logits lie far below another's, all of its exp underflow to 0.", node,
            )  # fmt: skip
        return


def _pixels(observed: Observed) -> Iterator[Finding]:
    X = observed.network.a[0]
    if np.abs(X).max() > 50:
        yield _remark(
            "pixels-unscaled", "X", f"its numbers go up to {np.abs(X).max():.0f}",
            "Divide pixels by 255: with inputs of this size the first layer saturates.",
        )  # fmt: skip


def _beginning(observed: Observed) -> Iterator[Finding]:
    net = observed.network
    for l in range(1, net.L):
        slopes = net.activation.f_prime(net.z[l])
        if net.activation.f_prime(np.array([30.0]))[0] < 1e-6 and (slopes < 0.01).mean() > SATURATED:
            yield _remark(
                "init-saturated", f"W({l})", f"{(slopes < 0.01).mean():.0%} of layer {l} stand where f is flat",
                f"z({l}) is so large that almost no gradient gets through. Divide the initial weights by √inputs.",
            )  # fmt: skip
