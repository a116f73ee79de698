"""What is wrong with updates by moments of right gradients: the rule that a program follows is found by trying.

Every rule of the textbook, and each with one mistake in it, is run on the gradients of the watched steps with the
numbers that stand in the updates, until one leads to what became of the parameters.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, product, takewhile

import numpy as np

from tinygrad_mnist.grading.report import Finding
from tinygrad_mnist.grading.textbook.moments import (
    ADAPTIVE,
    DESCENT,
    MOMENTUM,
    OF_THE_RATE,
    RULES,
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
from tinygrad_mnist.grading.watching.gradients import Judged, K, Named
from tinygrad_mnist.grading.watching.graph import DIVISIONS, Node, in_order, made_of
from tinygrad_mnist.grading.watching.lineages import Lineage
from tinygrad_mnist.grading.watching.multiples import factor_of, like, shares
from tinygrad_mnist.grading.watching.updates import allowed, wrong_decay
from tinygrad_mnist.manual.activations import Array

ROOTS = {"sqrt", "**", "power", "pow"}

SAMPLED = 300
"""How many numbers of a parameter are compared."""

LEAST = 0.5
"""A moment's β is no less."""

LEAST_LEFT = 1e-4
"""1 - β is no less."""

SMALL = 0.01
"""What is added to a root, so that nothing is divided by 0, is at most so much."""

KNOWN = "descent, momentum, Nesterov, AdaGrad, RMSprop, Adam, AdaMax"

EXACT = 1e-6
"""How far a value may be from what it is taken for, relative to its largest number."""


@dataclass(frozen=True)
class Verdict:
    """What is wrong with updates of parameters, and of which nothing can be said."""

    findings: tuple[Finding, ...]
    notes: tuple[str, ...]

    @property
    def is_whole(self) -> bool:
        """Whether all updates were judged."""
        return not self.notes


def judge(steps: Sequence[Judged[K]], right: Iterable[K], named: Named[K]) -> Verdict:
    """The verdict on updates of parameters whose gradients are right. named: what they are called."""
    followed = {key: f for key in right if (f := followed_by(key, steps))}
    slips: dict[K, dict[Slip, int]] = {}
    decays: dict[K, float | None] = {}
    with np.errstate(all="ignore"):
        for key, f in followed.items():
            decays[key], slips[key] = _explained(f, [slip for of in slips.values() for slip in of])
        slips |= _keeping_nothing(followed, decays)
    findings = list(_slipped(slips, named))
    findings += [wrong_decay("decay-sign", *named([key])) for key, decay in decays.items() if decay and decay < 0]
    unknown = [key for key, decay in decays.items() if decay is None and not slips[key]]
    whose = "" if len(unknown) == len(followed) else f" of {', '.join(named(unknown))}"
    notes = [f"the updates{whose} follow no rule that is known here ({KNOWN}), and were not judged"] if unknown else []
    return Verdict(tuple(findings), tuple(notes))


def _explained(followed: Followed, likely: Sequence[Slip]) -> tuple[float | None, dict[Slip, int]]:
    """The decay beside the rule that leads to a parameter's changes, or the mistakes in a rule that do.

    likely: the mistakes that are tried first, as they were made in other updates. Where none explains the changes, a
    rule may still, with another rate in each step. One step alone may be that of many rules.
    """
    if followed.descends:
        return 0.0, {}
    found = next(followed.rules(RULES), None)
    if found:
        is_told = found[0].corrected == (True, True) and len(followed.gradients) > 1
        return found[1], dict(followed.slips(OF_THE_RATE if is_told else ()))
    slips = dict(followed.slips(dict.fromkeys(likely))) or dict(followed.slips(SLIPS))
    if slips:
        return None, slips
    return next((share for _, share in followed.rules((*RULES, *UNCORRECTED), one_rate=False)), None), {}


