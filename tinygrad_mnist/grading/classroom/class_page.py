"""The pages: one for each learner, and one for the class with a table that sorts itself."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING
from urllib.parse import quote

from tinygrad_mnist.files import static
from tinygrad_mnist.grading import report_page
from tinygrad_mnist.grading.classroom.points import shown, sums

if TYPE_CHECKING:
    from tinygrad_mnist.grading.classroom.class_report import ClassReport, Count, Graded

MARKS = {"right": ("✓", "good", 1), "WRONG": ("✗", "bad", 0), "NaN": ("NaN", "bad", 0), "none": ("–", "none", -1)}
"""A gradient's verdict in the table: how it is written, its class, and what it is sorted by."""


SHOWN = 10
"""How many mistakes are seen without asking for more."""


def learner_page(whole: ClassReport, graded: Graded) -> str:
    """The report, with the points and the way back to the class."""
    scores = whole.scores(graded)
    points = ""
    if scores:
        each = ", ".join(f"{s.name} {shown(s.got)}/{shown(s.most)}" for s in scores)
        points = f'<p><b>{escape(whole.score(graded))} points</b> <span class="faint">{escape(each)}</span></p>'
    verdict = "good" if graded.report.passed else "bad"
    body = (
        f'<p><a href="index.html">← the class</a></p><h1><bdi>{escape(graded.name)}</bdi></h1>'
        f'<p class="{verdict} strong">{escape(graded.report.verdict)}</p>{points}{report_page.piece(graded.report)}'
    )
    return report_page.page(graded.name, body, style=static("grading.classroom", "class.css"))


def class_page(whole: ClassReport) -> str:
    """All learners in a table, what went wrong how often, and the hardest step."""
    script = static("grading.classroom", "class.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    body = (
        f"<h1>The class</h1>{_facts(whole)}"
        f"{_counts('Mistakes', whole.mistakes, len(whole.results))}"
        f"{_counts('What else went wrong', whole.problems, len(whole.results))}"
        f"{_gradients(whole)}<h2>Learners</h2>{_learners(whole)}<script>{script}</script>"
    )
    return report_page.page(
        "The class", body, style=static("grading.classroom", "class.css"), policy=f"; script-src 'sha256-{digest}'"
    )


def _facts(whole: ClassReport) -> str:
    facts = [(f"{len(whole.passed)} of {len(whole.results)}", "passed")]
    totals = [sums(whole.scores(g))[0] for g in whole.results]
    if whole.points and totals:
        facts.append((shown(sum(totals) / len(totals)), "points on average"))
    if whole.hardest:
        facts.append((whole.hardest.what, f"the hardest step: wrong in {len(whole.hardest.who)}"))
    return f'<dl class="facts">{"".join(f"<div><dt>{escape(w)}</dt><dd>{escape(n)}</dd></div>" for n, w in facts)}</dl>'


def _counts(title: str, counts: Sequence[Count], learners: int) -> str:
    """A bar for each, which opens to say who."""
    if not counts:
        return ""
    lines = [
        f'<details><summary><span class="number">{len(c.who)}</span>'
        f'<span class="bar"><i style="width:{100 * len(c.who) / learners:.1f}%"></i></span>'
        f"<span>{escape(c.what)}</span></summary><p>{', '.join(map(_link, c.who))}</p></details>"
        for c in counts
    ]
    rest = lines[SHOWN:]
    more = f"<details><summary>{len(rest)} more</summary>{''.join(rest)}</details>" if rest else ""
    return f'<h2>{escape(title)}</h2><div class="counts">{"".join(lines[:SHOWN])}{more}</div>'


def _gradients(whole: ClassReport) -> str:
    """How many have each gradient right."""
    cells = []
    for name in whole.gradients:
        judged = [p for g in whole.results if (p := whole.parameter(g, name))]
        right = sum(p.right for p in judged)
        share = 100 * right / len(judged)
        cells.append(
            f'<div><b><bdi>{escape(name)}</bdi></b><span class="bar good"><i style="width:{share:.1f}%"></i></span>'
            f'<span class="faint">{right} of {len(judged)}</span></div>'
        )
    return f'<h2>Right gradients</h2><div class="gradients">{"".join(cells)}</div>' if cells else ""


def _learners(whole: ClassReport) -> str:
    heads = ["learner", "passed", *(["points"] if whole.points else []), *whole.gradients, "what is wrong"]
    buttons = "".join(f'<th scope="col"><button type="button">{escape(h)}</button></th>' for h in heads)
    rows = "".join(f"<tr>{''.join(_row(whole, g))}</tr>" for g in whole.results)
    return f'<div class="wide" tabindex="0"><table><thead><tr>{buttons}</tr></thead><tbody>{rows}</tbody></table></div>'


def _row(whole: ClassReport, graded: Graded) -> list[str]:
    passed = graded.report.passed
    cells = [
        f'<th scope="row">{_link(graded)}</th>',
        f'<td data-sort="{int(passed)}" class="{"good" if passed else "bad"}">{"yes" if passed else "no"}</td>',
    ]
    if whole.points:
        got, _ = sums(whole.scores(graded))
        cells.append(f'<td data-sort="{got}" class="number">{escape(whole.score(graded))}</td>')
    for name in whole.gradients:
        parameter = whole.parameter(graded, name)
        mark, kind, order = MARKS[parameter.verdict] if parameter else ("", "none", -2)
        title = parameter.verdict if parameter else "not returned"
        cells.append(f'<td data-sort="{order}" class="{kind}" title="{title}">{mark}</td>')
    return [*cells, f'<td class="wrong">{"<br>".join(map(escape, graded.mistakes))}</td>']


def _link(graded: Graded) -> str:
    return f'<a href="{escape(quote(graded.submission.page))}.html"><bdi>{escape(graded.name)}</bdi></a>'
