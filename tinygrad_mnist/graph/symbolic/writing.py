"""Expressions written down, in terms of names for some of what they are made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinygrad_mnist.graph.symbolic import notation, pieces
from tinygrad_mnist.graph.symbolic.names import Name
from tinygrad_mnist.graph.symbolic.pieces import Style, Text
from tinygrad_mnist.graph.symbolic.traced import Traced


class View(NamedTuple):
    """How an expression is read: an operation on operands."""

    op: str
    operands: tuple[Any, ...]
    params: Mapping[str, Any]


@dataclass(frozen=True)
class Count:
    """A number that the data explain: the length of one of their axes, or how many elements they have.

    axis: None for the number of elements. others: the tensors that would explain it as well.
    """

    name: Name
    value: int
    leaf: Traced
    axis: int | None
    others: list[Name]


@dataclass
class Writer:
    """Writes expressions. names: of values; counts: of the numbers that something is divided by."""

    names: dict[Traced, Name] = field(default_factory=dict)
    counts: dict[int, Count] = field(default_factory=dict)

    def view(self, value: Traced) -> View:
        """An expression as it is."""
        assert value.op is not None
        return View(value.op.name, value.inputs, value.params)

    def write(self, value: Any, style: Style, by_name: bool = True) -> Text:
        """An expression in terms of the names; by_name=False writes out what a name stands for."""
        if not isinstance(value, Traced):
            return constant(value, style) if isinstance(value, np.ndarray) else pieces.number(value, style)
        if by_name and value in self.names:
            name: Text = getattr(self.names[value], style)
            return name
        if value.op is None:
            return constant(value.data, style)
        op, operands, params = self.view(value)
        written = self.counted(op, operands, [self.write(x, style) for x in operands], style)
        return notation.write(op, written, params, [getattr(x, "shape", ()) for x in operands], style)

    def counted(self, op: str, operands: Sequence[Any], written: list[Text], style: Style) -> list[Text]:
        """Operands as they are written; a number that the data explain, and that is divided by, goes by its name."""
        is_count = op == "div" and isinstance(operands[1], int) and operands[1] in self.counts
        return [written[0], getattr(self.counts[operands[1]].name, style)] if is_count else written

    def in_formulas(self, value: Traced, by_name: bool = True) -> Name:
        """An expression in LaTeX and as plain text."""
        return Name(self.write(value, "latex", by_name), self.write(value, "text", by_name))


def constant(array: NDArray[Any], style: Style) -> Text:
    """An array that has no name: a number where it is one throughout, an identity, or its numbers."""
    if not array.size:
        return _filled(0, array.shape, style)
    uniform = bool(np.all(array == array.flat[0]))
    if uniform and not array.shape:
        return pieces.number(pieces.whole(array.item()), style)
    if uniform and array.dtype.kind == "f":
        return _filled(pieces.whole(array.flat[0]), array.shape, style)
    if array.ndim == 2 and array.shape[0] == array.shape[1] and np.array_equal(array, np.eye(len(array))):
        dtype = ", dtype=bool" if array.dtype == np.bool_ else ""
        return Text(f"np.eye({len(array)}{dtype})" if style == "numpy" else "I")
    if style == "numpy":
        return Text(pieces.source(array))
    size = pieces.size(array.shape, style)
    return Text(rf"\text{{constant}}_{{{size}}}" if style == "latex" else f"constant({size})")


def _filled(number: float, shape: tuple[int, ...], style: Style) -> Text:
    """An array of one number."""
    if style == "numpy":
        size = pieces.source(shape if len(shape) != 1 else shape[0])
        functions: dict[float, str] = {0: f"np.zeros({size})", 1: f"np.ones({size})"}
        return Text(functions.get(number, f"np.full({size}, {float(number)!r})"))
    written, size = pieces.number(number, style), pieces.size(shape, style)
    latex = style == "latex"
    if number in (0, 1):
        return Text(rf"\mathbf{{{number}}}_{{{size}}}" if latex else f"{'ones' if number else 'zeros'}({size})")
    return Text(rf"{written} \cdot \mathbf{{1}}_{{{size}}}" if latex else f"{written} · ones({size})", "product")
