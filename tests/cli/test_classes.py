"""Data of more classes than ten, on the command line."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
import pytest

from tests.cli.running import command
from tinygrad_mnist import data

CLASSES = 12
NAMES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")


@pytest.fixture(scope="module")
def letters(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Digits by twelve names, counted from 1 as EMNIST's letters are."""
    folder = tmp_path_factory.mktemp("letters")
    digits = data.load("digits")
    images, labels = digits.train.images[:360], np.arange(360) % CLASSES + 1
    for name, array in zip(NAMES, (images, labels, images[:48], labels[:48])):
        head = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
        (folder / name).write_bytes(head + array.astype("u1").tobytes())
    return folder


def test_a_run_has_as_many_outputs_as_there_are_classes(letters: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    train = ["train", "--data", letters, "--preset", "tiny", "--epochs", "1", "--out", run]
    result = command(tmp_path, *train)
    assert result.returncode == 0
    assert "MLP([784, 10, 12]" in result.stdout
    assert result.stderr == "data: the labels are 1 to 12, taken as classes 0 to 11\n"
    assert json.loads((run / "history.json").read_text())["layers"] == [784, 10, 12]
    result = command(tmp_path, "train", "--resume", "--preset", "tiny", "--epochs", "1", "--out", run)
    assert (result.returncode, "MLP([784, 10, 12]" in result.stdout) == (0, True)
    result = command(tmp_path, "evaluate", run / "model.safetensors", "--data", letters, "--classes")
    assert result.returncode == 0
    assert "\n   11 " in result.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "--layers", "784,8,10", "--out", "run"], "has 12 classes, but --layers end with 10: give 784,8,12"),
        (
            ["train", "--layers", "784,8,12", "--classes", "13", "--out", "run"],
            "has 13 classes, but --layers end with 12",
        ),
        (["train", "--classes", "10", "--out", "run"], "has 12 classes, where 10 are expected"),
        (["train", "--classes", "1", "--out", "run"], "--classes: it must be at least 2"),
        (["graph", "--format", "mermaid"], "has 12 classes, where 10 are expected"),
        (["compare"], "has 12 classes, where 10 are expected"),
        (["tutorials", "T0"], "has 12 classes, and the tutorials are about ten digits"),
    ],
)
def test_what_does_not_fit_the_classes_is_named(
    letters: Path, tmp_path: Path, arguments: list[str], message: str
) -> None:
    result = command(tmp_path, *arguments, "--data", letters, cwd=tmp_path)
    assert result.returncode in (1, 2)
    assert message in result.stderr
    assert len(result.stderr.splitlines()) <= 2  # labels from 1 on may be said before
    assert not (tmp_path / "run").exists()


def test_networks_of_other_outputs_take_them(letters: Path, tmp_path: Path) -> None:
    result = command(tmp_path, "compare", "--data", letters, "--layers", "784,6,12", "--batch-size", "8")
    assert result.returncode == 0
    result = command(tmp_path, "graph", "--data", letters, "--layers", "784,6,12", "--format", "mermaid")
    assert result.returncode == 0


def test_a_network_of_five_outputs_is_too_small_for_digits(tmp_path: Path) -> None:
    result = command(tmp_path, "train", "--data", "digits", "--layers", "784,8,5", "--out", tmp_path / "run")
    assert (result.returncode, result.stderr) == (
        1,
        "error: digits: has 10 classes, but --layers end with 5: give 784,8,10\n",
    )
