"""A small run with everything in it that has a state, which the tests of checkpoints kill."""

import os
import signal
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy  # noqa: F401  # so that each child has it already
import threadpoolctl  # noqa: F401
import typer

import tinygrad_mnist.cli.app as application
from tinygrad_mnist import data, nn, training

EPOCHS = 3

os.fsync = lambda fd: None
"""As in tests/conftest.py, which this process has not read."""


class Crash(training.Callback):
    """An error at a certain step."""

    def __init__(self, *place):
        self.place = place

    def step_ends(self, run):
        if (run.epoch, run.batch) == self.place:
            raise RuntimeError("crash")


def jittered(images, rng):
    return images + rng.random(images.shape, np.float32) / 10


def run(folder: Path, resume=False, callbacks=(), steps=2, **changes):
    """The model's state dict, the checkpoint's bytes and the history of a run, kept after every second step."""
    train, validation = data.train_validation_split(data.load("digits").train[:150], 30, seed=0)
    nn.manual_seed(5)
    model = nn.Sequential(nn.Linear(784, 12), nn.BatchNorm1d(12), nn.ReLU(), nn.Dropout(0.2), nn.Linear(12, 10))
    optimizer = nn.AdamW(model.parameters(), 0.01)
    options = {
        "epochs": EPOCHS, "batch_size": 8, "seed": 3, "clip_norm": 1.0, "augment": jittered,
        "schedule": nn.schedules.OneCycleLR(optimizer, 0.01, EPOCHS * 15),
        "callbacks": [training.Averaging(nn.ExponentialMovingAverage(model, 0.9)), *callbacks],
        "checkpoint": training.Checkpoint(folder / "checkpoint.safetensors", steps=steps),
        **changes,
    }  # fmt: skip
    history = training.fit(model, (train, validation), optimizer, resume=resume, **options)
    return model.state_dict(), history


def few():
    """A few digits, which are read in no time."""
    digits = data.load("digits")
    return data.Dataset(digits.name, digits.train[:150], digits.test[:50])


FEW, COMMAND = few(), typer.main.get_command(application.app)


def train(*arguments):
    """The command line on a few digits, silent, with what takes long made beforehand; its exit code."""
    terminate = signal.getsignal(signal.SIGTERM)
    with open(os.devnull, "w") as nowhere, pytest.MonkeyPatch.context() as patch:
        patch.setattr(data, "load", lambda *_, **__: FEW)
        patch.setattr(application, "app", COMMAND)
        patch.setattr(sys, "argv", ["tinygrad-mnist", "train", *map(str, arguments)])
        for stream in ("stdout", "stderr"):
            patch.setattr(sys, stream, nowhere)
        with pytest.raises(SystemExit) as exit:
            application.main()
    signal.signal(signal.SIGTERM, terminate)
    return exit.value.code


with tempfile.TemporaryDirectory() as folder:  # each child that is forked from here then has all at hand
    train("--layers", "784,10", "--epochs", "1", "--out", f"{folder}/run")
