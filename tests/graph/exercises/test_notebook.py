"""The notebook: valid, whole, and its cells do what they say when they run one after the other."""

import ast
import contextlib
import io
import json
import re

import numpy as np
import pytest

from tests.graph.exercises.cases import CASES, rows
from tinygrad_mnist import Tensor, graph


def cells(path, kind="code"):
    notebook = json.loads(path.read_text(encoding="utf-8"))
    return ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == kind]


def run(sources):
    """What the cells show, run in one namespace as Jupyter would."""
    namespace, shown = {}, []
    for source in sources:
        *before, last = ast.parse(source).body
        expression = isinstance(last, ast.Expr)
        exec(compile(ast.Module([*before, *([] if expression else [last])], []), "cell", "exec"), namespace)
        if expression:
            shown.append(eval(compile(ast.Expression(last.value), "cell", "eval"), namespace))
    return shown


@pytest.mark.parametrize("make", CASES, ids=lambda make: make.__name__)
def test_filled_with_the_solutions_every_check_passes(make, tmp_path):
    exercise = graph.exercise(make())
    path = exercise.to_notebook(tmp_path / "exercise.ipynb")
    assert [p.name for p in tmp_path.iterdir()] == ["exercise.ipynb"]
    solutions = {step.name: "\n".join(step.lines) for step in exercise.steps}
    filled = [re.sub(r"^(\w+) = \.\.\..*", lambda match: solutions[match[1]], source) for source in cells(path)]
    *verdicts, whole = run(filled)
    assert [verdict.name for verdict in verdicts] == list(solutions)
    assert all(verdicts), verdicts
    assert f"{len(solutions)} of {len(solutions)} right" in str(whole)


def test_unfilled_it_says_not_yet(tmp_path):
    exercise = graph.exercise(rows())
    *verdicts, whole = run(cells(exercise.to_notebook(tmp_path / "exercise.ipynb")))
    assert {verdict.text for verdict in verdicts} == {"not yet"}
    assert "0 of 8 right" in str(whole)


def test_it_is_a_notebook_of_format_4_5(tmp_path):
    path = graph.exercise(rows()).to_notebook(tmp_path / "exercise.ipynb")
    notebook = json.loads(path.read_text(encoding="utf-8"))
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    assert set(notebook) == {"cells", "metadata", "nbformat", "nbformat_minor"}
    ids = [cell["id"] for cell in notebook["cells"]]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"[a-zA-Z0-9-_]{1,64}", one) for one in ids)
    for cell in notebook["cells"]:
        code = {"execution_count", "outputs"} if cell["cell_type"] == "code" else set()
        assert set(cell) == {"id", "cell_type", "metadata", "source"} | code
        assert all(line.endswith("\n") for line in cell["source"][:-1])


def test_the_hints_are_closed_and_lead_to_the_formula(tmp_path):
    words = cells(graph.exercise(rows()).to_notebook(tmp_path / "exercise.ipynb"), "markdown")
    (of_dz2,) = [text for text in words if text.startswith("### `dz2`")]
    assert of_dz2.count("<details>") == of_dz2.count("</details>") == 4
    assert re.search(r"Hint 4 of 4</summary>\n\n\$\$\\frac.*\\frac\{\\hat\{y\} - y\}\{m\}\$\$\n", of_dz2)
    assert "y_hat - y" not in of_dz2


def test_large_data_lie_beside_it(tmp_path, monkeypatch):
    w = Tensor(np.random.default_rng(0).standard_normal(50_000), requires_grad=True, name="w")
    path = graph.exercise((w * w).sum()).to_notebook(tmp_path / "large.ipynb")
    assert {p.name for p in tmp_path.iterdir()} == {"large.ipynb", "large.npz"}
    assert path.stat().st_size < 20_000
    monkeypatch.chdir(tmp_path)
    with contextlib.redirect_stdout(io.StringIO()):
        *verdicts, _ = run([source.replace("dw = ...", "dw = 2 * w") for source in cells(path)])
    assert verdicts[-1].name == "dw"
    assert verdicts[-1]
    missing = tmp_path / "nowhere" / "a.ipynb"
    with pytest.raises(FileNotFoundError):
        graph.exercise((w * w).sum()).to_notebook(missing)
