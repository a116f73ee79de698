"""What is wrong with the updates of a training, though its gradients may be right."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from tinygrad_mnist.grading.report import Finding
from tinygrad_mnist.grading.textbook.catalogue import named
from tinygrad_mnist.grading.textbook.updating import with_gradient_of, wrong_updates
from tinygrad_mnist.grading.watching.gradients import Gradient, Gradients, Judged, K, Named
from tinygrad_mnist.grading.watching.graph import ADDING, DIVISIONS, LINEAR, SUMS, Node, made_of, seen_through, used_by
from tinygrad_mnist.grading.watching.lineages import Lineage
from tinygrad_mnist.grading.watching.multiples import factor_of, like, ratio, shares
from tinygrad_mnist.grading.watching.names import CALLED_RATE, CALLED_WEIGHTS
from tinygrad_mnist.grading.watching.network import Key
from tinygrad_mnist.grading.watching.tape import Tape
from tinygrad_mnist.grading.watching.textbook import TINY, Observed
from tinygrad_mnist.grading.watching.training import Step
from tinygrad_mnist.manual.activations import Array

TOLD = 4
"""How many numbers a parameter has, at least, for two shares in its update to be told."""

ROUNDING = 1e-9
"""What a gradient that is 0 may come to."""

APART = 100
"""How nearly parallel a parameter and its gradient may be, as a condition, for their shares in an update to be told."""


def uphill(judged: Judged[K], right: Iterable[K], sign: float) -> list[K]:
    """Parameters that go along their right gradient, and not against it; sign: -1 where the way down is called so."""
    return [key for key in right for g in [judged.gradients[key]] if g is not None and g.along * sign < 0]


def symbols(keys: Iterable[Key]) -> list[str]:
    """The parameters that gradients are of: W(1) for ("dW", 1)."""
    return [f"{quantity[1]}({l})" for quantity, l in keys]


def shares_of(step: Step, g: Gradient) -> tuple[float, float] | None:
    """What a gradient and its parameter are multiplied with in an update that subtracts them; None for another sum."""
    if g.lineage not in step.after or len(g.lineage.versions) == 1:
        return None
    before, after = (np.asarray(values[g.lineage].value) for values in (step.before, step.after))
    if before.shape != after.shape or not np.isfinite(after).all() or not np.isfinite(g.value).all():
        return None
    old = before.astype(float)
    found = shares(old - after, like(g.value, old), old, allowed(before, after))
    return found if found and found[0] else None


def rate(step: Step, g: Gradient) -> float | None:
    """What a gradient is multiplied with in an update that subtracts it, besides a multiple of the parameter itself."""
    found = shares_of(step, g)
    return found and found[0]


def allowed(before: Array, after: Array) -> float:
    """How much of a parameter's change may be left over where it is explained."""
    change = np.abs(np.asarray(before, float) - after)
    return max(_rounding(after), 1e-6 * float(change[np.isfinite(change)].max(initial=0)))


def _rounding(new: Array) -> float:
    size = np.abs(new[np.isfinite(new)]).max(initial=0)
    return float(8 * np.finfo(new.dtype if new.dtype.kind == "f" else float).eps * size)


def decays(observed: Sequence[Observed]) -> dict[Key, float]:
    """What a parameter is multiplied with beside its gradient in its update, relative to it; 0 where by nothing.

    Nothing is said of a step in which an update is no sum of multiples of both, as with momentum or Adam: there a bias
    that began at 0 is a multiple of its velocity.
    """
    found: dict[Key, float] = {}
    for o in observed:
        told = {key: g for key, g in o.gradients.items() if g and g.lineage in o.step.after and _told_apart(o.step, g)}
        here = {key: _decay_of(o.step, g) for key, g in told.items()}
        if None not in here.values():
            found = {key: decay for key, decay in here.items() if decay is not None} | found
    return found


def _told_apart(step: Step, g: Gradient) -> bool:
    """Whether the shares of a gradient and its parameter in an update can be told from each other."""
    before = np.asarray(step.before[g.lineage].value, float)
    if len(g.lineage.versions) == 1 or before.size < TOLD or not before.any():
        return False
    parts = np.stack([like(g.value, before).ravel(), before.ravel()], axis=1)
    return bool(np.isfinite(parts).all() and np.linalg.cond(parts / (np.linalg.norm(parts, axis=0) + TINY)) <= APART)


