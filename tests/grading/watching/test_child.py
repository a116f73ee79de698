"""Where the grader itself fails on a program, it says so, and calls the program's functions all the same."""

from pathlib import Path

import pytest

from tests.grading.programs import graded
from tinygrad_mnist import grade
from tinygrad_mnist.grading import grader
from tinygrad_mnist.grading.report import Problem, Report
from tinygrad_mnist.grading.watching import child, reading, running
from tinygrad_mnist.grading.watching.source import Source

GRADIENTS = """
import numpy as np

def gradients(X, Y, W1, b1):
    z1 = X @ W1.T + b1
    e = np.exp(z1 - z1.max(axis=1, keepdims=True))
    d1 = (e / e.sum(axis=1, keepdims=True) - Y) / len(X)
    return d1.T @ X, d1.sum(axis=0)
"""


@pytest.mark.parametrize(("error", "kind", "said"), [
    (AttributeError("no such thing"), "grader", "AttributeError: no such thing"),
    (MemoryError("Unable to allocate 55 MiB"), "memory", "fewer examples"),
])  # fmt: skip
def test_an_exception_of_the_judge_s_is_said_to_be_its_own(monkeypatch, tmp_path, error, kind, said):
    path = tmp_path / "mine.py"
    path.write_text("a = 1", encoding="utf-8")

    def fails(*given):
        raise error

    run = running.Run(None, None, None, Source("mine.py", ""))
    monkeypatch.setattr(child, "watched", lambda *given: (run, None, []))
    monkeypatch.setattr(reading, "report", fails)
    (problem,) = child.report(path, 1.0).problems
    assert problem.kind == kind
    assert said in problem.message


@pytest.mark.parametrize(("text", "kinds"), [(f"{GRADIENTS}\nX = np.ones(3)\n", []), ("X = 3\n", ["grader"])])
def test_functions_are_called_where_watching_fails(monkeypatch, tmp_path: Path, text, kinds):
    path = tmp_path / "mine.py"
    path.write_text(text, encoding="utf-8")
    failed = Report("mine.py", "", problems=(Problem("grader", "it failed"),))
    monkeypatch.setattr(grader, "grade_program", lambda *given: failed)
    report = grade(path)
    assert [problem.kind for problem in report.problems] == kinds
    assert report.passed is not bool(kinds)


def test_what_stops_a_main_function_before_it_trains_is_said(tmp_path: Path):
    text = "import numpy as np\ndef main():\n    np.load('nowhere.npy')\nif __name__ == '__main__':\n    main()\n"
    (problem,) = graded(tmp_path, text).problems
    assert problem.kind == "exception"
    assert "line 3, \"np.load('nowhere.npy')\": FileNotFoundError" in problem.message


def test_a_file_in_a_folder_that_is_not_here_is_the_one_beside_the_program(tmp_path: Path):
    (tmp_path / "numbers.csv").write_text("a,t\n" + "\n".join(f"{i / 10},{i % 2}" for i in range(10)))
    for name in ("data/numbers.csv", "/somewhere/else/numbers.csv", r"C:\\Users\\me\\numbers.csv"):
        report = graded(
            tmp_path,
            f"""
import numpy as np, pandas as pd
table = pd.read_csv("{name}")
x, t, w = table[["a"]].values, table["t"].values, np.zeros(1)
for epoch in range(10):
    p = 1 / (1 + np.exp(-x @ w))
    w -= 0.1 * x.T @ (p - t) / 10
""",
        )
        assert report.passed, report
