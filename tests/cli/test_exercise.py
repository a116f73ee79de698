"""`tinygrad-mnist exercise` as a person runs it."""

import json

from tests.cli.running import command
from tinygrad_mnist import nn, training


def test_a_notebook_and_a_page_of_a_new_network(tmp_path):
    files = ["--notebook", "a.ipynb", "--html", "a.html"]
    result = command(tmp_path, "exercise", "--layers", "784,6,10", *files, cwd=tmp_path)
    assert (result.returncode, result.stdout) == (0, "saved a.ipynb\nsaved a.html\n"), result.stderr
    cells = json.loads((tmp_path / "a.ipynb").read_text(encoding="utf-8"))["cells"]
    assert any('check("dW2", dW2)' in "".join(cell["source"]) for cell in cells)
    page = (tmp_path / "a.html").read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>")
    assert "z2 = a1 @ W2.T + b2" in page


def test_the_name_of_the_file_says_which_of_both_it_is(tmp_path):
    small = ["exercise", "--layers", "784,6,10"]
    result = command(tmp_path, *small, "-o", "a.ipynb", cwd=tmp_path)
    assert (result.returncode, result.stdout) == (0, "saved a.ipynb\n"), result.stderr
    result = command(tmp_path, *small, "-o", "a.html", "--notebook", "b.ipynb", cwd=tmp_path)
    assert (result.returncode, result.stdout) == (0, "saved b.ipynb\nsaved a.html\n"), result.stderr
    for arguments, said in (
        (["-o", "a.txt"], "end it with .ipynb or .html"),
        (["-o", "a.html", "--html", "b.html"], "-o a.html"),
    ):
        result = command(tmp_path, *small, *arguments, cwd=tmp_path)
        assert result.returncode == 2
        assert said in result.stderr


def test_a_trained_model_has_its_own_activation(tmp_path):
    training.save_model(nn.MLP((784, 5, 10), "tanh"), tmp_path / "model.safetensors")
    result = command(tmp_path, "exercise", tmp_path / "model.safetensors", "--html", tmp_path / "a.html")
    assert result.returncode == 0, result.stderr
    assert "a1 = np.tanh(z1)" in (tmp_path / "a.html").read_text(encoding="utf-8")


def test_what_it_can_not_do_is_said(tmp_path):
    result = command(tmp_path, "exercise", cwd=tmp_path)
    assert result.returncode == 2
    assert "name a file to write: -o FILE, or --notebook FILE, --html FILE or both" in result.stderr
    result = command(tmp_path, "exercise", "--layers", "784,1000,10", "--html", "a.html", cwd=tmp_path)
    assert result.returncode == 2
    assert "fewer examples, or of a smaller network" in result.stderr
    assert not (tmp_path / "a.html").exists()