def _decay_of(step: Step, g: Gradient) -> float | None:
    found = shares_of(step, g)
    if found is None:
        return None
    rate, decay = found
    before, after = (np.asarray(values[g.lineage].value) for values in (step.before, step.after))
    least = max(10 * _rounding(after), 1e-4 * float(np.abs(before - after).max()))
    return decay / abs(rate) if abs(decay) * np.abs(before).max() > least else 0.0


def decayed(observed: Sequence[Observed], penalized: Collection[Lineage]) -> Iterator[Finding]:
    """Decay in updates that not all weights have, or of biases that no penalty is on.

    What the same lines do to some weights, and not to others on which no penalty is, was set so for each layer.
    """
    found = decays(observed)
    gradients = {key: g for key in sorted(found) for g in [observed[0].gradients[key]] if g}
    lines = {key: (g.product.line, g.lineage.lines[0]) for key, g in gradients.items()}
    decaying = [lines[key] for key in gradients if key[0] == "dW" and found[key]]
    for key, g in gradients.items():
        if found[key] and key[0] == "db" and penalized and g.lineage not in penalized:
            yield wrong_decay("bias-decay", *symbols([key]))
        is_set = lines[key] in decaying and g.lineage not in penalized
        if not found[key] and key[0] == "dW" and decaying and not is_set:
            yield wrong_decay("decay-missing", *symbols([key]))


def wrong_decay(name: str, parameter: str) -> Finding:
    """A mistake in the decay that an update of a parameter has."""
    mistake = named(name)
    formula = f"{parameter} := {parameter} - η ∂L/∂{parameter}"
    where = (f"update of {parameter}",)
    return Finding((name,), where, mistake.title, (formula,), mistake.explanation, mistake.hint)


def _named_numbers(tape: Tape) -> list[float]:
    return [float(n.value) for n in tape.nodes if n.names and np.ndim(n.value) == 0 and np.isfinite(n.value)]


def _is_one_of(number: float, numbers: Iterable[float]) -> bool:
    return any(np.isclose(abs(number), x, rtol=1e-6, atol=0) for x in numbers)


def divided(judged: Judged[K], m: int, tape: Tape) -> bool:
    """Whether an update divides by m what it is made of: it is the learning rate, over m.

    The learning rate is a number that has a name, or else one of two digits.
    """
    if any(_is_divided(g, m) for g in judged.gradients.values() if g):
        return True
    known = next((r for g in judged.gradients.values() if g for r in [rate(judged.step, g)] if r), None)
    if known is None:
        return False
    ways = (_named_numbers(tape), [float(f"{abs(known):.2g}"), float(f"{abs(known * m):.2g}")])
    told = [(_is_one_of(known * m, numbers), _is_one_of(known, numbers)) for numbers in ways]
    return next((over_m for over_m, alone in told if over_m is not alone), False)


def _is_divided(g: Gradient, m: int) -> bool:
    """Whether a gradient without a name is divided by m on the way to its update."""
    above = (c for c in g.candidates if c.index > g.node.index and c.op in DIVISIONS)
    return not g.named and any(a == m for c in above for a in c.arguments[1:] if isinstance(a, (int, float, np.number)))


def with_one_rate(observed: Observed, tape: Tape) -> Observed:
    """The same with gradients that an update takes with one learning rate; see `by_one_rate`."""
    gradients = by_one_rate(observed.gradients, observed.step, tape, observed.network.m)
    return replace(observed, gradients=gradients)


def by_one_rate(gradients: Gradients[K], step: Step, tape: Tape, m: int = 1) -> dict[K, Gradient | None]:
    """The same gradients, as an update takes them with one learning rate. m: how many examples there are, if known.

    What has no gradient's name may have the rate in it, or lack 1/m that an update takes beside the rate: it is what
    the parameter changes by, over the rate. Of what has one, 1/m is counted to those of which an update takes just
    that less than of the others; where it is no rate that was named, the rest is the mean over the examples.
    """
    numbers = _named_numbers(tape)
    rates = {key: r for key, g in gradients.items() if g for r in [rate(step, g)] if r}
    found = dict(gradients)
    learning_rate = _learning_rate(rates, gradients, numbers, m)
    most = max(map(abs, rates.values()), default=0.0)
    steps = all(np.isclose(abs(r), 1) for r in rates.values())
    for key, r in rates.items():
        g = gradients[key]
        if g and (steps or not g.named):
            found[key] = replace(g, factor=g.factor * abs(r) / learning_rate)
        elif g and m > 1 and np.isclose(abs(r) * m, most, rtol=1e-6, atol=0) and not _is_one_of(r, numbers):
            found[key] = replace(g, factor=g.factor / m)
    return found


