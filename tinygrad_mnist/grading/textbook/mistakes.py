"""What a mistake is, a place where it is made, and an explanation of wrong gradients by several."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tinygrad_mnist.grading.textbook.derivation import HIDDEN_ONLY, LAST_ONLY, Line, Network, Values

Condition = Callable[[Network, int], bool]
"""Of a network and a layer of it."""


def rounded(number: float) -> str:
    """To four digits, without an exponent where there need be none."""
    return f"{float(f'{number:.4g}'):g}"


@dataclass(frozen=True)
class Mistake:
    """One changed line of the derivation, which derives a wrong gradient on purpose.

    name: for programs. slot: the line of `derivation.CORRECT` that is replaced.
    title: in a few words, without the layer.
    explanation: what happens and why it is wrong. hint: where to think again, without the finished code.
    variants: the line as people write it wrong; several where the same mistake gives several results.
    where: the layers of a network that it can be made in, if not in all that have the line.
    family: in place of variants, the line for a number that only the learner knows. What comes of it is linear in the
        number, or guess says from what was found, and from what should have been, which number it can only be.
    number: how it is said.
    """

    name: str
    slot: str
    title: str
    explanation: str
    hint: str
    variants: tuple[Line, ...] = ()
    where: Condition | None = None
    family: Callable[[float], Line] | None = None
    guess: Callable[[Values, Values], float | None] | None = None
    number: Callable[[float], str] = rounded

    def fits(self, net: Network, l: int) -> bool:
        """Whether it can be made in layer l of this network."""
        missing = HIDDEN_ONLY if l == net.L else LAST_ONLY
        return self.slot not in missing and (self.where is None or self.where(net, l))


@dataclass(frozen=True)
class Placement:
    """A mistake in a layer, in one of its variants, or with the number that was found for it."""

    mistake: Mistake
    layer: int
    variant: int = 0
    value: float | None = None

    @property
    def line(self) -> Line:
        if self.mistake.family:
            return self.mistake.family(self.value or 0.0)
        return self.mistake.variants[self.variant]

    @property
    def key(self) -> tuple[str, int]:
        """Its name and layer, whichever variant it is."""
        return self.mistake.name, self.layer


Mistakes = tuple[Placement, ...]


def lines(placements: Sequence[Placement]) -> dict[tuple[str, int], Line]:
    """The lines that these mistakes replace."""
    return {(p.mistake.slot, p.layer): p.line for p in placements}


@dataclass(frozen=True)
class Unknown:
    """A quantity that is wrong in a way that the catalogue does not know: "delta", "dW" or "db" of a layer."""

    quantity: str
    layer: int
    facts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Explanation:
    """Mistakes that together give the learner's numbers, all but those of the unknown quantities."""

    mistakes: Mistakes = ()
    unknown: tuple[Unknown, ...] = ()

    @property
    def rank(self) -> tuple[int, int, int, bool]:
        """Fewer unknown quantities are better, then fewer different mistakes, then fewer of them, then knowing δ."""
        different = len({(p.mistake.title, p.value and round(p.value, 6)) for p in self.mistakes})
        return len(self.unknown), different, len(self.mistakes), any(u.quantity == "delta" for u in self.unknown)

    @property
    def kinds(self) -> int:
        """How many mistakes it is, where the same in several places counts as one."""
        return len({p.mistake.title for p in self.mistakes})

    @property
    def keys(self) -> frozenset[tuple[str, int]]:
        return frozenset(p.key for p in self.mistakes)
