"""Pieces of formulas: names, words, numbers and arrays, in LaTeX, in plain text and in NumPy source."""

from __future__ import annotations

import re
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Style = Literal["latex", "text", "numpy"]
Shape = tuple[int, ...]

FORMULAS: tuple[Style, Style] = ("latex", "text")
"""The styles that are read, and not run."""

LEVELS = ("any", "comparison", "sum", "product", "factor", "power", "atom")
"""How tightly an expression binds, loosest first; a factor is what stands in a product without brackets."""


class Text(str):
    """A piece of a formula, which knows how tightly it binds, and the operation that is outermost in it."""

    __slots__ = ("level", "op")
    level: str
    op: str

    def __new__(cls, text: str, level: str = "atom", op: str = "") -> Text:
        piece = super().__new__(cls, text)
        piece.level, piece.op = level, op
        return piece


_GREEK = frozenset(
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau phi chi psi omega "  # noqa: SIM905
    "Gamma Delta Theta Lambda Xi Pi Sigma Phi Psi Omega".split()
)
_SPECIAL = {c: "\\" + c for c in "{}$&#%_"} | {"\\": "∖", "^": "ˆ", "~": "∼", "<": "‹", ">": "›"}
"""Characters that mean something in LaTeX, or to the HTML that it may stand in."""


def name(text: str, style: Style) -> Text:
    """A tensor's name as a formula writes it: in LaTeX, W1 is W with the index 1, and alpha the Greek letter."""
    if style != "latex" or re.fullmatch(r"-?[\d.]+", text):
        return Text(text)
    if match := re.fullmatch(r"([^\W\d_]+)_?(\d*)(_hat)?", text):
        stem, index, hat = match.groups()
        letter = stem if len(stem) == 1 else rf"\{stem}" if stem in _GREEK else rf"\mathrm{{{stem}}}"
        letter = rf"\hat{{{letter}}}" if hat else letter
        return Text(f"{letter}_{{{index}}}" if index else letter)
    return Text(words(text))


def words(text: str) -> str:
    """Words in a LaTeX formula, whatever characters are in them."""
    return rf"\text{{{''.join(_SPECIAL.get(c, c) for c in ' '.join(text.split()))}}}"


def whole(value: float) -> float:
    """A number as an int where it is whole."""
    return int(value) if np.isfinite(value) and value == int(value) and abs(value) < 1e15 else float(value)


def number(value: float, style: Style) -> Text:
    """A Python number: in source without loss, in formulas with six digits."""
    value = value.item() if isinstance(value, np.generic) else value
    if style == "numpy":
        text = repr(value) if np.isfinite(value) else f'float("{value}")'
        return Text(text, "sum" if text.startswith("-") else "atom")
    value = whole(value)
    text = str(value) if isinstance(value, int) else min(repr(value), f"{value:.6g}", key=len)
    if match := re.fullmatch(r"(.+)e([+-]?)0*(\d+)", text):
        mantissa, sign, exponent = match.groups()
        exponent = sign.strip("+") + exponent
        power = f"10^{{{exponent}}}" if style == "latex" else f"1e{exponent}"
        text = power if mantissa == "1" else mantissa + (r" \cdot " if style == "latex" else "·") + power
    minus, infinity = ("-", r"\infty") if style == "latex" else ("−", "∞")
    text = text.replace("-", minus, 1) if value < 0 else text
    return Text(text.replace("inf", infinity).replace("nan", "NaN"), "sum" if value < 0 else "atom")


def size(shape: Shape, style: Style) -> str:
    """A shape in words: 8 × 10."""
    return (r" \times " if style == "latex" else " × ").join(map(str, shape)) or "scalar"


def source(value: Any) -> str:
    """A parameter as Python source that needs NumPy alone."""
    if isinstance(value, np.ndarray):
        dtype = "" if value.size and value.dtype.kind in "bif" else f", {source(value.dtype)}"
        return f"np.array({value.tolist()!r}{dtype})"
    if isinstance(value, list):
        return f"[{', '.join(map(source, value))}]"
    if isinstance(value, tuple):
        return f"({', '.join(map(source, value))}{',' * (len(value) == 1)})"
    if isinstance(value, type | np.dtype):
        return f"np.{np.dtype(value).name}".replace("np.bool", "bool")
    return repr(value.item() if isinstance(value, np.generic) else value).replace("Ellipsis", "...")


def numbers(array: NDArray[Any]) -> str:
    """An array written out, the middle of a long one left out."""
    return re.sub(r"\s+", " ", np.array2string(array, separator=", ", threshold=8))


def operator_name(text: str) -> str:
    """A word as LaTeX writes the name of a function."""
    return rf"\operatorname{{{text}}}".replace("_", r"\_")
