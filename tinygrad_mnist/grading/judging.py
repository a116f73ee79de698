"""The verdict on what a learner's function gave on the probes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from tinygrad_mnist.grading.calling import problems
from tinygrad_mnist.grading.report import Finding, Parameter, Problem, Report
from tinygrad_mnist.grading.settings import Settings
from tinygrad_mnist.grading.textbook.diagnosis import explain
from tinygrad_mnist.grading.textbook.findings import findings
from tinygrad_mnist.grading.textbook.mistakes import Explanation, Unknown
from tinygrad_mnist.grading.textbook.observations import facts
from tinygrad_mnist.grading.textbook.probes import Found, Probes, given, probes_for, values_of
from tinygrad_mnist.manual import ACTIVATIONS, leaky_relu

_USUAL = {**ACTIVATIONS, **{f"leaky_relu with a slope of {slope}": leaky_relu(slope) for slope in (0.1, 0.2, 0.3)}}
"""What a learner may have taken instead of the activation that was asked for."""


def judge(subject: str, function: str, settings: Settings, result: dict[str, Any]) -> Report:
    """The report on a result of `execution`."""
    problem = problems.before_it_ran(result, subject, function)
    if problem:
        return Report(subject, str(settings), problems=(problem,))
    with np.errstate(all="ignore"):  # what is not finite is reported
        return _judge(subject, settings, result)


def _judge(subject: str, settings: Settings, result: dict[str, Any]) -> Report:
    probes = settings.probes(result["depth"])
    outcomes = result["outcomes"]
    found = [settings.convention.gradients(o.get("arrays"), net) for o, net in zip(outcomes, probes.nets, strict=True)]
    parameters = tuple(_parameter(quantity, l, found, probes) for quantity, l in probes.gradients)
    wrong = any(found) and not all(p.right for p in parameters)
    explanations = explain(found, probes) if any(found) else []
    activation: list[Problem] = []
    if wrong and not _named(explanations):
        explanations, activation = _with_another_activation(found, probes, settings) or (explanations, [])
    stopped = [p for outcome, p in zip(outcomes, probes, strict=True) if "raised" in outcome]
    named: tuple[Finding, ...] = ()
    if wrong and not any(outcome.get("varies") for outcome in outcomes):
        unexplained = [Explanation((), tuple(_unexplained(found, probes)))]
        named = tuple(findings(explanations or unexplained, probes.nets[0], settings.convention.notation))
    besides = (
        *problems.of_the_runs(outcomes, probes, explanations, subject),
        *problems.not_finite(found, probes),
        *activation,
    )
    explained = all(problems.raises_too(explanations, p) for p in stopped)
    return Report(
        subject, str(settings), parameters, named, besides, _notes(result["printed"], result["notes"]), explained
    )


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
    return Parameter(f"{quantity}{l}", right, max(differences, default=None), not_finite, bool(usable.any()))


def _partly_right(found: Found, probes: Probes) -> bool:
    """Whether one gradient is right: then it is no guess that the probes are those that the learner means."""
    return any(probes.agree(quantity, l, found, probes.correct) for quantity, l in probes.gradients)


def _named(explanations: Sequence[Explanation]) -> bool:
    """Whether they leave nothing unknown."""
    return bool(explanations) and not any(e.unknown for e in explanations)


def _with_another_activation(
    found: Found, asked: Probes, settings: Settings
) -> tuple[list[Explanation], list[Problem]] | None:
    """The explanations with the usual activation that they are shortest with, where it leaves nothing unknown."""
    others = {n: probes_for(asked.L, f, settings.l2) for n, f in _USUAL.items() if f is not settings.activation}
    explained = {name: explain(found, other) for name, other in others.items() if _partly_right(found, other)}
    name = min((n for n in explained if _named(explained[n])), key=lambda n: explained[n][0].rank, default=None)
    if name is None:
        return None
    some = any(e.mistakes for e in explained[name])
    fits = f"all that is wrong for {name} is named here" if some else f"every gradient is right for {name}"
    return explained[name], [Problem("settings", f"{fits}, but {settings.name} was asked")]


def _unexplained(found: Found, probes: Probes) -> Iterator[Unknown]:
    """Every wrong gradient with what is known about it, for numbers that no explanation holds for throughout."""
    usable = given(found)
    for l in range(probes.L, 0, -1):
        for quantity in ("dW", "db"):
            if not probes.agree(quantity, l, found, probes.correct):
                values, correct = values_of(found, quantity, l), values_of(probes.correct, quantity, l)
                yield Unknown(quantity, l, facts(quantity, l, values, correct, probes, usable))


def _notes(printed: str, notes: Sequence[str]) -> tuple[str, ...]:
    said = printed.strip().splitlines()
    return (*notes, *([f"it prints: {said[0][:50]!r} …; no mistake, but slow in training"] if said else []))
