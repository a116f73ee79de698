"""A report as HTML: a piece for a notebook, and a page of its own.

Everything is escaped: names and messages come from strangers' programs. Styles stand on the elements, because a
notebook keeps no style sheet apart, and colours are mixed with that of the text around, so that they read in light
and dark alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape
from itertools import groupby
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tinygrad_mnist.grading.report import Paragraph, Report

GOOD, BAD, ODD = "#1a7f37", "#c4232d", "#8a5a00"
"""Behind white letters."""

BADGES = {"right": GOOD, "WRONG": BAD, "NaN": ODD, "none": "#59636e"}
"""The ground of a gradient's verdict."""


def tinted(colour: str) -> str:
    """A colour for letters on whatever ground there is."""
    return f"color:{colour};color:color-mix(in srgb, currentColor 38%, {colour})"


STYLES = {
    "": "",
    "dim": "opacity:.72",
    "bold": "font-weight:600",
    "italic": "font-style:italic",
    "green": f"{tinted('#17a34a')};font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace",
    "bold red": f"{tinted('#e5383b')};font-weight:600",
    "bold green": f"{tinted('#17a34a')};font-weight:600",
    "bold yellow": f"{tinted('#c77700')};font-weight:600",
}
"""What Rich's styles are in a browser."""

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
    heading = _line(report.heading)
    cards = "".join(_card(group) for group in _groups(report.paragraphs()))
    return (
        '<div style="max-width:46rem;line-height:1.45;text-align:left;overflow-wrap:anywhere">'
        f"{heading}{_table(report) if report.parameters else ''}{cards}</div>"
    )


def page(title: str, body: str, *, style: str = "", policy: str = "") -> str:
    """A whole page, which loads nothing from anywhere. policy: what it may besides show styles."""
    allowed = f"default-src 'none'; style-src 'unsafe-inline'{policy}"
    return (
        f'<!doctype html>\n<html lang="en">\n<head>{HEAD}'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(allowed)}">'
        f"<title>{escape(title)}</title><style>{STYLE}{style}</style></head>\n<body>\n{body}\n</body>\n</html>\n"
    )


def badge(verdict: str) -> str:
    """A verdict in a word, white on its colour."""
    return (
        f'<span style="display:inline-block;padding:0 .55em;border-radius:.8em;background:{BADGES[verdict]};'
        f'color:#fff;font-size:.85em;font-weight:600">{escape(verdict)}</span>'
    )


def _table(report: Report) -> str:
    cell = "padding:.15em 1.2em .15em 0;text-align:left;border:0;background:none;font-variant-numeric:tabular-nums"
    head = "".join(f'<th style="{cell};opacity:.72;font-weight:normal">{escape(h)}</th>' for h in report.headings)
    rows = "".join(
        f'<tr style="background:none"><td style="{cell};font-weight:600"><bdi>{escape(p.name)}</bdi></td>'
        f'<td style="{cell}">{badge(p.verdict)}</td><td style="{cell}">{escape(str(p))}</td></tr>'
        for p in report.parameters
    )
    return (
        f'<table style="border-collapse:collapse;margin:.6em 0"><tr style="background:none">{head}</tr>{rows}</table>'
    )


def _groups(paragraphs: Iterable[Paragraph]) -> Iterator[list[Paragraph]]:
    """The paragraphs between blank lines."""
    for blank, group in groupby(paragraphs, lambda p: not p.pieces):
        if not blank:
            yield list(group)


def _card(group: list[Paragraph]) -> str:
    """What belongs together, with a rule beside it where it goes on below its first line."""
    rule = "border-left:3px solid rgba(128,128,128,.45);padding-left:.8em;" if any(p.first for p in group) else ""
    return f'<div style="{rule}margin:.9em 0">{"".join(map(_line, group))}</div>'


def _line(paragraph: Paragraph) -> str:
    spans = "".join(
        f'<span style="{STYLES[style]}">{escape(text)}</span>' if STYLES[style] else escape(text)
        for text, style in paragraph.pieces
    )
    return f'<p dir="auto" style="margin:.25em 0">{spans}</p>'
