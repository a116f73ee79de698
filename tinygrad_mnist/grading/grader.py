"""A learner's own backprop: run, compared, and the wrong term named."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_mnist.grading import honesty, importing
from tinygrad_mnist.grading.calling.conventions import admitted
from tinygrad_mnist.grading.calling.execution import run_apart, run_here
from tinygrad_mnist.grading.calling.sealed import MEMORY
from tinygrad_mnist.grading.judging import judge
from tinygrad_mnist.grading.report import Finding, Problem, Report
from tinygrad_mnist.grading.settings import Labels, Settings
from tinygrad_mnist.grading.textbook.diagnosis import explain
from tinygrad_mnist.grading.textbook.findings import findings
from tinygrad_mnist.grading.textbook.models import Asked
from tinygrad_mnist.grading.textbook.probes import Found, Probes
from tinygrad_mnist.grading.watching.program import grade_program, only_defines
from tinygrad_mnist.grading.watching.source import Source, SourceError, read
from tinygrad_mnist.manual import Activation, Head
from tinygrad_mnist.manual.notation import COLUMNS

UNJUDGED = {"grader", "memory", "training"}
"""Problems of a program that was watched, whose functions are called all the same."""

TIME_LIMIT = 20.0
"""Seconds for a learner's file, from its import to its last result."""


def grade(
    target: Any,
    *,
    columns: bool | None = None,
    weights_in_out: bool | None = None,
    activation: str | Activation | None = None,
    head: str | Head | None = None,
    l2: float | None = None,
    penalty: str | None = None,
    labels: Labels | None = None,
    depth: int | None = None,
    function: str | None = None,
    forward: str | Callable[..., Any] | None = None,
    of_class: str | None = None,
    time_limit: float = TIME_LIMIT,
    memory: int = MEMORY,
) -> Report:
    """Judge a learner's backward pass: which of its gradients are right, and which mistake it is where they are not.

    target: the function; a class or an object whose methods are the passes; a method of an object; or the path of a
        Python file with one of these. A file is run in a process of its own, with so many bytes of memory where the
        system bounds it, and stopped after time_limit seconds; the others are run here. Neither is a sandbox.
    columns, weights_in_out: X is (features, m), W(l) is (out, in), b(l) is (out, 1); or, without columns, X is
        (m, features), W(l) is (out, in), or (in, out) with weights_in_out, and b(l) is (out,) or (1, out).
    activation: of the hidden layers: one of `manual.ACTIVATIONS` by its name, or a `manual.Activation`.
    head: the output and the loss: one of `manual.HEADS` by its name (with any factor, summed over the outputs or
        averaged), or a `manual.Head`. The loss is the mean of it over the examples, and the penalty.
    l2: λ of the penalty on the weights, penalty: that which it is, one of `manual.PENALTIES` by its name.
        What is not asked for of these is ReLU, a softmax with cross-entropy and no penalty, or ½ λ Σ W²; and where the
        gradients are right, or all mistakes have names, for something else, it is that. The report says so.
    labels: how Y comes: "one-hot" in X's convention, or "integers" of shape (m,).
        What is not said of these is found, by calling it in every convention.
    depth: the number of layers, where names don't say it.
    function, forward, of_class: the names of the backward pass, of the forward pass and of the class in a file;
        forward may be the function itself. Found by their names and by what they take where they are not said.

    Its parameters are given what their names say: X, Y, W1, b1, Z1, A1, cache, parameters, m, …; values of a forward
    pass come from the learner's own. It is run on small networks in float64 from fixed seeds. A relative difference
    up to 1e-5 counts as rounding, so that computing in float32 inside passes.

    Raises GradeError for settings that do not exist.
    """
    said = tuple(admitted(columns, weights_in_out, labels))
    settings = Settings(said[0], Asked(activation, head, l2, penalty), depth, said)
    task = settings.task(function, forward, of_class, l2)
    if not isinstance(target, (str, Path)):
        subject = getattr(target, "__name__", type(target).__name__)
        return _judged(subject, subject, settings, run_here(target, task))
    path = Path(target).resolve()
    if not path.is_file():
        return Report(str(target), str(settings), problems=(Problem("file", f"there is no file {target}"),))
    suspected = honesty.suspicions_of_file(path, [function] if function else None)
    imported = honesty.imports_of_file(path)
    watched = not (function or forward or of_class)
    report = grade_program(path, time_limit, memory) if watched and not only_defines(path) else None
    failed = report if report and _kinds(report) & UNJUDGED else None
    stopped = report if report and not report.parameters and _kinds(report) & {"exception", "exit", "syntax"} else None
    if report is None or failed or stopped:
        try:
            notebook = read(path) if path.suffix.lower() == ".ipynb" else None
        except SourceError as error:
            return Report(path.name, str(settings), problems=(Problem("file", str(error)),))
        result = run_apart(path, time_limit, task, notebook.text if notebook else None, memory)
        if notebook:
            _in_cells(result, notebook)
        report = _judged(path.name, function or "gradients", settings, result)
        suspected = suspected or honesty.changed_numpy(result.get("patched", ()))
        imported = imported or honesty.imported(result.get("imported", ()))
        if watched and not report.parameters and only_defines(path):
            report = grade_program(path, time_limit, memory) or report
        elif failed and not report.parameters and not _is_missing(report, failed):
            report = failed
        elif stopped and "missing" in _kinds(report):
            report = stopped
    notes = report.notes if suspected else (*report.notes, *imported)
    if not report.parameters and _kinds(report) & {"signature", "missing"}:
        notes = (*notes, *importing.hint(path))
    if not report.parameters and _kinds(report) & {"signature", "missing", "time", "training"}:
        notes = (*notes, *importing.without_arrays(path))
    return replace(report, problems=(*suspected, *report.problems), notes=notes)


