"""The digits that a program gets, whatever it loads them with."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cached_property
from typing import Any

import numpy as np

from tinygrad_mnist.grading.standins.digits import MOST, Digits, digits

TEST = re.compile(r"t10k|test|valid", re.IGNORECASE)
"""What a name says of data to test with."""


class Data:
    """The digits of one run: so many to train with, and a sixth of it, but at least fifty, to test with."""

    def __init__(self, count: int, seed: int = 0) -> None:
        self.count, self.seed = count, seed

    @cached_property
    def train(self) -> Digits:
        return digits(self.count, 2 * self.seed)

    @cached_property
    def test(self) -> Digits:
        return digits(max(50, self.count // 6), 2 * self.seed + 1)

    @property
    def parts(self) -> dict[str, Digits]:
        return {"train": self.train, "test": self.test}

    @property
    def known(self) -> Digits:
        """Every image that there is, once, with its label."""
        return _one_after_another((X[:MOST], y[:MOST]) for X, y in (self.train, self.test))

    def of(self, name: str) -> Digits:
        """The digits that a file or folder of this name holds."""
        return self.test if TEST.search(name) and not re.search(r"train[^/\\]*$", name, re.IGNORECASE) else self.train

    def both(self) -> Digits:
        """All in rows (n, 784) uint8, with their labels: the ones to train with first."""
        return rows(_one_after_another((self.train, self.test)))

    def load_data(self, *arguments: Any, **options: Any) -> Any:
        """As `keras.datasets.mnist.load_data()`."""
        return tuple((x.copy(), y.copy()) for x, y in (self.train, self.test))


def rows(pair: Digits) -> Digits:
    """Images as rows, and labels."""
    return pair[0].reshape(len(pair[0]), -1), pair[1]


def seeded(seed: Any) -> np.random.Generator:
    """What draws by the seed that a program gives, which may be none."""
    return np.random.default_rng(seed if isinstance(seed, int) else 0)


def parts_of(parts: dict[str, Any], split: Any) -> Any:
    """All parts, or those that a split such as 'train', 'train[:80%]' or ['train', 'test'] names."""
    if split is None:
        return parts
    if isinstance(split, (list, tuple)):
        return [parts_of(parts, one) for one in split]
    return parts["test" if str(split).startswith(("test", "valid")) else "train"]


def _one_after_another(pairs: Iterable[Digits]) -> Digits:
    images, labels = zip(*pairs, strict=True)
    return np.concatenate(images), np.concatenate(labels)
