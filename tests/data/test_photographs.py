"""Photographs of digits: tables, lines, shadows, lamps, dots and several digits are told apart."""

import importlib.util
import struct
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tinygrad_mnist import data
from tinygrad_mnist.data import DataError, read_digits
from tinygrad_mnist.data.photographs import opening
from tinygrad_mnist.data.photographs.resemblance import resemblance

PROGRAM = Path(__file__).parents[2] / "benchmarks" / "photographs.py"
DIGITS = data.load("digits")
AGREEMENT = 0.8
"""The correlation of a frame with that of the same digit on plain paper."""


@pytest.fixture(scope="module")
def photographs():
    specification = importlib.util.spec_from_file_location("photographs", PROGRAM)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def clean(photographs, digit):
    """The frame of a digit that is drawn with a clean pen."""
    sheet = photographs.Sheet(digit, np.random.default_rng(0))
    return 250 - 220 * sheet.ink(400, (200, 100))


def frame(tmp_path, pixels):
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(tmp_path / "picture.png")
    return read_digits(tmp_path / "picture.png")


def agree(a, b):
    return np.corrcoef(a.pixels.ravel(), b.pixels.ravel())[0, 1] > AGREEMENT


SURROUNDINGS = {
    "table": lambda y, x: np.where((y > 50) & (y < 770) & (x > 20) & (x < 580), 240.0, 60),
    "lines": lambda y, x: np.where((y + 0.03 * x) % 55 < 2, 140.0, 240),
    "grid": lambda y, x: np.where(((y + 0.02 * x) % 45 < 2) | ((x - 0.02 * y) % 45 < 2), 160.0, 240),
    "shadow": lambda y, x: 230 - 110 / (1 + np.exp(-(x + 0.4 * y - 420) / 20)),
    "lamp": lambda y, x: 100 + 140 * np.exp(-((x - 100) ** 2 + (y - 200) ** 2) / 60_000),
}


@pytest.mark.parametrize("name", SURROUNDINGS)
def test_the_frame_is_that_of_plain_paper(photographs, tmp_path, name):
    rng = np.random.default_rng(1)
    y, x = np.mgrid[:800, :600]
    for label in (0, 4):
        digit = DIGITS.test.images[DIGITS.test.labels == label][:1]
        plain = clean(photographs, digit)
        (expected,) = frame(tmp_path, plain)
        ink = (250 - plain) / 220
        photo = SURROUNDINGS[name](y, x) * (1 - ink) + 30 * ink + rng.normal(0, 5, plain.shape)
        (found,) = frame(tmp_path, photo)
        assert agree(found, expected), (name, label)
        (negative,) = frame(tmp_path, 255 - photo) if name == "shadow" else (found,)
        assert agree(negative, expected), (name, label)


def test_ink_wider_than_any_pen_is_no_paper(tmp_path):
    """A 9 whose head is filled, as a brush leaves it."""
    y, x = np.mgrid[:800, :600]
    head = ((y - 300) / 130) ** 2 + ((x - 260) / 140) ** 2 < 1
    tail = (x > 330) & (x < 400) & (y > 280) & (y < 650)
    paper = 235 + np.random.default_rng(0).normal(0, 5, y.shape)
    drawn = np.where(head | tail, 30, paper)
    for photo in (drawn, 255 - drawn):
        (found,) = frame(tmp_path, photo)
        rows = np.nonzero(found.pixels > 128)[0]
        assert np.ptp(rows) >= 18  # from the top of the head to the end of the tail
        assert (found.pixels[rows.min() + 2 : rows.min() + 8] > 128).sum(axis=1).min() >= 8


def test_a_blot_in_uneven_light_has_no_hole_where_it_is_wider_than_a_pen(tmp_path):
    """The window in which paper is looked for fits into it: a box of its own size was left out."""
    y, x = np.mgrid[:800, :600]
    blot = ((y - 400) / 200) ** 2 + ((x - 300) / 90) ** 2 < 1
    for name in ("shadow", "lamp"):
        photo = np.where(blot, 30, SURROUNDINGS[name](y, x)) + np.random.default_rng(0).normal(0, 5, y.shape)
        for seen in (photo, 255 - photo):
            (found,) = frame(tmp_path, seen)
            assert found.pixels[6:22, 13:15].min() > 200, name


