"""The picture of a graph in Mermaid's language, which GitHub, GitLab and many notebooks draw by themselves."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from tinygrad_mnist.engine import Node
from tinygrad_mnist.graph.pictures.boxes import BACKWARD, Arrow, Box, BoxKind, clean, framed, picture

_FRAMES: dict[BoxKind, tuple[str, str]] = {
    "parameter": ("[(", ")]"),
    "data": ("[", "]"),
    "constant": (">", "]"),
    "operation": ("([", "])"),
    "output": ("(((", ")))"),
    "layer": ("[[", "]]"),
    "vjp": ("{{", "}}"),
    "sum": ("[/", "\\]"),
    "plus": ("((", "))"),
    "gradient": ("(", ")"),
    "layer vjp": ("[[", "]]"),
}
_MARKS = re.compile(r"""[!"#$%&'*+:;<>?[\\\]^`{|}~]|^-|\.(?=\s|$)""")
_COLOURS = (
    "    classDef value fill:#e6f0f8,stroke:#1f5a8c,color:#000",
    "    classDef gradient fill:#fff4e8,stroke:#b35806,color:#000",
)
_LINES = {"value": "-->", "gradient": "==>", "beside": "-.-"}


class Flowchart(str):
    """Mermaid text, which a notebook draws."""

    __slots__ = ()

    def _repr_mimebundle_(self, *_: Any, **__: Any) -> dict[str, str]:
        return {"text/markdown": f"```mermaid\n{self}```", "text/plain": str(self)}


def mermaid(
    output: Node | Sequence[Node],
    wrt: Iterable[Node] | None = None,
    backward: bool = False,
    values: bool = False,
    depth: int | None = None,
) -> str:
    """The picture that `draw` makes as Mermaid text, which needs no Graphviz; arguments and errors are its own.

    Gradients travel along thick arrows, and a dotted line ties an operation to its vjp; the backward pass follows
    below the forward one, as Mermaid has no way to say what stands side by side.
    """
    drawn = picture(output, wrt, backward, values, depth)
    lines = ["flowchart TB", *_COLOURS, *_boxes(drawn.boxes), *map(_arrow, drawn.arrows)]
    return Flowchart("\n".join(lines) + "\n")


def _boxes(boxes: Sequence[Box], level: int = 0) -> Iterator[str]:
    indent = "    " * (level + 1)
    outside, frames = framed(boxes, level)
    for box in outside:
        opening, closing = _FRAMES[box.kind]
        label = "<br/>".join(map(_text, box.lines))
        yield f'{indent}{box.key}{opening}"{label}"{closing}:::{"gradient" if box.kind in BACKWARD else "value"}'
    for scope, members in frames.items():
        yield f'{indent}subgraph frame_{members[0].key}_{level}["{_text(scope[-1])}"]'
        yield from _boxes(members, level + 1)
        yield f"{indent}end"


def _arrow(arrow: Arrow) -> str:
    label = f'|"{_text(arrow.label)}"|' if arrow.label else ""
    return f"    {arrow.source} {_LINES[arrow.kind]}{label} {arrow.target}"


def _text(text: str) -> str:
    """Text in which every mark that Mermaid, Markdown or HTML could read stands as its number."""
    return _MARKS.sub(lambda mark: f"#{ord(mark[0])};", clean(text))
