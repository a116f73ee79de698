"""What is wrong with the update of a parameter, in words: θ := θ - η ∂L/∂θ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tinygrad_mnist.grading.report import Finding


@dataclass(frozen=True)
class Words:
    """What is said of a mistake in an update."""

    what: str
    explanation: str
    hint: str


UPDATES: Mapping[str, Words] = {
    "update-sign": Words(
        "the step goes uphill, along the gradient",
        "The gradient points to where the loss rises fastest. Gradient descent goes the other way.",
        "Does the loss fall when you add a positive multiple of its gradient?",
    ),
    "update-missing": Words(
        "no update changes it", "It stays what it was at the beginning of the training.",
        "To which name is the updated array assigned, and what is its gradient?",
    ),
    "update-zeroed": Words(
        "its gradient is set to 0 before the update takes it", "The step then is 0, and nothing is learned.",
        "When are gradients set to 0, and when are they used?",
    ),
    "update-swapped": Words(
        "it becomes what another parameter's update is", "",
        "From which array does the new value start, and which gradient is subtracted?",
    ),
    "update-twice": Words(
        "a step takes its gradient more than once", "Two lines that subtract it are a learning rate as large as both.",
        "Which of the lines should be there?",
    ),
    "update-stale": Words(
        "updated again and again, and no forward pass is run with what comes of it",
        "What is computed before the loop belongs to the parameters at the beginning. Each step goes down from where "
        "they are by then.",
        "Which lines have to be run in each step?",
    ),
    "update-unused": Words(
        "the forward pass goes on with what it was before",
        "Two names stand for it. An update that makes a new array, and does not change the old one in place, reaches "
        "one of them alone, and nothing of what is learned is used.",
        "Which name does the forward pass read, and which one is assigned by the update?",
    ),
}  # fmt: skip
"""The mistakes that are made in updates, by name."""


def wrong_updates(name: str, parameters: Sequence[str], *, what: str = "", line: int | None = None) -> Finding:
    """One mistake in the updates of these parameters; what: where there is more to be said than its usual words."""
    of = parameters[0] if len(parameters) == 1 else "θ"
    return Finding(
        (name,), tuple(f"update of {parameter}" for parameter in parameters), what or UPDATES[name].what,
        (f"{of} := {of} - η ∂L/∂{of}",), UPDATES[name].explanation, UPDATES[name].hint,
        () if line is None else (str(line),),
    )  # fmt: skip


def with_gradient_of(other: str) -> str:
    """What an update with another parameter's gradient is."""
    return f"updated with the gradient of {other}"
