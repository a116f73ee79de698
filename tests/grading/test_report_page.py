"""A report as HTML."""

from dataclasses import replace

from tests.grading.classroom.test_class_report import Reader
from tests.grading.programs import ROWS
from tinygrad_mnist import grade
from tinygrad_mnist.grading import Finding, Parameter, Problem, Report

SCRIPT = "<script>alert('x')</script>"


def learner():
    namespace = {}
    exec(ROWS.replace("* (z1 > 0)", ""), namespace)
    return grade(namespace["gradients"])


def test_it_says_what_the_text_says():
    report = replace(learner(), problems=(Problem("time", "too long"),), notes=("a note",))
    shown = "".join(Reader(report._repr_html_()).text.split())
    assert shown == "".join(str(report).split())


def test_a_page_needs_nothing_else():
    page = learner().to_html()
    reader = Reader(page)
    assert reader.links == []
    assert "script" not in reader.tags
    assert page.startswith("<!doctype html>")


def test_everything_is_escaped():
    finding = Finding((), (SCRIPT,), SCRIPT, (SCRIPT,), SCRIPT, SCRIPT)
    report = Report(
        SCRIPT, SCRIPT, (Parameter(SCRIPT, False, None),), (finding,), (Problem(SCRIPT, SCRIPT),), (SCRIPT,)
    )
    for page in (report._repr_html_(), report.to_html()):
        assert "<script" not in page
        assert SCRIPT in Reader(page).text
