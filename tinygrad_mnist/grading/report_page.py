"""A report as HTML: a piece for a notebook, and a page of its own.

Everything is escaped: names and messages come from strangers' programs. The piece is a cell as screens.cell has them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape
from itertools import groupby
from typing import TYPE_CHECKING

from tinygrad_mnist.screens.cell import Markup, cell, line, table

if TYPE_CHECKING:
    from tinygrad_mnist.grading.report import Paragraph, Report

GOOD, BAD, ODD = "#1a7f37", "#c4232d", "#8a5a00"
"""Behind white letters."""

BADGES = {"right": GOOD, "WRONG": BAD, "NaN": ODD, "none": "#59636e"}
"""The ground of a gradient's verdict."""


HEAD = (
    '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
    '<meta name="referrer" content="no-referrer">'
)

STYLE = """
:root { color-scheme: light dark; --rule: color-mix(in srgb, CanvasText 18%, Canvas); --good: #1a7f37; --bad: #c4232d; }
@media (prefers-color-scheme: dark) { :root { --good: #4ac26b; --bad: #ff7b72; } }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 0 auto; padding: 1.5rem 1rem 4rem;
  background: Canvas; color: CanvasText; overflow-wrap: anywhere; }
a { color: LinkText; }
h1 { font-size: 1.5rem; line-height: 1.2; margin: 0 0 .3rem; }
"""
"""Of a whole page; Canvas and CanvasText are the browser's own in light and dark."""


def piece(report: Report) -> str:
    """The report as a part of a page."""
    tables = [_table(report)] if report.parameters else []
    return cell(_line(report.heading), *tables, *map(_card, _groups(report.paragraphs())))


def whole(report: Report) -> str:
    """The report as a page."""
    return page(report.subject, f"<h1><bdi>{escape(report.subject)}</bdi></h1>{piece(report)}")


def page(title: str, body: str, *, style: str = "", policy: str = "") -> str:
    """A whole page, which loads nothing from anywhere. policy: what it may besides show styles."""
    allowed = f"default-src 'none'; style-src 'unsafe-inline'{policy}"
    return (
        f'<!doctype html>\n<html lang="en">\n<head>{HEAD}'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(allowed)}">'
        f"<title>{escape(title)}</title><style>{STYLE}{style}</style></head>\n<body><main>\n{body}\n</main></body>\n</html>\n"
    )


def badge(verdict: str) -> Markup:
    """A verdict in a word, white on its colour."""
    return Markup(
        f'<span style="display:inline-block;padding:0 .55em;border-radius:.8em;background:{BADGES[verdict]};'
        f'color:#fff;font-size:.85em;font-weight:600">{escape(verdict)}</span>'
    )


def _table(report: Report) -> Markup:
    rows = ((p.name, badge(p.verdict), str(p)) for p in report.parameters)
    return table(report.headings, rows)


def _groups(paragraphs: Iterable[Paragraph]) -> Iterator[list[Paragraph]]:
    """The paragraphs between blank lines."""
    for blank, group in groupby(paragraphs, lambda p: not p.pieces):
        if not blank:
            yield list(group)


def _card(group: list[Paragraph]) -> Markup:
    """What belongs together, with a rule beside it where it goes on below its first line."""
    rule = "border-left:3px solid rgba(128,128,128,.45);padding-left:.8em;" if any(p.first for p in group) else ""
    return Markup(f'<div style="{rule}margin:.9em 0">{"".join(map(_line, group))}</div>')


def _line(paragraph: Paragraph) -> Markup:
    return line(*paragraph.pieces)
