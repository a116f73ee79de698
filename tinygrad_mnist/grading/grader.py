"""A learner's own backprop: run, compared, and told which term is wrong."""

from __future__ import annotations

import io
import json
import pickle
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any, get_args

import numpy as np

from tinygrad_mnist.grading import derivation, runner
from tinygrad_mnist.grading.candidates import Bench, bench, same, values_of
from tinygrad_mnist.grading.derivation import Gradients
from tinygrad_mnist.grading.diagnosis import Explanation, Unknown, explain
from tinygrad_mnist.grading.mistakes import lines
from tinygrad_mnist.grading.observations import facts
from tinygrad_mnist.grading.probes import Convention, Labels, Probe
from tinygrad_mnist.grading.report import Finding, Parameter, Problem, Report, findings
from tinygrad_mnist.manual import ACTIVATIONS, Activation, leaky_relu
from tinygrad_mnist.manual.activations import Array

DEEPEST = 8
"""How many layers a graded network may have."""

TIME_LIMIT = 10.0
"""Seconds for a learner's file, from its import to its last result."""


def _sigmoid(z: Array) -> Array:
    return 1 / (1 + np.exp(-z))


_USUAL = {
    **ACTIVATIONS,
    **{f"leaky_relu with a slope of {slope}": leaky_relu(slope) for slope in (0.1, 0.2, 0.3)},
    "tanh": Activation(np.tanh, lambda z: 1 - np.tanh(z) ** 2),
    "sigmoid": Activation(_sigmoid, lambda z: _sigmoid(z) * (1 - _sigmoid(z))),
}
"""What a learner may have taken instead of the activation that was asked for."""


class GradeError(ValueError):
    """The grader was asked for something that it does not have."""


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
    settings = _Settings(columns, weights_in_out, activation, l2, labels, depth)
    if callable(target):
        name = subject = getattr(target, "__name__", type(target).__name__)
        run = partial(_run_here, target)
    else:
        path = Path(target).resolve()
        name, subject = function, path.name
        if not path.is_file():
            return _stopped(str(target), settings, Problem("file", f"there is no file {target}"))
        run = partial(_run_apart, path, function, time_limit=time_limit)
    result = run(settings)
    with np.errstate(all="ignore"):  # what is not finite is reported
        report = _report(subject, settings, result, name)
    return _for_another_convention(report, settings, run) if _stops(result) and not report.explained else report


def diagnose(
    gradients: Sequence[Gradients | None], on: Bench, convention: Convention | None = None
) -> tuple[Finding, ...]:
    """Name the mistakes behind gradients that were computed, in columns, on the probes of a bench; none if right."""
    return tuple(findings(explain(gradients, on), on.probes[0], convention or Convention(columns=True)))


def assert_gradients(target: Callable[..., Any] | str | Path, **settings: Any) -> None:
    """Raise AssertionError with the whole report in plain text unless `grade(target, **settings)` passes."""
    __tracebackhide__ = True  # pytest then shows the test's own line
    report = grade(target, **settings)
    if not report.passed:
        raise AssertionError("\n" + str(report))


