"""The data sets of a session: digits, files that were dropped, and what was drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_mnist.data import Dataset, Split, load_digits
from tinygrad_mnist.playground import protocol
from tinygrad_mnist.playground.errors import PlaygroundError

if TYPE_CHECKING:
    from tinygrad_mnist.playground.dropped import Dropped

_MISSING = {
    "file": "no data set has been dropped yet: drop its files here first",
    "own": "there are no digits of your own yet: draw some, and keep them for training",
}


class Datasets:
    """Data sets by their names in messages: "digits", "file" and "own"."""

    def __init__(self) -> None:
        self._ready: dict[str, Dataset] = {}
        self._dropped: Dropped | None = None

    def get(self, name: str) -> Dataset:
        """A data set; raises PlaygroundError where it is not there yet."""
        if name == "digits" and name not in self._ready:
            self._ready[name] = load_digits()
        if name not in self._ready:
            raise PlaygroundError(_MISSING[name])
        return self._ready[name]

    def drop(self, asked: protocol.Data) -> dict[str, Any]:
        """Take a file in, or a part of one."""
        from tinygrad_mnist.playground.dropped import Dropped

        self._dropped = self._dropped or Dropped()
        self._dropped.add(asked.name, protocol.decoded(asked.bytes, "bytes"), asked.more)
        dataset = self._dropped.dataset
        if dataset:
            self._ready["file"] = dataset
        return {
            "name": self._dropped.name if dataset else "",
            "examples": len(dataset.train) if dataset else 0,
            "classes": dataset.classes if dataset else 0,
            "notes": self._dropped.notes,
            "missing": self._dropped.missing,
        }

    def draw(self, asked: protocol.Own) -> dict[str, Any]:
        """Take the digits that were drawn in place of those before."""
        images = asked.images.array()
        if len(images) > protocol.OWN:
            raise PlaygroundError(f"there are {len(images):,} digits of your own, and {protocol.OWN:,} are the most")
        digits = Split(images, np.array(asked.labels, np.int64))
        self._ready["own"] = Dataset("own", digits, digits)
        return {"examples": len(digits)}
