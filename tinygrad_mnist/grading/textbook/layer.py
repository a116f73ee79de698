"""One layer of a diagnosis: what was found in it, beside what the catalogue can make of it."""

from __future__ import annotations

from dataclasses import dataclass

from tinygrad_mnist.grading.textbook.candidates import below, candidates, combine
from tinygrad_mnist.grading.textbook.derivation import Values
from tinygrad_mnist.grading.textbook.mistakes import Explanation, Mistakes, Unknown
from tinygrad_mnist.grading.textbook.observations import facts
from tinygrad_mnist.grading.textbook.probes import Found, Mask, Probes, values_of


@dataclass(frozen=True)
class State:
    """An explanation of the layers from L to l, and the δ(l) and ∂L/∂W(l) that the learner then has.

    usable: the probes on which they are evidence.
    known: whether δ(l) follows from the explanation alone, so that what follows from it can be kept.
    """

    explanation: Explanation
    delta: Values
    dW: Values
    usable: Mask
    known: bool = True


class Layer:
    """Layer l of what was found, below a state of the layers above."""

    def __init__(self, probes: Probes, l: int, above: State, found: Found) -> None:
        self.probes, self.l, self.above, self.usable = probes, l, above, above.usable
        mistakes, delta = above.explanation.mistakes, above.delta
        self.candidates = candidates(probes, l, mistakes) if above.known else below(probes, l, mistakes, delta)
        self.found = {quantity: values_of(found, quantity, l) for quantity in ("dW", "db")}

    def choices(self, quantity: str, most: int) -> list[Mistakes]:
        """Up to so many mistakes in a quantity, the fewest first."""
        return [chosen for count in range(most + 1) for chosen in combine(self.probes, self.l, quantity, count)]

    def same(self, quantity: str, candidate: Values, usable: Mask | None = None, small: bool = False) -> bool:
        """Whether a candidate is the gradient that was found; up to its own size, where it may be very small."""
        usable = self.usable if usable is None else usable
        return self.probes.same(quantity, self.l, self.found[quantity], candidate, usable, small)

    def gives(
        self, quantity: str, delta: Values, mistakes: Mistakes, usable: Mask | None = None, small: bool = False
    ) -> bool:
        """Whether the gradient that follows from δ(l) with these mistakes is the one that was found."""
        return self.same(quantity, self.candidates.gradient(quantity, delta, mistakes), usable, small)

    def unknown(self, quantity: str, delta: Values) -> Unknown:
        """A gradient that no mistake explains, with how it differs from what follows from δ(l)."""
        expected = self.candidates.gradient(quantity, delta)
        found = self.found[quantity]
        return Unknown(quantity, self.l, facts(quantity, self.l, found, expected, self.probes, self.usable))

    def state(self, delta: Values, mistakes: Mistakes, unknown: tuple[Unknown, ...] = ()) -> State:
        """The state in which this layer is, with these mistakes and unknown quantities of its own."""
        above = self.above.explanation
        explanation = Explanation((*above.mistakes, *mistakes), (*above.unknown, *unknown))
        return State(explanation, delta, self.found["dW"], self.usable, self.above.known)
