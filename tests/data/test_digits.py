from __future__ import annotations

import gzip
from hashlib import sha256
from importlib.resources import files

import numpy as np
import pytest
from numpy.typing import NDArray

from tinygrad_mnist.data import load_digits
from tinygrad_mnist.data.idx import parse_idx

CHECKSUMS = {
    "digits-images-idx3-ubyte.gz": "359cd13f0f514122884198b78a131df597421cbf5e93a76678fa96fc548f0d96",
    "digits-labels-idx1-ubyte.gz": "ce71631c1f31ce56fa54f31d1d498fafacff59b001e6c30c4a5e29508aa277ad",
}
"""SHA-256 of scikit-learn's load_digits as IDX, decompressed."""


def content(name: str) -> bytes:
    return gzip.decompress(files("tinygrad_mnist.data").joinpath(name).read_bytes())


def original() -> NDArray[np.uint8]:
    return parse_idx(content("digits-images-idx3-ubyte.gz"), "digits")


@pytest.mark.parametrize("name", CHECKSUMS)
def test_the_embedded_files_are_the_original_ones(name: str) -> None:
    assert sha256(content(name)).hexdigest() == CHECKSUMS[name]


def test_the_first_digit_is_the_zero_everybody_knows() -> None:
    assert original()[0].tolist() == [
        [0, 0, 5, 13, 9, 1, 0, 0],
        [0, 0, 13, 15, 10, 15, 5, 0],
        [0, 3, 15, 2, 0, 11, 8, 0],
        [0, 4, 12, 0, 0, 8, 8, 0],
        [0, 5, 8, 0, 0, 9, 8, 0],
        [0, 4, 11, 0, 1, 12, 7, 0],
        [0, 2, 14, 5, 10, 12, 0, 0],
        [0, 0, 6, 13, 10, 0, 0, 0],
    ]


def test_the_split_is_fixed_and_every_digit_is_in_both_parts() -> None:
    digits = load_digits()
    assert digits.name == "digits"
    assert digits.train.images.shape == (1500, 28, 28)
    assert digits.test.images.shape == (297, 28, 28)
    assert digits.train.images.dtype == np.uint8
    assert digits.train.labels[:12].tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]
    assert np.bincount(digits.train.labels).tolist() == [151, 151, 150, 153, 148, 152, 151, 149, 146, 149]
    assert np.bincount(digits.test.labels).tolist() == [27, 31, 27, 30, 33, 30, 30, 30, 28, 31]


def test_the_images_are_framed_as_mnist_frames_them() -> None:
    images = load_digits().train.images
    assert images[:, 4:24, 4:24].max() == 255
    frame = np.ones((28, 28), bool)
    frame[4:24, 4:24] = False
    assert not images[:, frame].any()


def test_enlarging_is_bilinear() -> None:
    """Against np.interp, along the rows and then along the columns, for the first test digits."""
    centres = (np.arange(20) + 0.5) * 8 / 20 - 0.5
    for small, large in zip(original()[1500:1510], load_digits().test.images[:10], strict=True):
        rows = np.array([np.interp(centres, np.arange(8), row) for row in small])
        both = np.array([np.interp(centres, np.arange(8), column) for column in rows.T]).T
        assert np.abs(large[4:24, 4:24] - both * 255 / 16).max() <= 0.5 + 1e-9