def has_a_rate_for_each_layer(observed: Observed) -> bool:
    """Whether weights and biases of each layer are moved with a number of its own, of which none is 1/m of another."""
    rates: dict[int, set[float]] = {}
    for (_, l), g in observed.gradients.items():
        r = rate(observed.step, g) if g and not g.named else None
        if r is None:
            return False
        rates.setdefault(l, set()).add(float(f"{abs(r):.9g}"))
    every = {r for of_layer in rates.values() for r in of_layer}
    is_mean = any(np.isclose(r, other * observed.network.m) for r in every for other in every - {r})
    return len(every) > 1 and all(len(of_layer) == 1 for of_layer in rates.values()) and not is_mean


def before_they_were_used(observed: Sequence[Observed]) -> Iterator[list[Observed]]:
    """The same with gradients as they were before an update made more of them: a velocity, a share of a root, a sign.

    Once with each number that they are multiplied with on the way, which may be 1/m.
    """
    every = [(key, g) for o in observed for key, g in o.gradients.items() if g and not g.named]
    used = {key for key, _ in every} if any(g.is_used for _, g in every) else set()
    numbers: dict[float, None] = {1.0: None}
    for _, g in every:
        numbers |= dict.fromkeys(float(f"{abs(factor):.9g}") for factor in g.times_its_product)
    for number in numbers if used else ():
        yield [_with_products(o, used, number) for o in observed]


def before_a_decay(observed: Sequence[Observed]) -> Iterator[list[Observed]]:
    """The same with gradients before a decay was added, where the same lines add one in some of the layers alone."""
    before = [dict(_before_a_decay(o)) for o in observed]
    weights = {key: g for key, g in observed[0].gradients.items() if g and key[0] == "dW"}
    is_set = len({g.product.line for g in weights.values()}) == 1 and any(key not in before[0] for key in weights)
    if before[0] and is_set:
        yield [replace(o, gradients={**o.gradients, **g}) for o, g in zip(observed, before, strict=True)]


def _before_a_decay(observed: Observed) -> Iterator[tuple[Key, Gradient]]:
    """The gradients to which a multiple of their parameter was added, without it."""
    for key, g in observed.gradients.items():
        if g and g.node.op in SUMS and len(g.node.operands) == 2:
            former, added = g.node.operands
            if ratio(added, observed.step.before[g.lineage]) is not None and former.shape == g.node.shape:
                yield key, replace(g, node=former)


def _with_products(observed: Observed, used: Collection[Key], number: float) -> Observed:
    gradients = {
        key: g.as_its_product(observed.step, number) if g and key in used else g
        for key, g in observed.gradients.items()
    }
    return replace(observed, gradients=gradients)


def _learning_rate(rates: Mapping[K, float], gradients: Gradients[K], numbers: Sequence[float], m: int) -> float:
    """By which number the steps are gradients: that with which named gradients are taken, or that has a name.

    1/m is one only where there is no other.
    """
    named = Counter(abs(r) for key, r in rates.items() if (g := gradients[key]) and g.named)
    if named and not np.isclose(named.most_common(1)[0][0], 1):
        return named.most_common(1)[0][0]
    others = [abs(r) for r in rates.values() if not np.isclose(abs(r), 1)]
    others = [r for r in others if not np.isclose(r * m, 1)] or others
    if others:
        return max([r for r in others if _is_one_of(r, numbers)] or others)
    made = made_of(g.node for g in gradients.values() if g)
    within = [n for n in made if not np.ndim(n.value) and n.value > 0 and any(map(CALLED_RATE.search, n.names))]
    return float(max(within, key=lambda n: n.index).value) if within else 1.0


def twice(judged: Sequence[Judged[K]], right: Iterable[K], called: Named[K]) -> Iterator[Finding]:
    """Parameters that more than one line of each step moves by a multiple of the same gradient.

    In a first step two shares of a velocity look like that too.
    """
    lines: dict[K, tuple[int, ...]] = {}
    for key in right if len(judged) > 1 else ():
        moving = [tuple(_moving(o.step, g)) for o in judged for g in [o.gradients[key]] if g]
        if min(map(len, moving)) > 1:
            lines[key] = moving[0]
    if lines:
        places = tuple(dict.fromkeys(str(line) for of in lines.values() for line in of))
        yield replace(wrong_updates("update-twice", called(lines)), places=places)


