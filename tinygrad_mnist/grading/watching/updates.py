"""What is wrong with the updates of a training, though its gradients may be right."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np

from tinygrad_mnist.grading.report import Finding
from tinygrad_mnist.grading.textbook.updating import with_gradient_of, wrong_updates
from tinygrad_mnist.grading.watching.gradients import Gradient, like
from tinygrad_mnist.grading.watching.graph import made_of, seen_through, used_by
from tinygrad_mnist.grading.watching.names import CALLED_WEIGHTS
from tinygrad_mnist.grading.watching.network import LINEAR
from tinygrad_mnist.grading.watching.tape import Node, Tape
from tinygrad_mnist.grading.watching.textbook import Observed
from tinygrad_mnist.grading.watching.training import Lineage, Step

Key = tuple[str, int]

ADDING = {"+", "-", "add", "subtract"}
"""Operations that make a new value of a parameter from its old one."""


def uphill(observed: Observed, right: set[Key], sign: float) -> list[Key]:
    """Parameters that go along their right gradient, and not against it; sign: -1 where the way down is called so."""
    return [key for key in sorted(right) for g in [observed.gradients[key]] if g is not None and g.along * sign < 0]


def symbols(keys: Iterable[Key]) -> list[str]:
    """The parameters that gradients are of: W(1) for ("dW", 1)."""
    return [f"{quantity[1]}({l})" for quantity, l in keys]


def rate(step: Step, g: Gradient) -> float | None:
    """What a gradient is multiplied with in an update that subtracts it, besides a multiple of the parameter itself."""
    if g.lineage not in step.before or len(g.lineage.versions) == 1:
        return None
    before = np.asarray(step.before[g.lineage].value, float)
    change = before - np.asarray(step.after[g.lineage].value, float)
    if change.shape != before.shape:
        return None
    parts = np.stack([like(g.node.value, change).ravel(), before.ravel()], axis=1)
    if not np.isfinite(parts).all() or not np.isfinite(change).all() or not parts[:, 0].any():
        return None
    (of_gradient, decay), *_ = np.linalg.lstsq(parts, change.ravel(), rcond=None)
    rest = change.ravel() - parts @ (of_gradient, decay)
    return float(of_gradient) if np.abs(rest).max() <= 1e-6 * np.abs(change).max() else None


def _named_numbers(tape: Tape) -> list[float]:
    return [float(n.value) for n in tape.nodes if n.names and np.ndim(n.value) == 0 and np.isfinite(n.value)]


def _is_one_of(number: float, numbers: Iterable[float]) -> bool:
    return any(np.isclose(abs(number), x, rtol=1e-6, atol=0) for x in numbers)


def divided(observed: Observed, tape: Tape) -> bool:
    """Whether an update divides by m what it is made of: it is a number that was named, the learning rate, over m."""
    known = [r for g in observed.gradients.values() if g for r in [rate(observed.step, g)] if r]
    numbers = _named_numbers(tape)
    return bool(known) and _is_one_of(known[0] * observed.network.m, numbers) and not _is_one_of(known[0], numbers)


def with_one_rate(observed: Observed, tape: Tape) -> Observed:
    """The same, with 1/m counted to the gradients of which an update takes just that less than of the others.

    One learning rate is for all; where it is no rate that was named, the rest is the mean over the examples.
    """
    m, numbers = observed.network.m, _named_numbers(tape)
    rates = {key: r for key, g in observed.gradients.items() if g for r in [rate(observed.step, g)] if r}
    most = max(map(abs, rates.values()), default=0.0)
    gradients = dict(observed.gradients)
    for key, r in rates.items():
        g = gradients[key]
        if g and m > 1 and np.isclose(abs(r) * m, most, rtol=1e-6, atol=0) and not _is_one_of(r, numbers):
            gradients[key] = replace(g, factor=1 / m)
    return replace(observed, gradients=gradients)


def untouched(observed: Observed, tape: Tape) -> Iterator[Finding]:
    """Parameters that no update reaches, and those that became what another one's update is."""
    never, lost = list(_below(observed)), _lost(tape)
    for l, linear in enumerate(observed.layers, 1):
        for kind, part in (("W", linear.weight), ("b", linear.bias)):
            name = f"{kind}({l})"
            if isinstance(part, Lineage):
                never += [name] if observed.step.before[part] in lost else []
            elif part is not None:
                taken = next((r for r in tape.rebound if r.old is part), None)
                if taken:
                    yield wrong_updates("update-swapped", [name], line=taken.line)
                else:
                    never.append(name)
    if never:
        yield wrong_updates("update-missing", never)


def _lost(tape: Tape) -> set[Node]:
    """What new values are made of again and again at one line, each time from the same old ones, and never used."""
    users = used_by(tape.nodes)
    made = Counter(
        (old, node.line)
        for node in tape.nodes
        if node.op in ADDING and not users[node]
        for old in node.operands
        if old.shape == node.shape
    )
    return {old for (old, _), times in made.items() if times > 1}


def _below(observed: Observed) -> Iterator[str]:
    """Weights below the first layer that learns: what enters it was made with them, and they never change."""
    for node in made_of([observed.layers[0].entering]):
        for operand in node.operands if node.op in LINEAR else ():
            weights = seen_through(operand)
            if any(CALLED_WEIGHTS.search(name) for name in weights.names) and np.ndim(weights.value) == 2:
                yield weights.name


def swapped(
    observed: Observed, wrong: set[Key], correct: dict[Key, np.ndarray], found: dict[Key, np.ndarray]
) -> Iterator[tuple[Key, Finding]]:
    """Parameters that are updated with the right gradient of another one."""
    nodes = {g.node: key for key, g in observed.gradients.items() if g and key not in wrong}
    for key in sorted(wrong):
        f, g = found[key], observed.gradients[key]
        others = [nodes[g.node]] if g and g.node in nodes else [k for k in correct if k != key and _same(correct[k], f)]
        if others:
            (parameter,), (other,) = symbols([key]), symbols(others[:1])
            yield key, wrong_updates("update-swapped", [parameter], what=with_gradient_of(other))


def raising(observed: Observed, failed: Node) -> Iterator[Finding]:
    """An update that raises because the gradient in it is another parameter's."""
    nodes = {g.node: key for key, g in observed.gradients.items() if g}
    parts = {
        observed.step.before[part]: key
        for l, linear in enumerate(observed.layers, 1)
        for key, part in ((("dW", l), linear.weight), (("db", l), linear.bias))
        if isinstance(part, Lineage)
    }
    for old in failed.operands:
        others = made_of([o for o in failed.operands if o is not old], nodes) & set(nodes)
        keys = {nodes[other] for other in others}
        if old in parts and failed.op in ADDING and len(keys) == 1 and parts[old] not in keys:
            (parameter,), (other,) = symbols([parts[old]]), symbols(keys)
            yield wrong_updates("update-swapped", [parameter], what=with_gradient_of(other), line=failed.line)


def _same(right: np.ndarray, found: np.ndarray) -> bool:
    return right.shape == found.shape and np.allclose(found, right, rtol=1e-5, atol=1e-7 * np.abs(right).max())
