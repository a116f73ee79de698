"""Every example runs as it is and asserts its own result; those in examples/frameworks are run in tests/frameworks."""

import ast
from pathlib import Path

import pytest

from tests.each import each
from tests.scripts import printed_by

ROOT = Path(__file__).parents[1]
SHORTER = {"bug_gallery.py": ("--epochs", "3")}
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.name)
@pytest.mark.usefixtures("new_op")  # an example may declare an operation
def test_it_runs(path, tmp_path):
    assert printed_by(path, *SHORTER.get(path.name, ()), cwd=tmp_path)


@each("path", EXAMPLES)
def test_it_asserts_its_result_and_says_what_it_shows(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert ast.get_docstring(tree)
    assert any(isinstance(n, ast.Assert) for n in ast.walk(tree)) or "assert_allclose" in ast.unparse(tree)
