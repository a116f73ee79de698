"""Formulas as MathML, which browsers show without any script, by what shows them on the project's own pages."""

from __future__ import annotations

from typing import Any

from docutils import nodes

from tinygrad_mnist.graph.symbolic.notation import mathml


def inline(writer: Any, node: nodes.Element) -> None:
    """A formula in a line of words."""
    writer.body.append(mathml(node.astext()).replace('displaystyle="true" ', "", 1))
    raise nodes.SkipNode


def display(writer: Any, node: nodes.Element) -> None:
    """A formula on lines of its own, wider than a phone's screen where it must be."""
    anchors = "".join(f'<span id="{name}"></span>' for name in node["ids"])
    formula = mathml(node.astext().strip()).replace('display="inline"', 'display="block"')
    writer.body.append(f'<div class="math" tabindex="0" role="group" aria-label="formula">{anchors}{formula}</div>\n')
    raise nodes.SkipNode


def setup(app: Any) -> dict[str, Any]:
    """What Sphinx calls."""
    app.add_html_math_renderer("mathml", inline_renderers=(inline, None), block_renderers=(display, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
