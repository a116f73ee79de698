"""What is wrong with updates by moments of right gradients: the rule that a program follows is found by trying.

Every rule of the textbook, and each with one mistake in it, is run on the gradients of the watched steps with the
numbers that stand in the updates, until one leads to what became of the parameters.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, product, takewhile

import numpy as np

from tinygrad_mnist.grading.report import Finding
from tinygrad_mnist.grading.textbook.moments import (
    ADAPTIVE,
    MOMENTUM,
    SLIPS,
    UNCORRECTED,
    Moment,
    Moments,
    Rule,
    Slip,
    newest,
    none,
    total,
)
from tinygrad_mnist.grading.watching.gradients import is_multiple, like
from tinygrad_mnist.grading.watching.graph import Node, made_of
from tinygrad_mnist.grading.watching.textbook import Observed
from tinygrad_mnist.grading.watching.updates import Key, allowed, symbols
from tinygrad_mnist.manual.activations import Array

ROOTS = {"sqrt", "**", "power", "pow"}

SAMPLED = 300
"""How many numbers of a parameter are compared."""

LEAST = 0.5
"""A moment's β is no less."""

SMALL = 0.01
"""What is added to a root, so that nothing is divided by 0, is at most so much."""

EXACT = 1e-6
"""How far a value may be from what it is taken for, relative to its largest number."""


def wrong_moments(observed: Sequence[Observed], right: Collection[Key]) -> Iterator[Finding]:
    """Mistakes in updates by moments, of parameters whose gradients are right."""
    followed = {key: f for key in sorted(right) if (f := followed_by(key, observed))}
    slips = {key: dict(f.slips()) for key, f in followed.items() if not f.is_right}
    common = Counter(slip for of in slips.values() for slip in of)
    found: dict[Slip, list[tuple[Key, int]]] = {}
    for key, of in slips.items():
        if of:
            likeliest = max(of, key=lambda slip: common[slip])
            found.setdefault(likeliest, []).append((key, of[likeliest]))
    for slip, made in found.items():
        where = tuple(f"update of {parameter}" for parameter in symbols(key for key, _ in made))
        places = tuple(dict.fromkeys(str(line) for _, line in made))
        yield Finding((slip.name,), where, slip.what, (slip.formula,), slip.explanation, slip.hint, places)


@dataclass(frozen=True)
class Followed:
    """What became of some numbers of a parameter: its gradients and what was subtracted, in each step.

    sampled: which of its numbers. numbers: those that stand in its updates. nodes: what its last update was made of.
    allowed: how much of a change may be left over.
    """

    key: Key
    sampled: Array
    gradients: tuple[Array, ...]
    changes: tuple[Array, ...]
    numbers: tuple[float, ...]
    nodes: tuple[Node, ...]
    allowed: float

    @property
    def is_right(self) -> bool:
        """Whether each change is a multiple of its gradient, or a rule without mistakes leads to them all."""
        steps = zip(self.gradients, self.changes, strict=True)
        descends = all(is_multiple(change, g, self.allowed) for g, change in steps)
        return descends or any(any(self.moments_of(rule)) for rule in (*MOMENTUM, *ADAPTIVE))

    def slips(self) -> Iterator[tuple[Slip, int]]:
        """The mistakes in a rule that lead to these changes, and the line in which each is made."""
        for slip in SLIPS:
            rules = chain.from_iterable(map(slip.of, (*ADAPTIVE, *UNCORRECTED)))
            lines = (self._line(slip, moments) for rule in rules for moments in self.moments_of(rule))
            line = next(filter(None, lines), None)
            if line:
                yield slip, line

    def moments_of(self, rule: Rule) -> Iterator[Moments]:
        """The last moments of a rule that leads to these changes with some numbers, and with any learning rate."""
        epsilons = [0.0, *(number for number in self.numbers if number <= SMALL)] if rule.second is not none else [0.0]
        change = np.concatenate(self.changes)
        for beta1, beta2, epsilon in product(self._betas(rule.first), self._betas(rule.second), epsilons):
            moments = list(rule.steps(self.gradients, (beta1, beta2), epsilon))
            if is_multiple(change, np.concatenate([m.step for m in moments]), self.allowed):
                yield moments[-1]

    def _line(self, slip: Slip, moments: Moments) -> int | None:
        """Where what a mistake makes wrong is made; None where it is not to be found."""
        wrong, factor = getattr(moments, slip.shows), None if slip.shows == "step" else 1.0
        nodes = self._below_roots() if slip.shows == "v" else self.nodes
        return next((node.line for node in nodes if self._is(node, wrong, factor)), None)

    def _below_roots(self) -> Sequence[Node]:
        """What a root was taken of, and what that was made of."""
        below = made_of(o for n in self.nodes if n.op in ROOTS for o in n.operands)
        return [node for node in self.nodes if node in below]

    def _betas(self, moment: Moment) -> Sequence[float]:
        """What may stand for a moment's β."""
        if moment in (newest, none):
            return (1.0,)
        betas = [number for number in self.numbers if number >= LEAST]
        return (*betas, 1.0) if moment is total else betas

    def _is(self, node: Node, expected: Array, factor: float | None) -> bool:
        """Whether a node holds these numbers, or a multiple of them: by any factor, where it is None."""
        if np.size(node.value) <= self.sampled.max():
            return False
        value = np.asarray(node.value, float).ravel()[self.sampled]
        return is_multiple(value, expected, EXACT * float(np.abs(value[np.isfinite(value)]).max(initial=0)), factor)


def followed_by(key: Key, observed: Sequence[Observed]) -> Followed | None:
    """What became of a parameter in the steps in which it was updated; None where that can't be told."""
    updated = ((o.step, g) for o in observed for g in [o.gradients[key]] if g and g.lineage in o.step.after)
    steps = [*takewhile(lambda pair: pair[1].value.any() and len(pair[1].lineage.versions) > 1, updated)]
    if not steps:
        return None
    before = [np.asarray(step.before[g.lineage].value) for step, g in steps]
    after = [np.asarray(step.after[g.lineage].value) for step, g in steps]
    gradients = [like(g.value, p) for (_, g), p in zip(steps, before, strict=True)]
    if any(g.shape != p.shape or p.shape != q.shape for g, p, q in zip(gradients, before, after, strict=True)):
        return None
    sampled = np.flatnonzero(np.any([g != 0 for g in gradients], axis=0))[:SAMPLED]
    known = {node for step, g in steps for node in (step.before[g.lineage], g.node)}
    nodes = [_made_since(step.after[g.lineage], known) for step, g in steps]
    return Followed(
        key, sampled, tuple(g.ravel()[sampled] for g in gradients),
        tuple((p.astype(float) - q).ravel()[sampled] for p, q in zip(before, after, strict=True)),
        tuple(dict.fromkeys(x for made in nodes for node in made for x in _shares(node))),
        tuple(nodes[-1]), max(map(allowed, before, after)),
    )  # fmt: skip


def _made_since(after: Node, before: Collection[Node]) -> list[Node]:
    """What an updated parameter was made of, from its gradients on, in the order of the program."""
    made = made_of([after], before)
    return sorted(made.difference(before), key=lambda node: node.index)


def _shares(node: Node) -> Iterator[float]:
    """The numbers between 0 and 1 that a value is made with, and what each leaves of 1."""
    for argument in (*node.arguments, node.value):
        if np.ndim(argument) == 0 and isinstance(argument, (float, np.floating)) and 0 < argument < 1:
            yield from (float(argument), float(f"{1 - argument:.12g}"))
