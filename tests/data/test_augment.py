from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.each import each
from tinygrad_mnist import data
from tinygrad_mnist.data import augment
from tinygrad_mnist.data.augment import Distortion

Images = NDArray[Any]
EVERYTHING = Distortion(shift=2, rotate=15, scale=0.15, shear=10, elastic=34, sigma=4)


@pytest.fixture(scope="module")
def digits() -> Images:
    """Real digits, (20, 28, 28), from 0 to 1."""
    return data.load("digits").train[:20].inputs().reshape(-1, 28, 28)


def noise(n: int = 5, seed: int = 0) -> Images:
    return np.random.default_rng(seed).random((n, 28, 28), dtype=np.float32)


def moved(images: Images, down: int, right: int) -> Images:
    """Moved by whole pixels, by slices."""
    room = np.pad(images, ((0, 0), (40, 40), (40, 40)))
    return room[:, 40 - down : 68 - down, 40 - right : 68 - right]


def test_no_strength_changes_nothing() -> None:
    images = noise()
    result = Distortion()(images, np.random.default_rng(0))
    np.testing.assert_array_equal(result, images)
    assert not np.shares_memory(result, images)


@given(st.integers(-30, 30), st.integers(-30, 30))
def test_shifts_by_whole_pixels_are_exact(down: int, right: int) -> None:
    images = noise(2)
    np.testing.assert_array_equal(augment.shift(images, down, right), moved(images, down, right))


def test_half_a_pixel_is_the_mean_of_two_neighbours() -> None:
    images = noise()
    expected = (images + moved(images, 0, 1)) / 2
    np.testing.assert_allclose(augment.shift(images, 0, 0.5), expected, atol=1e-6)


@each("quarters", range(-4, 5))
def test_quarter_turns_are_those_of_numpy(quarters: int) -> None:
    images = noise()
    expected = np.rot90(images, quarters, axes=(1, 2))
    np.testing.assert_allclose(augment.rotate(images, 90 * quarters), expected, atol=1e-5)


def test_scaling_spreads_a_ramp_from_the_middle() -> None:
    ramp = np.repeat(np.arange(28, dtype=np.float32)[:, None] / 27, 28, axis=1)[None]
    expected = ((np.arange(28) - 13.5) / 2 + 13.5) / 27
    np.testing.assert_allclose(augment.scale(ramp, 2)[0, :, 5], expected, atol=1e-6)
    small = augment.scale(np.ones((1, 28, 28), np.float32), 0.5)[0]
    np.testing.assert_allclose(small[7:21, 7:21], 1)
    assert small[:6].sum() == small[:, 22:].sum() == 0


def test_a_sheared_line_leans_to_the_right() -> None:
    line = np.zeros((1, 28, 28), np.float32)
    line[0, :, 13:15] = 1
    leaning = augment.shear(line, 45)[0]
    centres = leaning @ np.arange(28) / np.maximum(leaning.sum(axis=1), 1e-9)
    np.testing.assert_allclose(centres[5:23], 13.5 + (13.5 - np.arange(5, 23)), atol=1e-5)


def test_scale_then_shear_then_rotation_then_shift() -> None:
    """A point moved step by step, in the plane whose y axis points up, comes from where it was."""
    points = np.random.default_rng(0).uniform(-10, 10, 50) + 1j * np.random.default_rng(1).uniform(-10, 10, 50)
    scaled = 1.2 * points
    sheared = scaled + np.tan(np.radians(15)) * scaled.imag
    rotated = sheared * np.exp(1j * np.radians(25))
    new_rows, new_columns = 13.5 - rotated.imag + 2, 13.5 + rotated.real - 3
    rows, columns = augment.affine_places(1, down=2, right=-3, degrees=25, factor=1.2, slant=15)
    for place, expected in [(rows[0], 13.5 - points.imag), (columns[0], 13.5 + points.real)]:
        found = place[0, 0] + new_rows * (place[1, 0] - place[0, 0]) + new_columns * (place[0, 1] - place[0, 0])
        np.testing.assert_allclose(found, expected, atol=1e-3)


