"""What went wrong besides wrong numbers, in words."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from tinygrad_mnist.grading.report import Finding, Problem
from tinygrad_mnist.grading.textbook.derivation import attempt, derive
from tinygrad_mnist.grading.textbook.mistakes import Explanation, lines
from tinygrad_mnist.grading.textbook.probes import NO_LAST_CLASS, Found, Probe, Probes

Outcomes = Sequence[dict[str, Any]]
"""What `trying` says of each call."""

COUNTED_BY_MAX = "the number of classes is that of W's outputs, not Y.max() + 1"

MISFIT = re.compile(
    r"matmul: Input operand 1 has a mismatch in its core dimension 0, with gufunc signature .*"
    r"\(size (\d+) is different from (\d+)\)"
)
"""NumPy's message for a product whose shapes don't fit."""

VARIES = (
    "called twice with the same arguments it gives different numbers: does it draw at random, or keep something from "
    "the call before?"
)


def before_it_ran(result: dict[str, Any], subject: str, function: str) -> Problem | None:
    """Why there are no outcomes."""
    if "import" in result:
        return raised(result["import"], subject, "while the file was read")
    if "missing" in result:
        has = ", ".join(result["missing"])
        asked = result.get("asked", f"function {function}")
        if has:
            return Problem("missing", f"there is no {asked} in {subject}; it has {has}. {_ask(subject)}")
        seen = f"no training by the gradients of a loss was seen in {subject}"
        return Problem("missing", f"{seen}, and there is no {asked} in it")
    if "signature" in result:
        message = f"{result['name']} {result['signature']}".strip()
        has = ", ".join(result.get("has", ()))
        return Problem("signature", f"{message}. {subject} has {has}. {_ask(subject)}" if has else message)
    if "forged" in result:
        return Problem("cheating", result["forged"])
    return next((Problem(kind, result[kind]) for kind in ("time", "crash") if kind in result), None)


def _ask(subject: str) -> str:
    """The command that says what could not be found."""
    return (
        f"Say which is the backward pass: tinygrad-mnist grade {subject} --backward NAME (of a class: NAME.METHOD), "
        "with --forward NAME for the forward pass whose values it takes"
    )


def of_the_runs(outcomes: Outcomes, probes: Probes, explanations: Sequence[Explanation], subject: str) -> list[Problem]:
    """What was raised, returned or changed: each kind once, with the first network on which it happened."""
    problems: dict[Any, Problem] = {}
    stops_there_alone = any(_without_the_last_class(outcomes, probes))
    for outcome, probe in zip(outcomes, probes, strict=True):
        if "raised" in outcome and not stops_there_alone:
            error = outcome["raised"]
            because = "; the mistake named here explains it" if raises_too(explanations, probe) else ""
            problem = raised(error, subject, f"on a network {probe.sizes}{because}")
            problems.setdefault((error["type"], error["line"]), problem)
        if "unfinished" in outcome:
            problems.setdefault("unfinished", Problem("unfinished", outcome["unfinished"]))
        if "returned" in outcome:
            problems.setdefault("returned", Problem("returned", f"it returns {outcome['returned']}"))
        if outcome.get("varies"):
            problems["varies"] = Problem("varies", VARIES)
        if outcome["changed"]:
            changed = ", ".join(outcome["changed"])
            message = f"it changes its arguments in place: {changed}. Work on copies, and update after all gradients"
            problems.setdefault("changed", Problem("changed", message))
    return list(problems.values())


def _without_the_last_class(outcomes: Outcomes, probes: Probes) -> Iterator[dict[str, Any]]:
    """What was raised where a batch has no example of the last class, if it was raised there alone."""
    stops = [(probe.about, o["raised"]) for o, probe in zip(outcomes, probes, strict=True) if "raised" in o]
    yield from (error for about, error in stops if about == NO_LAST_CLASS and len(stops) == 1)


def counted_by_max(outcomes: Outcomes, probes: Probes) -> Iterator[Finding]:
    """The remark on a program that stops there alone: on the batches that it trains with it may be right."""
    for error in _without_the_last_class(outcomes, probes):
        what = f"a batch without an example of the last class stops it: {error['type']}"
        line = error["line"] if isinstance(error["line"], str) else f"line {error['line']}"
        places = (f"{line}: {error['text']}",) if error["line"] else ()
        yield Finding(("classes-by-max",), ("Y",), what, (), f"There {COUNTED_BY_MAX}.", "", places)


def not_finite(found: Found, probes: Probes) -> list[Problem]:
    """Where a gradient holds NaN or infinite numbers."""
    where = [
        probe.about
        for gradients, probe in zip(found, probes, strict=True)
        if gradients and not all(np.isfinite(x).all() for x in (*gradients.dW.values(), *gradients.db.values()))
    ]
    return [Problem("nan", f"it gives NaN or infinite numbers on networks with {', '.join(where)}")] if where else []


def raises_too(explanations: Sequence[Explanation], probe: Probe) -> bool:
    """Whether the shapes don't fit on this network either if the mistakes of an explanation are made."""
    return any(attempt(derive, probe.net, lines(e.mistakes)) is None for e in explanations)


def raised(error: dict[str, Any], subject: str, when: str) -> Problem:
    """An exception with the learner's own line."""
    line = error["line"]
    at = str(line) if isinstance(line, str) else f"{subject}:{line}" if subject.endswith(".py") else f"line {line}"
    place = f"{at}, {error['text']!r}: " if error["line"] else ""
    if error["type"] == "SystemExit":
        return Problem("exit", f"{place}it called sys.exit({error['message']}) {when}".rstrip())
    kind = "syntax" if error["type"] in ("SyntaxError", "IndentationError", "TabError") else "exception"
    message = MISFIT.sub(r"matmul: the inner lengths differ, \2 on the left and \1 on the right", error["message"])
    return Problem(kind, f"{place}{error['type']}: {message}{when and f' ({when})'}")
