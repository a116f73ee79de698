"""Packages that nobody knows here: a program is judged without them, where that says nothing false."""

import pytest

from tests.grading.programs import graded

PROGRAM = """
IMPORTED
import numpy as np

X, labels = np.random.rand(64, 784), np.arange(64) % 10
W, b = np.random.randn(784, 10) * 0.05, np.zeros(10)
for epoch in range(10):
    e = np.exp(X @ W + b)
    d = (e / e.sum(axis=1, keepdims=True) - np.eye(10)[labels]) / 64
    USED
    W -= 0.1 * X.T @ d
    b -= 0.1 * d.sum(axis=0)
"""


@pytest.mark.parametrize("used", ["", "table = AsciiTable([[epoch, d]])\n    print(table.table)"])
def test_what_only_prints_is_done_without(tmp_path, used):
    imported = "from tables_of_somebody import AsciiTable\nimport requestz"
    report = graded(tmp_path, PROGRAM.replace("IMPORTED", imported).replace("USED", used))
    assert report.passed, str(report)
    assert report.notes == (
        "tables_of_somebody and requestz can't be imported here; what would be done with it was left out",
    )


def test_a_mistake_is_named_where_nothing_of_it_was_used(tmp_path):
    text = PROGRAM.replace("IMPORTED", "import requestz").replace("USED", "")
    report = graded(tmp_path, text.replace("d.sum(axis=0)", "d.sum()"))
    assert report.findings[0].names == ("bias-all-axes",), str(report)


def test_what_may_have_made_the_numbers_is_asked_for(tmp_path):
    text = PROGRAM.replace("IMPORTED", "from activations_of_mine import scale").replace("USED", "d = d * scale(epoch)")
    (problem,) = graded(tmp_path, text).problems
    assert problem.kind == "exception"
    assert "activations_of_mine" in problem.message


def test_names_of_an_older_numpy_are_known_and_said(tmp_path):
    text = (
        PROGRAM.replace("IMPORTED", "")
        .replace("USED", "d = d.astype(np.float_)")
        .replace("np.zeros(10)", "np.zeros(10, np.float)")
    )
    report = graded(tmp_path, text)
    assert report.passed, str(report)
    assert report.notes[0].startswith("np.float and np.float_ are of an older NumPy"), report.notes


def test_what_is_only_tried_is_not_there(tmp_path):
    imported = "try:\n    import arrays_of_somebody as np\nexcept ImportError:\n    pass"
    report = graded(tmp_path, PROGRAM.replace("IMPORTED", imported).replace("USED", ""))
    assert report.passed, str(report)
    assert not report.notes
