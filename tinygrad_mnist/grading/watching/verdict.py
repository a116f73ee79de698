"""The verdict on a watched training of the textbook's network, and what its mistakes are called."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from tinygrad_mnist.grading.report import Finding, Parameter
from tinygrad_mnist.grading.textbook.derivation import Network
from tinygrad_mnist.grading.textbook.diagnosis import explain
from tinygrad_mnist.grading.textbook.findings import findings
from tinygrad_mnist.grading.textbook.mistakes import Explanation
from tinygrad_mnist.grading.textbook.probes import Probe, Probes
from tinygrad_mnist.grading.watching.gradients import Gradient
from tinygrad_mnist.grading.watching.textbook import Columns, Observed
from tinygrad_mnist.manual.rows import Backward

SINGLE = 2e-3
DOUBLE = 1e-5
"""The relative difference that rounding may make in float32 and in float64."""

Scale = Callable[[Network], float]
"""What a program's gradients are multiplied with to be those of the mean over the examples."""

MEAN: Scale = lambda net: 1.0  # noqa: E731
SUM: Scale = lambda net: 1.0 / net.m  # noqa: E731


@dataclass(frozen=True)
class Verdict:
    """What was judged of a training, and what was found."""

    parameters: tuple[Parameter, ...]
    findings: tuple[Finding, ...]
    remarks: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()


class Steps:
    """The steps of a training as probes, with what the program's gradients were."""

    def __init__(self, observed: Sequence[Observed]) -> None:
        self.observed = observed
        self.columns = [Columns(o) for o in observed]
        rtol = max(_rounding(g) for o in observed for g in o.gradients.values() if g)
        self.probes = Probes(
            [Probe(f"step {i}", c.network, rtol) for i, c in enumerate(self.columns, 1)]
        )

    @property
    def judged(self) -> list[tuple[str, int]]:
        """The gradients that the program has."""
        return [key for key in self.probes.gradients if all(o.gradients[key] for o in self.observed)]

    def found(self, scale: Scale) -> list[Backward]:
        """The program's gradients in columns, the right ones in place of those that it does not have."""
        found = []
        for columns, right in zip(self.columns, self.probes.correct, strict=True):
            gradients = columns.found(scale(columns.observed.network))
            for quantity, l in self.probes.gradients:
                if getattr(gradients, quantity)[l] is None:
                    getattr(gradients, quantity)[l] = getattr(right, quantity)[l]
            found.append(gradients)
        return found

    def right(self, scale: Scale) -> set[tuple[str, int]]:
        found = self.found(scale)
        return {key for key in self.judged if self.probes.agree(*key, found, self.probes.correct)}

    def scales(self) -> Iterator[Scale]:
        """The mean, the sum, and a constant that one of the gradients shows."""
        yield MEAN
        yield SUM
        for constant in dict.fromkeys(self._constants()):
            yield lambda net, constant=constant: constant / net.m  # type: ignore[misc]

    def _constants(self) -> Iterator[float]:
        """By what the gradients seem to be divided, in place of m."""
        for columns, right in zip(self.columns, self.probes.correct, strict=True):
            found = columns.found()
            for quantity, l in self.judged:
                g, r = getattr(found, quantity)[l], getattr(right, quantity)[l]
                if g is not None and g.shape == r.shape and g.any():
                    ratio = float((g * r).sum() / (g * g).sum())
                    if np.abs(ratio * g - r).max() <= 1e-4 * np.abs(r).max():
                        yield round(ratio * columns.observed.network.m, 6)


def judge(observed: Sequence[Observed]) -> Verdict:
    """The verdict on the steps of one training."""
    steps = Steps(observed)
    with np.errstate(all="ignore"):
        scales = {scale: steps.right(scale) for scale in steps.scales()}
        best = max(scales, key=lambda scale: len(scales[scale]))
        right = scales[best]
        found: list[Finding] = []
        if len(right) < len(steps.judged):
            explanations = _explanations(steps, best)
            best = explanations[1]
            right = steps.right(best)
            found = list(findings(explanations[0], steps.probes.nets[0], observed[0].notation))
    parameters = tuple(_parameter(key, steps, best, key in right) for key in steps.judged)
    return Verdict(parameters, tuple(_placed(f, observed[0]) for f in found), (), _notes(best, steps))


def _explanations(steps: Steps, best: Scale) -> tuple[list[Explanation], Scale]:
    """The shortest explanations, whichever way the program scales its gradients."""
    tried = [(explain(steps.found(scale), steps.probes), scale) for scale in dict.fromkeys((best, MEAN, SUM))]
    tried = [(explanations, scale) for explanations, scale in tried if explanations]
    return min(tried, key=lambda pair: pair[0][0].rank)


def _parameter(key: tuple[str, int], steps: Steps, scale: Scale, right: bool) -> Parameter:
    quantity, l = key
    difference = None
    for found, correct in zip(steps.found(scale), steps.probes.correct, strict=True):
        f, c = getattr(found, quantity)[l], getattr(correct, quantity)[l]
        if f.shape == c.shape and np.isfinite(f).all():
            difference = max(difference or 0.0, float(np.abs(f - c).max() / np.abs(c).max()))
    return Parameter(f"{quantity}{l}", right, difference)


def _notes(scale: Scale, steps: Steps) -> tuple[str, ...]:
    if scale is SUM and any(net.m > 1 for net in steps.probes.nets):
        return ("the gradients are those of the sum of the losses over the examples, and were judged as such",)
    return ()


def _placed(finding: Finding, observed: Observed) -> Finding:
    return finding


def _rounding(g: Gradient) -> float:
    return SINGLE if np.asarray(g.node.value).dtype == np.float32 else DOUBLE
