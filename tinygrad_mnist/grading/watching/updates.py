"""What is wrong with the updates of a training, though its gradients may be right."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tinygrad_mnist.grading.report import Finding
from tinygrad_mnist.grading.watching.gradients import like
from tinygrad_mnist.grading.watching.graph import made_of, seen_through
from tinygrad_mnist.grading.watching.names import CALLED_WEIGHTS
from tinygrad_mnist.grading.watching.network import LINEAR
from tinygrad_mnist.grading.watching.tape import Node, Tape
from tinygrad_mnist.grading.watching.textbook import Observed

Key = tuple[str, int]


def uphill(observed: Observed, right: set[Key]) -> Iterator[tuple[Key, Finding]]:
    """Parameters that go along their right gradient, and not against it."""
    for key in sorted(right):
        g = observed.gradients[key]
        if g is not None and not g.descends:
            yield key, Finding(
                ("update-sign",), (f"update of {key[0][1]}({key[1]})",), "the step goes uphill, along the gradient",
                (f"{key[0][1]} := {key[0][1]} - η ∂L/∂{key[0][1]}",),
                "The gradient points to where the loss rises fastest. Gradient descent goes the other way.",
                "Does the loss fall when you add a positive multiple of its gradient?",
            )  # fmt: skip


def divided(observed: Observed, tape: Tape) -> bool:
    """Whether an update divides by m what it is made of: it is a number that was named, the learning rate, over m."""
    numbers = [float(n.value) for n in tape.nodes if n.names and np.ndim(n.value) == 0 and np.isfinite(n.value)]
    for g in observed.gradients.values():
        if g is None or g.lineage not in observed.step.before:
            continue
        change = np.asarray(observed.step.before[g.lineage].value, float) - observed.step.after[g.lineage].value
        value = like(g.node, change)
        if not value.any() or change.shape != value.shape:
            continue
        factor = abs(float((change * value).sum() / (value * value).sum()))
        over_m, as_named = (
            any(np.isclose(f, x, rtol=1e-6) for x in numbers) for f in (factor * observed.network.m, factor)
        )
        return over_m and not as_named
    return False


def untouched(observed: Observed, tape: Tape) -> Iterator[Finding]:
    """Parameters that no update reaches, and those that became what another one's update is."""
    for l, linear in enumerate(observed.layers, 1):
        for kind, part in (("W", linear.weight), ("b", linear.bias)):
            if not isinstance(part, Node):
                continue
            taken = next((r for r in tape.rebound if r.old is part), None)
            name = f"{kind}({l})"
            if taken is not None:
                yield Finding(
                    ("update-swapped",), (f"update of {name}",), "it becomes what another parameter's update is",
                    (f"{name} := {name} - η ∂L/∂{name}",), "",
                    "From which array does the new value start, and which gradient is subtracted?",
                    (str(taken.line),),
                )  # fmt: skip
            else:
                yield Finding(
                    ("update-missing",), (f"update of {name}",), "it is never updated",
                    (f"{name} := {name} - η ∂L/∂{name}",), "It stays what it was at the beginning of the training.",
                    "To which name is the updated array assigned?",
                )  # fmt: skip


def below(observed: Observed) -> Iterator[Finding]:
    """Weights below the first layer that learns: what enters it was made with them, and they never change."""
    for node in made_of([observed.layers[0].entering]):
        for operand in node.operands if node.op in LINEAR else ():
            weights = seen_through(operand)
            if any(CALLED_WEIGHTS.search(name) for name in weights.names) and np.ndim(weights.value) == 2:
                yield Finding(
                    ("update-missing",), (f"update of {weights.name}",), "it is never updated",
                    (f"{weights.name} := {weights.name} - η ∂L/∂{weights.name}",),
                    "It stays what it was at the beginning of the training.",
                    "To which name is the updated array assigned?",
                )  # fmt: skip


def swapped(
    observed: Observed, wrong: set[Key], correct: dict[Key, np.ndarray], found: dict[Key, np.ndarray]
) -> Iterator[tuple[Key, Finding]]:
    """Parameters that are updated with the right gradient of another one."""
    for key in sorted(wrong):
        f = found[key]
        for other, right in correct.items():
            if (
                other != key
                and right.shape == f.shape
                and np.allclose(f, right, rtol=1e-5, atol=1e-7 * np.abs(right).max())
            ):
                yield key, Finding(
                    ("update-swapped",), (f"update of {key[0][1]}({key[1]})",),
                    f"updated with the gradient of {other[0][1]}({other[1]})",
                    (f"{key[0][1]}({key[1]}) := {key[0][1]}({key[1]}) - η ∂L/∂{key[0][1]}({key[1]})",), "",
                    "Which gradient is subtracted from which parameter?",
                )  # fmt: skip
                break
