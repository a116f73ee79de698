"""The tutorials as notebooks: each runs from top to bottom, here on few images, and is kept without what it gave."""

import ast
import json
from pathlib import Path

import pytest

from tests.each import each

NOTEBOOKS = sorted((Path(__file__).parents[1] / "docs" / "notebooks").glob("*.ipynb"))


def code_of(path):
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]


def run(source, namespace):
    """What a cell ends with: the value of its last line."""
    tree = ast.parse(source)
    *before, last = tree.body
    if not isinstance(last, ast.Expr):
        before, last = tree.body, None
    exec(compile(ast.Module(before, []), "cell", "exec"), namespace)
    return last and eval(compile(ast.Expression(last.value), "cell", "eval"), namespace)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_runs_from_top_to_bottom(path, monkeypatch, capsys):
    plt = pytest.importorskip("matplotlib.pyplot")
    monkeypatch.setattr(plt, "show", lambda: None)
    monkeypatch.setenv("TINYGRAD_MNIST_FEW", "300")
    monkeypatch.delenv("TINYGRAD_MNIST_DATA", raising=False)
    namespace = {"__name__": "__main__"}
    ends = [run(cell, namespace) for cell in code_of(path)]
    plt.close("all")
    assert sum(type(end).__name__ in ("Figure", "Picture") for end in ends) >= 3
    assert "by hand and by autograd differ by" in capsys.readouterr().out


@each("path", NOTEBOOKS)
def test_it_is_kept_without_what_it_gave(path):
    notebook = json.loads(path.read_text(encoding="utf-8"))
    assert notebook["nbformat"] == 4
    assert notebook["metadata"]["kernelspec"]["name"] == "python3"
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code)
    assert any("assert " in line for cell in code for line in cell["source"])
