from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.each import each
from tinygrad_mnist.data import Split, batches, load_digits, train_validation_split

sizes = st.integers(1, 60)
seeds = st.integers(0, 2**40)


def numbered(count: int) -> Split:
    """Images that carry their position in two pixels, labelled with its last digit."""
    positions = np.arange(count)
    images = np.zeros((count, 28, 28), np.uint8)
    images[:, 0, 0], images[:, 0, 1] = positions // 256, positions % 256
    return Split(images, positions % 10)


def positions(split: Split) -> list[int]:
    found: list[int] = (split.images[:, 0, 0].astype(int) * 256 + split.images[:, 0, 1]).tolist()
    return found


@given(count=sizes, batch_size=st.integers(1, 80), seed=seeds, epoch=st.integers(0, 1000))
def test_an_epoch_has_every_example_once_and_keeps_pairs(count: int, batch_size: int, seed: int, epoch: int) -> None:
    x, y = np.arange(count)[:, None], -np.arange(count)
    pairs = list(batches(x, y, batch_size, seed, epoch))
    assert [len(part) for part, _ in pairs] == [batch_size] * (count // batch_size) + [count % batch_size] * (
        count % batch_size > 0
    )
    seen = np.concatenate([part[:, 0] for part, _ in pairs])
    assert sorted(seen.tolist()) == list(range(count))
    np.testing.assert_array_equal(np.concatenate([part for _, part in pairs]), -seen)


def test_the_order_is_that_of_the_seed_and_the_epoch() -> None:
    x = np.arange(100)

    def order(seed: int, epoch: int) -> list[int]:
        return [int(i) for part, _ in batches(x, x, 32, seed, epoch) for i in part]

    assert order(7, 3) == order(7, 3) == np.random.default_rng([7, 3]).permutation(100).tolist()
    assert len({tuple(order(seed, epoch)) for seed in range(4) for epoch in range(4)}) == 16


@each(
    ("x", "y", "batch_size", "message"),
    [
        (np.zeros((3, 2)), np.zeros(4), 2, "^x has 3 rows but y has 4; every example needs one of each$"),
        (np.zeros((0, 2)), np.zeros(0), 2, "^x and y are empty; at least one example is needed$"),
        (np.zeros((3, 2)), np.zeros(3), 0, "^batch_size=0 must be an integer from 1 on$"),
    ],
)
def test_a_wrong_argument_is_told_before_the_first_batch(
    x: NDArray[Any], y: NDArray[Any], batch_size: int, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        batches(x, y, batch_size, seed=0, epoch=0)


@given(count=st.integers(2, 600), seed=seeds, data=st.data())
def test_a_split_parts_the_examples_at_random(count: int, seed: int, data: st.DataObject) -> None:
    aside = data.draw(st.integers(1, count - 1))
    whole = numbered(count)
    train, validation = train_validation_split(whole, aside, seed)
    assert len(validation) == aside
    assert sorted(positions(train) + positions(validation)) == list(range(count))
    for part in (train, validation):
        np.testing.assert_array_equal(part.labels, np.array(positions(part)) % 10)
    again, _ = train_validation_split(whole, aside, seed)
    assert positions(again) == positions(train)


def test_a_fraction_is_of_all_examples() -> None:
    train, validation = train_validation_split(numbered(100), 0.29, seed=0)
    assert (len(train), len(validation)) == (71, 29)


def test_seeds_split_differently_and_not_as_an_epoch_is_ordered() -> None:
    whole = numbered(500)
    splits = [positions(train_validation_split(whole, 100, seed)[1]) for seed in range(5)]
    assert len({tuple(split) for split in splits}) == 5
    assert splits[0] != np.random.default_rng([0, 0]).permutation(500)[:100].tolist()


@each("validation", [0, 10, 11, -1, 0.0, 0.01, 1.0, 5.0])
def test_a_split_leaves_something_on_both_sides(validation: int | float) -> None:
    message = (
        rf"^a validation set of {validation} does not fit 10 examples; "
        r"give a count from 1 to 9 or a fraction between 0 and 1$"
    )
    with pytest.raises(ValueError, match=message):
        train_validation_split(numbered(10), validation, seed=0)


def test_one_seed_gives_the_same_bytes_all_the_way() -> None:
    def run() -> bytes:
        train, _ = train_validation_split(load_digits().train, 0.1, seed=11)
        return b"".join(x.tobytes() + y.tobytes() for x, y in batches(train.inputs(), train.labels, 64, 11, 1))

    assert run() == run()


def test_a_part_set_aside_is_a_split_that_takes_no_memory_for_its_images() -> None:
    whole = numbered(50)
    for part in train_validation_split(whole, 0.2, seed=3):
        assert vars(part)["whole"].images is whole.images
        chosen = positions(part)
        assert part.labels.tolist() == [i % 10 for i in chosen]
        assert positions(part[2:5]) == chosen[2:5]
        assert positions(part[np.array([4, 1])]) == [chosen[4], chosen[1]]
        assert repr(part) == f"Split({len(chosen)} images of 28 × 28, uint8, 10 classes)"
