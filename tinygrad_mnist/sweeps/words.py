"""What a sweep found, in words and as a notebook shows it."""

from __future__ import annotations

from statistics import mean, stdev
from typing import TYPE_CHECKING, Any

from tinygrad_mnist.screens.cell import cell, line, table
from tinygrad_mnist.training import percent

if TYPE_CHECKING:
    from tinygrad_mnist.sweeps.outcome import Outcome, Tried

SHOWN = 10
"""Of the trials, the best ones."""


def verdict(outcome: Outcome) -> list[str]:
    """The winner, its spread over the seeds, and whether its lead may be luck."""
    validation = [seed.validation for seed in outcome.seeds]
    test = [seed.test for seed in outcome.seeds]
    lines = [
        f"the winner, trial {outcome.best.number}, over {len(test)} seeds: validation {spread(validation)}, "
        f"test {spread(test)}"
    ]
    others = [t.accuracy for t in outcome.tried if t.slot != outcome.best.slot]
    if others and len(validation) > 1:
        lead, width = outcome.best.accuracy - max(others), stdev(validation)
        luck = "may be luck" if lead < 2 * width else "is more than luck"
        lines.append(
            f"its lead over the next trial, {points(lead)} points, {luck}: seeds alone differ by {points(width)} "
            "(standard deviation)"
        )
    return lines


def spread(shares: list[float]) -> str:
    """Mean and standard deviation."""
    return f"{percent(mean(shares))}" + (f" ± {points(stdev(shares))}" if len(shares) > 1 else "")


def points(share: float) -> str:
    """A difference of shares in points of a percent."""
    return f"{100 * share:.2f}"


def ranked(outcome: Outcome) -> list[Tried]:
    """The best trials on the validation images, the best first."""
    return sorted(outcome.tried, key=lambda t: (-t.accuracy, t.loss, t.slot))[:SHOWN]


def facts(outcome: Outcome) -> list[str]:
    """What each setting explains, what was given up, and the verdict."""
    shares = [f"{name} {share:.2f}" for name, share in outcome.importances.items()]
    lost = outcome.given_up
    return [
        *([f"importance: {', '.join(shares)}"] if shares else []),
        *([f"given up, because their workers died again and again: slots {lost}"] if lost else []),
        *verdict(outcome),
    ]


def brief(value: Any) -> str:
    """A setting's value in few digits."""
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def html(outcome: Outcome) -> str:
    """The best trials in a table, and the verdict."""
    names = list(outcome.best.values)
    rows = (
        (
            str(t.number),
            *(brief(t.values.get(n, "")) for n in names),
            percent(t.accuracy),
            f"{t.seconds:.1f} s",
            t.ended or "",
        )
        for t in ranked(outcome)
    )
    return cell(
        line((f"the best of {len(outcome.tried)} on the validation images", "dim")),
        table(("trial", *names, "validation", "time", ""), rows, align="lr"),
        *map(line, facts(outcome)),
    )
