from __future__ import annotations

import gzip
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.each import each
from tinygrad_mnist.data import DataError, Dataset, Split, load, load_mnist

IdxBytes = Callable[[NDArray[Any]], bytes]


def silent(message: str) -> None:
    pytest.fail(f"nothing was to be said, but: {message}")


def images(count: int = 3, dtype: str = "u1") -> NDArray[Any]:
    return np.zeros((count, 28, 28), dtype)


LABELS = np.array([0, 5, 9], np.uint8)


def test_a_split_gives_rows_from_0_to_1() -> None:
    pixels = images()
    pixels[1, 0, 2] = 255
    pixels[2, 27, 27] = 51
    split = Split(pixels, LABELS)
    rows = split.inputs()
    assert rows.shape == (3, 784)
    assert rows.dtype == np.float32
    assert rows[1, 2] == 1
    assert rows[2, 783] == np.float32(0.2)
    assert np.count_nonzero(rows) == 2
    assert split.labels.dtype == np.int64


def test_floating_images_are_taken_as_they_are() -> None:
    rows = Split(np.full((3, 28, 28), 0.25), LABELS).inputs()
    assert rows.dtype == np.float32
    assert (rows == 0.25).all()


def test_a_part_of_a_split_keeps_images_and_labels_together() -> None:
    pixels = images()
    pixels[:, 0, 0] = [10, 11, 12]
    part = Split(pixels, LABELS)[np.array([2, 0])]
    assert part.images[:, 0, 0].tolist() == [12, 10]
    assert part.labels.tolist() == [9, 0]
    assert len(Split(pixels, LABELS)[:2]) == 2


def with_value(value: float, dtype: str = "f4") -> NDArray[Any]:
    changed = images(dtype=dtype)
    changed[1, 4, 7] = value
    return changed


