"""What can keep a sweep from running, said in a line."""

from __future__ import annotations

from tinygrad_mnist.shown import LineError


class SweepError(LineError):
    """A sweep that can't run or go on; the message says in one line what is wrong, where, and what to do."""