class _Settings:
    """What the learner's function is expected to do."""

    def __init__(
        self,
        columns: bool,
        weights_in_out: bool,
        activation: str | Activation,
        l2: float,
        labels: Labels,
        depth: int | None,
    ) -> None:
        if isinstance(activation, str) and activation not in ACTIVATIONS:
            raise GradeError(f"activation {activation!r} is none of {', '.join(ACTIVATIONS)}")
        if labels not in ("one-hot", "integers"):
            raise GradeError(f"labels are 'one-hot' or 'integers', not {labels!r}")
        if not 0 <= l2 < float("inf"):
            raise GradeError(f"l2 is a number from 0 up, not {l2}")
        if depth is not None and not 1 <= depth <= DEEPEST:
            raise GradeError(f"depth is a number from 1 to {DEEPEST}, not {depth}")
        if columns and weights_in_out:
            raise GradeError("weights (in, out) belong to rows: X @ W + b; in columns it is W @ X + b with (out, in)")
        self.asked = (columns, weights_in_out, activation, l2, labels, depth)
        self.convention = Convention(columns, weights_in_out, labels)
        self.activation = ACTIVATIONS[activation] if isinstance(activation, str) else activation
        self.name = activation if isinstance(activation, str) else "own activation"
        self.l2, self.depth = float(l2), depth

    @property
    def written(self) -> str:
        """The convention in words."""
        layers = {(True, False): "W @ X + b", (False, False): "X @ W.T + b", (False, True): "X @ W + b"}
        c = self.convention
        labels = "integer" if c.labels == "integers" else c.labels
        return f"{'columns' if c.columns else 'rows'}, {layers[c.columns, c.weights_in_out]}, {labels} labels"

    @property
    def options(self) -> str:
        """What says so on the command line."""
        c = self.convention
        order = "--columns" if c.columns else "--weights-in-out" if c.weights_in_out else "--rows"
        return f"{order} --labels {c.labels}"

    def __str__(self) -> str:
        return f"{self.written}, {self.name}{f', λ = {self.l2:g}' if self.l2 else ''}"

    def bench(self, depth: int) -> Bench:
        return bench(depth, self.activation, self.l2)

    def inputs(self, depth: int) -> list[list[Array]]:
        return [self.convention.arguments(p.net) for p in self.bench(depth).probes]

    def others(self) -> Iterator[_Settings]:
        """The same in every other convention."""
        _, _, activation, l2, _, depth = self.asked
        for (columns, in_out), labels in product(((False, False), (True, False), (False, True)), get_args(Labels)):
            other = _Settings(columns, in_out, activation, l2, labels, depth)
            if other.convention != self.convention:
                yield other


def _stops(result: dict[str, Any]) -> bool:
    """Whether shapes did not fit, or a label was no index, on some of the networks."""
    raised = (outcome["raised"]["type"] for outcome in result.get("outcomes", ()) if "raised" in outcome)
    return any(kind in ("ValueError", "IndexError") for kind in raised)


def _for_another_convention(report: Report, settings: _Settings, run: Callable[[_Settings], dict[str, Any]]) -> Report:
    """The report of a function that stops, with the convention in which it would not."""
    for other in settings.others():
        result = run(other)
        if "outcomes" in result and all("arrays" in outcome for outcome in result["outcomes"]):
            message = (
                f"it stops when called with {settings.written}, but runs with {other.written}: is that meant? "
                f"Then say so: {other.options}"
            )
            return replace(report, findings=(), problems=(Problem("settings", message), *report.problems))
    return replace(report, findings=tuple(f for f in report.findings if f.known))


def _run_here(function: Callable[..., Any], settings: _Settings) -> dict[str, Any]:
    try:
        depth = runner.depth_of(function, settings.depth)
    except (TypeError, ValueError) as error:
        return {"signature": str(error)}
    if depth > DEEPEST:
        return {"signature": f"takes {depth} layers; at most {DEEPEST} are graded"}
    code = getattr(function, "__code__", None)
    printed = runner.Printed()
    with redirect_stdout(printed), redirect_stderr(io.StringIO()):
        outcomes = runner.calls(function, settings.inputs(depth), code and code.co_filename)
    return {"depth": depth, "outcomes": outcomes, "printed": printed.text}


def _run_apart(path: Path, function: str, settings: _Settings, time_limit: float) -> dict[str, Any]:
    depths = [settings.depth] if settings.depth else range(1, DEEPEST + 1)
    task: dict[str, Any] = {"path": str(path), "function": function, "depth": settings.depth}
    task["inputs"] = {depth: settings.inputs(depth) for depth in depths}
    with tempfile.TemporaryDirectory(prefix="tinygrad-mnist-grade-") as folder:
        inputs, results = Path(folder, "inputs.pickle"), Path(folder, "results.npz")
        inputs.write_bytes(pickle.dumps(task))
        command = [sys.executable, "-B", str(Path(runner.__file__)), str(inputs), str(results)]
        try:
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=time_limit,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return {"time": f"it was stopped after {time_limit:g} seconds: an endless loop?"}
        return _read(results, done.returncode)


