"""`tinygrad-mnist graph` as a person runs it."""

import os
import re
import shutil
import subprocess
import sys
from xml.etree import ElementTree

import numpy as np
import pytest

from tests.cli.running import command, environment, process
from tinygrad_mnist import data, grad, nn, training

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


def test_formulas_are_printed_index_by_index(tmp_path):
    result = command(tmp_path, "graph", *LAYERS, "--indices", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "∂loss/∂W1ᵢⱼ = Σₙ δ1ₙᵢ Xₙⱼ" in result.stdout
    assert "n is first in δ1 and in X, hence δ1ᵀ" in result.stdout
    command(tmp_path, "graph", *LAYERS, "--indices", "-o", "a.md", cwd=tmp_path)
    assert r"\sum_{n} \delta_{1,\,ni} \, X_{nj}" in (tmp_path / "a.md").read_text(encoding="utf-8")


def test_pictures_are_saved_in_the_format_of_their_name(tmp_path, can_draw):
    for name, magic in [("a.svg", b"<?xml"), ("b.png", b"\x89PNG"), ("c.pdf", b"%PDF")]:
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
        (["--indices", "-o", "a.svg"], 2, "--indices is for formulas"),
        (["--layers", "5,10"], 2, "must begin with 784"),
        (["--activation", "swish"], 2, "'swish' is none of"),
        (["--depth", "-1"], 2, "depth"),
        (["nowhere.safetensors"], 2, "nowhere.safetensors: no such file"),
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


@pytest.mark.skipif(sys.platform == "win32", reason="the streams are closed by sh")
def test_where_stdout_is_closed_it_ends_quietly(tmp_path):
    run = f"exec '{sys.executable}' -m tinygrad_mnist graph --layers 784,6,10 --format dot >&-"
    result = subprocess.run(["sh", "-c", run], capture_output=True, text=True, env=environment(tmp_path), cwd=tmp_path)
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("exec <&-; exit 3", "it ended with exit code 3 and said nothing"),
        ("kill -9 $$", "it ended by signal 9 and said nothing"),
        ("cat > /dev/null", "dot wrote nothing"),
        ("printf 'a\\033[2J\\nb' >&2; exit 1", r"a\x1b[2J b"),
    ],
    ids=["dies", "is killed", "writes nothing", "complains"],
)
@pytest.mark.skipif(sys.platform == "win32", reason="the program is a script of sh")
def test_a_dot_that_fails_is_told_in_a_line(tmp_path, monkeypatch, program, said):
    (tmp_path / "dot").write_text(f"#!/bin/sh\n{program}\n")
    (tmp_path / "dot").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    result = command(tmp_path, "graph", *LAYERS, "-o", tmp_path / "a.svg")
    assert result.returncode == 1
    assert re.fullmatch(r"error: .*\n", result.stderr)
    assert said in result.stderr
    assert not (tmp_path / "a.svg").exists()


@pytest.mark.parametrize("pool", ["mp2", "ap2"])
def test_the_source_of_a_network_over_images_takes_the_images(tmp_path, pool):
    command(tmp_path, "graph", "--layers", f"1x28x28,2c3,{pool},10", "-o", tmp_path / "net.py")
    namespace = {}
    exec((tmp_path / "net.py").read_text(), namespace)
    first = data.load("digits").train[:8]
    images, labels = first.inputs().reshape(8, 1, 28, 28), nn.one_hot(first.labels, 10)
    network = nn.network(f"1x28x28,2c3,{pool},10")
    parameters = list(network.parameters())
    loss, *gradients = namespace["loss_and_gradients"](images, labels, *(p.data for p in parameters))
    expected = nn.cross_entropy(network(images), first.labels)
    for found, right in zip((loss, *gradients), (expected, *grad(expected, parameters)), strict=True):
        np.testing.assert_allclose(found, right.data, atol=1e-5)


def test_without_graphviz_the_way_out_is_told(tmp_path, monkeypatch):
    (tmp_path / "pygraphviz.py").write_text("raise ImportError")
    monkeypatch.setenv("PATH", "")
    result = process(tmp_path, "graph", *LAYERS, "-o", "a.svg", cwd=tmp_path)
    assert result.returncode == 1
    assert re.fullmatch(r"error: there is no Graphviz to draw with: .*tinygrad-mnist\[viz\].*\n", result.stderr)
    assert not (tmp_path / "a.svg").exists()


@pytest.mark.parametrize(("weight", "bias", "code"), [(1e38, 0, 1), (0, 1e38, 0)])
def test_numbers_that_overflow_are_refused_or_seen_but_no_warning(tmp_path, weight, bias, code):
    model = nn.MLP((784, 10))
    (W,), (b,) = model.weights, model.biases
    W.data, b.data = np.full((10, 784), weight, np.float32), np.eye(10, dtype=np.float32)[0] * np.float32(bias)
    training.save_model(model, tmp_path / "model.safetensors")
    arguments = ["--data", "digits", "--format", "mermaid", "--backward"]
    result = command(tmp_path, "graph", tmp_path / "model.safetensors", *arguments)
    assert result.returncode == code
    assert result.stderr.count("\n") == code
    assert ("answers with numbers that are not finite" in result.stderr) is bool(code)