@each(
    ("pixels", "labels", "message"),
    [
        (images(2), LABELS, "^2 images but 3 labels; every image needs one$"),
        (images(0), LABELS[:0], "^there are no images; at least one is needed$"),
        (np.zeros((3, 784), np.uint8), LABELS, r"^images have shape \(3, 784\), expected \(n, 28, 28\)$"),
        (np.zeros((3, 8, 8), np.uint8), LABELS, r"^images have shape \(3, 8, 8\), expected \(n, 28, 28\)$"),
        (images(dtype="i4"), LABELS, r"^images are int32, expected uint8 \(0 to 255\) or floating point \(0 to 1\)$"),
        (with_value(np.nan), LABELS, r"^images\[1, 4, 7\] is nan, expected a finite number; correct or remove it$"),
        (with_value(-np.inf, "f8"), LABELS, r"^images\[1, 4, 7\] is -inf, expected a finite number"),
        (with_value(255), LABELS, r"^images\[1, 4, 7\] is 255.0, expected 0 to 1 in floating point"),
        (images(), LABELS[:, None], r"^labels have shape \(3, 1\), expected \(n,\), one class number per image$"),
        (images(), LABELS * 1.0, "^labels are float64, expected whole numbers from 0 to 9$"),
        (images(), LABELS + 1, r"^labels\[2\] is 10, expected 0 to 9; correct or remove it$"),
        (images(), LABELS.astype(int) - 1, r"^labels\[0\] is -1, expected 0 to 9"),
    ],
)
def test_a_split_that_makes_no_sense_is_refused(pixels: NDArray[Any], labels: NDArray[Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        Split(pixels, labels)


@pytest.mark.parametrize("dotted", [False, True])
@pytest.mark.parametrize("compressed", [False, True])
def test_a_folder_may_name_its_files_in_each_usual_way(small_folder: Path, dotted: bool, compressed: bool) -> None:
    expected = load(small_folder, say=silent)
    for path in list(small_folder.iterdir()):
        name = path.stem.replace("-idx", ".idx") if dotted else path.stem
        content = path.read_bytes()
        path.unlink()
        path.with_name(name + ".gz" * compressed).write_bytes(content if compressed else gzip.decompress(content))
    dataset = load(small_folder, say=silent)
    assert dataset.name == "small"
    assert (len(dataset.train), len(dataset.test)) == (20, 10)
    np.testing.assert_array_equal(dataset.train.images, expected.train.images)
    np.testing.assert_array_equal(dataset.test.labels, expected.test.labels)


def test_the_folder_given_comes_before_that_of_the_environment(
    small_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TINYGRAD_MNIST_DATA", "/nowhere")
    assert load_mnist(small_folder, say=silent).name == "small"
    monkeypatch.setenv("TINYGRAD_MNIST_DATA", str(small_folder))
    assert load_mnist(say=silent).name == "small"
    assert load("mnist", say=silent).name == "small"


def test_auto_says_that_it_takes_the_folder_of_the_environment(
    small_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TINYGRAD_MNIST_DATA", str(small_folder))
    said: list[str] = []
    assert load(say=said.append).name == "small"
    assert said == [f"data: small from {small_folder}; for the small embedded digits, --data digits"]


def test_digits_are_taken_without_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TINYGRAD_MNIST_DATA", "/nowhere")
    assert load("digits", say=silent).name == "digits"


@pytest.mark.parametrize("source", ["auto", "mnist"])
def test_a_folder_of_the_environment_is_never_passed_over(source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TINYGRAD_MNIST_DATA", "/nowhere")
    with pytest.raises(DataError, match=r"^/nowhere: no folder or file of this name; give one with MNIST"):
        load(source, say=silent)


@pytest.mark.parametrize("source", ["nowhere", "", "mnits", Path("mnist")])
def test_a_folder_that_is_not_there_is_named(
    source: str | Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        DataError, match=r"^(nowhere|mnits|mnist): no folder or file of this name; |^\.: nothing is in it; "
    ):
        load(source, say=silent)


def test_a_file_that_is_not_there_is_named(small_folder: Path) -> None:
    (small_folder / "t10k-labels-idx1-ubyte.gz").unlink()
    message = r"small/t10k-images-idx3-ubyte.gz: its labels are missing; put the file with them beside it$"
    with pytest.raises(DataError, match=message):
        load(small_folder, say=silent)


def test_a_broken_file_is_named(small_folder: Path) -> None:
    path = small_folder / "train-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DataError, match=r"train-images-idx3-ubyte.gz: the data is cut short; get the file again$"):
        load(small_folder, say=silent)


@pytest.mark.parametrize(
    ("name", "array", "message"),
    [
        ("train-labels-idx1-ubyte", np.arange(40, 60, dtype="u1"), r"labels\[0\] is 40, expected 0 to 9"),
        ("train-labels-idx1-ubyte", np.zeros(19, "u1"), "20 images but 19 labels; every image needs one"),
        ("train-images-idx3-ubyte", np.full((20, 28, 28), np.nan, "f4"), r"images\[0, 0, 0\] is nan"),
        ("train-images-idx3-ubyte", images(0), "there are no images"),
    ],
)
def test_files_that_do_not_fit_are_named(
    small_folder: Path, idx_bytes: IdxBytes, name: str, array: NDArray[Any], message: str
) -> None:
    (small_folder / f"{name}.gz").write_bytes(idx_bytes(array))
    both = r"small/train-images-idx3-ubyte.gz with train-labels-idx1-ubyte.gz: "
    with pytest.raises(DataError, match=both + message):
        load(small_folder, say=silent)


def test_a_tilde_is_the_home_folder(small_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(small_folder.parent))
    assert load("~/small", say=silent).name == "small"


@pytest.fixture
def cache(mnist_folder: Path, tmp_path: Path) -> Path:
    """A cache with the real files in it, as links."""
    folder = tmp_path / "cache"
    folder.mkdir()
    for path in mnist_folder.iterdir():
        (folder / path.name).symlink_to(path)
    return folder


def check_is_mnist(dataset: Dataset) -> None:
    assert dataset.name == "MNIST"
    assert (len(dataset.train), len(dataset.test)) == (60000, 10000)
    assert dataset.train.labels[:5].tolist() == [5, 0, 4, 1, 9]


def test_mnist_in_the_cache_needs_no_mirror(cache: Path) -> None:
    check_is_mnist(load("mnist", cache_dir=cache, mirrors=(), say=silent))


def test_auto_takes_mnist_from_the_cache_and_says_so(cache: Path) -> None:
    said: list[str] = []
    check_is_mnist(load(cache_dir=cache, mirrors=(), say=said.append))
    assert said == ["data: MNIST from the cache; for the small embedded digits, --data digits"]


NOWHERE = "http://127.0.0.1:9/"
"""The port of the discard service, where nothing listens."""


def test_auto_takes_the_digits_where_mnist_cannot_be_had_and_says_so(tmp_path: Path) -> None:
    said: list[str] = []
    assert load(cache_dir=tmp_path / "cache", mirrors=[NOWHERE], say=said.append).name == "digits"
    assert said == [
        "downloading train-images-idx3-ubyte.gz from 127.0.0.1:9",
        "skipped a mirror: 127.0.0.1:9: connection failed",
        "data: the 1,797 embedded digits, MNIST is out of reach; for MNIST, --data mnist or FOLDER",
    ]
    assert not list((tmp_path / "cache").iterdir())


def test_mnist_is_never_replaced_by_the_digits(tmp_path: Path) -> None:
    message = (
        r"^MNIST: no mirror works \(127.0.0.1:9: connection failed\); "
        r"give --data FOLDER, set TINYGRAD_MNIST_DATA to a folder, or take --data digits$"
    )
    with pytest.raises(DataError, match=message):
        load("mnist", cache_dir=tmp_path, mirrors=[NOWHERE], say=lambda _: None)


def test_the_cache_is_the_users_by_default(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert load(mirrors=[NOWHERE]).name == "digits"
    assert capsys.readouterr().err.startswith("downloading train-images")
    if sys.platform == "linux":
        assert (tmp_path / "user-cache" / "tinygrad_mnist").is_dir()


def test_importing_the_data_imports_numpy_alone() -> None:
    script = (
        "import sys, tinygrad_mnist.data; "
        "print({'requests', 'rich', 'platformdirs'} & {name.split('.')[0] for name in sys.modules})"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert result.stdout == "set()\n"
