"""The generator behind initial weights and dropout, so that a run can be repeated, saved and resumed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np

_generator: ContextVar[np.random.Generator] = ContextVar("generator", default=np.random.default_rng(0))  # noqa: B039

generator = _generator.get
"""The generator itself: one for all threads, but in `drawing_from`."""


@contextmanager
def drawing_from(own: Any) -> Iterator[None]:
    """Inside, in this thread, weights and dropout are drawn from a generator of one's own."""
    before = _generator.set(own)
    try:
        yield
    finally:
        _generator.reset(before)


def manual_seed(seed: int) -> None:
    """Start the generator anew. A program that does not call it starts from 0, the same in every run."""
    set_rng_state(dict(np.random.default_rng(seed).bit_generator.state))


def get_rng_state() -> dict[str, Any]:
    """Where the generator stands, in strings and integers."""
    return dict(generator().bit_generator.state)


def set_rng_state(state: dict[str, Any]) -> None:
    """Put the generator where `get_rng_state` found it."""
    generator().bit_generator.state = state
