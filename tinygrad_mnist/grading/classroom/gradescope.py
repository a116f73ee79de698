"""A report as Gradescope reads it: https://gradescope-autograders.readthedocs.io/en/latest/specs/, "Output format"."""

from __future__ import annotations

from typing import Any

from tinygrad_mnist.grading.classroom.points import Points, common, usual
from tinygrad_mnist.grading.report import Report


def gradescope(report: Report, points: Points, seconds: float) -> dict[str, Any]:
    """The content of results.json: one test for each gradient, and the whole report as text above them.

    Students see all of it, but not what was printed on the way.
    """
    words: dict[str, str] = {}
    for p in report.parameters:
        more = f" (relative difference: {p})" if p.difference is not None else f" ({p})" if str(p) else ""
        words[p.name] = words[usual(p)] = f"{p.verdict}{more}"
    return {
        "output": str(report),
        "output_format": "text",
        "execution_time": round(seconds),
        "visibility": "visible",
        "stdout_visibility": "hidden",
        "tests": [
            {
                "name": score.name,
                "score": score.got,
                "max_score": score.most,
                "status": "passed" if score.right else "failed",
                "output": words.get(score.name) or words.get(common(score.name), report.verdict),
                "output_format": "text",
                "visibility": "visible",
            }
            for score in points.scores(report)
        ],
    }