def test_a_hairline_beside_a_digit_is_doubted(photographs, tmp_path):
    digit = DIGITS.test.images[DIGITS.test.labels == 4][:1]
    drawn = clean(photographs, digit)
    drawn[250:450, 100:106] = 30
    hairline, found = frame(tmp_path, drawn)
    assert hairline.doubts == ("its strokes are much thinner than those beside it",)
    assert not found.doubts


@pytest.mark.parametrize(
    ("parts", "count"),
    [
        (
            [
                (slice(100, 300), slice(100, 140)),
                (slice(310, 450), slice(130, 170)),
                (slice(460, 600), slice(110, 150)),
                (slice(100, 600), slice(300, 360)),
            ],
            2,
        ),  # a 1 in three short parts beside a whole one
        ([(slice(150, 350), slice(280, 330)), (slice(375, 600), slice(315, 365))], 1),  # a 1 in two halves
        ([(slice(100, 150), slice(280, 450)), (slice(140, 500), slice(100, 310))], 1),  # the flag of a 5
        ([(slice(150, 500), slice(100, 160)), (slice(150, 500), slice(240, 300))], 2),  # 11
        ([(slice(100, 300), slice(100, 160)), (slice(400, 600), slice(100, 160))], 2),  # two lines
    ],
)
def test_parts_of_a_broken_digit_are_one_and_digits_beside_each_other_are_not(tmp_path, parts, count):
    pixels = np.full((800, 600), 240.0)
    for part in parts:
        pixels[part] = 30
    assert len(frame(tmp_path, pixels)) == count


def test_an_empty_lined_sheet_shows_no_digit(tmp_path):
    y, x = np.mgrid[:800, :600]
    with pytest.raises(DataError, match="no digit to be seen"):
        frame(tmp_path, SURROUNDINGS["lines"](y, x) + np.random.default_rng(0).normal(0, 4, y.shape))


def test_a_stray_pixel_changes_nothing(photographs, tmp_path):
    drawn = clean(photographs, DIGITS.test.images[:1])
    (expected,) = frame(tmp_path, drawn)
    drawn[30, 30] = 30
    (found,) = frame(tmp_path, drawn)
    assert np.array_equal(found.pixels, expected.pixels)


def test_several_digits_are_read_from_left_to_right(photographs, tmp_path):
    sheet = photographs.Sheet(DIGITS.test.images[:3], np.random.default_rng(0))
    singles = [sheet.ink(190, (300 - 120 * i, 10 + 200 * i), i) for i in range(3)]
    expected = [frame(tmp_path, 250 - 220 * single)[0] for single in singles]
    found = frame(tmp_path, 250 - 220 * np.max(singles, axis=0))
    assert len(found) == 3
    assert all(map(agree, found, expected))
    with pytest.raises(DataError, match="3 digits are to be seen"):
        data.read_image(tmp_path / "picture.png")


def test_what_is_cut_off_or_like_no_digit_is_doubted(photographs, tmp_path):
    drawn = clean(photographs, DIGITS.test.images[DIGITS.test.labels == 0][:1])
    (cut,) = frame(tmp_path, drawn[400:])
    assert any("cut off" in doubt for doubt in cut.doubts)
    box = np.full((300, 300), 255.0)
    box[60:240, 60:240] = 0
    box[70:230, 70:230] = 255
    (strange,) = frame(tmp_path, box)
    assert strange.doubts == ("it is unlike any digit",)


def test_handwriting_resembles_digits():
    alike = [resemblance(image) for image in DIGITS.test.images[:100]]
    assert np.mean(np.array(alike) > 0.66) > 0.97


