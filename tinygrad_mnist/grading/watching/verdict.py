"""The verdict on a watched training of the textbook's network, and what its mistakes are called."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product, takewhile

import numpy as np

from tinygrad_mnist.grading.report import Finding, Parameter, incomparable
from tinygrad_mnist.grading.textbook.diagnosis import explain
from tinygrad_mnist.grading.textbook.findings import EVERY, findings
from tinygrad_mnist.grading.textbook.mistakes import Explanation, Placement
from tinygrad_mnist.grading.textbook.probes import Probe, Probes
from tinygrad_mnist.grading.textbook.updating import wrong_updates
from tinygrad_mnist.grading.watching import optimizers, practice, updates
from tinygrad_mnist.grading.watching.gradients import Gradient
from tinygrad_mnist.grading.watching.lineages import Lineage
from tinygrad_mnist.grading.watching.losses import Own, own_loss
from tinygrad_mnist.grading.watching.network import Key
from tinygrad_mnist.grading.watching.repeated import stale
from tinygrad_mnist.grading.watching.tape import Tape
from tinygrad_mnist.grading.watching.textbook import ALL, Columns, Observed, Shares
from tinygrad_mnist.manual.activations import Array
from tinygrad_mnist.manual.heads import HALF, Head, Penalty
from tinygrad_mnist.manual.rows import Backward

SINGLE = 2e-3
DOUBLE = 1e-5
"""The relative difference that rounding may make in float32 and in float64."""

PATIENCE = 2.5
"""Seconds of a processor for all readings: what takes longer to find is a combination that nobody makes."""

TAME = 20.0
"""How far apart the logits of an example may be: exp(-20) is 2e-9, and people guard logarithms with 1e-8 or less."""

LARGE_PART = 2.0
"""How many times as large as what every step takes a data set may be, to be divided by without a mistake."""

EXPLAINED = 3
"""For how many heads mistakes are looked for."""


@dataclass(frozen=True)
class Verdict:
    """What was judged of a training, all of its updates too or not, and what was found."""

    reading: Reading
    parameters: tuple[Parameter, ...]
    findings: tuple[Finding, ...]
    remarks: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()
    updates_judged: bool = True


@dataclass(frozen=True)
class Scale:
    """By what the program divides its sums over the examples: by m, by nothing (1), or by another number.

    sign: -1 where all that is called a gradient is the way down, and is added.
    """

    divisor: float | None = None
    sign: float = 1.0

    def of(self, m: int) -> float:
        """What its gradients are multiplied with to be those of the mean."""
        return self.sign * (1.0 if self.divisor is None else self.divisor / m)


MEAN, SUM = Scale(), Scale(1.0)


class Reading:
    """The steps of a training as probes, with a loss that the gradients may be of."""

    def __init__(
        self, observed: Sequence[Observed], head: Head, scale: Scale,
        l2: float = 0.0, penalty: Penalty = HALF, shares: Shares = ALL,
    ) -> None:  # fmt: skip
        self.observed, self.head, self.scale, self.l2, self.penalty = observed, head, scale, l2, penalty
        self.shares = shares
        self.columns = [Columns(o, head, l2, penalty, shares) for o in observed]
        rtol = max((_rounding(g) for o in observed for g in o.gradients.values() if g), default=DOUBLE)
        missing = [key for o in observed for key, g in o.gradients.items() if g is None]
        self.probes = Probes([Probe(f"step {i}", c.network, rtol) for i, c in enumerate(self.columns, 1)], missing)
        self.judged = [key for key in self.probes.gradients if all(o.gradients[key] for o in observed)]
        self.found = [self._found(c, right) for c, right in zip(self.columns, self.probes.correct, strict=True)]
        self.right = {key for key in self.judged if self.probes.agree(*key, self.found, self.probes.correct)}

    def _found(self, columns: Columns, right: Backward) -> Backward:
        """The program's gradients in columns, the right ones in place of those that it does not have."""
        gradients = columns.found(self.scale.of(columns.observed.network.m))
        for quantity, l in self.probes.gradients:
            of_quantity = getattr(gradients, quantity)
            if of_quantity[l] is None:
                of_quantity[l] = getattr(right, quantity)[l]
        return gradients

    @cached_property
    def turned(self) -> set[Key]:
        """The gradients that are right but for their sign."""
        turned = [Backward({}, *({l: -x for l, x in part.items()} for part in (f.dW, f.db))) for f in self.found]
        return {key for key in self.judged if self.probes.agree(*key, turned, self.probes.correct)}

    @property
    def first(self) -> tuple[dict[Key, Array], dict[Key, Array]]:
        """The right gradients of the first step, and the program's where they are wrong."""
        both = self.probes.correct[0], self.found[0]
        right, found = ({(q, l): getattr(b, q)[l] for q, l in self.judged} for b in both)
        return right, {key: x for key, x in found.items() if key not in self.right}


