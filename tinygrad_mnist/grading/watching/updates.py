"""What is wrong with the updates of a training, though its gradients may be right."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

import numpy as np

from tinygrad_mnist.grading.report import Finding
from tinygrad_mnist.grading.textbook.catalogue import named
from tinygrad_mnist.grading.watching.gradients import Gradient, like
from tinygrad_mnist.grading.watching.graph import made_of, seen_through
from tinygrad_mnist.grading.watching.names import CALLED_WEIGHTS
from tinygrad_mnist.grading.watching.network import LINEAR
from tinygrad_mnist.grading.watching.tape import Node, Tape
from tinygrad_mnist.grading.watching.textbook import TINY, Observed
from tinygrad_mnist.grading.watching.training import Lineage

Key = tuple[str, int]

TOLD = 4
"""How many numbers a parameter has, at least, for two shares in its update to be told."""

APART = 100
"""How nearly parallel a parameter and its gradient may be, as a condition, for their shares in an update to be told."""


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
    m = observed.network.m
    for g in filter(None, observed.gradients.values()):
        shares = _shares(observed, g) if g.lineage in observed.step.after else None
        rate = abs(shares[0]) if shares else _multiple(observed, g)
        if rate:
            over_m, as_named = (any(np.isclose(r, x, rtol=1e-6) for x in numbers) for r in (rate * m, rate))
            return over_m and not as_named
    return False


def _multiple(observed: Observed, g: Gradient) -> float:
    """By what a gradient is multiplied in its update, where that is nearly all of it; 0 where it does not fit."""
    change = np.asarray(observed.step.before[g.lineage].value, float) - observed.step.after[g.lineage].value
    value = like(g.node.value, change)
    return (
        abs(float((change * value).sum() / (value * value).sum()))
        if value.any() and change.shape == value.shape
        else 0.0
    )


def decays(observed: Sequence[Observed]) -> dict[Key, float]:
    """What a parameter is multiplied with beside its gradient in its update, relative to it; 0 where by nothing.

    Nothing is said of a step in which an update is no sum of multiples of both, as with momentum or Adam: there a bias
    that began at 0 is a multiple of its velocity.
    """
    found: dict[Key, float] = {}
    for o in observed:
        shares = {key: _shares(o, g) for key, g in o.gradients.items() if g is not None and g.lineage in o.step.after}
        if () not in shares.values():
            found = {key: share[1] / abs(share[0]) for key, share in shares.items() if share} | found
    return found


def _shares(observed: Observed, g: Gradient) -> tuple[float, ...] | None:
    """What a gradient and its parameter are multiplied with in an update; () for another sum, None where none shows."""
    old, new = (step[g.lineage].value for step in (observed.step.before, observed.step.after))
    if len(g.lineage.versions) == 1 or np.shape(old) != np.shape(new):
        return None
    before, change = np.asarray(old, float), np.asarray(old, float) - new
    if not before.any() or before.size < TOLD or not np.isfinite(change).all():
        return None
    parts = np.stack([like(g.node.value, before).ravel(), before.ravel()], axis=1)
    if not np.isfinite(parts).all() or np.linalg.cond(parts / (np.linalg.norm(parts, axis=0) + TINY)) > APART:
        return None
    (rate, decay), *_ = np.linalg.lstsq(parts, change.ravel(), rcond=None)
    size = np.abs(change).max()
    rounding = 8 * np.finfo(np.asarray(new).dtype).eps * np.abs(before).max()
    if not rate or np.abs(change.ravel() - parts @ (rate, decay)).max() > max(rounding, 1e-6 * size):
        return ()
    seen = abs(decay) * np.abs(before).max() > max(10 * rounding, 1e-4 * size)
    return float(rate), float(decay) if seen else 0.0


def decayed(observed: Sequence[Observed], penalized: Collection[Lineage]) -> Iterator[Finding]:
    """Decay in updates that leads away from 0, that not all weights have, or of biases that no penalty is on."""
    found = decays(observed)
    weights = [rate for (quantity, _), rate in found.items() if quantity == "dW"]
    for key, rate in sorted(found.items()):
        g = observed[0].gradients[key]
        if rate < 0:
            yield _decay("decay-sign", key)
        elif rate and key[0] == "db" and g and penalized and g.lineage not in penalized:
            yield _decay("bias-decay", key)
        elif not rate and key[0] == "dW" and any(weights):
            yield _decay("decay-missing", key)


def _decay(name: str, key: Key) -> Finding:
    mistake = named(name)
    return _finding(name, _symbol(key), mistake.title, mistake.explanation, mistake.hint)


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
