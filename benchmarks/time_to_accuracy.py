"""How long training takes to read a share of the validation digits rightly: ours, compiled or not, beside PyTorch.

    python benchmarks/time_to_accuracy.py FOLDER                      the preset default, to 98.5 %, seeds 0 to 4
    python benchmarks/time_to_accuracy.py FOLDER --goal 98 --seeds 3

Who takes part has the same network with the same first weights, the same batches, distortions drawn from the same
numbers, AdamW under the same schedule, and validates the same moving average of the weights after each epoch. PyTorch
distorts a whole batch by affine_grid and grid_sample, and runs eagerly; with fused AdamW it was quicker than with
foreach. Ours takes the threads that `train` does. Each run is a process of its own; the time is from the first batch
to the end of the epoch that reaches the goal, without imports and data, but with compiling what is not in numba's
cache. Runs alternate, and the first of each is not counted.
"""

import argparse
import json
import math
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec

import numpy as np

from tinygrad_mnist import data, training
from tinygrad_mnist.data import batches
from tinygrad_mnist.data.dataset import as_inputs
from tinygrad_mnist.frameworks.running import unpinned
from tinygrad_mnist.training.pace import paying_threads

RECIPE = training.PRESETS["default"]
RUNS = {
    "ours, compiled": ("ours", True, paying_threads(RECIPE.make_model(0), RECIPE.augment)),
    "ours, on 1 thread": ("ours", True, 1),
    "ours, eager": ("ours", False, 1),
    "PyTorch, 1 thread": ("torch", False, 1),
    "PyTorch, 2 threads": ("torch", False, 2),
}


def epochs_of_ours(splits: tuple[data.Split, data.Split], seed: int, compiled: bool, threads: int) -> Iterator[float]:
    """The accuracy after each epoch, in the order in which they end."""
    found: list[float] = []

    class Watching(training.Callback):
        def epoch_ends(self, run, epoch):
            found.append(epoch.validation_accuracy)
            if epoch.validation_accuracy >= GOAL:
                raise KeyboardInterrupt

    RECIPE.fit(RECIPE.make_model(seed), splits, seed=seed, callbacks=[Watching()], compile=compiled, threads=threads)
    yield from found


def epochs_of_torch(splits: tuple[data.Split, data.Split], seed: int) -> Iterator[float]:
    import torch
    from torch.nn.functional import affine_grid, cross_entropy, grid_sample, leaky_relu
    from torch.optim.swa_utils import AveragedModel

    train, validation = splits
    own = RECIPE.make_model(seed)
    layers = [torch.nn.Linear(*weight.shape[::-1]) for weight in own.parameters() if weight.ndim == 2]

    class Network(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = torch.nn.ModuleList(layers)

        def forward(self, x):
            for layer in self.layers[:-1]:
                x = leaky_relu(layer(x), 0.01)
            return self.layers[-1](x)

    model = Network()
    with torch.no_grad():
        for parameter, value in zip(model.parameters(), own.parameters(), strict=True):
            parameter.copy_(torch.from_numpy(value.numpy().copy()))
    steps = RECIPE.steps(len(train))
    optimizer = torch.optim.AdamW(model.parameters(), RECIPE.lr, weight_decay=RECIPE.weight_decay, fused=True)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)

    def averaged(old, new, updates):
        decay = min(RECIPE.average, (1 + updates.item()) / (10 + updates.item()))
        torch._foreach_lerp_(old, new, 1 - decay)

    average = AveragedModel(model, multi_avg_fn=averaged)
    digits = torch.from_numpy(as_inputs(validation.images).reshape(-1, 784))
    labels = torch.from_numpy(validation.labels.astype(np.int64))
    strengths = RECIPE.augment
    for epoch in range(1, RECIPE.epochs + 1):
        order = batches(np.arange(len(train)), train.labels, RECIPE.batch_size, seed, epoch)
        for number, (rows, y) in enumerate(order, 1):
            images = torch.from_numpy(as_inputs(train.images_at(rows)).reshape(-1, 1, 28, 28))
            down, right, degrees, size, _ = np.random.default_rng([seed, epoch, number]).uniform(-1, 1, (5, len(rows)))
            angle, factor = np.radians(strengths.rotate * degrees), (1 + strengths.scale) ** size
            cos, sin = np.cos(angle) / factor, np.sin(angle) / factor
            moved = np.stack([right, down]) * strengths.shift / 14  # the grid's -1 to 1 are 28 pixels
            theta = np.empty((len(rows), 2, 3), np.float32)
            theta[:, 0, 0], theta[:, 0, 1], theta[:, 1, 0], theta[:, 1, 1] = cos, -sin, sin, cos
            theta[:, :, 2] = -np.einsum("nij,jn->ni", theta[:, :, :2], moved)
            grid = affine_grid(torch.from_numpy(theta), images.shape, align_corners=False)
            x = grid_sample(images, grid, align_corners=False).reshape(-1, 784)
            loss = cross_entropy(model(x), torch.from_numpy(y.astype(np.int64)))
            if not math.isfinite(loss.item()):
                raise SystemExit("the loss is no number")
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            average.update_parameters(model)
        with torch.no_grad():
            yield (average(digits).argmax(-1) == labels).float().mean().item()


