"""A data set from a folder or a file of the user's, in any of the formats that MNIST is passed around in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tinygrad_mnist.data.dataset import DataError, Dataset, Split, split_from
from tinygrad_mnist.data.idx import read_idx
from tinygrad_mnist.data.kaggle import read_csv
from tinygrad_mnist.data.npz import read_npz

TRAIN_IMAGES = "train-images-idx3-ubyte"
TRAIN_LABELS = "train-labels-idx1-ubyte"
TEST_IMAGES = "t10k-images-idx3-ubyte"
TEST_LABELS = "t10k-labels-idx1-ubyte"
NPZ = ("mnist.npz",)
TRAIN_CSV = ("train.csv", "train.csv.gz", "mnist_train.csv", "mnist_train.csv.gz")
TEST_CSV = ("test.csv", "test.csv.gz", "mnist_test.csv", "mnist_test.csv.gz")

TEST_SHARE = 7
"""Where no labelled test images are given, every how manieth training image is set aside: 10,000 of 70,000 in MNIST."""


def read_path(path: Path, say: Callable[[str], None]) -> Dataset:
    """The data set in a folder (four IDX files, mnist.npz, or train.csv and test.csv) or in an .npz or CSV file.

    say: called with a message when test images had to be set aside, because no labelled ones are given.
    Raises DataError when the data is not there or not usable.
    """
    if path.is_file():
        return _read_file(path, say)
    if not path.is_dir():
        raise DataError(
            f"{path}: no folder or file of this name; give one with MNIST as IDX, .npz or CSV, or auto, mnist, digits"
        )
    name = path.resolve().name
    idx = [spelling for file in (TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS) for spelling in _spellings(file)]
    if _find(path, idx):
        return Dataset(
            name,
            train=_read_idx_split(path, TRAIN_IMAGES, TRAIN_LABELS),
            test=_read_idx_split(path, TEST_IMAGES, TEST_LABELS),
        )
    if npz := _find(path, NPZ):
        return read_npz(npz, name)
    csv = _find(path, TRAIN_CSV) or _existing(path, [*_spellings(TRAIN_IMAGES), *NPZ, *TRAIN_CSV])
    return _read_csv(csv, _find(path, TEST_CSV), name, say)


def _read_file(path: Path, say: Callable[[str], None]) -> Dataset:
    try:
        with path.open("rb") as file:
            start = file.read(4)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); check path and permissions") from error
    if start.startswith(b"PK"):
        return read_npz(path, path.stem)
    if start.startswith(b"\0\0") or "idx" in path.name:
        raise DataError(f"{path}: one IDX file is no data set; give the folder with all four")
    return _read_csv(path, None, path.name.split(".")[0], say)


def _read_csv(train: Path, test: Path | None, name: str, say: Callable[[str], None]) -> Dataset:
    """train.csv, and test.csv where it has labels; else the last of train.csv are what is tested with."""
    learning = _csv_split(train)
    if learning is None:
        raise DataError(f"{train}: its lines have no label; give the file that has, Kaggle's train.csv")
    if test and (testing := _csv_split(test)):
        return Dataset(name, train=learning, test=testing)
    count = len(learning) // TEST_SHARE
    if not count:
        raise DataError(
            f"{train}: {len(learning)} images are too few to set some aside to test with; give {TEST_SHARE}"
        )
    reason = f"{test.name} has no labels" if test else "there is no test.csv"
    say(f"data: {reason}, so the last {count:,} of the {len(learning):,} images in {train.name} are the test images")
    return Dataset(name, train=learning[:-count], test=learning[-count:])


def _csv_split(path: Path) -> Split | None:
    images, labels = read_csv(path)
    return None if labels is None else split_from(path, images, labels)


def _read_idx_split(folder: Path, images_name: str, labels_name: str) -> Split:
    images, labels = _existing(folder, _spellings(images_name)), _existing(folder, _spellings(labels_name))
    return split_from(f"{images} with {labels.name}", read_idx(images), read_idx(labels))


def _spellings(name: str) -> list[str]:
    dotted = name.replace("-idx", ".idx")
    return [name, f"{name}.gz", dotted, f"{dotted}.gz"]


def _find(folder: Path, names: list[str] | tuple[str, ...]) -> Path | None:
    return next((folder / name for name in names if (folder / name).exists()), None)


def _existing(folder: Path, names: list[str]) -> Path:
    path = _find(folder, names)
    if path is None:
        raise DataError(f"{folder}: none of the files {', '.join(names)} is there; put one of them there")
    return path