def _keeping_nothing(followed: Mapping[K, Followed], decays: Mapping[K, float | None]) -> dict[K, dict[Slip, int]]:
    """Parameters that go along their gradients alone, though by what is called as the velocities of others are.

    It is with one rate that they do: where a gradient never turns, a velocity is a multiple of it too.
    """
    moving = [f for key, f in followed.items() if decays[key] is not None and not f.descends]
    called = {name for f in moving for name in f.named}
    forgotten = next(slip for slip in SLIPS if slip.shows == "m" and slip.name == "moment-forgotten")
    return {
        key: {forgotten: f.named[name]}
        for key, f in followed.items() if f.descends and any(f.rules((DESCENT,)))
        for name in f.named if name in called
    }  # fmt: skip


def _slipped(slips: Mapping[K, Mapping[Slip, int]], named: Named[K]) -> Iterator[Finding]:
    """The likeliest mistake in the updates of each parameter, of several at once."""
    common = Counter(slip for of in slips.values() for slip in of)
    likeliest = {key: max(of, key=lambda slip: common[slip]) for key, of in slips.items() if of}
    for slip in dict.fromkeys(likeliest.values()):
        keys = [key for key, of in likeliest.items() if of is slip]
        where = tuple(f"update of {parameter}" for parameter in named(keys))
        places = tuple(dict.fromkeys(str(slips[key][slip]) for key in keys))
        yield Finding((slip.name,), where, slip.what, (slip.formula,), slip.explanation, slip.hint, places)


@dataclass(frozen=True)
class Followed:
    """What became of some numbers of a parameter: itself, its gradients and what was subtracted, in each step.

    before: zeros where it began at 0, for it then is a multiple of its first step, and no decay can be told, unless
    it is written.
    sampled: which of its numbers. numbers: those that stand in its updates. nodes: what its last update was made of.
    named: the lines of those that are called by its name and something more, by what is more: "v" for vW1.
    allowed: how much of a change may be left over.
    """

    sampled: Array
    before: tuple[Array, ...]
    gradients: tuple[Array, ...]
    changes: tuple[Array, ...]
    numbers: tuple[float, ...]
    nodes: tuple[Node, ...]
    named: Mapping[str, int]
    allowed: float

    def rules(self, rules: Iterable[Rule], one_rate: bool = True) -> Iterator[tuple[Rule, float]]:
        """The rules that lead to these changes, each with the parameter's share in them."""
        return ((rule, share) for rule in rules for _, share in self._led_to_by(rule, one_rate))

    def slips(self, among: Iterable[Slip]) -> Iterator[tuple[Slip, int]]:
        """The mistakes in a rule that lead to these changes, and the line in which each is made."""
        usual = (*ADAPTIVE, *UNCORRECTED) if self._is_adaptive else MOMENTUM
        for slip in among:
            rules = chain.from_iterable(map(slip.of, usual))
            lines = (self._line(slip, moments) for rule in rules for moments, _ in self._led_to_by(rule))
            line = next(filter(None, lines), None)
            if line:
                yield slip, line

    @property
    def _is_adaptive(self) -> bool:
        """Whether something is divided by an array, or a root is taken."""
        divisors = (n.operands[-1] for n in self.nodes if n.op in DIVISIONS and n.operands)
        return any(n.op in ROOTS for n in self.nodes) or any(np.size(divisor.value) > 1 for divisor in divisors)

    @cached_property
    def descends(self) -> bool:
        """Whether each change is a multiple of its gradient."""
        steps = zip(self.gradients, self.changes, strict=True)
        return all(factor_of(change, g, self.allowed) is not None for g, change in steps)

    def _led_to_by(self, rule: Rule, one_rate: bool = True) -> Iterator[tuple[Moments, float]]:
        """The last moments of a rule that leads to these changes with some numbers, and the parameter's share in them.

        one_rate: whether with one learning rate, and one share, for all steps.
        """
        epsilons = [0.0, *(number for number in self.numbers if number <= SMALL)] if rule.second is not none else [0.0]
        for beta1, beta2, epsilon in product(self._betas(rule.first), self._betas(rule.second), epsilons):
            moments = list(rule.steps(self.gradients, (beta1, beta2), epsilon))
            for before in self._beside(rule, beta1):
                every = [m.step for m in moments], before, self.changes
                steps = [tuple(map(np.concatenate, every))] if one_rate else zip(*every, strict=True)
                found = [shares(change, step, beside, self.allowed) for step, beside, change in steps]
                if found[0] and all(found):
                    yield moments[-1], found[0][1]

    def _beside(self, rule: Rule, beta1: float) -> Iterator[Sequence[Array]]:
        """What may stand beside a rule's steps: the parameter, or, of rules that are sums, its own way through them."""
        yield self.before
        if rule.second is none and rule.first is not newest and self.before[0].any():
            yield [m.step for m in rule.steps(self.before, (beta1, 1.0), 0.0)]

    def _line(self, slip: Slip, moments: Moments) -> int | None:
        """Where what a mistake makes wrong is made; None where it is not to be found."""
        wrong, factor = getattr(moments, slip.shows), None if slip.multiple or slip.shows == "step" else 1.0
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
        largest = float(np.abs(value[np.isfinite(value)]).max(initial=0))
        return factor_of(value, expected, EXACT * largest, factor) is not None


