"""What makes a run quicker, and where it pays: the step compiled, and a second core."""

from __future__ import annotations

from tinygrad_mnist.nn import Conv2d, Module
from tinygrad_mnist.processes import cores

STEPS = 5_000
"""A shorter run is over before compiling its step has paid for itself."""

WIDE = 500_000
"""Weights in a layer from which two threads multiply faster than one: at 784-128-64-10 they don't, at 784-800-10 they
take 0.88 of the time, at three layers of 1024 units 0.74, and of a convolution's step 0.6 (2 cores of an AMD EPYC)."""

PAYING = 2
"""More threads than were measured are for those who ask for them."""


def pays_to_compile(steps: int) -> bool:
    """Whether a run of so many steps is quicker where its step is compiled."""
    return steps >= STEPS


def paying_threads(model: Module) -> int:
    """How many threads make a step of the model quicker on this machine: 2 where it convolves or is wide, else 1."""
    is_large = any(p.size >= WIDE for p in model.parameters()) or any(isinstance(m, Conv2d) for m in model.modules())
    return min(PAYING, cores()) if is_large else 1
