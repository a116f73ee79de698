"""What the learner's function is expected to do, and the conventions it may be written in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tinygrad_mnist.grading.calling.conventions import EVERY, Convention, GradeError, Labels, network_values
from tinygrad_mnist.grading.calling.signatures import DEEPEST
from tinygrad_mnist.grading.calling.trying import Task
from tinygrad_mnist.grading.textbook.models import Asked, Model
from tinygrad_mnist.grading.textbook.probes import Probes
from tinygrad_mnist.manual import ACTIVATIONS, HEADS, PENALTIES

__all__ = ["Convention", "GradeError", "Labels", "Settings"]


@dataclass(frozen=True)
class Settings:
    """A convention, what was asked for of the network, and the number of layers where it is not counted.

    said: the conventions that what was asked for admits; all of them where nothing was.
    """

    convention: Convention
    asked: Asked
    depth: int | None
    said: tuple[Convention, ...] = tuple(EVERY)

    def __post_init__(self) -> None:
        for what, name, names in (
            ("activation", self.asked.activation, ACTIVATIONS),
            ("head", self.asked.head, HEADS),
            ("penalty", self.asked.penalty, PENALTIES),
        ):
            if isinstance(name, str) and name not in names:
                raise GradeError(f"{what} {name!r} is none of {', '.join(names)}")
        if not 0 <= (self.asked.l2 or 0.0) < float("inf"):
            raise GradeError(f"l2 is a number from 0 up, not {self.asked.l2}")
        if self.depth is not None and not 1 <= self.depth <= DEEPEST:
            raise GradeError(f"depth is a number from 1 to {DEEPEST}, not {self.depth}")

    def __str__(self) -> str:
        return self.judged_as(self.asked.usual)

    def judged_as(self, model: Model) -> str:
        """The settings with the network that the gradients were found to be of."""
        return f"{self.convention}, {model}"

    def probes(self, depth: int) -> Probes:
        return self.asked.usual.probes(depth)

    def task(self, function: str | None, forward: Any, of_class: str | None, l2: float | None) -> Task:
        """What the learner's program is to be called with: what there is to give on each probe, of each depth."""
        depths = [self.depth] if self.depth else range(1, DEEPEST + 1)
        networks = {depth: [network_values(net) for net in self.probes(depth).nets] for depth in depths}
        others = [c for c in EVERY if c not in self.said]
        return Task(networks, self.said, others, self.depth, l2, function, forward, of_class)
