"""What a sweep found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tinygrad_mnist.sweeps import words
from tinygrad_mnist.sweeps.settings import Settings
from tinygrad_mnist.training import Recipe

RECIPE, PAGE = "recipe.json", "sweep.html"
"""The files of a sweep, besides its journal."""


@dataclass(frozen=True)
class Tried:
    """A finished trial. curve: the validation accuracy after each epoch; ended: None, "pruned" or "diverged"."""

    slot: int
    number: int
    values: dict[str, Any]
    accuracy: float
    loss: float
    curve: tuple[float, ...]
    seconds: float
    ended: str | None


@dataclass(frozen=True)
class Seed:
    """The winner trained from one seed: its best validation accuracy, and that on the test images."""

    seed: int
    validation: float
    test: float


@dataclass(frozen=True, repr=False)
class Outcome:
    """What a sweep found. tried: by slot. best: of those on the validation images. seeds: the winner's."""

    recipe: Recipe
    best: Tried
    tried: list[Tried]
    seeds: list[Seed]
    given_up: list[int]
    importances: dict[str, float]
    settings: Settings

    def __repr__(self) -> str:
        return f"Outcome({len(self.tried)} trials; {'; '.join(words.verdict(self))})"

    def _repr_html_(self) -> str:
        return words.html(self)


def best_of(tried: list[Tried]) -> Tried:
    """The one with the highest validation accuracy; of equals, with the lowest loss, then the first slot.

    One that ended early is the best only where none went to its end.
    """
    return max(tried, key=lambda t: (t.ended is None, t.accuracy, -t.loss, -t.slot))
