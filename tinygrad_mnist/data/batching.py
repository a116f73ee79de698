"""The examples in the order that training sees them: everything follows from one seed, bit for bit."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_mnist.arguments import COUNT
from tinygrad_mnist.data.dataset import DataError, Dataset, Part, Split


def train_validation_split(split: Split, validation: int | float, seed: int) -> tuple[Split, Split]:
    """Set examples aside at random: (what is left to train on, the validation set).

    validation: how many to set aside, a count (int) or a fraction (float between 0 and 1).
    Raises ValueError when either part would be empty.
    """
    total = len(split)
    count = round(validation * total) if isinstance(validation, float) else validation
    if not 0 < count < total:
        raise ValueError(
            f"a validation set of {validation} does not fit {total} examples; "
            f"give a count from 1 to {total - 1} or a fraction between 0 and 1"
        )
    # A child of the seed, because default_rng(seed) itself is default_rng([seed, 0]), the order of epoch 0.
    (rng,) = np.random.default_rng(seed).spawn(1)
    order = rng.permutation(total)
    return Part(split, order[count:]), Part(split, order[:count])


def set_tenth_aside(dataset: Dataset, seed: int) -> tuple[Split, Split]:
    """What the commands train on, and what they validate with: a tenth of the training images, at random.

    Raises DataError where there are too few.
    """
    try:
        return train_validation_split(dataset.train, 0.1, seed)
    except ValueError:
        raise DataError(
            f"{dataset.name}: {len(dataset.train)} training images are too few to set a tenth aside; give 10 or more"
        ) from None


def batches(
    x: NDArray[Any], y: NDArray[Any], batch_size: int, seed: int, epoch: int
) -> Iterator[tuple[NDArray[Any], NDArray[Any]]]:
    """One epoch: every example once, as pairs (x, y) of `batch_size` rows; the last pair may have fewer.

    The order depends on seed and epoch alone. Raises ValueError when x and y differ in length or are empty,
    or batch_size is below 1.
    """
    if len(x) != len(y):
        raise ValueError(f"x has {len(x)} rows but y has {len(y)}; every example needs one of each")
    if len(x) == 0:
        raise ValueError("x and y are empty; at least one example is needed")
    COUNT.check(batch_size=batch_size)
    order = np.random.default_rng([seed, epoch]).permutation(len(x))
    picks = (order[start : start + batch_size] for start in range(0, len(x), batch_size))
    return ((x[pick], y[pick]) for pick in picks)
