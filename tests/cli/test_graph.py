"""`tinygrad-mnist graph` as a person runs it."""

import re
import shutil
from xml.etree import ElementTree

import pytest

from tests.cli.running import command, process
from tinygrad_mnist import nn, training

LAYERS = ["--layers", "784,6,10"]


@pytest.fixture(scope="module")
def can_draw():
    if not shutil.which("dot"):
        pytest.importorskip("pygraphviz", reason="there is neither dot nor pygraphviz")


def test_texts_are_printed(tmp_path):
    result = command(tmp_path, "graph", *LAYERS, "--format", "dot", "--backward", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith("digraph {")
    assert "∂loss/∂W2" in result.stdout
    assert "8 × 784" in result.stdout
    result = command(tmp_path, "graph", *LAYERS, "--format", "mermaid", "--depth", "0", cwd=tmp_path)
    assert result.stdout.startswith("flowchart TB\n")
    assert "layer2" in result.stdout
    assert "W2" not in result.stdout
    assert not list(tmp_path.iterdir())


def test_pictures_are_saved_in_the_format_of_their_name(tmp_path, can_draw):
    for name, magic in [("a.svg", b"<?xml"), ("b.png", b"\x89PNG"), ("new/c.pdf", b"%PDF")]:
        result = command(tmp_path, "graph", *LAYERS, "--values", "-o", name, cwd=tmp_path)
        assert (result.returncode, result.stdout) == (0, f"saved {name}\n")
        assert (tmp_path / name).read_bytes().startswith(magic)
    result = command(tmp_path, "graph", *LAYERS, cwd=tmp_path)
    assert result.stdout == "saved graph.svg\n"
    assert b"leaky_relu" in (tmp_path / "graph.svg").read_bytes()
    result = command(tmp_path, "graph", *LAYERS, "-o", "d.mmd", cwd=tmp_path)
    assert (tmp_path / "d.mmd").read_text(encoding="utf-8").startswith("flowchart")


def test_the_page_that_steps_has_an_option_of_its_own(tmp_path):
    result = command(tmp_path, "graph", *LAYERS, "--html", "page", cwd=tmp_path)
    assert (result.returncode, result.stdout) == (0, "saved page\n")
    assert (tmp_path / "page").read_bytes().startswith(b"<!doctype html>")


def test_a_trained_model_is_drawn(tmp_path, can_draw):
    training.save_model(nn.MLP((784, 5, 10), "tanh"), tmp_path / "model.safetensors")
    result = command(tmp_path, "graph", tmp_path / "model.safetensors", "-o", tmp_path / "model.svg")
    assert result.returncode == 0, result.stderr
    texts = [t.text.strip() for t in ElementTree.parse(tmp_path / "model.svg").iter("{http://www.w3.org/2000/svg}text")]
    assert {"tanh", "5 × 784", "loss"} <= set(texts)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--format", "gif"], 2, "'gif' is none of svg, png"),
        (["-o", "graph"], 2, "'graph' tells no format"),
        (["--html", "a.html", "-o", "b.svg"], 2, "leave out --format and -o"),
        (["--layers", "5,10"], 2, "must begin with 784"),
        (["--activation", "swish"], 2, "'swish' is none of"),
        (["--depth", "-1"], 2, "depth"),
        (["nowhere.safetensors"], 1, "nowhere.safetensors: no such file"),
        (["nowhere.safetensors", *LAYERS], 2, "leave out --layers"),
        (["-o", "folder.svg"], 1, "folder.svg: a folder stands where a file is to be written"),
        (["--format", "dot", "-o", "file/graph.dot"], 1, "file"),
    ],
)
def test_what_is_wrong_is_told_in_a_line(tmp_path, arguments, code, said):
    (tmp_path / "folder.svg").mkdir()
    (tmp_path / "file").write_text("")
    result = command(tmp_path, "graph", *arguments, cwd=tmp_path)
    assert result.returncode == code
    assert re.fullmatch(r"error: .*\n", result.stderr)
    assert said in result.stderr
    assert {path.name for path in tmp_path.iterdir()} == {"folder.svg", "file"}


def test_without_graphviz_the_way_out_is_told(tmp_path, monkeypatch):
    (tmp_path / "pygraphviz.py").write_text("raise ImportError")
    monkeypatch.setenv("PATH", "")
    result = process(tmp_path, "graph", *LAYERS, "-o", "a.svg", cwd=tmp_path)
    assert result.returncode == 1
    assert re.fullmatch(r"error: there is no Graphviz to draw with: .*tinygrad-mnist\[viz\].*\n", result.stderr)
    assert not (tmp_path / "a.svg").exists()
