"""What the learner's function is expected to do, and the conventions it may be written in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tinygrad_mnist.grading.calling.arguments import DEEPEST
from tinygrad_mnist.grading.calling.conventions import (
    EVERY,
    Convention,
    GradeError,
    Labels,
    Values,
    network_values,
)  # fmt: skip
from tinygrad_mnist.grading.calling.trying import Task
from tinygrad_mnist.grading.textbook.probes import Probes, probes_for
from tinygrad_mnist.manual import ACTIVATIONS, Activation

__all__ = ["Convention", "GradeError", "Labels", "Settings"]


@dataclass(frozen=True)
class Settings:
    """A convention, the hidden layers' activation, λ, and the number of layers where it is not counted.

    said: the conventions that what was asked for admits; all of them where nothing was.
    """

    convention: Convention
    asked: str | Activation
    l2: float
    depth: int | None
    said: tuple[Convention, ...] = tuple(EVERY)

    def __post_init__(self) -> None:
        if isinstance(self.asked, str) and self.asked not in ACTIVATIONS:
            raise GradeError(f"activation {self.asked!r} is none of {', '.join(ACTIVATIONS)}")
        if not 0 <= self.l2 < float("inf"):
            raise GradeError(f"l2 is a number from 0 up, not {self.l2}")
        if self.depth is not None and not 1 <= self.depth <= DEEPEST:
            raise GradeError(f"depth is a number from 1 to {DEEPEST}, not {self.depth}")

    @property
    def activation(self) -> Activation:
        return ACTIVATIONS[self.asked] if isinstance(self.asked, str) else self.asked

    @property
    def name(self) -> str:
        return self.asked if isinstance(self.asked, str) else "own activation"

    def __str__(self) -> str:
        return f"{self.convention}, {self.name}{f', λ = {self.l2:g}' if self.l2 else ''}"

    def probes(self, depth: int) -> Probes:
        return probes_for(depth, self.activation, float(self.l2))

    def networks(self, depth: int) -> list[Values]:
        """What there is to give to the learner's functions on each probe."""
        return [network_values(net) for net in self.probes(depth).nets]

    def task(self, function: str | None, forward: Any, of_class: str | None, l2: float | None) -> Task:
        """What the learner's program is to be called with."""
        depths = [self.depth] if self.depth else range(1, DEEPEST + 1)
        return Task(
            {depth: self.networks(depth) for depth in depths},
            self.said,
            [c for c in EVERY if c not in self.said],
            self.depth,
            l2,
            function,
            forward,
            of_class,
        )
