"""A picture file as brightness, shrunk before anything is made of its pixels."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_mnist.data.dataset import DataError
from tinygrad_mnist.files import open_plain
from tinygrad_mnist.processes import unsaid
from tinygrad_mnist.shown import reason

if TYPE_CHECKING:
    from PIL import Image

FORMATS = ("PNG", "JPEG", "WEBP", "AVIF", "GIF", "BMP", "TIFF", "PPM")
"""What is opened. Other formats that Pillow knows start programs, such as Ghostscript, or hold no pixels."""

MOST_PIXELS = 100_000_000
"""Of a file, by its own header: more than any camera of a phone takes."""

SIDE_KEPT = 800
"""The longest side, in pixels, that a picture is shrunk to; a twentieth of it still fills MNIST's box."""


ORIENTATION = 0x0112
"""EXIF's tag that says how the camera was held."""

TURNS = {2: 0, 3: 3, 4: 1, 5: 5, 6: 4, 7: 6, 8: 2}
"""What puts a picture of each orientation upright, by Pillow's `Image.Transpose`."""


def brightness(path: str | Path) -> NDArray[np.float64]:
    """The brightness of each pixel, 0 to 255, of a picture that is at most SIDE_KEPT pixels long.

    What is transparent takes the opposite of what is drawn. Raises DataError where the file is no picture, or is too
    large a one.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        _check_plain(Path(path))
        Image.init()
        known = [name for name in FORMATS if name in Image.OPEN]
        with unwarned(), open_plain(Path(path)) as stream, Image.open(stream, formats=known) as file:
            _check_size(file, path)
            _shrink_while_reading(file)
            turn = TURNS.get(file.getexif().get(ORIENTATION))
            small = _small(file)
            return _grey(small.transpose(Image.Transpose(turn)) if turn is not None else small, path)
    except UnidentifiedImageError:
        raise DataError(f"{path}: not a readable picture; those that are read: {', '.join(FORMATS)}") from None
    except FileNotFoundError:
        raise DataError(f"{path}: no such file", is_missing=True) from None
    except DataError:
        raise
    except MemoryError:
        raise DataError(f"{path}: there is not enough memory for this picture; make it smaller") from None
    except Exception as error:  # Pillow's decoders raise what they like on damaged files
        fault = reason(error).replace(repr(str(path)), "it").replace(str(path), "it")[:120]
        raise DataError(f"{path}: not a readable picture ({fault}); give a PNG or JPEG") from None


@contextmanager
def unwarned() -> Iterator[None]:
    """What Pillow warns of, such as many pixels, is checked here or ends in an exception.

    So is what the libraries behind it write to stderr themselves.
    """
    with warnings.catch_warnings(), unsaid():
        warnings.simplefilter("ignore")
        yield


def _check_plain(path: Path) -> None:
    if path.is_dir():
        raise DataError(f"{path}: a folder, and no picture; give the pictures in it")
    if path.exists() and not path.is_file():
        raise DataError(f"{path}: a device or a pipe, and no picture")


def _check_size(file: Image.Image, path: str | Path) -> None:
    if file.width * file.height > MOST_PIXELS:
        raise DataError(
            f"{path}: {file.width:,} × {file.height:,} pixels are more than the {MOST_PIXELS:,} that are read; "
            f"make it smaller"
        )


def _shrink_while_reading(file: Image.Image) -> None:
    """JPEG leaves out what a smaller picture does not need."""
    if file.format in ("JPEG", "MPO"):
        file.draft(None, (SIDE_KEPT, SIDE_KEPT))


def _small(picture: Image.Image) -> Image.Image:
    from PIL import Image

    if picture.mode in ("P", "PA"):
        picture = picture.convert("RGBA")
    elif picture.mode == "1":
        picture = picture.convert("L")
    elif picture.mode.startswith(("I", "F")):
        picture = _from_numbers(picture)
    scale = SIDE_KEPT / max(picture.size)
    if scale >= 1:
        return picture
    width, height = (max(1, round(side * scale)) for side in picture.size)
    return picture.resize((width, height), Image.Resampling.BOX)


def _from_numbers(picture: Image.Image) -> Image.Image:
    """Numbers of any range, as 16-bit scans have them, as brightness from 0 to 255."""
    from PIL import Image

    factor = -(-max(picture.size) // (2 * SIDE_KEPT))
    values = np.asarray(picture)[::factor, ::factor].astype(np.float32)
    if not np.isfinite(values).all():
        raise ValueError("it holds NaN or infinity")
    low, high = float(values.min()), float(values.max())
    return Image.fromarray(((values - low) * (255 / max(high - low, 1e-12))).astype(np.uint8))


def _grey(picture: Image.Image, path: str | Path) -> NDArray[np.float64]:
    if not picture.width or not picture.height:
        raise DataError(f"{path}: a picture without pixels")
    if "A" not in picture.getbands() and "transparency" not in picture.info:
        return np.asarray(picture.convert("L"), np.float64)
    whole = picture.convert("RGBA")
    grey: NDArray[Any] = np.asarray(whole.convert("RGB").convert("L"), np.float64)
    alpha = np.asarray(whole.getchannel("A"), np.float64) / 255
    if not alpha.any() or alpha.all():
        return grey
    paper = 255 if np.average(grey, weights=alpha) < 128 else 0
    return np.asarray(alpha * grey + (1 - alpha) * paper)
