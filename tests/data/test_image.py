"""Pictures of digits, framed as MNIST frames its own."""

from io import BytesIO

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tinygrad_mnist.data import DataError, as_the_network_sees, load, read_image

SEVEN = load("digits").test.images[load("digits").test.labels == 7][0]


def centre(image):
    rows, columns = np.indices(image.shape)
    return np.array([(rows * image).sum(), (columns * image).sum()]) / image.sum()


def test_a_framed_picture_stays_as_it_is(tmp_path):
    Image.fromarray(SEVEN).save(tmp_path / "seven.png")
    image = read_image(tmp_path / "seven.png")
    assert image.dtype == np.uint8
    assert np.abs(image.astype(int) - SEVEN * (255 / SEVEN.max())).max() <= 1


def drawn(size, paper, ink, mode):
    """A slanted bar and a foot on paper, off the middle."""
    height, width = size
    canvas = np.full((height, width), paper, np.uint8)
    top, left = height // 8, width // 2
    canvas[top : 5 * height // 8, left : left + max(2, width // 10)] = ink
    canvas[5 * height // 8 : 6 * height // 8, left - width // 5 : left + max(2, width // 10)] = ink
    return Image.fromarray(canvas).convert(mode)


@given(
    height=st.integers(29, 300),
    width=st.integers(29, 300),
    colours=st.sampled_from([(0, 255), (255, 0), (30, 90), (250, 180)]),
    mode=st.sampled_from(["L", "RGB", "RGBA", "P", "1"]),
)
@settings(derandomize=True, deadline=None, max_examples=40)
def test_any_size_and_colour_is_framed(tmp_path_factory, height, width, colours, mode):
    if mode == "1" and abs(colours[0] - colours[1]) < 255:
        return
    path = tmp_path_factory.mktemp("image") / "drawn.png"
    drawn((height, width), *colours, mode=mode).save(path)
    image = read_image(path)
    assert image.shape == (28, 28)
    assert image.max() == 255
    assert image[0, 0] == 0
    inked = np.argwhere(image > 50)
    extent = inked.max(axis=0) - inked.min(axis=0) + 1
    assert extent.max() in (19, 20, 21)
    # The frame allows a shift by whole pixels, and none beyond its rim.
    assert np.abs(centre(image) - 13.5).max() <= 4.5


def test_a_transparent_background_is_paper_whatever_the_ink(tmp_path):
    for ink in (0, 255):
        pixels = np.zeros((60, 60, 4), np.uint8)
        pixels[10:50, 25:35] = [ink, ink, ink, 255]
        Image.fromarray(pixels).save(tmp_path / "ink.png")
        image = read_image(tmp_path / "ink.png")
        assert image[14, 14] == 255
        assert image[14, 2] == 0


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"", "not a readable picture"), (b"\x89PNG\r\n\x1a\nbroken", "not a readable picture"), (None, "no such file")],
)
def test_what_is_no_picture_is_named(tmp_path, content, words):
    path = tmp_path / "picture.png"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError, match=words) as caught:
        read_image(path)
    assert str(path) in str(caught.value)


def test_a_truncated_picture_is_named(tmp_path):
    path = tmp_path / "half.png"
    drawn((200, 200), 0, 255, "RGB").save(path)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(DataError, match="not a readable picture"):
        read_image(path)


def test_an_empty_sheet_is_named(tmp_path):
    Image.new("RGB", (50, 50), (128, 130, 127)).save(tmp_path / "blank.png")
    with pytest.raises(DataError, match="no digit to be seen"):
        read_image(tmp_path / "blank.png")


def test_sixteen_bits_are_read_as_eight(tmp_path):
    big = Image.fromarray(SEVEN).resize((112, 112), Image.Resampling.BICUBIC)
    big.save(tmp_path / "eight.png")
    Image.fromarray(np.asarray(big).astype(np.uint16) * 257).save(tmp_path / "sixteen.png")
    difference = read_image(tmp_path / "eight.png").astype(int) - read_image(tmp_path / "sixteen.png")
    assert np.abs(difference).max() <= 2


def test_light_may_fall_unevenly(tmp_path):
    big = np.asarray(Image.fromarray(SEVEN).resize((112, 112), Image.Resampling.BICUBIC), float)
    even, uneven = 220 - 0.6 * big, 220 - 0.6 * big - np.linspace(0, 60, 112)
    for name, photo in [("even.png", even), ("uneven.png", uneven)]:
        Image.fromarray(photo.clip(0, 255).astype(np.uint8)).save(tmp_path / name)
    frames = [read_image(tmp_path / name).ravel() for name in ("even.png", "uneven.png")]
    assert np.corrcoef(*frames)[0, 1] > 0.8


@pytest.mark.parametrize(("count", "columns", "size"), [(3, 3, 282), (12, 10, 282), (120, 11, 254)])
def test_what_the_network_sees_stands_in_rows_in_order(count, columns, size):
    digits = [np.full((28, 28), i, np.uint8) for i in range(count)]
    with Image.open(BytesIO(as_the_network_sees(digits))) as picture:
        middles = np.asarray(picture)[size // 2 :: size, size // 2 :: size]
        assert picture.size == (columns * size, -(-count // columns) * size)
    assert middles.ravel().tolist() == [*range(count), *[128] * (middles.size - count)]
