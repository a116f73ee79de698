"""A file of layers has no verdict by itself; the program that trains with them is named."""

import json

import pytest

from tests.grading.programs import graded

LAYERS = """
class Dense:
    def __init__(self, inputs, outputs, rate):
        self.rate = rate

    def backward(self, upstream):
        return upstream
"""

PROGRAMS = {
    "train.py": ("train.py", "from mine import Dense\n"),
    "other.py": ("other.py", "import numpy, mine\n"),
    "notebook.ipynb": ("notebook.ipynb", json.dumps({"cells": [{"source": ["from mine import Dense\n"]}]}, indent=1)),
    "../main.py": ("../main.py", "from layers.mine import *\n"),
    "../start.py": ("../start.py", "from layers import mine\n"),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_program_that_imports_a_file_is_named(tmp_path, name):
    place, text = PROGRAMS[name]
    folder = tmp_path / "layers"
    folder.mkdir()
    (folder / place).write_text(text, encoding="utf-8")
    (folder / "test_mine.py").write_text("from mine import Dense\n", encoding="utf-8")
    report = graded(folder, LAYERS)
    assert not report.passed
    assert f"{name} imports it" in str(report), str(report)


def test_where_nothing_imports_it_nothing_is_said(tmp_path):
    (tmp_path / "train.py").write_text("from mined import Dense\nimport minerals\n", encoding="utf-8")
    assert "imports it" not in str(graded(tmp_path, LAYERS))
