"""Finds MNIST, or any data set in its format, and says which one it took.

MNIST: Y. LeCun, C. Cortes, C. Burges, http://yann.lecun.com/exdb/mnist/, 60,000 images to learn from and
10,000 to test with.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from tinygrad_mnist.data.dataset import DataError, Dataset, Split
from tinygrad_mnist.data.digits import DIGITS, load_digits
from tinygrad_mnist.data.download import MINUTES, MIRRORS, SECONDS, Patience, Say, fetch, say_on_stderr
from tinygrad_mnist.data.folder import TEST_IMAGES, TEST_LABELS, TRAIN_IMAGES, TRAIN_LABELS, read_path
from tinygrad_mnist.data.idx import parse_idx
from tinygrad_mnist.shown import one_line

VARIABLE = "TINYGRAD_MNIST_DATA"
CHECKSUMS = {
    TRAIN_IMAGES: "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    TRAIN_LABELS: "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    TEST_IMAGES: "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    TEST_LABELS: "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
"""SHA-256 of MNIST's four files, decompressed."""


NAMES = ("auto", "mnist", DIGITS)
"""What `load` takes that is no folder."""


def load(
    source: str | Path = "auto",
    *,
    cache_dir: Path | None = None,
    mirrors: Sequence[str] = MIRRORS,
    say: Say = say_on_stderr,
    classes: int | None = None,
) -> Dataset:
    """The data set that `source` asks for.

    source: "mnist" (see `load_mnist`), "digits" (the embedded ones), or a folder or file with MNIST, or any data
        set of its kind (see `read_path`); or "auto": MNIST where a folder is set, cached, or
        can be downloaded in seconds, else the embedded digits. Only "auto" ever takes something else, and it says what.
    cache_dir: where downloads are kept, by default the user's cache.
    say: called with each message; by default it prints to stderr.
    classes: how many a folder or file has; by default they are found from its labels, ten at least.

    Raises DataError when the data is not there or not usable.
    """
    if source == DIGITS:
        return load_digits()
    if source == "mnist":
        return load_mnist(cache_dir=cache_dir, mirrors=mirrors, say=say, classes=classes)
    if source == "auto":
        return _load_auto(cache_dir, mirrors, say, classes)
    return load_mnist(Path(source), say=say, classes=classes)


def wherever_it_runs(source: str) -> str:
    """The same source of data as other processes find it: a folder or file from the root on."""
    return source if source in NAMES else str(Path(source).expanduser().absolute())


def load_mnist(
    data_dir: str | Path | None = None,
    *,
    cache_dir: Path | None = None,
    mirrors: Sequence[str] = MIRRORS,
    say: Say = say_on_stderr,
    classes: int | None = None,
) -> Dataset:
    """MNIST from `data_dir`, else the folder in TINYGRAD_MNIST_DATA, else the user's cache, else a download.

    A folder or file that is named must have the data (see `read_path`), and may have any of MNIST's kind
    (Fashion-MNIST, EMNIST…), of as many `classes`: only its structure is checked. The cache and
    downloads must be MNIST itself, to the last bit.

    Raises DataError when the data is not there or not usable.
    """
    folder = data_dir or os.environ.get(VARIABLE)
    if folder:
        return read_path(Path(folder), say, classes)
    try:
        return _fetch_mnist(cache_dir, mirrors, MINUTES, say)
    except DataError as error:
        advice = f"give --data FOLDER, set {VARIABLE} to a folder, or take --data digits"
        raise DataError(f"MNIST: {error}; {advice}") from error


def _load_auto(cache_dir: Path | None, mirrors: Sequence[str], say: Say, classes: int | None) -> Dataset:
    folder = os.environ.get(VARIABLE)
    if folder:
        dataset = load_mnist(folder, say=say, classes=classes)
    else:
        try:
            dataset = _fetch_mnist(cache_dir, mirrors, SECONDS, say)
        except DataError:
            say("data: the 1,797 embedded digits, MNIST is out of reach; for MNIST, --data mnist or FOLDER")
            return load_digits()
    say(f"data: {dataset.name} from {one_line(folder or 'the cache')}; for the small embedded digits, --data digits")
    return dataset


def _fetch_mnist(cache_dir: Path | None, mirrors: Sequence[str], patience: Patience, say: Say) -> Dataset:
    checksums = {f"{name}.gz": checksum for name, checksum in CHECKSUMS.items()}
    contents = fetch(cache_dir or _user_cache(), checksums, mirrors, patience, say)

    def split(images: str, labels: str) -> Split:
        return Split(parse_idx(contents[f"{images}.gz"], images), parse_idx(contents[f"{labels}.gz"], labels))

    return Dataset("MNIST", train=split(TRAIN_IMAGES, TRAIN_LABELS), test=split(TEST_IMAGES, TEST_LABELS))


def _user_cache() -> Path:
    from platformdirs import user_cache_path

    return user_cache_path("tinygrad_mnist")
