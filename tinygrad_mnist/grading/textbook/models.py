"""What a network of the textbook is besides its sizes, and what of it was asked for."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from tinygrad_mnist.grading.textbook.mistakes import rounded
from tinygrad_mnist.grading.textbook.probes import Probes, probes_for
from tinygrad_mnist.manual import ACTIVATIONS, Activation
from tinygrad_mnist.manual.heads import HALF, HEADS, PENALTIES, SOFTMAX_CROSS_ENTROPY, Head, Penalty


@dataclass(frozen=True)
class Model:
    """What a network of the textbook is besides its sizes."""

    name: str
    activation: Activation
    head: Head = SOFTMAX_CROSS_ENTROPY
    l2: float = 0.0
    penalty: Penalty = HALF

    def __str__(self) -> str:
        head = "" if self.head == SOFTMAX_CROSS_ENTROPY else f", {self.head}"
        penalty = "" if self.penalty == HALF else f" in {self.penalty.words}"
        return f"{self.name}{head}{f', λ = {rounded(self.l2)}{penalty}' if self.l2 else ''}"

    def probes(self, depth: int) -> Probes:
        return probes_for(depth, self.activation, float(self.l2), self.head, self.penalty)


@dataclass(frozen=True)
class Asked:
    """What was asked for; None where nothing was. A head by its name is one of any scale."""

    activation: str | Activation | None = None
    head: str | Head | None = None
    l2: float | None = None
    penalty: str | None = None

    @cached_property
    def usual(self) -> Model:
        """What is meant, unless the numbers say otherwise."""
        activation = "relu" if self.activation is None else self.activation
        name = activation if isinstance(activation, str) else "own activation"
        f = ACTIVATIONS[activation] if isinstance(activation, str) else activation
        head = HEADS[self.head] if isinstance(self.head, str) else self.head or SOFTMAX_CROSS_ENTROPY
        return Model(name, f, head, self.l2 or 0.0, PENALTIES[self.penalty] if self.penalty else HALF)

    def admits(self, model: Model) -> bool:
        """Whether a model is as it was asked for."""
        head = model.head.name if isinstance(self.head, str) else model.head
        return (
            (self.activation is None or model.activation is self.usual.activation)
            and (self.head is None or head == self.head)
            and (self.l2 is None or model.l2 == self.l2)
            and (self.penalty is None or model.penalty.name == self.penalty)
        )
