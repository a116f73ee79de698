"""Models as ONNX files: what onnxruntime computes, and what comes back."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.graph.onnx.running import GRADIENTS, agree, run, shapes
from tinygrad_mnist import Tensor, nn, training
from tinygrad_mnist.engine import grad

onnx = pytest.importorskip("onnx")

ACTIVATIONS = [nn.ReLU(), nn.Tanh(), nn.Sigmoid(), nn.LeakyReLU(0.2), nn.ELU(), nn.GELU(), nn.GELU("none"), nn.SiLU()]

MODELS: dict[str, tuple[Any, tuple[int, ...]]] = {
    "mlp": (lambda: nn.MLP((12, 8, 10), "tanh"), (12,)),
    "cnn": (
        lambda: nn.network(nn.parse_layers("1x8x8,3c3,mp2,4c3,ap2,7,10"), "relu", batch_norm=True, dropout=0.2),
        (1, 8, 8),
    ),
    "activations": (lambda: nn.Sequential(nn.Linear(6, 5), *ACTIVATIONS, nn.Softmax(), nn.Linear(5, 4)), (6,)),
    "norms": (lambda: nn.Sequential(nn.Linear(6, 8), nn.LayerNorm(8), nn.BatchNorm1d(8), nn.Linear(8, 3)), (6,)),
    "norm": (lambda: nn.BatchNorm1d(6), (6,)),
    "groups": (
        lambda: nn.Sequential(
            nn.Conv2d(2, 4, 3, stride=2, padding=1, groups=2, dilation=2),
            nn.ConvTranspose2d(4, 3, 3, stride=2, output_padding=1),
            nn.MaxPool2d(3, 2, 1),
            nn.AdaptiveAvgPool2d(2),
            nn.Flatten(),
            nn.Linear(12, 3),
        ),
        (2, 9, 9),
    ),
}


def trained(name: str) -> tuple[Any, tuple[int, ...]]:
    """A model whose buffers are not those of a new one."""
    nn.manual_seed(0)
    make, shape = MODELS[name]
    model = make()
    model(np.random.default_rng(1).standard_normal((9, *shape)).astype(np.float32))
    return model, shape


@pytest.mark.parametrize("name", MODELS)
def test_a_model_and_its_gradients_are_right_for_any_number_of_examples(name: str, tmp_path: Path) -> None:
    model, shape = trained(name)
    for backward in (False, True):
        training.save_onnx(model, tmp_path / "model.onnx", backward, shape)
        file = onnx.load(tmp_path / "model.onnx")
        onnx.shape_inference.infer_shapes(file, check_type=True, strict_mode=True, data_prop=True)
        assert shapes(file.graph.input)["X"] == ["m", *shape]
        for m in (1, 5):
            _check(model.eval(), file, m, shape, backward)


def _check(model: Any, file: Any, m: int, shape: tuple[int, ...], backward: bool) -> None:
    x = np.random.default_rng(m).random((m, *shape), np.float32)
    output = model(x)
    if not backward:
        assert agree(next(iter(run(file, X=x).values())), output.numpy())
        return
    labels = np.eye(output.shape[1], dtype=np.float32)[np.arange(m) % output.shape[1]]
    loss = nn.cross_entropy(output, Tensor(labels))
    found = run(file, X=x, y=labels)
    assert agree(found.pop("loss"), loss.numpy())
    paths = {f"d{t.name}": t.doc_string for t in file.graph.initializer}
    parameters = dict(model.named_parameters())
    gradients = dict(zip(parameters, grad(loss, parameters.values()), strict=True))
    largest = max(np.abs(g.numpy()).max() for g in gradients.values())
    assert {paths[name] for name in found} == set(parameters)
    for name, got in found.items():  # of a bias before a normalisation, say, all is rounding
        assert np.abs(got - gradients[paths[name]].numpy()).max() <= GRADIENTS * largest


@pytest.mark.parametrize("name", MODELS)
def test_a_model_comes_back_with_its_weights(name: str, tmp_path: Path) -> None:
    model, shape = trained(name)
    training.save_onnx(model, tmp_path / "model.onnx", shape=shape)
    assert model.training
    back = training.load_onnx(tmp_path / "model.onnx")
    assert repr(back) == repr(model)
    assert not back.training
    state = model.state_dict()
    assert all(np.array_equal(array, state[key]) for key, array in back.state_dict().items())
    assert {key: x.dtype for key, x in back.state_dict().items()} == {key: x.dtype for key, x in state.items()}


def test_what_another_program_wrote_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.onnx"
    x = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1])
    y = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [1])
    identity = onnx.helper.make_node("Identity", ["x"], ["y"])
    onnx.save(onnx.helper.make_model(onnx.helper.make_graph([identity], "g", [x], [y])), path)
    with pytest.raises(training.CheckpointError, match=r"other.onnx: no model of tinygrad_mnist; another program"):
        training.load_onnx(path)


def _damaged(file: Any) -> None:
    del file.graph.initializer[:]


def _external(file: Any) -> None:
    tensor = file.graph.initializer[0]
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/passwd")


def _unknown_dtype(file: Any) -> None:
    file.graph.initializer[0].data_type = 29


def _metadata(value: str, position: int) -> Any:
    def change(file: Any) -> None:
        file.metadata_props[position].value = value

    return change


@pytest.mark.parametrize(
    "change",
    [
        _damaged, _external, _unknown_dtype, _metadata('{"a": ["int64", [100000000000000000000]]}', 1),
        *(_metadata(v, i) for i in (0, 1) for v in ("", "[]", "1", '{"a": 1}', '{"a": ["O", [1]]}')),
    ],
)  # fmt: skip
def test_a_damaged_file_is_refused_in_a_line(change: Any, tmp_path: Path) -> None:
    model, _ = trained("mlp")
    training.save_onnx(model, tmp_path / "model.onnx")
    file = onnx.load(tmp_path / "model.onnx")
    change(file)
    (tmp_path / "model.onnx").write_bytes(file.SerializeToString())
    with pytest.raises(training.CheckpointError, match=r"^.*model.onnx: [^\n]+$"):
        training.load_onnx(tmp_path / "model.onnx")


@pytest.mark.parametrize("text", [b"1.weight", b"tinygrad_mnist", b"Sequential"])
def test_text_that_is_no_utf8_is_refused(text: bytes, tmp_path: Path) -> None:
    training.save_onnx(nn.Sequential(nn.Flatten(), nn.Linear(6, 2)), tmp_path / "model.onnx")
    content = (tmp_path / "model.onnx").read_bytes()
    assert text in content
    (tmp_path / "model.onnx").write_bytes(content.replace(text, b"\xff" + text[1:]))
    with pytest.raises(training.CheckpointError, match=r"model\.onnx: "):
        training.load_onnx(tmp_path / "model.onnx")


@pytest.mark.parametrize("content", [b"", b"\x00" * 100, b"no model"])
def test_what_is_no_onnx_file_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(content)
    with pytest.raises(training.CheckpointError, match=r"^.*model.onnx: (not a readable ONNX|no model of tinygrad)"):
        training.load_onnx(tmp_path / "model.onnx")
    with pytest.raises(training.CheckpointError, match=r"nothing\.onnx: no such file"):
        training.load_onnx(tmp_path / "nothing.onnx")


def test_what_can_not_be_written_leaves_no_file(tmp_path: Path) -> None:
    class Inverse(nn.Module):
        def forward(self, x: Any) -> Any:
            return np.linalg.inv(x)

    with pytest.raises(training.CheckpointError, match=r"x.onnx: not written: solve can't be written as ONNX"):
        training.save_onnx(Inverse(), tmp_path / "x.onnx", shape=(2, 2))
    assert not list(tmp_path.iterdir())


def test_without_the_package_a_line_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, _ = trained("mlp")
    training.save_onnx(model, tmp_path / "model.onnx")
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(training.CheckpointError, match=r'model.onnx: .* pip install "tinygrad-mnist\[onnx\]"'):
        training.load_onnx(tmp_path / "model.onnx")
    with pytest.raises(training.CheckpointError, match=r'other.onnx: .* pip install "tinygrad-mnist\[onnx\]"'):
        training.save_onnx(model, tmp_path / "other.onnx")
    assert not (tmp_path / "other.onnx").exists()