def readings(observed: Sequence[Observed], own: Own | None = None) -> Iterator[Reading]:
    """Every loss that the gradients may be of, the usual ones first; own: the one that the program computes."""
    added = any(not g.descends for g in observed[0].gradients.values() if g)
    divisors = (MEAN,) if all(o.network.m == 1 for o in observed) else (MEAN, SUM)
    for head, scale, sign in product(observed[0].scaled_heads, divisors, (1.0, -1.0) if added else (1.0,)):
        signed = replace(scale, sign=sign)
        reading = Reading(observed, head, signed)
        yield reading
        if own and own.l2:
            yield Reading(observed, head, signed, own.l2, own.penalty)
            if not all(share == 1 for share in _shares(own, observed[0])):
                yield Reading(observed, head, signed, own.l2, own.penalty, own.shares)
        for l2, divisor in dict.fromkeys(_fits(reading)):
            if l2 or divisor:
                yield Reading(observed, head, replace(signed, divisor=divisor) if divisor else signed, l2)


def _shares(own: Own, observed: Observed) -> list[float]:
    """Which part of λ the penalty has on each of the weights; 0 where it is on others alone."""
    weights = (lineage for (quantity, _), lineage in observed.parameters.items() if quantity == "dW")
    return [own.shares.get(lineage, 0.0) for lineage in weights if isinstance(lineage, Lineage)]


def _until_right(observed: Sequence[Observed], own: Own | None) -> Iterator[Reading]:
    """Readings up to the first for which every gradient is right."""
    for reading in readings(observed, own):
        yield reading
        if len(reading.right) == len(reading.judged):
            return


def _fits(reading: Reading) -> Iterator[tuple[float, float]]:
    """λ and a divisor with which one of the gradients of weights would be right."""
    for columns, found, right in zip(reading.columns, reading.found, reading.probes.correct, strict=True):
        net = columns.network
        for l in (l for quantity, l in reading.judged if quantity == "dW"):
            f, r, W = found.dW[l], right.dW[l], net.W[l]
            if f.shape != r.shape or not np.isfinite(f).all() or not f.any():
                continue
            (c, d), *_ = np.linalg.lstsq(np.stack([r.ravel(), W.ravel()], axis=1), f.ravel(), rcond=None)
            if np.abs(f - c * r - d * W).max() > 1e-5 * np.abs(f).max() or c <= 0:
                continue
            l2 = d / c if abs(d) * np.abs(W).max() > 1e-5 * np.abs(f).max() else 0.0
            divisor = (reading.scale.divisor or net.m) / c
            if abs(c - 1) < 1e-4:
                yield abs(float(f"{l2:.6g}")), 0.0
            elif _counts_the_set(divisor, reading.observed):
                yield abs(float(f"{l2:.6g}")), float(round(divisor))


def _counts_the_set(divisor: float, observed: Sequence[Observed]) -> bool:
    """Whether it may be the size of a data set of which every step takes the same large part, the rest put aside.

    The mean is then nearly right; in batches it is a mistake, and so is a number of inputs.
    """
    net, first = observed[0].network, {o.passes[0].layers[0].entering for o in observed}
    whole = abs(divisor - round(divisor)) < 1e-4 * divisor and round(divisor) != len(net.a[0])
    return whole and net.m < divisor <= LARGE_PART * net.m and len(observed) > 1 and len(first) == 1


