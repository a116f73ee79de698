"""Models on disk: what is saved comes back, and a wrong file is named."""

import json
import os

import numpy as np
import pytest
from safetensors import safe_open
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


def test_the_file_names_the_parameters_as_an_nn_sequential_does(saved):
    assert {name: t.shape for name, t in load_file(saved[1]).items()} == {
        "0.weight": (5, 6), "0.bias": (5,), "2.weight": (4, 5), "2.bias": (4,),
    }  # fmt: skip


def described(**architecture):
    return {"tinygrad_mnist": json.dumps({"model": "MLP", "layer_sizes": [2, 2], "activation": "relu"} | architecture)}


GOOD = {"0.weight": np.zeros((2, 2), np.float32), "0.bias": np.zeros(2, np.float32)}


@pytest.mark.parametrize(
    ("tensors", "metadata", "words"),
    [
        (GOOD, {}, "another program has written it"),
        (GOOD, {"tinygrad_mnist": "{"}, "describe no model"),
        (GOOD, described(activation="step"), "unknown activation 'step'"),
        (GOOD, described(layer_sizes=[2]), "make no network"),
        (GOOD, described(layer_sizes=[2, 10**12]), "0.weight has shape .* but its layers need"),
        (GOOD | {"0.bias": np.zeros(2, np.int32)}, described(), "b1 holds something else"),
        (GOOD, described(model="Mine"), r"Mine is no model .* load_weights\(model, path\)"),
        (GOOD, described(layer_sizes=7), "describe no model"),
        ({"0.weight": GOOD["0.weight"]}, described(), r"b1: missing, \(2,\) is expected"),
        (GOOD | {"9.weight": GOOD["0.weight"]}, described(), r"9.weight: unexpected"),
        (GOOD | {"0.bias": np.zeros(3, np.float32)}, described(), r"b1: \(3,\) float32, here it is \(2,\)"),
        (GOOD | {"0.bias": np.full(2, np.nan, np.float32)}, described(), "b1 holds something else than finite"),
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
    with pytest.raises(OSError, match="No space left") as caught:
        training.save_model(nn.MLP((2, 2)), path)
    assert caught.value.filename == str(path)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_dtype_is_kept_and_other_names_do_not_matter(tmp_path):
    model = nn.MLP((3, 2), dtype=np.float64)
    model.weights[0].name = "hidden"
    training.save_model(model, tmp_path / "model.safetensors")
    loaded = training.load_model(tmp_path / "model.safetensors").weights[0]
    assert loaded.dtype == np.float64
    assert loaded.numpy().tobytes() == model.weights[0].numpy().tobytes()


def network():
    nn.manual_seed(0)
    return nn.Sequential(
        nn.Unflatten(1, (1, 28, 28)), nn.Conv2d(1, 3, (3, 2), stride=(2, 1), padding=1, bias=False), nn.BatchNorm2d(3),
        nn.LeakyReLU(0.2), nn.MaxPool2d(2, padding=1), nn.Sequential(nn.AvgPool2d(2, 1), nn.ELU(0.5)),
        nn.Conv2d(3, 6, 2, padding="same", dilation=2, groups=3), nn.GroupNorm(2, 6),
        nn.ConvTranspose2d(6, 3, 3, 2, 1, output_padding=(0, 1), groups=3), nn.AdaptiveAvgPool2d((7, 14)), nn.Flatten(),
        nn.LayerNorm(3 * 7 * 14), nn.Dropout(0.3), nn.Linear(3 * 7 * 14, 6), nn.BatchNorm1d(6, momentum=None),
        nn.GELU(), nn.Linear(6, 4, bias=False), nn.Softmax(dim=-1),
    )  # fmt: skip


def test_a_sequential_of_any_layers_comes_back_with_its_buffers(tmp_path):
    model = network()
    x = np.random.default_rng(0).random((9, 784), np.float32)
    model(x)
    training.save_model(model, tmp_path / "model.safetensors")
    drawn = nn.get_rng_state()
    loaded = training.load_model(tmp_path / "model.safetensors")
    assert nn.get_rng_state() == drawn
    assert repr(loaded) == repr(model)
    assert not loaded.training
    assert loaded(x).numpy().tobytes() == model.eval()(x).numpy().tobytes()


def test_every_layer_of_nn_can_be_rebuilt_from_its_file(tmp_path):
    used = {type(module) for module in network().modules()}
    without_numbers = {nn.ReLU, nn.SiLU, nn.Sigmoid, nn.Softplus, nn.Tanh, nn.LogSoftmax, nn.Identity}
    modules = {v for v in vars(nn).values() if isinstance(v, type) and issubclass(v, nn.Module)}
    losses = {module for module in modules if issubclass(module, nn.losses.Loss)}
    assert modules - losses - {nn.Module, nn.MLP} == used | without_numbers
    model = nn.Sequential(nn.Linear(3, 3, dtype=np.float64), *(layer() for layer in without_numbers))
    training.save_model(model, tmp_path / "model.safetensors")
    loaded = training.load_model(tmp_path / "model.safetensors")
    assert repr(loaded) == repr(model)
    assert loaded[0].weight.dtype == np.float64


@pytest.mark.parametrize(
    "model",
    [
        nn.Sequential(nn.Flatten(), nn.MLP((6, 5, 4), "tanh"), nn.LogSoftmax()),
        nn.Sequential(nn.MLP((6, 5), dtype=np.float64), nn.Sequential(nn.Linear(5, 4))),
        nn.Sequential(nn.LayerNorm(6, elementwise_affine=False)),
        nn.Sequential(nn.LayerNorm(6, bias=False), nn.Linear(6, 4, bias=False, dtype=np.float64)),
        nn.Sequential(nn.BatchNorm1d(6, affine=False, track_running_stats=False), nn.Tanh()),
    ],
    ids=["an MLP within", "two dtypes", "nothing to keep", "no biases", "no statistics"],
)
def test_parts_come_back_as_they_were(model, tmp_path):
    training.save_model(model.eval(), tmp_path / "model.safetensors")
    loaded = training.load_model(tmp_path / "model.safetensors")
    x = np.random.default_rng(0).random((3, 6), np.float32)
    np.testing.assert_array_equal(loaded(x).numpy(), model(x).numpy())
    for p, q in zip(loaded.parameters(), model.parameters(), strict=True):
        assert p.dtype == q.dtype
    assert repr(training.as_new(model)) == repr(model)


def test_weights_of_a_class_of_ones_own_are_loaded_into_it(tmp_path):
    class Mine(nn.Module):
        def __init__(self):
            self.layer = nn.Linear(4, 3)

    first, second = Mine(), Mine()
    training.save_model(first, tmp_path / "mine.safetensors")
    training.load_weights(second, tmp_path / "mine.safetensors")
    assert (second.layer.weight.numpy() == first.layer.weight.numpy()).all()
    with pytest.raises(training.CheckpointError, match="Mine is no model"):
        training.load_model(tmp_path / "mine.safetensors")
    with pytest.raises(training.CheckpointError, match=r"layer.bias: unexpected"):
        training.load_weights(nn.Linear(4, 3), tmp_path / "mine.safetensors")


def layers(*described, tensors=GOOD):
    return tensors, {"tinygrad_mnist": json.dumps({"model": "Sequential", "layers": list(described)})}


def linear(inputs, outputs):
    return {"model": "Linear", "arguments": {"in_features": inputs, "out_features": outputs}}


@pytest.mark.parametrize(
    ("described", "words"),
    [
        ([linear(30_000, 30_000)], r"0 Linear: weight has shape \(2, 2\), but its layers need \(30000, 30000\)"),
        ([linear(2, 2), linear(10**9, 10**9)], "1 Linear: weight is missing"),
        ([{"model": "BatchNorm1d", "arguments": {"num_features": 10**9}}], "0 BatchNorm1d: weight has shape"),
        ([{"model": "LayerNorm", "arguments": {"normalized_shape": [10**9]}}], "0 LayerNorm: weight has shape"),
        ([{"model": "GroupNorm", "arguments": {"num_groups": 1, "num_channels": 10**9}}], "0 GroupNorm: weight"),
        ([{"model": "MLP", "layer_sizes": [10**6, 10**6], "activation": "relu"}], "0 MLP: 0.weight is missing"),
        ([{"model": "MaxPool2d", "arguments": {"kernel_size": 2, "padding": 10**6}}], "padding is 1000000 and not an"),
        ([{"model": "AdaptiveAvgPool2d", "arguments": {"output_size": 10**6}}], "output_size is 1000000 and not"),
        ([{"model": "LeakyReLU", "arguments": {"negative_slope": "3"}}], "negative_slope is '3' and no number"),
        ([{"model": "ELU", "arguments": {"alpha": float("nan")}}], "alpha is nan and no finite number"),
        ([{"model": "Dropout", "arguments": {"p": 2}}], "0 Dropout is refused: p=2 must be"),
        ([{"model": "ReLU", "arguments": []}], "0 ReLU is a list of 0 and no mapping"),
        ([{"model": ["ReLU"]}], "0.model is a list of 1 and no text"),
        ([7], "0 is 7 and no mapping"),
        ([{"model": "ReLU", "arguments": {}}] * 10_000, "more than 10,000 layers"),
    ],
)
def test_sizes_and_kinds_are_checked_before_anything_is_made(tmp_path, described, words):
    path = tmp_path / "model.safetensors"
    tensors = {f"0.{name.partition('.')[2]}": array for name, array in GOOD.items()}
    save_file(tensors, path, layers(*described)[1])
    with pytest.raises(training.CheckpointError, match=words):
        training.load_model(path)


def test_every_layer_with_numbers_has_its_sizes_checked(tmp_path):
    made = [
        nn.Linear(3, 2), nn.Conv2d(4, 2, (3, 1), groups=2), nn.ConvTranspose2d(4, 2, 3, groups=2), nn.BatchNorm1d(3),
        nn.BatchNorm2d(3, affine=False), nn.LayerNorm((2, 3)), nn.GroupNorm(1, 3), nn.MLP((3, 2)),
    ]  # fmt: skip
    path = tmp_path / "model.safetensors"
    for layer in made:
        training.save_model(nn.Sequential(layer), path)
        training.load_model(path)
        with safe_open(path, "numpy") as file:
            metadata = file.metadata()
        save_file({"other": np.zeros(1, np.float32)}, path, metadata)
        with pytest.raises(training.CheckpointError, match="is missing, but its layers need"):
            training.load_model(path)


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"dtype": "F8_E4M3", "shape": [4], "data_offsets": [0, 4]}, "type F8_E4M3, which NumPy does not have"),
        ({"dtype": "F32", "shape": [2], "data_offsets": [0, 4]}, "not the 8 from 0 on"),
        ({"dtype": "F32", "shape": [1], "data_offsets": [4, 8]}, "not the 4 from 0 on"),
        ({"dtype": "U8", "shape": [3], "data_offsets": [0, 3]}, "4 bytes of numbers, where the header says 3"),
        ({"dtype": "F32", "shape": [0, 2**62, 2**62], "data_offsets": [0, 0]}, "no array has the shape"),
        ({"dtype": "F32", "shape": [1] * 40, "data_offsets": [0, 4]}, "no array has the shape"),
        ({"dtype": "F32", "shape": "1", "data_offsets": [0, 4]}, "shape is '1' and no list"),
        ({"dtype": "F32", "shape": [1]}, "x has no 'data_offsets'"),
        ([], "header.x is a list of 0 and no mapping"),
    ],
)
def test_a_header_is_not_believed(tmp_path, entry, words):
    header = json.dumps({"x": entry}).encode()
    path = tmp_path / "model.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header + bytes(4))
    with pytest.raises(training.CheckpointError, match=words):
        training.load_model(path)


def test_the_path_is_told_on_one_line(tmp_path):
    with pytest.raises(training.CheckpointError) as caught:
        training.load_model(tmp_path / "a\n\x1b[2J\udcff")
    assert r"a\n\x1b[2J\xff: no such file" in str(caught.value)
    with pytest.raises(training.CheckpointError, match="not readable"):
        training.load_model("a\0")
