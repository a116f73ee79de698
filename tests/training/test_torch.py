"""Our files in PyTorch, and PyTorch's in ours: the same layers give the same logits. Skipped where torch is not."""

import numpy as np
import pytest

from tinygrad_mnist import nn, training

torch = pytest.importorskip("torch", reason="PyTorch is not installed", exc_type=ImportError)
from safetensors.torch import load_file, save_file  # noqa: E402 (it imports torch)


def pair_of_mlps():
    theirs = torch.nn.Sequential(
        torch.nn.Linear(784, 32), torch.nn.LeakyReLU(0.01), torch.nn.Linear(32, 16), torch.nn.LeakyReLU(0.01),
        torch.nn.Linear(16, 10),
    )  # fmt: skip
    return nn.MLP((784, 32, 16, 10), seed=1), theirs, (5, 784)


def layers(nn):
    """The same network, in either library."""
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, stride=2, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(0.3),
        nn.Sequential(nn.Conv2d(4, 6, (3, 2), bias=False), nn.ELU(0.5), nn.AvgPool2d(2, stride=1)), nn.Flatten(),
        nn.LayerNorm(6 * 4 * 5), nn.GELU(approximate="tanh"), nn.Linear(6 * 4 * 5, 12), nn.BatchNorm1d(12), nn.Tanh(),
        nn.Linear(12, 10), nn.Sigmoid(), nn.SiLU(), nn.Softplus(),
    )  # fmt: skip


def pair_of_networks():
    return layers(nn), layers(torch.nn), (5, 1, 28, 28)


def logits(ours, theirs, shape):
    x = np.random.default_rng(0).random(shape, np.float32)
    ours.eval()
    theirs.eval()
    with torch.no_grad():
        return ours(x).numpy(), theirs(torch.from_numpy(x)).numpy()


def warmed(model, shape):
    """The model after a few batches in training, so that running means are not those of the start."""
    model.train()
    for seed in range(3):
        x = np.random.default_rng(seed).random(shape, np.float32)
        model(torch.from_numpy(x) if isinstance(model, torch.nn.Module) else x)
    return model


@pytest.mark.parametrize("pair", [pair_of_mlps, pair_of_networks])
def test_pytorch_opens_our_file(pair, tmp_path):
    ours, theirs, shape = pair()
    training.save_model(warmed(ours, shape), tmp_path / "model.safetensors")
    theirs.load_state_dict(load_file(tmp_path / "model.safetensors"))
    np.testing.assert_allclose(*logits(ours, theirs, shape), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("pair", [pair_of_mlps, pair_of_networks])
def test_we_open_pytorchs_file(pair, tmp_path):
    ours, theirs, shape = pair()
    save_file(warmed(theirs, shape).state_dict(), tmp_path / "theirs.safetensors")
    training.load_weights(ours, tmp_path / "theirs.safetensors")
    np.testing.assert_allclose(*logits(ours, theirs, shape), rtol=1e-4, atol=1e-5)
    with pytest.raises(training.CheckpointError, match=r"load_weights\(model, path\)"):
        training.load_model(tmp_path / "theirs.safetensors")