def judge(observed: Sequence[Observed], tape: Tape, stopped: bool = False) -> Verdict:
    """The verdict on the steps of one training; stopped: whether there was no update."""
    untouched = [] if stopped else list(updates.untouched(observed[0], tape))
    if untouched:  # the next step is not that of these parameters
        observed = observed[:1]
    taken, watched = list(observed), [updates.with_one_rate(o, tape) for o in observed]
    observed = [watched[0], *takewhile(lambda o: _is_evidence(o, watched[0]), watched[1:])]
    with np.errstate(all="ignore"):
        own = own_loss(tape, [(o.step, o.network) for o in observed], observed[0].scaled_heads)
        if own and any(rate for (quantity, _), rate in updates.decays(observed).items() if quantity == "dW"):
            own = replace(own, l2=0.0)  # the gradients need not have what the updates have
        ways = [watched, *([taken] if updates.has_a_rate_for_each_layer(taken[0]) else [])]
        ways += [*updates.before_they_were_used(watched), *updates.before_a_decay(watched)]
        watched = _with_most_right(ways, len(observed), own)
        observed = watched[: len(observed)]
        every = list(_until_right(observed, own))
        best = max(every, key=lambda r: len(r.right))
        if own is not None:
            # of other examples, a penalty may be divided by another number of them
            due = bool(own.l2) and not (own.elsewhere and best.l2)
            if due or not _may_differ(own, best):
                every = [r for r in readings(observed, own) if _is_of(r, own, due)] or every
                best = max(every, key=lambda r: len(r.right))
        asked = own is not None and own.mean and own.may_have(best.head)
        if asked and _is_a_sum(best) and not updates.divided(observed[0], observed[0].network.m, tape):
            every = [r for r in readings(observed) if r.scale.divisor is None]
            best = max(every, key=lambda r: len(r.right))
        found: list[Finding] = []
        at_first = list(practice.mistakes(observed[0]))
        swapped = dict(updates.swapped(observed[0], *best.first))
        if len(best.right) + len(swapped) < len(best.judged) and not at_first:
            explanations, best = _explanations(every)
            found = list(findings(explanations, best.probes.nets[0], observed[0].notation))
            swapped = {}
        uphill = updates.symbols(updates.uphill(observed[0], sorted(best.right), best.scale.sign))
        against = [wrong_updates("update-sign", uphill)] if uphill else []
        more = [*swapped.values(), *against, *untouched, *updates.zeroed(observed[0].gradients, updates.symbols)]
        more += updates.decayed(observed, () if own is None else own.shares)
        more += updates.twice(observed, sorted(best.right), updates.symbols)
        moments = optimizers.judge(watched, sorted(best.right), updates.symbols)
        more += moments.findings
        updated = {g.lineage: key for key, g in observed[0].gradients.items() if g}
        more += stale(tape, dict(zip(updated, updates.symbols(updated.values()), strict=True)))
        more += at_first
    parameters = [_parameter(key, best) for key in best.judged]
    if stopped:
        there = (key for key, part in observed[0].parameters.items() if part is not None)
        missing = [f"{quantity}{l}" for quantity, l in there if not observed[0].gradients[quantity, l]]
        parameters += [Parameter(name, False, None, computed=False) for name in missing]
        parameters.sort(key=lambda p: int(p.name[2:]))
    named = (*(practice.renamed(finding, observed[0]) for finding in found), *more)
    remarks = [*practice.remarks(observed[0]), *_of_the_set(best)]
    return Verdict(best, tuple(parameters), named, tuple(remarks), (*_notes(best), *moments.notes), moments.is_whole)


def _with_most_right(ways: Sequence[list[Observed]], count: int, own: Own | None) -> list[Observed]:
    """Of several ways to read which values are the gradients, the first with which most are right in so many steps."""
    if len(ways) == 1:
        return ways[0]
    return max(ways, key=lambda watched: max(len(reading.right) for reading in _until_right(watched[:count], own)))


def _is_evidence(later: Observed, first: Observed) -> bool:
    """Whether a later step is one of the same network, its outputs not so near 0 or 1 that rounding decides."""
    z = later.network.z[later.network.L]
    seen, before = ([key for key, g in o.gradients.items() if g] for o in (later, first))
    return later.heads == first.heads and seen == before and bool(np.ptp(z, axis=0).max() < TAME)


def _of_the_set(reading: Reading) -> Iterator[Finding]:
    divisor = reading.scale.divisor
    if divisor and divisor > 1:
        m = reading.probes.nets[0].m
        yield Finding(
            ("error-constant",), (EVERY,), f"divided by {divisor:.0f}, and not by the {m} examples of X", (),
            "The mean is over the examples that are summed over. Here the step is a little too small.", "",
        )  # fmt: skip


def _may_differ(own: Own, best: Reading) -> bool:
    """Whether the gradients may be right though the program computes another loss beside them.

    A squared error that is only printed beside a softmax is nobody's mistake.
    """
    return own.may_have(best.head) or (own.head is not None and own.head.output.name == "softmax")


