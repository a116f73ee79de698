"""The verdict on what a learner's function gave on the probes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from tinygrad_mnist.grading.calling import problems
from tinygrad_mnist.grading.report import Finding, Parameter, Problem, Report, incomparable
from tinygrad_mnist.grading.settings import Settings
from tinygrad_mnist.grading.textbook.findings import findings
from tinygrad_mnist.grading.textbook.fitting import Fit, fit
from tinygrad_mnist.grading.textbook.mistakes import Explanation, Unknown
from tinygrad_mnist.grading.textbook.models import Model
from tinygrad_mnist.grading.textbook.observations import facts
from tinygrad_mnist.grading.textbook.probes import ON_THE_KINK, Found, Probes, given, values_of
from tinygrad_mnist.grading.textbook.updating import with_gradient_of, wrong_updates


def judge(subject: str, function: str, settings: Settings, result: dict[str, Any]) -> Report:
    """The report on a result of `execution`."""
    problem = problems.before_it_ran(result, subject, function)
    if problem:
        return Report(subject, "", problems=(problem,))
    with np.errstate(all="ignore"):  # what is not finite is reported
        return _judge(subject, settings, result)


def _judge(subject: str, settings: Settings, result: dict[str, Any]) -> Report:
    depth = result["depth"]
    asked = settings.probes(depth)
    outcomes = result["outcomes"]
    found = [settings.convention.gradients(o.get("arrays"), net) for o, net in zip(outcomes, asked.nets, strict=True)]
    fitting = fit(found, depth, settings.asked) if any(found) else Fit(settings.asked.usual, [])
    admitted = settings.asked.admits(fitting.model)
    probes = fitting.model.probes(depth) if admitted else asked
    parameters = tuple(_parameter(quantity, l, found, probes) for quantity, l in probes.gradients)
    wrong = any(found) and not all(p.right for p in parameters)
    explanations = fitting.explanations
    stopped = [p for outcome, p in zip(outcomes, probes, strict=True) if "raised" in outcome]
    named: tuple[Finding, ...] = ()
    if wrong and not any(outcome.get("varies") for outcome in outcomes):
        unexplained = [Explanation((), tuple(_unexplained(found, probes)))]
        net, notation = fitting.model.probes(depth).nets[0], settings.convention.notation
        named = tuple(findings(explanations or unexplained, net, notation))
    kinks = tuple(finding for finding in named if finding.names == ("slope-kink",))
    if kinks:  # a convention at one point, where there is no derivative, is no wrong gradient
        elsewhere = [None if p.about == ON_THE_KINK else f for f, p in zip(found, probes, strict=True)]
        parameters = tuple(_parameter(quantity, l, elsewhere, probes) for quantity, l in probes.gradients)
        named = tuple(finding for finding in named if finding not in kinks)
    named += tuple(_updates(result["updates"]))
    besides = (
        *problems.of_the_runs(outcomes, probes, explanations, subject),
        *problems.not_finite(found, probes),
        *([] if admitted else [_another_than_asked(fitting, settings)]),
    )
    explained = all(problems.raises_too(explanations, p) for p in stopped)
    model = fitting.model if admitted else settings.asked.usual
    notes = _notes(result["printed"], result["notes"], model, settings)
    remarks = (*kinks, *problems.counted_by_max(outcomes, probes))
    return Report(subject, settings.judged_as(model), parameters, named, besides, notes, explained, remarks)


def _updates(mistakes: Sequence[dict[str, str]]) -> Iterator[Finding]:
    """The mistakes in updates, each kind in one finding."""
    alike: dict[tuple[str, str, str], list[str]] = {}
    for found in mistakes:
        other = with_gradient_of(_symbol(found["other"])) if found["other"] else ""
        alike.setdefault((found["mistake"], other, found["function"]), []).append(_symbol(found["role"]))
    for (name, what, function), where in alike.items():
        yield replace(wrong_updates(name, where, what=what), places=(function,))


def _symbol(role: str) -> str:
    return f"{role[0]}({role[1:]})"


def _parameter(quantity: str, l: int, found: Found, probes: Probes) -> Parameter:
    """Whether a gradient is right wherever there is one, and its largest difference where that can be measured."""
    values, correct = values_of(found, quantity, l), values_of(probes.correct, quantity, l)
    differences = [
        float(np.abs(f - c).max()) / size
        for f, c, size in zip(values, correct, probes.scale[quantity, l], strict=True)
        if f is not None and c is not None and f.shape == c.shape and np.isfinite(f).all()
    ]
    usable = given(found)
    finite = usable & [v is None or bool(np.isfinite(v).all()) for v in values]
    right = any(found) and probes.agree(quantity, l, found, probes.correct)
    not_finite = not right and bool(finite.any()) and probes.same(quantity, l, values, correct, finite)
    pairs = [(f, c) for f, c in zip(values, correct, strict=True) if f is not None and c is not None]
    largest = max(differences, default=None)
    return Parameter(f"{quantity}{l}", right, largest, not_finite, bool(usable.any()), why=incomparable(pairs))


def _another_than_asked(fitting: Fit, settings: Settings) -> Problem:
    """What to say where the gradients fit another network than the one that was asked for."""
    some = any(e.mistakes for e in fitting.explanations)
    fits = "all that is wrong for {} is named here" if some else "every gradient is right for {}"
    return Problem("settings", f"{fits.format(fitting.model)}, but {settings.asked.usual} was asked")


def _unexplained(found: Found, probes: Probes) -> Iterator[Unknown]:
    """Every wrong gradient with what is known about it, for numbers that no explanation holds for throughout."""
    usable = given(found)
    for quantity, l in sorted(probes.gradients, key=lambda gradient: -gradient[1]):
        if not probes.agree(quantity, l, found, probes.correct):
            values, correct = values_of(found, quantity, l), values_of(probes.correct, quantity, l)
            yield Unknown(quantity, l, facts(quantity, l, values, correct, probes, usable))


def _notes(printed: str, notes: Sequence[str], model: Model, settings: Settings) -> tuple[str, ...]:
    said = printed.strip().splitlines()
    found = f"nothing else was asked for, and the numbers are those of: {model}"
    return (
        *notes,
        *([found] if model != settings.asked.usual else []),
        *([f"it prints: {said[0][:50]!r} …; no mistake, but slow in training"] if said else []),
    )
