"""What keyboards, screen readers and narrow screens need, where the theme and the gallery leave it out."""

from __future__ import annotations

import re
from typing import Any

PARTS = ("body", "furo_navigation_tree")

MENDED = (
    # what moves sideways can be moved by keys
    (r"<pre>", '<pre tabindex="0">'),
    (r'(<div class="table-wrapper[^">]*")>', r'\1 tabindex="0">'),
    # a heading says of which level
    (r'role="heading">', 'role="heading" aria-level="2">'),
    # a word of code that is wider than a phone's screen
    (r'<span class="pre">([^<]{36,})<', r'<span class="pre long">\1<'),
    # a number keeps its sign
    (r"(\d) %", r"\1&nbsp;%"),
    # the words of a link over a thumbnail are not drawn
    (r'(<a class="reference internal" href="[^"]*")(><span class="doc">)([^<]*)<', r'\1 aria-label="\3"\2\3<'),
)


def on_page(app: Any, name: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """Sphinx's event: before a page is written."""
    for part in PARTS:
        if part in context:
            context[part] = mended(context[part])


def mended(html: str) -> str:
    """The same page with what it lacks."""
    for pattern, with_it in MENDED:
        html = re.sub(pattern, with_it, html)
    return html