def _is_a_sum(reading: Reading) -> bool:
    return reading.scale.divisor == SUM.divisor


def _is_of(reading: Reading, own: Own, due: bool) -> bool:
    """Whether it is one of the program's own loss; due: whether with its penalty.

    What is printed may lack the penalty of some weights; but not have another λ for each.
    """
    l2, penalty = (own.l2, own.penalty) if due else (0.0, HALF)
    shares = _shares(own, reading.observed[0])
    if due and not reading.shares and all(shares) and len({*shares}) > 1:
        return False
    return own.may_have(reading.head) and (reading.l2, reading.penalty) == (l2, penalty)


def _likely(every: Sequence[Reading]) -> list[Reading]:
    """The readings with most gradients right, if need be but for their sign.

    They are the best of each head, and what is next best in how it is summed.
    """
    by_right = sorted(every, key=lambda r: (-len(r.right), -len(r.turned)))
    heads = {r.head.name: r for r in reversed(by_right)}
    ways = {(r.head.name, r.scale): r for r in reversed(by_right)}
    best = sorted(heads.values(), key=by_right.index)[:EXPLAINED]
    second = sorted((r for r in ways.values() if r not in best), key=by_right.index)
    return [*best, *(second or by_right[1:])[: max(1, EXPLAINED + 1 - len(best))]]


def _explanations(every: list[Reading]) -> tuple[list[Explanation], Reading]:
    """The shortest explanations, with the loss that they are shortest for."""
    tried: list[tuple[list[Explanation], Reading]] = []
    began = time.process_time()
    likely = _likely(every)
    shares = np.cumsum([1 + len(reading.right) for reading in likely])
    for reading, share in zip(likely, shares / shares[-1], strict=True):
        reading.probes.deadline = began + PATIENCE * float(share)
        explanations = _likelier(explain(reading.found, reading.probes), reading)
        if explanations:
            tried.append((explanations, reading))
            if not explanations[0].unknown and explanations[0].kinds == 1 and not _solved(explanations):
                break
    return min(tried, key=lambda pair: (pair[0][0].rank, _solved(pair[0])))


def _likelier(explanations: list[Explanation], reading: Reading) -> list[Explanation]:
    """Those that divide by a count of more examples, where steps of one size leave it open what the factor is."""
    m = max(net.m for net in reading.probes.nets)
    counted = [e for e in explanations if any(_is_a_count(p, m) for p in e.mistakes)]
    return counted or explanations


def _is_a_count(placement: Placement, m: int) -> bool:
    if placement.mistake.name != "error-constant" or not placement.value:
        return False
    count = 1 / placement.value
    return count > m and abs(count - round(count)) < 1e-3


def _solved(explanations: Sequence[Explanation]) -> bool:
    """Whether there is a number in the first that was solved for: what holds without one is likelier."""
    return any(p.value is not None for p in explanations[0].mistakes)


def _parameter(key: Key, reading: Reading) -> Parameter:
    quantity, l = key
    pairs = [
        (getattr(found, quantity)[l], getattr(right, quantity)[l])
        for found, right in zip(reading.found, reading.probes.correct, strict=True)
    ]
    largest = max((d for pair in pairs if (d := _difference(*pair)) is not None), default=None)
    right = key in reading.right
    if right and largest is not None and largest > SINGLE:  # beside other gradients it vanishes
        largest = 0.0
    return Parameter(f"{quantity}{l}", right, largest, why=incomparable(pairs))


def _difference(found: Array, right: Array) -> float | None:
    if found.shape != right.shape or not np.isfinite(found).all() or not right.any():
        return None
    return float(np.abs(found - right).max() / np.abs(right).max())


def _notes(reading: Reading) -> Iterator[str]:
    if _is_a_sum(reading) and any(net.m != 1 for net in reading.probes.nets):
        yield "the gradients are those of the sum of the losses over the examples, and were judged as such"
    if reading.l2:
        net = reading.probes.nets[0]
        rates = {l: net.penalty.rate(net.l2 * share, net.m) for l, share in net.shares.items()}
        of_each = " and ".join(f"{rate:g} W({l}) in that of W({l})" for l, rate in rates.items() if rate)
        yield f"with L2: {of_each or f'{net.penalty.rate(net.l2, net.m):g} W in each gradient of weights'}"


def _rounding(g: Gradient) -> float:
    return SINGLE if np.asarray(g.node.value).dtype == np.float32 else DOUBLE
