"""Files that are named on the command line and are not there, and folders that are not there to write into."""

import pytest

from tests.cli.running import command
from tests.grading.programs import ROWS
from tinygrad_mnist import nn, training

SMALL = ["--data", "digits", "--layers", "784,4,10"]
WRITING = [
    ["graph", "--layers", "784,4,10", "--format", "dot", "-o", "no/file.dot"],
    ["graph", "--layers", "784,4,10", "--html", "no/page.html"],
    ["exercise", "--layers", "784,4,10", "--notebook", "file.ipynb", "--html", "no/page.html"],
    ["grade", "mine.py", "--json", "no/deep/report.json"],
    ["grade", "mine.py", "--html", "no/report.html"],
    ["grade", "mine.py", "--html", "pages", "--csv", "no/table.csv"],
    ["grade", "mine.py", "--gradescope", "no/results.json"],
    ["compare", *SMALL, "--json", "no/numbers.json"],
    ["compare", *SMALL, "--html", "no/page.html"],
    ["compare", "mine.py", "--json", "no/numbers.json"],
    ["predict", "model.safetensors", "mine.py", "--json", "file.json", "--csv", "no/table.csv"],
    ["predict", "model.safetensors", "mine.py", "--show", "no/seen.png"],
    ["export", "model.safetensors", "--onnx", "no/model.onnx"],
    ["tutorials", "T3", "--markdown", "no/tables.md"],
    ["tutorials", "T3", "--frameworks", "--html", "no/page.html"],
    ["playground", "--html", "no/page.html"],
    ["sweep", "--space", "init=he|xavier", "--storage", "no/study.journal"],
]
READING = [
    ["train", "--data", "no"], ["train", "--data", "digits", "--recipe", "no.json"], ["evaluate", "no.safetensors"],
    ["predict", "no.safetensors", "mine.py"], ["predict", "model.safetensors", "no.png"], ["compare", "no.py"],
    ["compare", "--data", "no"], ["graph", "no.safetensors"], ["export", "no.onnx", "--onnx", "a.onnx"],
    ["exercise", "no.safetensors", "--html", "a.html"], ["grade", "no.py"], ["grade", "no"],
    ["grade", "mine.py", "no.py"], ["plot", "no"], ["tutorials", "T1", "--data", "no"],
    ["sweep", "--recipe", "no.json"], ["playground", "--html", "a.html", "--pyodide", "no"],
]  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "mine.py").write_text(ROWS, encoding="utf-8")
    training.save_model(nn.MLP((784, 4, 10)), tmp_path / "model.safetensors")
    return tmp_path


@pytest.mark.parametrize("arguments", WRITING, ids=" ".join)
def test_no_folder_is_made_for_a_file(folder, arguments):
    before = {*folder.iterdir()}
    result = command(folder, *arguments, cwd=folder)
    assert result.returncode == 2
    assert {*folder.iterdir()} == before
    (line,) = result.stderr.splitlines()
    assert line.startswith("error: no/")
    assert "there is no folder no" in line


@pytest.mark.parametrize("arguments", READING, ids=" ".join)
def test_what_is_named_and_is_not_there_was_asked_wrongly(folder, arguments):
    result = command(folder, *arguments, cwd=folder)
    assert (result.returncode, result.stdout) == (2, "")
    (line,) = result.stderr.splitlines()
    assert line.startswith("error: ")
    assert "no" in line


def test_the_folders_that_commands_make_are_made(folder):
    result = command(folder, "grade", "mine.py", "--html", "class/pages", cwd=folder)
    assert result.returncode == 0, result.stderr
    assert (folder / "class" / "pages" / "index.html").exists()
