"""A learner's own backprop: run, compared, and the wrong term named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from tinygrad_mnist.grading import honesty
from tinygrad_mnist.grading.calling.execution import run_apart, run_here
from tinygrad_mnist.grading.judging import judge
from tinygrad_mnist.grading.report import Finding, Problem, Report
from tinygrad_mnist.grading.settings import Convention, Labels, Settings
from tinygrad_mnist.grading.textbook.diagnosis import explain
from tinygrad_mnist.grading.textbook.findings import findings
from tinygrad_mnist.grading.textbook.probes import Found, Probes
from tinygrad_mnist.manual import Activation
from tinygrad_mnist.manual.notation import COLUMNS

TIME_LIMIT = 10.0
"""Seconds for a learner's file, from its import to its last result."""


def grade(
    target: Callable[..., Any] | str | Path,
    *,
    columns: bool = False,
    weights_in_out: bool = False,
    activation: str | Activation = "relu",
    l2: float = 0.0,
    labels: Labels = "one-hot",
    depth: int | None = None,
    function: str = "gradients",
    time_limit: float = TIME_LIMIT,
) -> Report:
    """Judge gradients(X, Y, W1, b1, W2, b2, …), which returns dW1, db1, dW2, db2, … (a tuple, or a dict by name).

    target: the function, or the path of a Python file that has one of the name `function`. A file is run in a
        process of its own and stopped after time_limit seconds; a function is run here. Neither is a sandbox.
    columns: X is (features, m), W(l) is (out, in), b(l) is (out, 1). Otherwise X is (m, features), W(l) is
        (out, in), or (in, out) with weights_in_out, and b(l) is (out,).
    activation: of the hidden layers: "relu", "leaky_relu" (0.01) or a `manual.Activation`; the output is a softmax.
    l2: λ in the loss, the mean cross-entropy + (λ/2) Σ W².
    labels: how Y comes: "one-hot" in X's convention, or "integers" of shape (m,).
    depth: the number of layers, where the function takes *parameters.

    It is run on small networks in float64 from fixed seeds. A relative difference up to 1e-5 counts as rounding, so
    that computing in float32 inside passes.

    Raises GradeError for settings that do not exist.
    """
    settings = Settings(Convention(columns, weights_in_out, labels), activation, l2, depth)
    if callable(target):
        name = subject = getattr(target, "__name__", type(target).__name__)
        run = partial(run_here, target)
    else:
        path = Path(target).resolve()
        name, subject = function, path.name
        if not path.is_file():
            missing = Problem("file", f"there is no file {target}")
            return Report(str(target), str(settings), problems=(missing,))
        run = partial(run_apart, path, function, time_limit)
        suspected = honesty.suspicions(honesty.text_of(path), [function])
    result = run(settings)
    report = judge(subject, name, settings, result)
    if not report.explained and _stops(result):
        report = _for_another_convention(report, settings, run)
    if callable(target):
        return report
    suspected = suspected or honesty.changed_numpy(result.get("patched", ()))
    return replace(report, problems=(*suspected, *report.problems))


def diagnose(gradients: Found, probes: Probes) -> tuple[Finding, ...]:
    """Name the mistakes behind gradients that were computed, in columns, on the probes; none if right."""
    return tuple(findings(explain(gradients, probes), probes.nets[0], COLUMNS))


def assert_gradients(target: Callable[..., Any] | str | Path, **settings: Any) -> None:
    """Raise AssertionError with the whole report in plain text unless `grade(target, **settings)` passes."""
    __tracebackhide__ = True  # pytest then shows the test's own line
    report = grade(target, **settings)
    if not report.passed:
        raise AssertionError("\n" + str(report))


def _stops(result: dict[str, Any]) -> bool:
    """Whether shapes did not fit, or a label was no index, on some of the networks."""
    raised = (outcome["raised"]["type"] for outcome in result.get("outcomes", ()) if "raised" in outcome)
    return any(kind in ("ValueError", "IndexError") for kind in raised)


def _for_another_convention(report: Report, settings: Settings, run: Callable[[Settings], dict[str, Any]]) -> Report:
    """The report of a function that stops, with the convention in which it would not."""
    asked = settings.convention
    for other in asked.others():
        those = replace(settings, convention=other)
        result = run(those)
        if "outcomes" in result and all("arrays" in outcome for outcome in result["outcomes"]):
            if other.options == asked.options:
                return judge(report.subject, "", those, result)
            message = (
                f"it stops when called with {asked}, but runs with {other}: is that meant? Then say so: {other.options}"
            )
            return replace(report, findings=(), problems=(Problem("settings", message), *report.problems))
    if any(p.right for p in report.parameters):
        return report
    return replace(report, findings=tuple(f for f in report.findings if f.names))
