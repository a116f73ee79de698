"""What makes a run quicker, and where it pays: the step compiled, and a second core."""

from __future__ import annotations

from typing import Any

from tinygrad_mnist.nn import Conv2d, Module
from tinygrad_mnist.processes import cores

STEPS = 5_000
"""A shorter run is over before compiling its step has paid for itself."""

WIDE = 500_000
"""Weights in a layer from which two threads multiply faster than one: at 784-128-64-10 they don't, at 784-800-10 they
take 0.88 of the time, at three layers of 1024 units 0.74, and of a convolution's step 0.6 (2 cores of an AMD EPYC)."""

BENT_AHEAD = range(50_000, 1_000_000)
"""Weights in the largest layer with which a second core is best given the batches, to bend the next while the first
learns: an epoch of 784-128-64-10 takes 0.88 of the time, 0.72 with numba, one of 784-800-10 0.90 of what two threads
for its products make of it. With fewer weights, as in 784-10-10, handing over takes longer than it saves, and with
more, as in three layers of 1024 units, the products have more use for both cores."""

PAYING = 2
"""More threads than were measured are for those who ask for them."""


def pays_to_compile(steps: int) -> bool:
    """Whether a run of so many steps is quicker where its step is compiled."""
    return steps >= STEPS


def paying_threads(model: Module, augment: Any = None) -> int:
    """How many threads make a run quicker on this machine: 2 of a large network, or where one can bend images, or 1."""
    is_large = _convolves(model) or _largest(model) >= WIDE
    return min(PAYING, cores()) if is_large or bends_ahead(model, augment, PAYING) else 1


def bends_ahead(model: Module, augment: Any, threads: int) -> bool:
    """Whether one of these threads is to bend the next batches, and not to multiply."""
    return threads > 1 and augment is not None and not _convolves(model) and _largest(model) in BENT_AHEAD


def _convolves(model: Module) -> bool:
    return any(isinstance(module, Conv2d) for module in model.modules())


def _largest(model: Module) -> int:
    return max((p.size for p in model.parameters()), default=0)
