"""The report on a watched program: what it was read as, the verdicts, and the lines of what is wrong."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice, takewhile

import numpy as np

from tinygrad_mnist.grading.calling.problems import raised
from tinygrad_mnist.grading.calling.trying import what_went_wrong
from tinygrad_mnist.grading.report import Finding, Parameter, Problem, Report
from tinygrad_mnist.grading.standins.loading import Data
from tinygrad_mnist.grading.textbook.findings import EVERY
from tinygrad_mnist.grading.textbook.updating import wrong_updates
from tinygrad_mnist.grading.watching import (
    damage,
    differences,
    general,
    optimizers,
    practice,
    resting,
    stopping,
    unrolled,
    updates,
    verdict,
)
from tinygrad_mnist.grading.watching.first_wrong import describe, first_wrong
from tinygrad_mnist.grading.watching.gradients import Named, gradient
from tinygrad_mnist.grading.watching.graph import Node, made_of
from tinygrad_mnist.grading.watching.lineages import Lineage
from tinygrad_mnist.grading.watching.names import is_called_gradient
from tinygrad_mnist.grading.watching.naming import numbered
from tinygrad_mnist.grading.watching.outputs import PERCEPTRON, examples, labelled
from tinygrad_mnist.grading.watching.places import Places, picked
from tinygrad_mnist.grading.watching.repeated import stale
from tinygrad_mnist.grading.watching.running import Run
from tinygrad_mnist.grading.watching.textbook import Observed, in_layers, observe, with_one_activation
from tinygrad_mnist.grading.watching.training import Step, versions_of
from tinygrad_mnist.grading.watching.unfinished import cut_off
from tinygrad_mnist.manual.activations import ACTIVATIONS, Activation
from tinygrad_mnist.manual.heads import Head

EXACT = 1e-6
"""How much gradients may differ from those of a loss of the program's own, relative to their largest number."""

FIRST = 3
"""How many wrong values are described."""

JUDGED = 2
"""How many steps are judged."""


def report(run: Run, data: Data) -> Report | None:
    """The report, or None where nothing was trained."""
    trained, problems = _trained(run)
    if not trained:
        return None
    whole = trained[0]
    parts = unrolled.in_parts(run.tape, whole)
    if parts is None:
        return _judged(run, trained, problems, data)
    found = _judged(run, [parts], problems, data, has_updates=False)
    if found is None:
        return None
    turned = [] if all(p.right for p in found.parameters) else [*unrolled.turned(parts)]
    named = (finding for finding in found.findings if finding.names or not turned)
    beside = map(Places(None, run.source).of, (*turned, *_uphill(whole)))
    return replace(found, findings=(*named, *beside))


def _uphill(whole: Step) -> Iterator[Finding]:
    """An update of the vector of all parameters that goes along its gradient."""
    for lineage, after in whole.after.items():
        g = gradient(whole, lineage)
        if g and not g.descends:
            yield wrong_updates("update-sign", [lineage.name], line=after.line)


def _judged(
    run: Run, trained: Sequence[Step], problems: tuple[Problem, ...], data: Data, has_updates: bool = True
) -> Report | None:
    """The report on steps, with what stopped the program in the first of them; has_updates: whether they have any."""
    read = [o for o in takewhile(lambda o: o is not None, map(observe, trained)) if o is not None]
    if not read:
        return _of_any_network(run, trained, _as_any_network(run, trained), problems, data)
    read = with_one_activation(read)
    stopped = bool(problems) or not has_updates or (run.error is not None and len(trained) == 1)
    found = verdict.judge(read, run.tape, stopped)
    wrong = not all(p.right for p in found.parameters)
    readings = _as_any_network(run, trained) if wrong or not all(f.names for f in found.findings) else []
    if wrong and (_are_of_the_own_loss(readings) or _are_rather_of_the_own_loss(readings, found)):
        return _of_any_network(run, trained, readings, problems, data)
    places = Places(read[0], run.source)
    beside = [] if wrong else readings or _as_any_network(run, trained[:1])
    findings = _explained([*found.findings, *_mislabelled(run, trained, found, data)], readings)
    findings += _with_other_labels(run, beside)
    if problems and run.tape.failed is not None:
        findings = [*(f for f in findings if f.names), *_stops(read[0], run.tape.failed)]
    return Report(
        run.source.name,
        _read_as(read[0], found.reading.head),
        tuple(_called(found.parameters, read[0])),
        tuple(map(places.of, findings)),
        notes=(*found.notes, *_another_loss(run, beside), *_untold(found.parameters), *_ended(run, trained, problems)),
        problems=problems,
        remarks=tuple(map(places.of, found.remarks)),
        updates_judged=found.updates_judged,
    )