def timed(name: str, folder: str, seed: int) -> dict[str, float]:
    """One run in this process: its epochs and seconds."""
    who, compiled, threads = RUNS[name]
    splits = data.set_tenth_aside(data.load(folder), seed)
    if who == "torch":
        import torch

        torch.set_num_threads(threads)
    start = time.perf_counter()
    accuracies = epochs_of_torch(splits, seed) if who == "torch" else epochs_of_ours(splits, seed, compiled, threads)
    for epoch, accuracy in enumerate(accuracies, 1):
        if accuracy >= GOAL:
            return {"epochs": epoch, "seconds": time.perf_counter() - start}
    raise SystemExit(f"{name}, seed {seed}: {100 * GOAL:g} % was not reached")


def of_its_own(name: str, folder: str, seed: int) -> dict[str, float]:
    """One run in a process of its own."""
    command = [sys.executable, __file__, folder, "--goal", f"{100 * GOAL}", "--run", name, "--seed", f"{seed}"]
    ended = subprocess.run(command, env=unpinned(), capture_output=True, text=True)
    if ended.returncode:
        raise SystemExit(ended.stderr)
    return json.loads(ended.stdout)


def table(found: dict[str, list[dict[str, float]]]) -> str:
    medians = {name: statistics.median(run["seconds"] for run in runs) for name, runs in found.items()}
    fastest = min((seconds for name, seconds in medians.items() if "PyTorch" in name), default=None)
    lines = [f"{'':20} epochs       seconds  beside the faster PyTorch"]
    for name, runs in found.items():
        epochs = " ".join(f"{run['epochs']:.0f}" for run in runs)
        share = f"{medians[name] / fastest:.2f}" if fastest else ""
        lines.append(f"{name:20} {epochs:12} {medians[name]:7.1f}  {share}")
    return "\n".join(lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", help="with MNIST, or digits, the embedded ones")
    parser.add_argument("--goal", type=float, default=98.5, help="per cent of the validation digits")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--run", choices=RUNS, help=argparse.SUPPRESS)
    parser.add_argument("--seed", type=int, default=0, help=argparse.SUPPRESS)
    options = parser.parse_args()
    GOAL = options.goal / 100
    if options.run:
        print(json.dumps(timed(options.run, options.folder, options.seed)))
    else:
        names = [name for name in RUNS if find_spec("torch") or "PyTorch" not in name]
        for name in names:
            of_its_own(name, options.folder, 0)
        found = {name: [] for name in names}
        for seed in range(options.seeds):
            for name in names:
                found[name].append(of_its_own(name, options.folder, seed))
        print(table(found))
