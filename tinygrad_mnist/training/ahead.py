"""Batches that are made on another thread while those before them are learned from."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

Batch = TypeVar("Batch")

AT_ONCE = 8
"""Batches made at a time: to hand one over takes as long as a step of a small network."""


def ahead(batches: Iterator[Batch]) -> Iterator[Batch]:
    """What an iterator gives, in its order, and what it raises; the next ones are made while the last are used."""
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(_some, batches)
        while found := coming.result():
            coming = pool.submit(_some, batches)
            yield from found


def _some(batches: Iterator[Batch]) -> list[Batch]:
    return list(islice(batches, AT_ONCE))