def _another_loss(run: Run, readings: Sequence[general.Reading]) -> Iterator[str]:
    """Where a loss is computed in the first step that the gradients, right as they are, are not those of."""
    for reading in readings[:1]:
        if reading.beside and not reading.other_labels:
            line = reading.beside.line
            other = f"the loss in {run.source.place(line)} is another one: {run.source.line(line)}"
            yield f"the gradients are those of {reading.loss}; {other}"


def _with_other_labels(run: Run, readings: Sequence[general.Reading]) -> Iterator[Finding]:
    """Gradients of the loss that is computed in the first step, but with labels of other classes than it has."""
    for reading in readings[:1]:
        if reading.beside and reading.other_labels:
            first = min(reading.step.by_labels & reading.step.by_parameters, key=lambda node: node.index)
            place = run.source.place(reading.beside.line)
            yield Finding(
                ("error-labels-others",), ("Y",), f"other labels in the gradients than in the loss, {place}", (),
                f"They are those of {reading.loss}, of labels that it is not computed with: another one gets small.",
                "Where do the labels of each of the two lines come from?",
                (str(reading.beside.line), str(first.line)),
            )  # fmt: skip


def _untold(parameters: Iterable[Parameter]) -> Iterator[str]:
    """Gradients that are 0, as they should be where all units stand where their slopes are."""
    names = [p.name for p in parameters if p.right and p.difference is None]
    if names:
        yield f"{' and '.join(names)}: 0, as it should be on these numbers, which tells nothing of how it is computed"


def _mislabelled(run: Run, trained: Sequence[Step], found: verdict.Verdict, data: Data) -> Iterator[Finding]:
    """Labels that are not those of their images, where they were compared with outputs at all."""
    if any("error-labels-missing" in finding.names for finding in found.findings):
        return
    every = [o for o in map(observe, _every_step(run, trained)) if o]
    for finding in practice.mislabelled((pair for o in every for pair in o.labelled), data.known):
        yield replace(finding, places=picked(every[0].passes[0].labels))


def _explained(findings: list[Finding], readings: Sequence[general.Reading]) -> list[Finding]:
    """The findings, with the first wrong values in place of what has no name."""
    reading = _first_wrong_of(readings)
    first = list(_first_wrong_values(reading)) if reading and not all(f.names for f in findings) else []
    return [*(f for f in findings if f.names), *first] if first else findings


def _stops(observed: Observed, failed: Node) -> Iterator[Finding]:
    """Why the operation that raised did so."""
    for finding in (*stopping.why(observed, failed), *updates.raising(observed, failed)):
        yield replace(finding, places=(str(failed.line),))


def _ended(run: Run, trained: Sequence[Step], problems: Sequence[Problem]) -> Iterator[str]:
    """What ended a program after its first step, be it the learner's mistake or something that is not here."""
    if run.error and not problems and len(trained) == 1:
        yield f"it stopped after its first step: {_raised(run).message}"


def _trained(run: Run) -> tuple[list[Step], tuple[Problem, ...]]:
    """The steps to judge, and what stopped the program before its first one was complete."""
    trained = run.steps[:JUDGED]
    if trained and (run.error is None or len(trained) > 1):
        return trained, ()
    step = cut_off(run.tape, trained[0] if trained else None) if run.error or _again_and_again(run) else None
    if step is None or (trained and len(step.before) <= len(trained[0].before)):
        return trained, _stopped(run) if trained and _on_the_way_back(run, trained[0]) else ()
    return [step], _stopped(run)


def _on_the_way_back(run: Run, step: Step) -> bool:
    """Whether what raised an exception was still to be a gradient of this step, or there are parameters without."""
    observed = in_layers(step)
    if any(resting.never_updated(step)) or (observed and any(updates.below(observed))):
        return True
    updated = set(step.after.values())
    made = made_of(run.tape.failed.operands if run.tape.failed else (), updated)
    return bool((made - updated) & step.by_labels & step.by_parameters)


def _every_step(run: Run, trained: Sequence[Step]) -> Iterator[Step]:
    """The steps to judge, and those after them, where they are of one kind."""
    yield from trained
    yield from run.steps[len(trained) :] if trained[0] in run.steps[:1] else ()


def _again_and_again(run: Run) -> bool:
    """Whether gradients were computed more than once, and no parameter ever changed."""
    lines = [n.line for n in run.tape.nodes if n.names and is_called_gradient(n.names[0]) and n.operands]
    return len(lines) > len(set(lines)) > 1


def _stopped(run: Run) -> tuple[Problem, ...]:
    """What stopped a program before it had trained, if anything did."""
    return (_raised(run, "in its first step"),) if run.error else ()


def before_training(run: Run) -> Report | None:
    """The report on a program that raised an exception before anything was trained; None for one that did not."""
    is_raised = isinstance(run.error, Exception)
    return Report(run.source.name, "", problems=(_raised(run, "before it trained"),)) if is_raised else None


