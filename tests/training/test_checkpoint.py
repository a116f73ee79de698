"""Models on disk: what is saved comes back, and a wrong file is named."""

import json
import os

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from tinygrad_mnist import nn, training


@pytest.fixture
def saved(tmp_path):
    model = nn.MLP((6, 5, 4), "tanh", seed=3)
    training.save_model(model, tmp_path / "model.safetensors")
    return model, tmp_path / "model.safetensors"


def test_a_model_comes_back_bit_for_bit(saved):
    model, path = saved
    loaded = training.load_model(path)
    assert repr(loaded) == repr(model)
    for p, q in zip(loaded.parameters(), model.parameters(), strict=True):
        assert p.numpy().tobytes() == q.numpy().tobytes()


def test_the_file_names_the_parameters_for_other_readers(saved):
    assert {name: t.shape for name, t in load_file(saved[1]).items()} == {
        "W1": (5, 6), "b1": (5,), "W2": (4, 5), "b2": (4,),
    }  # fmt: skip


def described(**architecture):
    return {"tinygrad_mnist": json.dumps({"model": "MLP", "layer_sizes": [2, 2], "activation": "relu"} | architecture)}


GOOD = {"W1": np.zeros((2, 2), np.float32), "b1": np.zeros(2, np.float32)}


@pytest.mark.parametrize(
    ("tensors", "metadata", "words"),
    [
        (GOOD, {}, "another program has written it"),
        (GOOD, {"tinygrad_mnist": "{"}, "describe no model"),
        (GOOD, described(activation="step"), "unknown activation 'step'"),
        (GOOD, described(layer_sizes=[2]), "has .* too many"),
        (GOOD, described(layer_sizes=[2, 10**12]), "but its layers need"),
        (GOOD | {"b1": np.zeros(2, np.int32)}, described(), "b1 holds something else"),
        (GOOD, described(layer_sizes=7), "describe no model"),
        ({"W1": GOOD["W1"]}, described(), r"lacks \['b1'\] and has nothing"),
        (GOOD | {"W9": GOOD["W1"]}, described(), r"has \['W9'\] too many"),
        (GOOD | {"b1": np.zeros(3, np.float32)}, described(), r"b1 has shape \(3,\)"),
        (GOOD | {"b1": np.full(2, np.nan, np.float32)}, described(), "b1 holds something else than finite"),
    ],
)
def test_another_models_file_is_named(tmp_path, tensors, metadata, words):
    path = tmp_path / "other.safetensors"
    save_file(tensors, path, metadata)
    with pytest.raises(training.CheckpointError, match=words) as caught:
        training.load_model(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("keep", [0, 5, 40, 200, -1])
def test_a_truncated_file_is_named(saved, keep):
    path = saved[1]
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(training.CheckpointError, match="not a readable safetensors file"):
        training.load_model(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(training.CheckpointError, match="no such file"):
        training.load_model(tmp_path / "none")


def test_a_failed_write_leaves_the_old_file_and_nothing_else(saved, monkeypatch):
    _, path = saved
    before = path.read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        training.save_model(nn.MLP((2, 2)), path)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_dtype_is_kept_and_other_names_do_not_matter(tmp_path):
    model = nn.MLP((3, 2), dtype=np.float64)
    model.weights[0].name = "hidden"
    training.save_model(model, tmp_path / "model.safetensors")
    loaded = training.load_model(tmp_path / "model.safetensors").weights[0]
    assert loaded.dtype == np.float64
    assert loaded.numpy().tobytes() == model.weights[0].numpy().tobytes()
