"""Steps per second of MLPs and a CNN on the CPU and on a GPU, beside PyTorch's on both where it is installed.

A step is a batch forward, its cross-entropy, the gradients and an update by AdamW, and its loss read as a number, as in
`fit`. The batches lie on the device beforehand. The programs take turns in rounds, after one that is not counted; the
median is printed, with the slowest and the fastest round. What can't run is named with what it lacks. On the CPU each
has one thread.
"""

import argparse
import importlib.util
import os
import platform

os.environ |= dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")

import statistics
import time

import numpy as np

from tinygrad_mnist import Tensor, cross_entropy, nn
from tinygrad_mnist.devices import DEVICES, DeviceError, mover

NETWORKS = {
    "MLP": ("784,128,64,10", 64),
    "wide MLP": ("784,800,800,10", 256),
    "CNN": ("1x28x28,16c3,mp2,32c3,mp2,64c3,128,10", 64),
}
"""Layers and batch size."""

BATCHES, LR = 8, 1e-3


def examples(layers, batch):
    """Batches of noise with labels, in NumPy."""
    rng = np.random.default_rng(0)
    shape = (784,) if layers.startswith("784") else (1, 28, 28)
    return [(rng.random((batch, *shape), np.float32), rng.integers(0, 10, batch)) for _ in range(BATCHES)]


def ours(layers, batch, device):
    """A step of this project."""
    move = mover(device)
    model = nn.network(layers, "relu").to(device)
    optimizer = nn.AdamW(model.parameters(), LR)
    batches = [(move(x), move(y)) for x, y in examples(layers, batch)]

    def step(k):
        x, y = batches[k % BATCHES]
        loss = cross_entropy(model(Tensor(x)), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def theirs(layers, batch, device):
    """The same step, from the same weights, by PyTorch."""
    import torch

    torch.set_num_threads(1)
    if device == "cuda" and not torch.cuda.is_available():
        raise DeviceError("its PyTorch finds no GPU")
    model = as_torch(nn.network(layers, "relu"), torch).to(device)
    optimizer = torch.optim.AdamW(model.parameters(), LR)
    batches = [(torch.from_numpy(x).to(device), torch.from_numpy(y).to(device)) for x, y in examples(layers, batch)]

    def step(k):
        x, y = batches[k % BATCHES]
        loss = torch.nn.functional.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def as_torch(model, torch):
    """A network of ours as PyTorch's, with its weights."""
    if isinstance(model, nn.MLP):
        parts = []
        for W, b in zip(model.weights, model.biases, strict=True):
            parts += [filled(torch.nn.Linear(W.shape[1], W.shape[0]), W, b, torch), torch.nn.ReLU()]
        return torch.nn.Sequential(*parts[:-1])
    parts = []
    for part in model.children():
        other = getattr(torch.nn, type(part).__name__)(**part.arguments())
        parts.append(filled(other, part.weight, part.bias, torch) if hasattr(part, "weight") else other)
    return torch.nn.Sequential(*parts)


def filled(layer, weight, bias, torch):
    """A layer of PyTorch's with these weights."""
    layer.load_state_dict({"weight": torch.tensor(weight.numpy()), "bias": torch.tensor(bias.numpy())})
    return layer


def rounds(step, seconds):
    """Steps per second, in a round of about so many seconds."""
    start, done = time.perf_counter(), 0
    while (passed := time.perf_counter() - start) < seconds:
        step(done)
        done += 1
    return done / passed


def measured(programs, seconds, count):
    """The steps per second of each program, round by round, after a round that is not counted."""
    figures = {name: [] for name in programs}
    for turn in range(count + 1):
        for name, step in programs.items():
            figure = rounds(step, seconds)
            if turn:
                figures[name].append(figure)
    return figures


def main():
    """Print a line for each network, device and program."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=1.0, help="of a round")
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    print(f"Python {platform.python_version()}, NumPy {np.__version__}, {platform.machine()}")
    makers = {"ours": ours} | ({"PyTorch": theirs} if importlib.util.find_spec("torch") else {})
    for name, (layers, batch) in NETWORKS.items():
        programs, losses = {}, {}
        for device in DEVICES:
            for program, make in makers.items():
                try:
                    step = make(layers, batch, device)
                except DeviceError as error:
                    print(f"{name}, {program} on {device}: {error}")
                    continue
                losses[f"{program} on {device}"] = [step(k) for k in range(5)]
                programs[f"{program} on {device}"] = step
        first = next(iter(losses.values()))
        for other in losses.values():
            np.testing.assert_allclose(other, first, rtol=1e-3)
        for program, figures in measured(programs, arguments.seconds, arguments.rounds).items():
            middle = statistics.median(figures)
            print(
                f"{name} {layers}, batch {batch}, {program}: {middle:,.0f} steps/s "
                f"({min(figures):,.0f} to {max(figures):,.0f})"
            )


if __name__ == "__main__":
    main()
