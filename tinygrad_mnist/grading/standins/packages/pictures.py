"""Pictures that are read, and windows and plots that show nothing."""

from __future__ import annotations

import re
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_mnist.grading.standins.absorbing import Absorbing, Again, Entered, named
from tinygrad_mnist.grading.standins.files import Files
from tinygrad_mnist.grading.standins.loading import Data
from tinygrad_mnist.grading.standins.packages.learning import Bunch

PYPLOT = (
    "plot", "show", "figure", "subplot", "subplots", "imshow", "title", "xlabel", "ylabel", "legend", "axis", "grid",
    "savefig", "scatter", "hist", "bar", "colorbar", "pause", "close", "clf", "cla", "ion", "ioff", "xlim", "ylim",
    "xticks", "yticks", "tight_layout", "draw", "gca", "gcf", "suptitle", "plt", "cm", "rcParams", "matshow",
)  # fmt: skip
TKINTER = (
    "Tk", "Canvas", "Button", "Label", "Frame", "Entry", "Text", "Toplevel", "StringVar", "IntVar", "PhotoImage",
    "filedialog", "messagebox", "ttk", "mainloop", "ALL", "BOTH", "END", "LEFT", "RIGHT", "TOP", "BOTTOM", "X", "Y",
    "W", "N", "E", "S", "ROUND", "TRUE", "YES",
)  # fmt: skip


class Picture(Again, Entered):
    """A picture of Pillow's: an array, and whatever else is asked of it is the picture again."""

    mode, format = "L", "PNG"

    def __init__(self, pixels: Any) -> None:
        self.pixels = np.asarray(pixels)

    def __array__(self, dtype: Any = None, copy: Any = None) -> NDArray[Any]:
        return np.array(self.pixels, dtype)

    @property
    def size(self) -> tuple[int, int]:
        return self.pixels.shape[1], self.pixels.shape[0]

    @property
    def width(self) -> int:
        return self.size[0]

    @property
    def height(self) -> int:
        return self.size[1]

    def resize(self, size: Any, *arguments: Any, **options: Any) -> Picture:
        return Picture(resized(self.pixels, size))

    def convert(self, mode: str = "L", *arguments: Any, **options: Any) -> Picture:
        grey = self.pixels if self.pixels.ndim == 2 else self.pixels[..., :3].mean(-1).astype(self.pixels.dtype)
        return Picture(np.repeat(grey[..., None], 3, -1) if mode in ("RGB", "RGBA") else grey)

    def getdata(self) -> list[Any]:
        return list(self.pixels.reshape(-1, *self.pixels.shape[2:]).tolist())

    def getpixel(self, place: Any) -> Any:
        return self.pixels[place[1], place[0]].tolist()

    def point(self, rule: Any, *arguments: Any) -> Picture:
        return Picture(np.vectorize(rule)(self.pixels)) if callable(rule) else self

    def save(self, *arguments: Any, **options: Any) -> None:
        """Nothing is written."""


def resized(pixels: Any, size: Any, *arguments: Any, **options: Any) -> Any:
    """The nearest pixels in a picture of another width and height."""
    array = np.asarray(pixels)
    width, height = size if isinstance(size, (tuple, list)) else (28, 28)
    rows = np.arange(height) * array.shape[0] // height
    columns = np.arange(width) * array.shape[1] // width
    return array[rows][:, columns]


def picture(data: Data, name: Any = "", *arguments: Any, **options: Any) -> Picture:
    """A digit (28, 28): that of the folder it lies in, or of the number in its name, if there is one."""
    X, y = data.of(str(name))
    return Picture(X[np.flatnonzero(y == _label_in(str(name)))[0]].copy())


def _label_in(name: str) -> int:
    """The digit that a picture's path tells: its folder's, or the last that stands alone in its name."""
    parts = re.split(r"[/\\]", name)
    folders = [p for p in parts[:-1] if re.fullmatch(r"\d", p)]
    alone = re.findall(r"(?<!\d)\d(?!\d)", parts[-1])
    return int((folders or alone or ["7"])[-1])


def _threshold(image: Any, limit: float, high: float, kind: int = 0) -> tuple[float, Any]:
    """As `cv2.threshold`: black and white, or the other way round."""
    above = np.asarray(image) > (limit or 127)
    return limit, np.where(above != bool(kind & 1), high, 0).astype(np.uint8)


class _ImageOps:
    """`PIL.ImageOps`."""

    def invert(self, picture: Picture) -> Picture:
        return Picture(255 - picture.pixels)

    def __getattr__(self, name: str) -> Any:
        return lambda picture, *a, **o: picture


def _read(data: Data, name: Any, flag: Any = 1, *arguments: Any, **options: Any) -> Any:
    grey = np.array(picture(data, name))
    return grey if flag == 0 else np.repeat(grey[..., None], 3, -1)


def modules(data: Data, files: Files) -> dict[str, dict[str, Any]]:
    """Matplotlib, OpenCV, Pillow and what else reads pictures; Tk and pygame."""
    opened = partial(picture, data)
    plots: dict[str, Any] = {name: named(f"matplotlib.pyplot.{name}") for name in PYPLOT}
    plots["imread"] = lambda name, *a, **o: np.float32(opened(name)) / np.float32(255)
    pylab = {**vars(np), **plots}
    pixels = {"imread": lambda name, *a, **o: np.array(opened(name))}
    vision = {
        "imread": partial(_read, data), "resize": resized, "imwrite": lambda *a, **o: True, "waitKey": lambda *a: 27,
        "cvtColor": lambda image, *a: np.asarray(image)[..., :3].mean(-1).astype(np.uint8), "threshold": _threshold,
        "bitwise_not": lambda image: 255 - np.asarray(image), "THRESH_BINARY": 0, "THRESH_BINARY_INV": 1,
        "IMREAD_GRAYSCALE": 0, "IMREAD_COLOR": 1,
    }  # fmt: skip
    image = {
        "open": opened, "fromarray": lambda a, *more: Picture(a), "Image": Picture,
        "new": lambda mode, size, color=0: Picture(np.full(size[::-1], color, np.uint8)),
    }  # fmt: skip
    return {
        "matplotlib": {}, "matplotlib.pyplot": plots, "matplotlib.image": {"imread": plots["imread"]},
        "matplotlib.animation": {}, "pylab": pylab, "matplotlib.pylab": pylab,
        "cv2": vision, "PIL": {"ImageOps": _ImageOps()}, "PIL.Image": image,
        **dict.fromkeys(("imageio", "imageio.v2", "imageio.v3", "skimage.io", "scipy.misc"), pixels),
        "skimage.transform": {"resize": lambda x, size, **o: resized(x, tuple(size)[1::-1])},
        "tkinter": {name: named(f"tkinter.{name}") for name in TKINTER},
        "pygame": {"QUIT": 256}, "pygame.event": {"get": lambda *a: [Bunch(type=256)]},
        "IPython": {"get_ipython": lambda: Absorbing(), "display": named("IPython.display")}, "IPython.display": {},
    }  # fmt: skip
