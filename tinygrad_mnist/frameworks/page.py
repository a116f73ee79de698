"""Comparisons as a page of its own: tables with bars, and the differences of the losses."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from tinygrad_mnist.files import static
from tinygrad_mnist.frameworks import pictures, views
from tinygrad_mnist.frameworks.pairing import Comparison, Row
from tinygrad_mnist.grading import report_page


def page(comparisons: Sequence[Comparison], data: str, call: str) -> str:
    """A page that needs no network, light or dark as the reader's system is."""
    good = all(comparison.is_explained for comparison in comparisons)
    title = "The tutorials' networks in other frameworks"
    body = (
        f'<h1>{title}</h1><p class="{"good" if good else "bad"}">{escape(views.verdict(comparisons))}</p>'
        f'<p class="faint">{escape(data)}; <code>{escape(call)}</code>; {escape(views.machine())}</p><p>{LEGEND}</p>'
        f"{''.join(map(_section, comparisons))}"
    )
    return report_page.page(title, body, style="\n" + static("frameworks", "page.css"))


def _section(comparison: Comparison) -> str:
    heads = "".join(f'<th scope="col">{escape(name)}</th>' for name, _ in views.COLUMNS)
    rows = "".join(f"<tr>{_cells(comparison, row)}</tr>" for row in comparison.rows)
    said = "".join(f"<li>{escape(fact)}</li>" for fact in views.facts(comparison))
    label = f"How far the losses are from ours over the steps: {escape(' '.join(views.facts(comparison)))}"
    return (
        f'<section><h2>{escape(views.head(comparison))}</h2><div class="wide" tabindex="0"><table><thead><tr>{heads}</tr>'
        f"</thead><tbody>{rows}</tbody></table></div><ul>{said}</ul>"
        f"{pictures.svg(comparison).replace('<svg', f'<svg role=img aria-label={chr(34)}{label}{chr(34)}', 1)}</section>"
    )


def _cells(comparison: Comparison, row: Row) -> str:
    """A line of the table; below time, memory and lines a bar, as long as it is beside the largest."""
    name, test, seconds, times, memory, lines, *digits = map(escape, views.cells(comparison, row))
    parts = {
        times: row.seconds / max(r.seconds for r in comparison.rows),
        memory: (row.found.memory or 0) / max(r.found.memory or 1 for r in comparison.rows),
        lines: row.lines / max(r.lines for r in comparison.rows),
    }
    bars = "".join(f'<td>{text}<i style="width:{100 * share:.0f}%"></i></td>' for text, share in parts.items())
    return f'<th scope="row">{name}</th><td>{test}</td><td>{seconds}</td>{bars}' + "".join(
        f"<td>{text}</td>" for text in digits
    )


LEGEND = (
    "Each program starts from the same weights and sees the same batches in the same order. s/epoch: processor seconds of "
    "an epoch, and beside ours, in times. Digits: in so many the worst loss of an epoch agrees with ours, and of all epochs."
)
