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


LISTS = """
from random import random

weights = [[random() for _ in range(3)] for _ in range(2)]
for epoch in range(5):
    for i in range(2):
        for j in range(3):
            weights[i][j] -= 0.1 * (weights[i][j] - i)
"""


@pytest.mark.parametrize(
    ("begins", "is_said"), [("", True), ("import numpy as np\n", False), ("import torch\n", False)]
)
def test_of_a_program_in_lists_of_plain_numbers_it_is_said_that_they_are_not_followed(tmp_path, begins, is_said):
    report = graded(tmp_path, begins + LISTS)
    assert not report.passed
    assert any("in lists of plain numbers are not followed" in note for note in report.notes) is is_said, str(report)
