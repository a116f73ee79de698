"""A mistake of the grader's catalogue at work: training with one wrong line of backprop, beside the right one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from tinygrad_mnist.data import Split
from tinygrad_mnist.engine import Tensor
from tinygrad_mnist.grading.grader import diagnose
from tinygrad_mnist.grading.report import Finding
from tinygrad_mnist.grading.textbook.catalogue import MISTAKES
from tinygrad_mnist.grading.textbook.derivation import HIDDEN_ONLY, LAST_ONLY, Lines, Network, attempt, derive, run
from tinygrad_mnist.grading.textbook.mistakes import Mistake, Placement, lines
from tinygrad_mnist.grading.textbook.probes import probes_for
from tinygrad_mnist.manual import ACTIVATIONS
from tinygrad_mnist.nn import MLP, one_hot
from tinygrad_mnist.playground.course import Lesson
from tinygrad_mnist.playground.errors import PlaygroundError
from tinygrad_mnist.training.divergence import Diverged
from tinygrad_mnist.training.inputs import model_inputs
from tinygrad_mnist.training.recipe import Recipe
from tinygrad_mnist.training.run import Array

Gradients = list[tuple[Array, Array]]
"""∂L/∂W and ∂L/∂b of each layer, shaped as the parameters."""

NUMBER = 0.5
"""The number in a mistake that only a learner knows: a factor, a rate, a limit."""

SEEN = 1e-3
"""The least difference, relative to the right gradients, that makes a mistake worth a training."""


class Mistaken(Lesson):
    """A lesson whose gradients come from the hand derivation with some of its lines replaced."""

    def __init__(
        self, recipe: Recipe, train: Split, validation: Split, seed: int, mistakes: Sequence[Placement]
    ) -> None:
        super().__init__(recipe, train, validation, seed)
        self.title, self.replaced = mistakes[0].mistake.title, lines(mistakes)

    def why(self, error: Diverged) -> str:
        """What is said where it has diverged: which mistake is switched on, before what a right network would need."""
        return f"trained with the mistake “{self.title}”, {error}"

    def gradients(self, x: Array, labels: Array, loss: Tensor) -> None:
        """Put the wrong gradients into the parameters."""
        model = _plain(self.model)
        found = _derived(model, x, labels, self.replaced)
        if found is None:
            raise PlaygroundError("this mistake does not fit the shapes of a batch of this size: take another network")
        for W, b, (dW, db) in zip(model.weights, model.biases, found, strict=True):
            W.grad, b.grad = Tensor(dW), Tensor(db)


def possible(lesson: Lesson) -> Iterator[tuple[Mistake, list[Placement]]]:
    """The mistakes that change this network's gradients on its first digits, and everywhere that they can be made.

    Raises PlaygroundError for a network that the catalogue does not know.
    """
    model = _plain(lesson.model)
    some = lesson.run.train[: lesson.run.batch_size]
    x, labels = model_inputs(model, some), some.labels
    with np.errstate(all="ignore"):
        right = _derived(model, x, labels, {})
        assert right is not None
        net = _network(model, x, labels)
        for mistake in MISTAKES:
            places = [
                placement
                for layer in range(1, net.L + 1)
                if mistake.fits(net, layer)
                for placement in _first_that_runs(mistake, layer, model, x, labels, right)
            ]
            if places:
                yield mistake, places


def _first_that_runs(
    mistake: Mistake, layer: int, model: MLP, x: Array, labels: Array, right: Gradients
) -> Iterator[Placement]:
    """The first of its variants that fits the shapes and is seen in the gradients, if there is one."""
    variants = [Placement(mistake, layer, value=NUMBER)] if mistake.family else []
    variants += [Placement(mistake, layer, variant) for variant in range(len(mistake.variants))]
    for placement in variants:
        found = _derived(model, x, labels, lines([placement]))
        if found is not None and _differ(found, right):
            yield placement
            return


def _differ(found: Gradients, right: Gradients) -> bool:
    pairs = [pair for f, r in zip(found, right, strict=True) for pair in zip(f, r, strict=True)]
    return any(not np.abs(f - r).max() <= SEEN * np.abs(r).max() for f, r in pairs)


def _plain(model: Any) -> MLP:
    if not isinstance(model, MLP) or model.activation not in ACTIVATIONS:
        raise PlaygroundError(
            f"mistakes are for plain networks, such as 784,30,10, without dropout, with {', '.join(ACTIVATIONS)}"
        )
    return model


def _network(model: MLP, x: Array, labels: Array) -> Network:
    """The network after its forward pass on a batch, with examples in columns."""
    classes = model.layer_sizes[-1]
    Y = np.asarray(one_hot(labels, classes), x.dtype).T
    W, b = [W.numpy() for W in model.weights], [b.numpy()[:, None] for b in model.biases]
    return run(x.T, Y, W, b, ACTIVATIONS[model.activation])


def _derived(model: MLP, x: Array, labels: Array, replaced: Lines) -> Gradients | None:
    """The gradients with lines replaced, shaped as the update makes them; None where they don't fit."""
    derived = attempt(derive, _network(model, x, labels), replaced)
    if derived is None:
        return None
    try:
        return [
            (_as_update(derived.dW[layer], W.shape), _as_update(derived.db[layer], (*b.shape, 1)).reshape(b.shape))
            for layer, (W, b) in enumerate(zip(model.weights, model.biases, strict=True), start=1)
        ]
    except ValueError:
        return None


def _as_update(gradient: Array, shape: Sequence[int]) -> Array:
    """A gradient as W - η ∂L/∂W takes it: NumPy broadcasts it silently where it can."""
    return np.broadcast_to(gradient, shape).astype(np.float32)


def where(mistake: Mistake, places: Sequence[Placement], depth: int) -> str:
    """In which layers it is made, in words."""
    layers = [p.layer for p in places]
    if mistake.slot in LAST_ONLY:
        return "in the last layer"
    every = range(1, depth) if mistake.slot in HIDDEN_ONLY else range(1, depth + 1)
    if layers == [*every] and len(layers) > 1:
        return "in every hidden layer" if mistake.slot in HIDDEN_ONLY else "in every layer"
    return f"in layer{'s' if len(layers) > 1 else ''} {', '.join(map(str, layers))}"


def chosen(lesson: Lesson, key: str) -> list[Placement]:
    """The places of the mistake with this key: its name, or its name and one layer, as "slope-missing:1"."""
    name, _, layer = key.partition(":")
    for mistake, places in possible(lesson):
        if mistake.name == name:
            found = [p for p in places if not layer or str(p.layer) == layer]
            if found:
                return found
    raise PlaygroundError(f"mistake is {key!r}, and this network can't make it: mistakes gives those that it can")


def named(lesson: Lesson, placements: Sequence[Placement]) -> list[Finding]:
    """What the grader says of gradients with these mistakes: it sees their numbers on its own networks alone."""
    model = _plain(lesson.model)
    probes = probes_for(len(model.weights), ACTIVATIONS[model.activation], 0.0)
    with np.errstate(all="ignore"):
        return list(diagnose(probes.derive(lines(placements)), probes))


def told(findings: Sequence[Finding]) -> dict[str, Any]:
    """Findings as a message holds them, and all of them in a text."""
    lines = [f"{' and '.join(f.where)}: {f.what}. {f.explanation}".strip() for f in findings]
    return {"text": "\n".join(lines), "findings": [vars(finding) for finding in findings]}