def _raised(run: Run, when: str = "") -> Problem:
    """The exception that ended a program, with its line."""
    source = run.source
    error = what_went_wrong(run.error, run.module.__file__)
    error["text"] = source.line(error["line"] or 0) or error["text"]
    error["line"] = error["line"] and source.place(error["line"])
    return raised(error, source.name, when)


def _of_any_network(
    run: Run, trained: Sequence[Step], readings: Sequence[general.Reading], problems: tuple[Problem, ...], data: Data
) -> Report | None:
    """The report on a network that is not the textbook's: autograd of its own forward pass is the judge."""
    if not readings:
        return None
    first = readings[0]
    wrong = _first_wrong_of(readings) or first
    findings = list(_mistakes(wrong, run))
    always_right = [lineage for lineage in first.step.before if all(lineage in r.right for r in readings)]
    names = dict(zip(first.step.before, numbered([l.name for l in first.step.before]), strict=True))

    def named(lineages: Iterable[Lineage]) -> list[str]:
        return [names[lineage] for lineage in lineages]

    still = resting.at_rest(first, run.tape)
    moved = optimizers.judge(readings, always_right, named)
    seen = (pair for step in _every_step(run, trained) for pair in labelled(step))
    beside = (
        *_with_other_labels(run, readings),
        *(_uphill_of(first, named) if first.scale > 0 or (first.is_of_a_loss and not findings) else ()),
        *practice.mislabelled(seen, data.known),
        *updates.zeroed(first.gradients, named),
        *moved.findings,
        *updates.twice(readings, always_right, named),
        *resting.never_updated(first.step, [name for name, is_computed in still.items() if is_computed]),
        *stale(run.tape, names),
    )
    findings += map(Places(None, run.source).of, beside)
    findings += differences.scaled(wrong) if not findings else ()
    numbers = first.by_differences and f"central differences ({first.by_differences})"
    judge = numbers or "autograd of its own forward pass"
    stays = [f"{name} stays as it is: no update changes it" for name, is_computed in still.items() if not is_computed]
    another = () if findings else _another_loss(run, readings)
    settings, parameters = f"{first.loss}, judged by {judge}", tuple(differences.judged(readings))
    sizes = () if findings else differences.of_another_size(first)
    cut = islice((r.cut for r in readings if r.cut), 1)
    notes = *cut, *sizes, *another, *moved.notes, *stays, *_untold(parameters)
    whole = moved.is_whole
    return Report(run.source.name, settings, parameters, tuple(findings), problems, notes, updates_judged=whole)


def _uphill_of(reading: general.Reading, named: Named[Lineage]) -> Iterator[Finding]:
    """Parameters that go along their right gradient, and not against it."""
    uphill = updates.uphill(reading, [l for l in reading.gradients if l in reading.right], reading.scale)
    if uphill:
        found = wrong_updates("update-sign", named(uphill))
        lines = dict.fromkeys(str(reading.step.after[lineage].line) for lineage in uphill)
        yield replace(found, places=tuple(lines), formulas=())


def _as_any_network(run: Run, trained: Sequence[Step]) -> list[general.Reading]:
    """The steps with autograd of their own forward pass beside them, up to the first in which something is wrong."""
    versions = versions_of(trained)
    readings: list[general.Reading] = []
    for step in [trained[0], *takewhile(_is_finite, trained[1:])]:
        reading = general.read(run.tape, step, versions)
        if reading and readings and not any(np.ndim(node.value) for node in step.before.values()):
            _hold_to(readings[0].scale, reading)
        readings += [reading] if reading else []
        if reading and len(reading.right) < len(step.before):  # another one may not fit into memory beside it
            break
    return readings


def _hold_to(scale: float, reading: general.Reading) -> None:
    """Let the gradients of single numbers, which all are multiples of one another, be those of the step before."""
    if not np.isclose(reading.scale, scale, rtol=1e-3):
        reading.scale, reading.right = scale, set()


def _is_finite(step: Step) -> bool:
    return all(np.isfinite(node.value).all() for node in step.before.values())


def _are_of_the_own_loss(readings: Sequence[general.Reading]) -> bool:
    """Whether every gradient is that of the loss which the program computes, though it is none of the textbook's."""
    return _of_the_own_loss(readings) and all(_exactly_right(r) == len(r.step.before) for r in readings)


