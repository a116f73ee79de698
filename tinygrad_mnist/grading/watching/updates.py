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


def _finding(
    name: str,
    parameter: str,
    what: str,
    explanation: str,
    hint: str,
    symbol: str | None = None,
    line: int | None = None,
) -> Finding:
    """A mistake in the update of a parameter; symbol: how it is called in the formula, if not by its name."""
    of = symbol or parameter
    places = () if line is None else (str(line),)
    formula = f"{of} := {of} - η ∂L/∂{of}"
    return Finding((name,), (f"update of {parameter}",), what, (formula,), explanation, hint, places)


def goes_uphill(parameter: str, symbol: str | None = None) -> Finding:
    """A parameter that goes along its right gradient, and not against it."""
    return _finding(
        "update-sign", parameter, "the step goes uphill, along the gradient",
        "The gradient points to where the loss rises fastest. Gradient descent goes the other way.",
        "Does the loss fall when you add a positive multiple of its gradient?", symbol,
    )  # fmt: skip


def _never_updated(parameter: str) -> Finding:
    return _finding(
        "update-missing", parameter, "it is never updated", "It stays what it was at the beginning of the training.",
        "To which name is the updated array assigned?",
    )  # fmt: skip


def uphill(observed: Observed, right: set[Key]) -> Iterator[tuple[Key, Finding]]:
    """Parameters that go along their right gradient, and not against it."""
    for key in sorted(right):
        g = observed.gradients[key]
        if g is not None and not g.descends:
            yield key, goes_uphill(_symbol(key), key[0][1])


def _symbol(key: Key) -> str:
    """The parameter that a gradient is of: W(1) for ("dW", 1)."""
    return f"{key[0][1]}({key[1]})"


def divided(observed: Observed, tape: Tape) -> bool:
    """Whether an update divides by m what it is made of: it is a number that was named, the learning rate, over m."""
    numbers = [float(n.value) for n in tape.nodes if n.names and np.ndim(n.value) == 0 and np.isfinite(n.value)]
    for g in observed.gradients.values():
        if g is None or g.lineage not in observed.step.before:
            continue
        change = np.asarray(observed.step.before[g.lineage].value, float) - observed.step.after[g.lineage].value
        value = like(g.node.value, change)
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
            name = f"{kind}({l})"
            taken = next((r for r in tape.rebound if r.old is part), None)
            yield _never_updated(name) if taken is None else _finding(
                "update-swapped", name, "it becomes what another parameter's update is", "",
                "From which array does the new value start, and which gradient is subtracted?", line=taken.line,
            )  # fmt: skip


def below(observed: Observed) -> Iterator[Finding]:
    """Weights below the first layer that learns: what enters it was made with them, and they never change."""
    for node in made_of([observed.layers[0].entering]):
        for operand in node.operands if node.op in LINEAR else ():
            weights = seen_through(operand)
            if any(CALLED_WEIGHTS.search(name) for name in weights.names) and np.ndim(weights.value) == 2:
                yield _never_updated(weights.name)


def swapped(
    observed: Observed, wrong: set[Key], correct: dict[Key, np.ndarray], found: dict[Key, np.ndarray]
) -> Iterator[tuple[Key, Finding]]:
    """Parameters that are updated with the right gradient of another one."""
    for key in sorted(wrong):
        f = found[key]
        for other, right in correct.items():
            near = right.shape == f.shape and np.allclose(f, right, rtol=1e-5, atol=1e-7 * np.abs(right).max())
            if other != key and near:
                yield key, _finding(
                    "update-swapped", _symbol(key), f"updated with the gradient of {_symbol(other)}", "",
                    "Which gradient is subtracted from which parameter?",
                )  # fmt: skip
                break