def _moving(step: Step, g: Gradient) -> Iterator[int]:
    """The lines that change a parameter by a multiple of its gradient."""
    versions = g.lineage.versions
    start, end = versions.index(step.before[g.lineage]), versions.index(step.after[g.lineage])
    for i in range(start, end):
        before, after = np.asarray(versions[i].value), np.asarray(versions[i + 1].value)
        change = np.asarray(before, float) - after
        if factor_of(change, like(g.value, change), allowed(before, after)) is not None:
            yield g.lineage.lines[i]


def untouched(observed: Observed, tape: Tape) -> Iterator[Finding]:
    """Parameters that no update reaches, and those that became what another one's update is."""
    never, lost = list(below(observed)), _lost(tape)
    for key, part in observed.parameters.items():
        (name,) = symbols([key])
        if isinstance(part, Lineage):
            stays = _would_move(observed.gradients[key]) and _stays(part, observed.step)
            never += [name] if observed.step.before[part] in lost or stays else []
        elif part is not None:
            taken = next((r for r in tape.rebound if r.old is part), None)
            if taken:
                yield wrong_updates("update-swapped", [name], line=taken.line)
            else:
                never.append(name)
    if never:
        yield wrong_updates("update-missing", never)


def zeroed(gradients: Gradients[K], named: Named[K]) -> Iterator[Finding]:
    """Gradients that are set to 0 before they are used."""
    by_line: dict[int, list[K]] = {}
    for key, g in gradients.items():
        if g and g.zeroed:
            by_line.setdefault(g.zeroed.line, []).append(key)
    for line, keys in by_line.items():
        yield wrong_updates("update-zeroed", named(keys), line=line)


def _would_move(g: Gradient | None) -> bool:
    """Whether a gradient is more than rounding, or was not seen."""
    return g is None or (not g.zeroed and bool(np.abs(g.value).max(initial=0) > ROUNDING))


def _stays(part: Lineage, step: Step) -> bool:
    """Whether an update leaves a parameter as it is, as one by zeros does."""
    new = step.after.get(part)
    return new is not None and np.array_equal(new.value, step.before[part].value)


def _lost(tape: Tape) -> set[Node]:
    """What new values are made of again and again at one line, each time from the same old ones, and never used."""
    users = used_by(tape.nodes)
    unused = [node for node in tape.nodes if node.op in ADDING and not users[node]]
    made = Counter((old, new.line) for new in unused for old in new.operands if old.shape == new.shape)
    return {old for (old, _), times in made.items() if times > 1}


def below(observed: Observed) -> Iterator[str]:
    """Weights below the first layer that learns: what enters it was made with them, and they never change.

    A projection that is computed of the inputs, to their principal components, say, has nothing to learn.
    """
    products = (node for node in made_of([observed.layers[0].entering]) if node.op in LINEAR)
    pairs = ((seen_through(o), o, node.operands) for node in products for o in node.operands)
    named = (pair for pair in pairs if np.ndim(pair[0].value) == 2 and any(map(CALLED_WEIGHTS.search, pair[0].names)))
    return (w.name for w, o, operands in named if made_of([w]).isdisjoint(made_of(x for x in operands if x is not o)))


def swapped(observed: Observed, right: dict[Key, Array], wrong: dict[Key, Array]) -> Iterator[tuple[Key, Finding]]:
    """Parameters that are updated with the right gradient of another one; wrong: what the program has instead."""
    nodes = {g.node: key for key, g in observed.gradients.items() if g and key not in wrong}
    for key in sorted(wrong):
        f, g = wrong[key], observed.gradients[key]
        others = [nodes[g.node]] if g and g.node in nodes else [k for k in right if k != key and _same(right[k], f)]
        if others:
            (parameter,), (other,) = symbols([key]), symbols(others[:1])
            yield key, wrong_updates("update-swapped", [parameter], what=with_gradient_of(other))


def raising(observed: Observed, failed: Node) -> Iterator[Finding]:
    """An update that raises because the gradient in it is another parameter's."""
    nodes = {g.node: key for key, g in observed.gradients.items() if g}
    parts = {observed.step.before[p]: key for key, p in observed.parameters.items() if isinstance(p, Lineage)}
    for old in failed.operands:
        others = made_of([o for o in failed.operands if o is not old], nodes) & set(nodes)
        keys = {nodes[other] for other in others}
        if old in parts and failed.op in ADDING and len(keys) == 1 and parts[old] not in keys:
            (parameter,), (other,) = symbols([parts[old]]), symbols(keys)
            yield wrong_updates("update-swapped", [parameter], what=with_gradient_of(other), line=failed.line)


def _same(right: np.ndarray, found: np.ndarray) -> bool:
    return right.shape == found.shape and np.allclose(found, right, rtol=1e-5, atol=1e-7 * np.abs(right).max())
