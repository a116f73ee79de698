"""Everything put in place at once."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from tinygrad_mnist.grading.standins import effects, files, modules, old_numpy
from tinygrad_mnist.grading.standins.loading import Data

COUNT = 600
"""How many digits there are to train with: MNIST's 60,000 by the number that `rewriting` divides counts by."""


def install(folder: Path, count: int = COUNT, seed: int = 0, absent: Iterable[str] = ()) -> Data:
    """Stand-ins for what the program in this folder may load, import, write and ask.

    absent: modules that nobody knows here, in whose place something stands that does nothing.
    This changes the running process for good: call it in one that is the program's own.
    """
    data = Data(count, seed)
    seen = files.install(data, folder)
    modules.install(data, seen, absent)
    effects.install(seen)
    old_numpy.install()
    return data
