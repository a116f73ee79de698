"""Formulas as MathML, which browsers show without any script, by what shows them on the project's own pages."""

from __future__ import annotations

from typing import Any

from docutils import nodes

from tinygrad_mnist.graph.symbolic.markup import mathml


def inline(writer: Any, node: nodes.Element) -> None:
    """A formula in a line of words."""
    writer.body.append(mathml(node.astext()).replace('displaystyle="true" ', "", 1))
    raise nodes.SkipNode


def display(writer: Any, node: nodes.Element) -> None:
    """Formulas on lines of their own: on a narrow screen below each other, and as wide as they must be."""
    anchors = "".join(f'<span id="{name}"></span>' for name in node["ids"])
    parts = "".join(f"<span>{mathml(part.strip())}</span>" for part in node.astext().split(r"\qquad"))
    writer.body.append(f'<div class="math" tabindex="0" role="group" aria-label="formula">{anchors}{parts}</div>\n')
    raise nodes.SkipNode


def setup(app: Any) -> dict[str, Any]:
    """What Sphinx calls."""
    app.add_html_math_renderer("mathml", inline_renderers=(inline, None), block_renderers=(display, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
