"""What a value is called, in LaTeX, in plain text and in Python; and names given out, each of them once."""

from __future__ import annotations

import itertools
import keyword
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from tinygrad_mnist.engine.primitive import OPS
from tinygrad_mnist.graph import layers
from tinygrad_mnist.graph.symbolic.helpers import HELPERS
from tinygrad_mnist.graph.symbolic.notation import NOTATION, function_name, write
from tinygrad_mnist.graph.symbolic.pieces import FORMULAS, Shape, Text, name


class Name(NamedTuple):
    """A name, or what is written in place of one, in each style; "" where a style is not asked for."""

    latex: Text
    text: Text
    numpy: Text = Text("")


_PREDICTIONS = {
    layers.PREDICTION: (Text(r"\hat{y}"), "y_hat"),
    layers.LOG_PREDICTION: (Text(r"\log \hat{y}", "factor", "log_softmax"), "log_y_hat"),
}


_GREEK = {"δ": "delta", "γ": "gamma", "β": "beta"}


def named(text: str) -> Name:
    """A name in its styles: W1 is W with the index 1 in LaTeX, δ1 is delta1 in Python."""
    greek = re.fullmatch(r"([δγβ])(\d*)", text)
    spelled = _GREEK[greek[1]] + greek[2] if greek else text
    latex, identifier = _PREDICTIONS.get(text) or (name(spelled, "latex"), spelled)
    return Name(latex, Text(text), Text(_identifier(identifier)))


def partial(above: Name, below: Name) -> Name:
    """∂above/∂below, and d and the name in Python."""
    top, bottom = (x.latex if x.latex.level == "atom" else rf"\left({x.latex}\right)" for x in (above, below))
    of = f"({below.text})" if below.text.endswith("ᵀ") else below.text
    return Name(
        Text(rf"\frac{{\partial {top}}}{{\partial {bottom}}}", "factor"),
        Text(f"∂{above.text}/∂{of}", "factor"),
        Text(f"d{below.numpy}"),
    )


def applied(op: str, operands: Sequence[Name], params: Mapping[str, Any], shapes: Sequence[Shape]) -> Name:
    """An operation on what has names, in LaTeX and as plain text; shapes: of the operands."""
    return Name(*(write(op, [getattr(x, style) for x in operands], params, shapes, style) for style in FORMULAS))


class Names:
    """Gives out names, each of them once: a second W is W_2."""

    def __init__(self) -> None:
        self._identifiers = {*keyword.kwlist, *keyword.softkwlist, *HELPERS, "np", "loss_and_gradients"}
        self._identifiers |= set(map(function_name, OPS.keys() - NOTATION.keys()))
        self._shown: set[str] = set()
        self._counters: dict[str, Iterator[int]] = defaultdict(lambda: itertools.count(1))

    def new(self, wanted: str | Name, identifier: str = "") -> Name:
        """The name that is wanted; with a number where it is taken."""
        given = wanted if isinstance(wanted, Name) else named(" ".join(wanted.split()) or "x")
        shown = untaken(given.text, self._shown)
        own = given if shown == given.text else named(shown)
        return own._replace(numpy=Text(untaken(_identifier(identifier or own.numpy), self._identifiers)))

    def wanted(self, name: str | None, stem: str) -> Name:
        """The name that is wanted; a numbered one where none is."""
        return self.new(name) if name else self.numbered(stem)

    def numbered(self, stem: str) -> Name:
        """t1, t2, …: the first that is free."""
        return self.new(next(name for i in self._counters[stem] if (name := f"{stem}{i}") not in self._shown))


def _identifier(wanted: str) -> str:
    plain = unicodedata.normalize("NFKC", wanted.replace("∂", "d"))  # as Python reads it
    stem = re.sub("_+", "_", "".join(c if f"_{c}".isidentifier() else "_" for c in plain)).strip("_") or "x"
    return stem if stem.isidentifier() else f"x_{stem}"


def untaken(wanted: str, taken: set[str]) -> str:
    """The name that is wanted, with a number where it is taken; it is taken from now on."""
    found, number = wanted, 2
    while found in taken:
        found, number = f"{wanted}_{number}", number + 1
    taken.add(found)
    return found
