"""How far iterators have come: what a step takes from one it would take in its first call alone."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from types import GeneratorType
from typing import Any

from tinygrad_mnist.compiler.capturing.facts import PLAIN


def progress(x: Any) -> Any:
    """What changes of an iterator, and of those that it takes from, when something is taken; None of all else."""
    if isinstance(x, PLAIN):
        return x
    if isinstance(x, tuple):
        return tuple(map(progress, x))
    if isinstance(x, list):
        return len(x)
    if isinstance(x, GeneratorType):
        frame = x.gi_frame
        return (frame.f_lasti, *map(progress, frame.f_locals.values())) if frame else "at its end"
    return _told(x) if isinstance(x, Iterator) else None


def _told(iterator: Iterator[Any]) -> Any:
    """What it would be pickled by; None where it can't be."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of itertools, from Python 3.12 on
        try:
            return progress(iterator.__reduce__())
        except TypeError:
            return None
