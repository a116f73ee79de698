"""Ready-made callbacks of `fit`, beside `Checkpoint`."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

from tinygrad_mnist.nn import ExponentialMovingAverage, max_norm_
from tinygrad_mnist.training.run import Callback, Run


class Averaging(Callback):
    """Validates, and keeps, the averaged weights in place of those of the last step."""

    def __init__(self, average: ExponentialMovingAverage) -> None:
        self.average = average
        self._applied = ExitStack()

    def step_ends(self, run: Run) -> None:
        """Take in the weights."""
        self.average.update()

    def validation_begins(self, run: Run) -> None:
        """Put the average in place."""
        self._applied.enter_context(self.average.applied())

    def validation_ends(self, run: Run) -> None:
        """Give the model its own weights again."""
        self._applied.close()

    def state_dict(self) -> dict[str, Any]:
        """The averages."""
        return self.average.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take them over."""
        self.average.load_state_dict(state)


class MaxNorm(Callback):
    """Holds the norm of each unit's incoming weights at or below a limit, after every step; see `nn.max_norm_`."""

    def __init__(self, limit: float) -> None:
        self.limit = limit

    def step_ends(self, run: Run) -> None:
        """Shorten what is too long."""
        max_norm_(run.model.parameters(), self.limit)
