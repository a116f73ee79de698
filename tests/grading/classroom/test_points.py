"""What a report is worth, and how Gradescope is told."""

import pytest

from tests.each import each
from tinygrad_mnist.grading import GradeError, Parameter, Problem, Report
from tinygrad_mnist.grading.classroom import Points
from tinygrad_mnist.grading.classroom.gradescope import gradescope
from tinygrad_mnist.grading.classroom.points import common, sums

REPORT = Report("a.py", "rows", (Parameter("dW1", True, 0.0), Parameter("db_1", False, 2.0)))


@each(
    ("text", "got", "most"),
    [("10", 5, 10), ("dW1=2, db1=1", 2, 3), ("db1=1,dW9=4", 0, 5), ("dW_1=1.5", 1.5, 1.5), ("0", 0, 0)],
)
def test_right_gradients_have_their_points(text, got, most):
    assert sums(Points.parse(text).scores(REPORT)) == (got, most)


def test_without_a_number_each_gradient_is_one():
    assert sums(Points().scores(REPORT)) == (1, 2)
    assert sums(Points().scores(Report("a.py", "rows"))) == (0, 1)


def test_cheating_has_no_points():
    cheat = Report("a.py", "rows", REPORT.parameters, problems=(Problem("cheating", "line 1"),))
    assert sums(Points.parse("10").scores(cheat)) == (0, 10)


def test_a_gradient_that_is_called_as_nobody_would_has_the_points_of_the_textbooks():
    bias = Parameter("gc1", True, 0.0, textbook="db1")
    report = Report("a.py", "rows", (Parameter("gw1", True, 0.0), bias))
    assert sums(Points.parse("dW1=2,db1=1").scores(report)) == (3, 3)
    assert [s.name for s in Points.parse("4").scores(report)] == ["gw1", "gc1"]
    assert Report.from_dict(report.to_dict()) == report
    for points in (Points.parse("db1=1"), Points.parse("4")):
        assert {t["output"] for t in gradescope(report, points, 1)["tests"]} == {
            "right (relative difference: rounding)"
        }


@each("text", ["dW1=2,dW1=3", "dW1=2,gw_1=2"])
def test_points_for_one_gradient_are_given_once(text):
    with pytest.raises(GradeError, match="given twice for one gradient"):
        Points.parse(text)


@each("text", ["", "ten", "dW1", "dW1=2,3", "-1", "inf", "nan", "=2", "1,2"])
def test_what_is_no_number_of_points_is_said(text):
    with pytest.raises(GradeError, match="points are such as 10"):
        Points.parse(text)


def test_gradescope_has_a_test_for_each_gradient():
    content = gradescope(REPORT, Points.parse("10"), 1.4)
    first, second = content["tests"]
    assert (first["name"], first["score"], first["max_score"], first["status"]) == ("dW1", 5, 5, "passed")
    assert (second["score"], second["max_score"], second["status"]) == (0, 5, "failed")
    assert second["output"] == "WRONG (relative difference: 2)"
    assert content["output"] == str(REPORT)
    assert content["execution_time"] == 1
    assert {t["visibility"] for t in content["tests"]} == {content["visibility"]} == {"visible"}


def test_gradescope_has_a_failed_test_where_nothing_could_be_judged():
    (test,) = gradescope(Report("a.py", "rows", problems=(Problem("time", "too long"),)), Points.parse("4"), 10)[
        "tests"
    ]
    assert (test["name"], test["score"], test["max_score"], test["status"]) == ("gradients", 0, 4, "failed")


@each(
    ("name", "usual"),
    [
        ("dW1", "dW1"),
        ("dw_2", "dW2"),
        ("gb1", "db1"),
        ("g_w1", "dW1"),
        ("grad_b12", "db12"),
        ("W1", "dW1"),
        ("b2", "db2"),
        ("self.dW1", "dW1"),
        ("gradW1", "dW1"),
        ("weights1", "weights1"),
        ("dW", "dW"),
        ("dZ1", "dZ1"),
        ("bomb1", "bomb1"),
    ],
)
def test_gradients_have_the_textbooks_names(name, usual):
    assert common(name) == usual