@settings(max_examples=30, deadline=None)
@given(
    st.floats(0, 6), st.floats(0, 180), st.floats(0, 1), st.floats(0, 60), st.floats(0, 200), st.floats(0.1, 20),
    st.integers(0, 2**32),
)  # fmt: skip
def test_values_stay_in_range_and_shape_and_dtype_are_kept(
    shift: float, rotate: float, scale: float, shear: float, elastic: float, sigma: float, seed: int
) -> None:
    images = np.round(noise(3, seed))  # zeros and ones: the ends of the range
    result = Distortion(shift, rotate, scale, shear, elastic, sigma)(images, np.random.default_rng(seed))
    assert result.dtype == np.float32
    assert result.shape == images.shape
    assert 0 <= result.min() <= result.max() <= 1


@each("shape", [(784,), (28, 28), (1, 28, 28)])
@each("dtype", [np.float16, np.float32, np.float64])
def test_images_in_any_shape_are_the_same_images(shape: tuple[int, ...], dtype: type) -> None:
    images = noise().astype(dtype)
    result = EVERYTHING(images.reshape(5, *shape), np.random.default_rng(3))
    assert result.shape == (5, *shape)
    assert result.dtype == np.float32
    np.testing.assert_array_equal(result.reshape(5, 28, 28), EVERYTHING(images, np.random.default_rng(3)))