def _read(results: Path, code: int) -> dict[str, Any]:
    try:
        with np.load(results, allow_pickle=False) as file:
            result: dict[str, Any] = json.loads(str(file["result"]))
            for i, outcome in enumerate(result.get("outcomes", ())):
                if count := outcome.pop("count"):
                    outcome["arrays"] = [file[f"{i}.{k}"] for k in range(count)]
            return result
    except (OSError, ValueError, KeyError):
        return {"crash": f"its process ended with exit code {code} before it had given a result"}


def _stopped(subject: str, settings: _Settings, problem: Problem) -> Report:
    return Report(subject, str(settings), (), (), (problem,))


def _report(subject: str, settings: _Settings, result: dict[str, Any], function: str) -> Report:
    problem = _before_it_ran(result, subject, function)
    if problem:
        return _stopped(subject, settings, problem)
    on = settings.bench(result["depth"])
    outcomes = result["outcomes"]
    found = [_gradients(o.get("arrays"), p, settings.convention) for o, p in zip(outcomes, on.probes, strict=True)]
    explanations = explain(found, on) if any(found) else []
    parameters = tuple(_parameters(found, on))
    problems = [*_of_the_runs(outcomes, on, explanations, subject), *_not_finite(found, on, explanations)]
    named: tuple[Finding, ...] = ()
    if not all(p.right for p in parameters) and any(found):
        other = _right_for_another_activation(found, on, settings)
        if other:
            problems.append(other)
        else:
            unexplained = [Explanation((), tuple(_unexplained(found, on)))]
            named = tuple(findings(explanations or unexplained, on.probes[0], settings.convention))
    if any(outcome.get("varies") for outcome in outcomes):
        named = ()
    stopped = [p for o, p in zip(outcomes, on.probes, strict=True) if "raised" in o]
    explained = all(_raises_too(explanations, p) for p in stopped)
    return Report(subject, str(settings), parameters, named, tuple(problems), _notes(result["printed"]), explained)


def _before_it_ran(result: dict[str, Any], subject: str, function: str) -> Problem | None:
    if "import" in result:
        error = result["import"]
        return Problem(_kind(error), _raised(error, subject, "while the file was read"))
    if "missing" in result:
        has = ", ".join(result["missing"])
        return Problem("missing", f"there is no function {function} in {subject}{f'; it has {has}' if has else ''}")
    for kind in ("signature", "time", "crash"):
        if kind in result:
            return Problem(kind, f"{function} {result[kind]}" if kind == "signature" else result[kind])
    return None


def _kind(error: dict[str, Any]) -> str:
    if error["type"] == "SystemExit":
        return "exit"
    return "syntax" if error["type"] in ("SyntaxError", "IndentationError", "TabError") else "exception"


def _raised(error: dict[str, Any], subject: str, when: str) -> str:
    """An exception with the learner's own line."""
    at = f"{subject if subject.endswith('.py') else 'line'}{':' if subject.endswith('.py') else ' '}{error['line']}"
    place = f"{at}, {error['text']!r}: " if error["line"] else ""
    if error["type"] == "SystemExit":
        return f"{place}it called sys.exit({error['message']}) {when}"
    return f"{place}{error['type']}: {error['message']} ({when})"


def _gradients(arrays: list[Array] | None, probe: Probe, convention: Convention) -> Gradients | None:
    """A learner's arrays in columns, by layer."""
    if arrays is None:
        return None
    net = probe.net
    dW = {l: convention.to_columns(arrays[2 * l - 2], net.W[l]) for l in net.W}
    db = {l: convention.to_columns(arrays[2 * l - 1], net.b[l]) for l in net.W}
    return Gradients({}, dW, db)


def _parameters(found: Sequence[Gradients | None], on: Bench) -> list[Parameter]:
    parameters = []
    for l, quantity in product(range(1, on.L + 1), ("dW", "db")):
        right, largest = any(found), 0.0
        measured = False
        for gradients, correct, probe in zip(found, on.correct, on.probes, strict=True):
            if gradients is None:
                continue
            f, c = getattr(gradients, quantity)[l], getattr(correct, quantity)[l]
            size = float(np.abs(c).max())
            right = right and same(f, c, size, probe.rtol)
            if f.shape == c.shape and np.isfinite(f).all():
                largest, measured = max(largest, float(np.abs(f - c).max()) / size), True
        parameters.append(Parameter(f"{quantity}{l}", right, largest if measured else None))
    return parameters