def followed_by(key: K, judged: Sequence[Judged[K]]) -> Followed | None:
    """What became of a parameter in the steps in which it was updated; None where that can't be told."""
    updated = ((o.step, g) for o in judged for g in [o.gradients.get(key)] if g and g.lineage in o.step.after)
    steps = [*takewhile(lambda pair: pair[1].value.any() and len(pair[1].lineage.versions) > 1, updated)]
    if not steps:
        return None
    before = [np.asarray(step.before[g.lineage].value) for step, g in steps]
    after = [np.asarray(step.after[g.lineage].value) for step, g in steps]
    gradients = [like(g.value, p) for (_, g), p in zip(steps, before, strict=True)]
    if len({array.shape for array in (*gradients, *before, *after)}) > 1:
        return None
    if all(np.array_equal(p, q) for p, q in zip(before, after, strict=True)):
        return None
    sampled = np.flatnonzero(np.any([g != 0 for g in gradients], axis=0))[:SAMPLED]
    known = {node for step, g in steps for node in (step.before[g.lineage], g.node)}
    nodes = [in_order(made_of([step.after[g.lineage]], known) - known) for step, g in steps]
    is_told = before[0].any() or any(_is_multiple(node, steps[-1][0].before.values()) for node in nodes[-1])
    return Followed(
        sampled,
        tuple(p.astype(float).ravel()[sampled] * is_told for p in before),
        tuple(g.ravel()[sampled] for g in gradients),
        tuple((p.astype(float) - q).ravel()[sampled] for p, q in zip(before, after, strict=True)),
        tuple(dict.fromkeys(x for made in nodes for node in made for x in _shares(node))),
        tuple(nodes[-1]), _called_after(steps[-1][1].lineage, nodes[-1]), max(map(allowed, before, after)),
    )  # fmt: skip


def _called_after(lineage: Lineage, nodes: Iterable[Node]) -> dict[str, int]:
    """The lines of values of a parameter's shape whose names have its own in them, by the rest of these."""
    name = lineage.name.rpartition(".")[2]
    alike = (node for node in nodes if node.shape == lineage.versions[0].shape)
    pairs = ((called.rpartition(".")[2], node.line) for node in alike for called in node.names)
    return {called.replace(name, ""): line for called, line in pairs if name in called and called != name}


def _is_multiple(node: Node, parameters: Collection[Node]) -> bool:
    """Whether it is a number times a parameter."""
    numbers = [o for o in node.operands if o not in parameters and np.size(o.value) > 1]
    return node.op in ("*", "multiply") and not numbers and not set(parameters).isdisjoint(node.operands)


def _shares(node: Node) -> Iterator[float]:
    """The numbers between 0 and 1 that a value is made with, whatever their sign, and what each leaves of 1."""
    for argument in (*node.arguments, node.value):
        if isinstance(argument, (float, np.floating)) and 0 < abs(argument) < 1:
            yield float(abs(argument))
            if abs(argument) > LEAST_LEFT:
                yield float(f"{1 - abs(argument):.12g}")
