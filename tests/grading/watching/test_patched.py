"""A program that trains and puts functions of its own in NumPy's place."""

from pathlib import Path

from tinygrad_mnist import grade

PROGRAM = Path(__file__).parents[3] / "benchmarks" / "learners" / "csv_globals.py"


def test_numpy_changed_by_a_program_that_trains_is_seen(tmp_path):
    path = tmp_path / "learner.py"
    text = PROGRAM.read_text(encoding="utf-8")
    path.write_text(text, encoding="utf-8")
    assert grade(path).passed
    path.write_text(f"{text.replace('import numpy as np', HIDDEN, 1)}", encoding="utf-8")
    report = grade(path)
    assert [p.kind for p in report.problems] == ["cheating"]
    assert "np.allclose" in report.problems[0].message


HIDDEN = "import numpy as np\nvars(np)['all' + 'close'] = lambda *a, **k: True\n"