def _of_the_runs(
    outcomes: Sequence[dict[str, Any]], on: Bench, explanations: Sequence[Explanation], subject: str
) -> list[Problem]:
    """What was raised, returned or changed: each kind once, with the first network on which it happened."""
    problems: dict[tuple[str, str], Problem] = {}
    for outcome, probe in zip(outcomes, on.probes, strict=True):
        when = f"on a network {probe.sizes}"
        if "raised" in outcome:
            error = outcome["raised"]
            because = "; the mistake named here explains it" if _raises_too(explanations, probe) else ""
            message = _raised(error, subject, f"{when}{because}")
            problems.setdefault((error["type"], str(error["line"])), Problem(_kind(error), message))
        if "returned" in outcome:
            problems.setdefault(("returned", ""), Problem("returned", f"it returns {outcome['returned']}"))
        if outcome.get("varies"):
            message = (
                "called twice with the same arguments it gives different numbers: does it draw at random, or keep "
                "something from the call before?"
            )
            problems["varies", ""] = Problem("varies", message)
        if outcome["changed"]:
            names = ["X", "Y", *(f"{p}{l}" for l in range(1, on.L + 1) for p in "Wb")]
            changed = ", ".join(names[i] for i in outcome["changed"])
            message = f"it changes its arguments in place: {changed}. Work on copies, and update after all gradients"
            problems.setdefault(("changed", ""), Problem("changed", message))
    return list(problems.values())


def _raises_too(explanations: Sequence[Explanation], probe: Probe) -> bool:
    try:
        with np.errstate(all="ignore"):
            for explanation in explanations:
                derivation.derive(probe.net, lines(explanation.mistakes))
    except ValueError:
        return True
    return False


def _not_finite(found: Sequence[Gradients | None], on: Bench, explanations: Sequence[Explanation]) -> list[Problem]:
    where = []
    for gradients, probe in zip(found, on.probes, strict=True):
        if gradients and not all(np.isfinite(x).all() for x in (*gradients.dW.values(), *gradients.db.values())):
            where.append(probe.about)
    return [Problem("nan", f"it gives NaN or infinite numbers on networks with {', '.join(where)}")] if where else []


def _right_for_another_activation(found: Sequence[Gradients | None], on: Bench, settings: _Settings) -> Problem | None:
    for name, activation in _USUAL.items():
        if activation is settings.activation:
            continue
        right = True
        for gradients, probe in zip(found, on.probes, strict=True):
            net = probe.net
            if gradients:
                other = derivation.run(net.a[0], net.Y, list(net.W.values()), list(net.b.values()), activation, net.l2)
                correct = derivation.derive(other)
                right = right and all(
                    same(f[l], c[l], float(np.abs(c[l]).max()), probe.rtol)
                    for f, c in ((gradients.dW, correct.dW), (gradients.db, correct.db))
                    for l in f
                )
        if right:
            return Problem("settings", f"every gradient is right for {name}, but {settings.name} was asked")
    return None


def _unexplained(found: Sequence[Gradients | None], on: Bench) -> list[Unknown]:
    """Every wrong gradient with what is known about it, for numbers that no explanation holds for throughout."""
    usable = np.array([g is not None for g in found])
    unknown = []
    for l, quantity in product(range(on.L, 0, -1), ("dW", "db")):
        f, c = values_of(found, quantity, l), values_of(on.correct, quantity, l)
        if not on.same(f, c, on.scale(quantity, l), usable):
            unknown.append(Unknown(quantity, l, facts(quantity, l, f, c, on.probes, usable)))
    return unknown


def _notes(printed: str) -> tuple[str, ...]:
    if not printed.strip():
        return ()
    return (f"it prints: {printed.strip().splitlines()[0][:50]!r} …; no mistake, but slow in training",)
