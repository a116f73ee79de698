"""What a step's gradients are beside what they should be: the verdicts, multiples of it, and those of other values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

import numpy as np

from tinygrad_mnist.grading.report import Finding, Parameter, incomparable
from tinygrad_mnist.grading.textbook.catalogue import named
from tinygrad_mnist.grading.watching.general import Reading, vanishes
from tinygrad_mnist.grading.watching.gradients import Gradient
from tinygrad_mnist.grading.watching.graph import names_of
from tinygrad_mnist.grading.watching.lineages import Lineage
from tinygrad_mnist.grading.watching.multiples import factor_of, like, multiple
from tinygrad_mnist.grading.watching.naming import numbered
from tinygrad_mnist.grading.watching.network import textbook_names
from tinygrad_mnist.manual.activations import Array

MISSING = 1e-6
"""How much of what a gradient lacks may be left over where that is a penalty's share."""


def judged(readings: Sequence[Reading]) -> Iterator[Parameter]:
    """Each gradient's verdict in all of the steps."""
    every = {lineage: [r for r in readings if lineage in r.step.before] for r in readings for lineage in r.step.before}
    called = [(lineage.name.rpartition(".")[2], here[0].gradients[lineage]) for lineage, here in every.items()]
    names = numbered([(g and g.short_name) or f"d{name}" for name, g in called])
    textbook = textbook_names(readings[0].step)
    for name, (lineage, here) in zip(names, every.items(), strict=True):
        pairs = [(np.ravel(g.node.value), r.expected_of(lineage).ravel()) for r in here if (g := r.gradients[lineage])]
        right = all(lineage in r.right for r in here)
        known = [d for d in (difference(r, lineage) for r in here) if d is not None]
        is_zero = right and not any(np.any(value) for value, _ in pairs)
        largest, of = None if is_zero else max(known, default=None), textbook.get(lineage, "")
        computed = here[0].gradients[lineage] is not None
        yield Parameter(name, right, largest, computed=computed, textbook=of, why=incomparable(pairs))


def difference(reading: Reading, lineage: Lineage) -> float | None:
    """How far a gradient is from what it should be, relative to its largest number; None for what can't be compared."""
    g, expected = reading.gradients[lineage], reading.expected_of(lineage)
    if g is None or np.size(g.node.value) != expected.size:
        return None
    if vanishes(g, reading):
        return 0.0
    value = like(g.value, expected)
    known = np.isfinite(expected)
    size = np.abs(expected[known]).max(initial=0) * abs(reading.scale)
    return float(np.abs(value[known] - reading.scale * expected[known]).max() / size) if size else None


def scaled(reading: Reading) -> Iterator[Finding]:
    """Gradients that are multiples of what they should be, where all else is right."""
    for lineage, g in wrong(reading):
        factor = multiple(g.value, reading.expected_of(lineage))
        if factor is not None:
            what = f"{factor / reading.scale:.4g} times what it should be"
            hint = "By what is it multiplied in the forward pass, and not on the way back?"
            yield Finding((), (_derivative(lineage),), what, (), "", hint, ())


def swapped(reading: Reading) -> Iterator[Finding]:
    """Gradients that would be right for another parameter, or another value of its shape, line by line."""
    by_line: dict[int, list[tuple[str, str]]] = {}
    for lineage, g in wrong(reading):
        factors = ((name, multiple(g.value, expected)) for name, expected in _derivatives(reading))
        others = (name for name, factor in factors if factor and np.isclose(factor, reading.scale, rtol=1e-3))
        pairs = [(_derivative(lineage), other) for other in islice(others, 1)]
        if pairs:
            by_line.setdefault(g.node.line, []).extend(pairs)
    for line, pairs in by_line.items():
        mine, theirs = zip(*pairs, strict=True)
        what = f"{'these are' if len(pairs) > 1 else 'this is'} {' and '.join(theirs)}"
        yield Finding((), mine, what, (), "", "Which value does this derivative belong to?", (str(line),))


def without_penalty(reading: Reading) -> Iterator[Finding]:
    """Gradients of the program's own loss that lack a multiple of their parameter, or of what of it is not a bias."""
    for lineage, g in wrong(reading) if reading.right and not reading.summed else ():
        expected = reading.scale * reading.expected_of(lineage)
        missing = expected - like(g.value, expected)
        there = np.abs(missing) > MISSING * np.abs(missing).max(initial=0)
        part = np.asarray(reading.step.before[lineage].value, float)[there]
        factor = factor_of(missing[there], part, MISSING * np.abs(missing).max(initial=0))
        if 2 * there.sum() > there.size > 1 and factor is not None and factor * reading.scale > 0:
            mistake = named("decay-missing")
            what = f"{factor:.3g} times {lineage.name} is missing, the share of a penalty"
            yield Finding((mistake.name,), (_derivative(lineage),), what, (), mistake.explanation, mistake.hint)


def of_one_use(reading: Reading) -> Iterator[Finding]:
    """Gradients that are the share of one use of their parameter, as of a bias in one step of a recurrent network."""
    for lineage, g in wrong(reading):
        before = reading.step.before[lineage]
        uses = [n for n in reading.step.forward if before in n.operands and n in reading.expected]
        factors = (multiple(g.value, reading.expected[use]) for use in uses if use.shape == before.shape)
        if len(uses) > 1 and any(factor and np.isclose(factor, reading.scale, rtol=1e-3) for factor in factors):
            yield Finding(
                (), (_derivative(lineage),), f"the share of one of its {len(uses)} uses alone", (),
                "Where a parameter is used again, as in each step of a recurrent network, the shares are added.",
                "Is each share added to those before it, or put in their place?",
            )  # fmt: skip


def _derivatives(reading: Reading) -> Iterator[tuple[str, Array]]:
    """The derivatives by the parameters, and by other values that have names."""
    yield from ((_derivative(lineage), reading.expected_of(lineage)) for lineage in reading.gradients)
    for node, expected in reading.expected.items():
        if node not in reading.step.before.values() and names_of(node):
            yield f"∂L/∂{names_of(node)[0].rpartition('.')[2]}", expected


def wrong(reading: Reading) -> Iterator[tuple[Lineage, Gradient]]:
    return ((lineage, g) for lineage, g in reading.computed.items() if lineage not in reading.right)


def _derivative(lineage: Lineage) -> str:
    return f"∂L/∂{lineage.name.rpartition('.')[2]}"


def of_another_size(reading: Reading) -> Iterator[str]:
    """What all gradients have in common: they are a multiple of those of the loss that is computed."""
    if reading.right and not reading.summed and not np.isclose(reading.scale, 1, rtol=1e-3):
        yield f"every gradient is {reading.scale:.4g} times that of {reading.loss}, which only changes the step"