def test_one_seed_gives_one_result(digits: Images) -> None:
    first, again, other = (EVERYTHING(digits, np.random.default_rng(seed)) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 0.5
    twins = np.repeat(digits[:1], 2, axis=0)
    one, two = EVERYTHING(twins, np.random.default_rng(0))
    assert np.abs(one - two).max() > 0.5


def test_the_images_given_are_not_touched(digits: Images) -> None:
    before = digits.copy()
    EVERYTHING(digits, np.random.default_rng(0))
    np.testing.assert_array_equal(digits, before)


@pytest.mark.parametrize(
    "function",
    [
        lambda images, v: augment.shift(images, v, -v),
        lambda images, v: augment.rotate(images, 9 * v),
        lambda images, v: augment.scale(images, 1 + v / 10),
        lambda images, v: augment.shear(images, 5 * v),
    ],
)
def test_a_batch_is_its_images_one_by_one(function: Callable[..., Images], digits: Images) -> None:
    values = np.linspace(-3, 3, len(digits))
    alone = [function(digits[i : i + 1], value)[0] for i, value in enumerate(values)]
    np.testing.assert_array_equal(function(digits, values), alone)


def test_a_batch_bent_is_its_images_bent_one_by_one(digits: Images) -> None:
    rows, columns = (np.indices((28, 28), np.float32)[axis] for axis in (0, 1))
    down, right = augment.elastic_field(len(digits), np.random.default_rng(0), 34, 4)
    places = rows + down, columns + right
    together = augment.warp(digits, places)
    for i in range(len(digits)):
        alone = augment.warp(digits[i : i + 1], (places[0][i : i + 1], places[1][i : i + 1]))
        np.testing.assert_array_equal(together[i : i + 1], alone)


def test_the_interpolation_is_that_of_its_definition() -> None:
    rng = np.random.default_rng(0)
    images, rows, columns = noise(2), *(rng.uniform(-5, 33, (2, 2, 28, 28)).astype(np.float32))
    room = np.pad(images.astype(float), ((0, 0), (40, 40), (40, 40)))
    result = augment.warp(images, (rows, columns))
    for i, r, c in [(0, 0, 0), (1, 27, 27), (0, 13, 5), *rng.integers(0, (2, 28, 28), (200, 3))]:
        row, column = float(rows[i, r, c]) + 40, float(columns[i, r, c]) + 40
        expected = sum(
            room[i, y, x] * (1 - abs(row - y)) * (1 - abs(column - x))
            for y in (int(row), int(row) + 1)
            for x in (int(column), int(column) + 1)
        )
        assert result[i, r, c] == pytest.approx(expected, abs=1e-5)


@each("sigma", [0.7, 2, 4, 8])
def test_the_field_is_noise_smoothed_as_by_a_convolution(sigma: float) -> None:
    down, right = augment.elastic_field(2, np.random.default_rng(0), 10, sigma)
    raw = np.random.default_rng(0).random((2, 2, 28, 28), dtype=np.float32) * 2 - 1
    reach = np.arange(-60, 61)
    bell = np.exp(-(reach**2) / (2 * sigma**2))
    bell /= bell.sum()
    for field, draw in zip((down, right), raw):
        for i in (0, 1):
            rows = np.array([np.convolve(line, bell)[60:-60] for line in draw[i]])
            both = np.array([np.convolve(line, bell)[60:-60] for line in rows.T]).T
            np.testing.assert_allclose(field[i], 10 * both, atol=1e-4)


def test_the_field_is_as_strong_as_theory_says_and_leans_to_no_side() -> None:
    """Noise of variance 1/3 under a Gaussian: variance α² / (3 · 4πσ²), away from the frame."""
    down, right = augment.elastic_field(2000, np.random.default_rng(0), 34, 3)
    for field in (down, right):
        inner = field[:, 12:16, 12:16]
        assert inner.std() == pytest.approx(34 / np.sqrt(12 * np.pi * 9), rel=0.05)
        assert abs(inner.mean()) < 0.1
    assert abs(np.corrcoef(down[:, 14, 14], right[:, 14, 14])[0, 1]) < 0.1


@each(
    ("strengths", "message"),
    [
        ({"shift": -1}, "shift=-1 must be a number from 0 on"),
        ({"rotate": float("nan")}, "rotate=nan"),
        ({"elastic": float("inf")}, "elastic=inf"),
        ({"shear": 90}, "shear=90 must be a number of degrees from 0 on, and less than 90"),
        ({"shift": 29}, "shift=29 must be a number from 0 on, 28 pixels at most"),
        ({"rotate": 1e308}, "rotate=.* 360 degrees at most"),
        ({"scale": 1e308}, "scale=.* 10 at most"),
        ({"elastic": 1e308}, "elastic=.* 10,000 at most"),
        ({"sigma": 1e-300}, "sigma=.* 0.01 at least"),
        ({"sigma": 0}, "sigma=0 must be a positive number of pixels"),
        ({"sigma": 1e9}, "sigma=1000000000.0 must be a positive number of pixels, 28 at most"),
    ],
)
def test_strengths_out_of_range_are_named(strengths: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Distortion(**strengths)


def test_images_that_are_none_are_named() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match=r"images have shape \(2, 100\), expected \(n, 784\), \(n, 28, 28\)"):
        EVERYTHING(np.zeros((2, 100)), rng)
    with pytest.raises(TypeError, match="images are uint8, expected floating point from 0 to 1"):
        EVERYTHING(data.load("digits").train.images[:2], rng)  # type: ignore[arg-type]


def test_no_images_and_one_image_are_batches_too() -> None:
    rng = np.random.default_rng(0)
    assert EVERYTHING(noise(0), rng).shape == (0, 28, 28)
    assert EVERYTHING(noise(1), rng).shape == (1, 28, 28)


def test_distorted_digits_are_still_those_digits(digits: Images) -> None:
    """Each is nearer to its own original than to any other digit, for nearly all."""
    bent = Distortion(shift=1, rotate=8, elastic=34, sigma=5)(digits, np.random.default_rng(0))
    distances = ((bent[:, None] - digits) ** 2).sum(axis=(2, 3))
    assert (distances.argmin(axis=1) == np.arange(len(digits))).mean() >= 0.8


def test_the_strongest_distortion_is_computed_without_a_warning() -> None:
    strongest = Distortion(shift=28, rotate=360, scale=10, shear=89.9, elastic=10_000, sigma=0.01)
    images = data.load("digits").train[:20].inputs()
    with np.errstate(all="raise", under="ignore"):
        assert np.isfinite(strongest(images, np.random.default_rng(0))).all()


@each("strengths", [{"shift": 3}, {"rotate": 40, "scale": 0.3, "shear": 20}, {"elastic": 60, "sigma": 3}])
def test_loops_that_numba_compiles_give_the_same_bits(
    strengths: dict[str, float], digits: Images, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("numba")
    distort = Distortion(**strengths)
    for images in (digits, digits.astype(np.float64).reshape(len(digits), -1), digits[:, None]):
        found = []
        for is_loaded in (True, False):
            monkeypatch.setattr(augment, "is_loaded", lambda loaded=is_loaded: loaded)
            found.append(distort(images, np.random.default_rng(0)))
        np.testing.assert_array_equal(*found)


def test_places_that_are_no_numbers_read_no_memory_outside(digits: Images, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("numba")
    monkeypatch.setattr(augment, "is_loaded", lambda: True)
    places = np.full((len(digits), 28, 28), np.nan, np.float32)
    assert augment.warp(digits, (places, -places)).shape == digits.shape