def test_without_scipy_drawings_are_read_and_photographs_name_it(photographs, tmp_path, monkeypatch):
    drawn = clean(photographs, DIGITS.test.images[DIGITS.test.labels == 0][:1])
    (expected,) = frame(tmp_path, drawn)
    monkeypatch.setattr("tinygrad_mnist.data.image.find_spec", lambda name: None)
    monkeypatch.setitem(sys.modules, "scipy", None)
    (found,) = frame(tmp_path, drawn)
    assert agree(found, expected)
    dotted = drawn.copy()
    dotted[30, 30] = 30
    for doubtful in (dotted, drawn + np.linspace(0, -80, 600)):
        with pytest.raises(DataError, match=r"tinygrad-mnist\[photos\]"):
            frame(tmp_path, doubtful)


def test_a_camera_held_sideways_is_turned_upright(photographs, tmp_path):
    drawn = Image.fromarray(clean(photographs, DIGITS.test.images[DIGITS.test.labels == 4][:1]).astype(np.uint8))
    (expected,) = frame(tmp_path, np.asarray(drawn))
    for orientation, undone in ((3, Image.Transpose.ROTATE_180), (6, Image.Transpose.ROTATE_90)):
        turned = drawn.transpose(undone)
        turned.getexif()[opening.ORIENTATION] = orientation
        turned.save(tmp_path / "turned.jpg", exif=turned.getexif())
        assert agree(read_digits(tmp_path / "turned.jpg")[0], expected)


def huge_png(side):
    """A PNG of few bytes that says it has side × side pixels."""

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def test_a_picture_too_large_is_refused_before_it_is_read(tmp_path):
    (tmp_path / "huge.png").write_bytes(huge_png(13_300))
    with pytest.raises(DataError, match=r"13,300 × 13,300 pixels are more than"):
        read_digits(tmp_path / "huge.png")


@pytest.mark.parametrize("side", [28, 40])
def test_numbers_that_are_none_are_refused(tmp_path, side):
    Image.fromarray(np.full((side, side), np.nan, np.float32)).save(tmp_path / "nan.tif")
    with pytest.raises(DataError, match="NaN"):
        read_digits(tmp_path / "nan.tif")


def test_programs_in_a_picture_s_place_are_not_run(tmp_path):
    (tmp_path / "x.eps").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n")
    with pytest.raises(DataError, match="those that are read: PNG"):
        read_digits(tmp_path / "x.eps")


@pytest.mark.parametrize("form", ["PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP"])
def test_damaged_pictures_end_in_one_line_or_in_digits(tmp_path, form):
    Image.fromarray(DIGITS.test.images[0]).resize((60, 60)).save(tmp_path / "whole", form)
    whole, rng = (tmp_path / "whole").read_bytes(), np.random.default_rng(0)
    for _ in range(15):
        damaged = bytearray(whole[: rng.integers(1, len(whole) + 1)])
        damaged[rng.integers(len(damaged))] ^= 1 << int(rng.integers(8))
        (tmp_path / "damaged").write_bytes(damaged)
        assert "\n" not in reading(tmp_path / "damaged")


def test_a_file_that_shrinks_meanwhile_ends_no_process(tmp_path, monkeypatch):
    picture = Image.fromarray(DIGITS.test.images[0]).resize((900, 900))
    picture.save(tmp_path / "x.bmp")  # which Pillow maps into memory where it is given the path

    def shrunk(file):
        file.load()
        (tmp_path / "x.bmp").write_bytes(b"BM")
        assert file.map is None
        return small(file)

    small = opening._small
    monkeypatch.setattr(opening, "_small", shrunk)
    assert len(read_digits(tmp_path / "x.bmp")) == 1


def test_what_libtiff_writes_to_stderr_itself_is_not_said_besides(tmp_path, capfd):
    Image.fromarray(DIGITS.test.images[0]).resize((60, 60)).save(tmp_path / "x.tif", compression="packbits")
    whole = bytearray((tmp_path / "x.tif").read_bytes())
    whole[8:200] = b"\x7f" * 192
    (tmp_path / "x.tif").write_bytes(whole)
    assert "not a readable picture" in reading(tmp_path / "x.tif")
    assert capfd.readouterr().err == ""


def reading(path):
    """What is said of a picture: what is wrong, or nothing."""
    try:
        read_digits(path)
    except DataError as error:
        return str(error)
    return ""
