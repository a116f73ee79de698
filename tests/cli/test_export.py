"""`tinygrad-mnist export` as a person runs it."""

import sys

import numpy as np
import pytest

from tests.cli.running import command
from tests.graph.onnx.running import agree, run, shapes
from tinygrad_mnist import nn, training

onnx = pytest.importorskip("onnx")


@pytest.fixture
def model(tmp_path):
    nn.manual_seed(0)
    network = nn.network(nn.parse_layers("1x28x28,2c3,mp4,10"), "relu", batch_norm=True)
    training.save_model(network, tmp_path / "model.safetensors")
    return network.eval()


def test_a_model_is_written_and_read_back(tmp_path, model):
    result = command(tmp_path, "export", "model.safetensors", "--onnx", "model.onnx", cwd=tmp_path)
    assert (result.returncode, result.stdout, result.stderr) == (0, "saved model.onnx\n", "")
    images = np.random.default_rng(0).random((5, 1, 28, 28), np.float32)
    file = onnx.load(tmp_path / "model.onnx")
    assert shapes(file.graph.input) == {"X": ["m", 1, 28, 28]}
    assert agree(run(file, X=images)["z2"], model(images).numpy())
    scores = [
        command(tmp_path, "evaluate", name, "--data", "digits", cwd=tmp_path).stdout
        for name in ("model.safetensors", "model.onnx")
    ]
    assert "test images are read correctly" in scores[0]
    assert scores[0] == scores[1]


def test_with_backward_the_loss_and_the_gradients_come_out(tmp_path, model):
    result = command(tmp_path, "export", "model.safetensors", "--onnx", "model.onnx", "--backward", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    file = onnx.load(tmp_path / "model.onnx")
    assert list(shapes(file.graph.output)) == ["loss", "dW1", "dγ1", "dβ1", "dW2", "db2"]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["model.safetensors"], 2, "Missing option '--onnx'"),
        (["nothing.safetensors", "--onnx", "a.onnx"], 2, "nothing.safetensors: no such file"),
        (["nothing.onnx", "--onnx", "a.onnx"], 2, "nothing.onnx: no such file"),
        (["junk.onnx", "--onnx", "a.onnx"], 1, "junk.onnx: not a readable ONNX file"),
        (["model.safetensors", "--onnx", "./model.safetensors"], 2, "model.safetensors is to be read, too"),
        (["model.safetensors", "--onnx", "."], 1, "a folder stands where a file is to be written"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(tmp_path, model, arguments, code, words):
    (tmp_path / "junk.onnx").write_bytes(b"\x00" * 50)
    result = command(tmp_path, "export", *arguments, cwd=tmp_path)
    assert result.returncode == code
    assert words in result.stderr
    assert result.stderr.count("\n") == 1
    assert not (tmp_path / "a.onnx").exists()


def test_without_the_package_a_line_says_what_to_install(tmp_path, model, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    result = command(tmp_path, "export", "model.safetensors", "--onnx", "model.onnx", cwd=tmp_path)
    assert result.returncode == 1
    assert result.stderr.count("\n") == 1
    assert 'pip install "tinygrad-mnist[onnx]"' in result.stderr
    assert not (tmp_path / "model.onnx").exists()