def _is_missing(called: Report, watched: Report) -> bool:
    """Whether a program that trains has no function to be called, which says more than that."""
    kinds = _kinds(called) | _kinds(watched)
    return "training" in kinds and "time" not in kinds


def _kinds(report: Report) -> set[str]:
    """Of what problems a report tells."""
    return {problem.kind for problem in report.problems}


def _in_cells(result: dict[str, Any], notebook: Source) -> None:
    """Say the cell of each line at which something was raised."""
    outcomes = [o for kind in ("candidates", "others") for c in result.get(kind, ()) for o in c["outcomes"]]
    for error in (result.get("import"), *(outcome.get("raised") for outcome in outcomes)):
        if error and error["line"]:
            error["line"] = notebook.place(error["line"])


def _judged(subject: str, name: str, settings: Settings, result: dict[str, Any]) -> Report:
    """The report on what a backward pass gave, in the way of calling it that fits best."""
    if "candidates" not in result:
        return judge(subject, name, settings, result)
    chosen = _chosen(result["candidates"], settings)
    report = judge(subject, name, *chosen_settings(settings, chosen, result))
    return (
        report if report.explained or not _stops(chosen) else _for_another_convention(report, chosen, result["others"])
    )


def chosen_settings(
    settings: Settings, candidate: dict[str, Any], result: dict[str, Any]
) -> tuple[Settings, dict[str, Any]]:
    """The settings in which a candidate is judged, and what it gave as `judge` takes it."""
    asked = settings.asked if candidate["l2"] is None else replace(settings.asked, l2=candidate["l2"])
    judged = {**candidate, "notes": [*result["notes"], *candidate["notes"]]}
    judged |= {"printed": result["printed"], "updates": result.get("updates", ())}
    return replace(settings, convention=candidate["convention"], asked=asked), judged


def _chosen(candidates: Sequence[dict[str, Any]], settings: Settings) -> dict[str, Any]:
    """The way of calling with the most right gradients, the first of several: in batches, if one is right in these."""

    def right(candidate: dict[str, Any]) -> int:
        probes, convention = settings.probes(candidate["depth"]), candidate["convention"]
        outcomes = zip(candidate["outcomes"], probes.nets, strict=True)
        found = [convention.gradients(outcome.get("arrays"), net) for outcome, net in outcomes]
        return any(found) and sum(probes.agree(quantity, l, found, probes.correct) for quantity, l in probes.gradients)

    with np.errstate(all="ignore"):
        batch = [c for c in candidates if c["convention"].examples == "batch"]
        single = [c for c in candidates if c["convention"].examples != "batch"]
        best = max(batch, key=right)
        return max(single, key=right) if single and not right(best) else best


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


def _for_another_convention(report: Report, asked: dict[str, Any], others: Sequence[dict[str, Any]]) -> Report:
    """The report of a function that stops, with the convention in which it would not."""
    for other in others:
        if all("arrays" in outcome for outcome in other["outcomes"]):
            convention = other["convention"]
            message = (
                f"it stops when called with {asked['convention']}, but runs with {convention}: is that meant? Then say "
                f"so: {convention.options}"
            )
            return replace(report, findings=(), problems=(Problem("settings", message), *report.problems))
    if any(p.right for p in report.parameters):
        return report
    return replace(report, findings=tuple(f for f in report.findings if f.names))
