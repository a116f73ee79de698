"""How an operation is written: a template for each style, with slots for its operands and parameters.

`<0:product>` is the first operand, in brackets if it binds less tightly than a product; `<0:product=>` leaves the
brackets out around the same operation too, where grouping makes no difference; `<axis>` is a parameter as source, and
`<all>` every operand. What depends on parameters or shapes is a function that returns the template.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tinygrad_mnist.engine.ops import _axes as normalised
from tinygrad_mnist.graph.symbolic.pieces import LEVELS, Shape, Style, Text, source


@dataclass(frozen=True)
class Call:
    """What a template may depend on: the parameters, the operands as they are written, their shapes, and the style."""

    params: Mapping[str, Any]
    operands: Sequence[Text]
    shapes: Sequence[Shape]
    style: Style

    @property
    def ndim(self) -> int:
        """The number of axes of the first operand."""
        return len(self.shapes[0])

    @property
    def axes(self) -> tuple[int, ...]:
        """The parameter `axis` as axes counted from 0."""
        return normalised(self.params.get("axis"), self.ndim)

    @property
    def over(self) -> str:
        """What those axes run over, in words: rows, columns, axis 2; nothing where it is everything."""
        if self.ndim < 2 or len(self.axes) == self.ndim:
            return ""
        if self.ndim == 2:
            return "".join(("rows", "columns")[a] for a in self.axes)
        return ("axis " if len(self.axes) == 1 else "axes ") + ", ".join(map(str, self.axes))


_SLOT = re.compile(r"<(\w+)(?::([a-z]+=?))?>")

Template = str | Callable[[Call], str]


@dataclass(frozen=True)
class Entry:
    """How an operation is written, and how tightly that binds, where one style differs from the others, in levels.

    helper: the function that its source calls.
    """

    latex: Template
    text: Template
    numpy: Template
    level: str = "atom"
    levels: Mapping[str, str] = field(default_factory=dict)
    helper: str = ""


def filled(
    entry: Entry, op: str, operands: Sequence[Text], params: Mapping[str, Any], shapes: Sequence[Shape], style: Style
) -> Text:
    """An entry with operands in its slots."""
    template: Template = getattr(entry, style)
    if not isinstance(template, str):
        template = template(Call(params, operands, shapes, style))

    def fill(slot: re.Match[str]) -> str:
        what, level = slot.groups()
        if what.isdigit():
            return _bracketed(operands[int(what)], level or "any", op, style)
        return ", ".join(operands) if what == "all" else source(params[what])

    return Text(_SLOT.sub(fill, template), entry.levels.get(style, entry.level), op)


def _bracketed(operand: Text, needed: str, op: str, style: Style) -> str:
    """An operand as it stands in a place; a comparison among numbers gets Iverson's brackets, [x > 0]."""
    level = LEVELS.index(needed.rstrip("="))
    if LEVELS.index(operand.level) >= level or (needed.endswith("=") and operand.op == op):
        return operand
    left, right = "[]" if operand.level == "comparison" and style != "numpy" else "()"
    return rf"\left{left}{operand}\right{right}" if style == "latex" else f"{left}{operand}{right}"
