"""The one generator behind initial weights and dropout, so that a run can be repeated, saved and resumed."""

from __future__ import annotations

from typing import Any

import numpy as np

_generator = np.random.default_rng(0)


def generator() -> np.random.Generator:
    """The generator itself."""
    return _generator


def manual_seed(seed: int) -> None:
    """Start the generator anew. A program that does not call it starts from 0, the same in every run."""
    _generator.bit_generator.state = np.random.default_rng(seed).bit_generator.state


def get_rng_state() -> dict[str, Any]:
    """Where the generator stands, in strings and integers."""
    return dict(_generator.bit_generator.state)


def set_rng_state(state: dict[str, Any]) -> None:
    """Put the generator where `get_rng_state` found it."""
    _generator.bit_generator.state = state