def _are_rather_of_the_own_loss(readings: Sequence[general.Reading], found: verdict.Verdict) -> bool:
    """Whether more gradients are right for the loss that the program computes than for any of the textbook's, or none.

    It is one of the textbook's where all mistakes in that are known by name. Where it knows nothing, what fits a usual
    loss does.
    """
    if readings and all(map(_is_right_but_for_its_size, readings)):
        are_a_perceptron_s = all(r.loss == PERCEPTRON and not r.beside for r in readings)
        are_its_own = not any(r.summed for r in readings) and not any(f.names for f in found.findings)
        if are_a_perceptron_s or are_its_own:
            return True
    right = sum(p.right and p.difference is not None for p in found.parameters)  # 0 is right for any loss
    is_usual = bool(readings) and all(map(_is_right_but_for_its_size, readings)) and len(readings[0].right) > 2
    fitting = is_usual or any(np.isclose(r.scale, 1, rtol=1e-3) and _exactly_right(r) for r in readings)
    if fitting and not right and not any(f.names for f in found.findings):
        return True
    if not _of_the_own_loss(readings) or all(f.names for f in found.findings):
        return False
    return not right or min(map(_exactly_right, readings)) > right


def _is_right_but_for_its_size(reading: general.Reading) -> bool:
    """Whether all gradients are one multiple of those of its loss, or of the way down, which is added."""
    are_added = not any(g.descends for g in reading.computed.values())
    return (reading.scale > 0 or are_added) and len(reading.right) == len(reading.step.before)


def _exactly_right(reading: general.Reading) -> int:
    """How many gradients are right but for rounding."""
    every = (differences.difference(reading, lineage) for lineage in reading.step.before)
    return sum(d is not None and d <= EXACT for d in every)


def _of_the_own_loss(readings: Sequence[general.Reading]) -> bool:
    """Whether the steps were read with a loss that the program computes, and not with a multiple of it."""
    own = (not r.summed and np.isclose(r.scale, 1, rtol=1e-3) for r in readings)
    return bool(readings) and all(own)


def _first_wrong_of(readings: Sequence[general.Reading]) -> general.Reading | None:
    """The first step in which a gradient is wrong."""
    return next((r for r in readings if len(r.right) < len(r.step.before)), None)


def _mistakes(reading: general.Reading, run: Run) -> Iterator[Finding]:
    """What is wrong in a network that is not the textbook's: by name, or the first wrong values."""
    observed = in_layers(reading.step)
    named: list[Finding] = []
    if observed:
        gradients = {key: reading.gradients[g.lineage] if g else None for key, g in observed.gradients.items()}
        observed = replace(observed, gradients=gradients)
        named += damage.explained(reading, observed)
        is_divided = updates.divided(observed, observed.network.m, run.tape)
        named += () if is_divided else damage.of_the_loss(reading, observed)
    elif not updates.divided(reading, (m := examples(reading.step)), run.tape):
        named += damage.of_a_mean(reading, m)
    multiples = list(differences.scaled(reading)) if reading.right else []
    wrong = len(reading.gradients) - len(reading.right)
    if multiples and len(multiples) == wrong:
        named = multiples if any(EVERY in finding.where for finding in named) else named
    crossed = list(differences.swapped(reading))
    named = crossed if wrong and sum(len(finding.where) for finding in crossed) == wrong else named
    penalties = list(differences.without_penalty(reading))
    named = penalties if penalties and len(penalties) == wrong else named
    unnamed = () if named else (*differences.of_one_use(reading), *_first_wrong_values(reading))
    yield from map(Places(observed, run.source).of, named or unnamed)


def _first_wrong_values(reading: general.Reading) -> Iterator[Finding]:
    """The first wrong values on the way back, each at its line: one for all that a loop makes there."""
    by_line = {(found.node.line, found.node.op): found for found in reversed(first_wrong(reading))}
    return islice(dict.fromkeys(describe([*by_line.values()][::-1], reading)), FIRST)


def _read_as(observed: Observed, head: Head) -> str:
    net = observed.network
    sizes = "-".join(map(str, [len(net.a[0]), *(len(w) for w in net.W.values())]))
    hidden = f", {_activation(net.activation)}" if net.L > 1 else ""
    examples = "1 example" if net.m == 1 else f"{net.m} examples"
    return f"{sizes} with {examples}, {observed.notation.layer}{hidden}, {head}"


def _activation(activation: Activation) -> str:
    slope = float(activation.f(np.array([-1.0]))[0]) * -1
    return next((name for name, a in ACTIVATIONS.items() if a is activation), f"leaky_relu with a slope of {slope:g}")


def _called(parameters: Sequence[Parameter], observed: Observed) -> Iterator[Parameter]:
    """The gradients by their names in the program, where each has a short one of its own."""
    gradients = [observed.gradients[p.name[:2], int(p.name[2:])] for p in parameters]
    own = [g.short_name if g else "" for g in gradients]
    others = {p.name for p, name in zip(parameters, own, strict=True) if own.count(name) > 1}
    for parameter, name in zip(parameters, own, strict=True):
        is_its_own = name and own.count(name) == 1 and name not in others
        yield replace(parameter, name=name, textbook=parameter.name) if is_its_own else parameter
