"""MNIST as Keras and as Kaggle keep it: the same arrays come out, and what is wrong with a file is named."""

from __future__ import annotations

import gzip
import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tinygrad_mnist.data import DataError, Dataset, Split, load, read_csv

HEADER = "label," + ",".join(f"pixel{i}" for i in range(784))


def silent(message: str) -> None:
    pytest.fail(f"nothing was to be said, but: {message}")


def csv(rows: NDArray[Any], header: str = HEADER) -> bytes:
    lines = [header, *(",".join(map(str, row)) for row in rows.tolist())]
    return ("\n".join(lines) + "\n").encode()


def labelled(split: Split) -> NDArray[Any]:
    return np.column_stack([split.labels, split.images.reshape(len(split), -1)])


def npz(dataset: Dataset, **changes: Any) -> bytes:
    arrays = {
        "x_train": dataset.train.images, "y_train": dataset.train.labels.astype(np.uint8),
        "x_test": dataset.test.images, "y_test": dataset.test.labels.astype(np.uint8),
    } | changes  # fmt: skip
    file = io.BytesIO()
    np.savez_compressed(file, **{name: array for name, array in arrays.items() if array is not None})
    return file.getvalue()


@pytest.fixture
def dataset(small_folder: Path) -> Dataset:
    """Twenty random images to learn from, ten to test with, as the IDX reader reads them."""
    return load(small_folder, say=silent)


@pytest.fixture
def kaggle(dataset: Dataset, tmp_path: Path) -> Path:
    """A folder with both files as Kaggle gives them: the test images have no labels."""
    folder = tmp_path / "kaggle"
    folder.mkdir()
    (folder / "train.csv").write_bytes(csv(labelled(dataset.train)))
    (folder / "test.csv").write_bytes(csv(labelled(dataset.test)[:, 1:], HEADER.removeprefix("label,")))
    return folder


def check_equal(found: Split, expected: Split) -> None:
    assert found.images.dtype == np.uint8
    np.testing.assert_array_equal(found.images, expected.images)
    np.testing.assert_array_equal(found.labels, expected.labels)


def check_same(found: Dataset, expected: Dataset) -> None:
    check_equal(found.train, expected.train)
    check_equal(found.test, expected.test)


def test_an_npz_in_a_folder_or_by_its_own_name(dataset: Dataset, tmp_path: Path) -> None:
    folder = tmp_path / "keras"
    folder.mkdir()
    (folder / "mnist.npz").write_bytes(npz(dataset))
    for path, name in [(folder, "keras"), (folder / "mnist.npz", "mnist")]:
        found = load(path, say=silent)
        assert found.name == name
        check_same(found, dataset)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"y_test": None}, r"mnist.npz, x_test: its labels are missing; put the file with them beside it$"),
        ({"x_train": np.zeros((20, 32, 32), "u1")}, r"x_train with y_train: images have shape \(20, 32, 32\)"),
        ({"y_test": np.arange(40, 50)}, r"x_test with y_test: labels\[0\] is 40, expected 0 to 9"),
        ({"y_train": np.zeros(3, int)}, "x_train with y_train: 20 images but 3 labels"),
        ({"y_train": np.array([{}] * 20)}, "y_train: holds Python objects, which may run code .*; save it again"),
        ({"x_test": np.full((10, 28, 28), np.nan)}, r"images\[0, 0, 0\] is nan, expected a finite number"),
    ],
)
def test_an_npz_with_other_arrays_is_named(
    dataset: Dataset, tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    (tmp_path / "mnist.npz").write_bytes(npz(dataset, **changes))
    with pytest.raises(DataError, match=message):
        load(tmp_path / "mnist.npz", say=silent)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_an_npz_cut_short_or_damaged_is_named_or_still_right(
    dataset: Dataset, tmp_path: Path, data: st.DataObject
) -> None:
    content = bytearray(npz(dataset))
    place = data.draw(st.integers(4, len(content) - 1))
    if data.draw(st.booleans()):
        del content[place:]
    else:
        content[place] ^= data.draw(st.integers(1, 255))
    (tmp_path / "mnist.npz").write_bytes(content)
    try:
        found = load(tmp_path / "mnist.npz", say=silent)
    except DataError as error:
        assert str(error).startswith(str(tmp_path / "mnist.npz"))  # noqa: PT017 (either is right)
    else:
        check_same(found, dataset)


def test_another_file_of_this_name_is_no_archive(tmp_path: Path) -> None:
    with (tmp_path / "mnist.npz").open("wb") as file:
        np.save(file, np.zeros(3))
    with pytest.raises(DataError, match=r"mnist.npz: not an .npz archive; check that it is the right file"):
        load(tmp_path, say=silent)


def test_a_zip_that_is_no_archive_of_arrays_is_named(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "digits.zip", "w") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(DataError, match=r"digits.zip: no data set is in it, but readme.txt; give IDX files, .npz"):
        load(tmp_path / "digits.zip", say=silent)


def test_kaggle_folder_sets_a_seventh_aside_and_says_so(dataset: Dataset, kaggle: Path) -> None:
    said: list[str] = []
    found = load(kaggle, say=said.append)
    assert said == ["data: test.csv has no labels, so the last 2 of the 20 images in train.csv are the test images"]
    assert found.name == "kaggle"
    check_equal(found.train, dataset.train[:18])
    check_equal(found.test, dataset.train[18:])


def test_a_csv_file_alone(dataset: Dataset, kaggle: Path) -> None:
    said: list[str] = []
    found = load(kaggle / "train.csv", say=said.append)
    assert found.name == "train"
    assert "no test images are given" in said[0]
    check_equal(found.train, dataset.train[:18])


@pytest.mark.parametrize("prefix", ["", "mnist_"])
@pytest.mark.parametrize("compressed", [True, False])
def test_labelled_test_images_are_what_is_tested_with(
    dataset: Dataset, tmp_path: Path, prefix: str, compressed: bool
) -> None:
    for name, split in [("train", dataset.train), ("test", dataset.test)]:
        content = csv(labelled(split))
        path = tmp_path / f"{prefix}{name}.csv{'.gz' * compressed}"
        path.write_bytes(gzip.compress(content) if compressed else content)
    check_same(load(tmp_path, say=silent), dataset)


def test_labels_may_be_missing_and_the_header_too(dataset: Dataset, kaggle: Path) -> None:
    images, labels = read_csv(kaggle / "test.csv")
    np.testing.assert_array_equal(images, dataset.test.images)
    assert labels is None
    path = kaggle / "train.csv"
    content = path.read_bytes()
    for other in (
        content.split(b"\n", 1)[1],
        b"\xef\xbb\xbf" + content,
        content.replace(b"\n", b"\r\n"),
        content + b"\n",
    ):
        path.write_bytes(other)
        images, labels = read_csv(path)
        np.testing.assert_array_equal(images, dataset.train.images)
        assert labels is not None
        np.testing.assert_array_equal(labels, dataset.train.labels)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (b"\n", b"\n5,1\n", "line 2 has 2 columns, expected 785"),
        (b"pixel783\n", b"pixel783\n" + b"1," * 784 + b"256\n", "line 2, column 785 is '256', expected a whole number"),
        (b"pixel783\n", b"pixel783\n" + b"1," * 784 + b"\n", "line 2, column 785 is '', expected a whole"),
        (b"pixel783\n", b"pixel783\n" + b"1," * 784 + b"-1\n", "line 2, column 785 is '-1', expected a whole"),
        (b"pixel783\n", b"pixel783\n\n" + b"1," * 784 + b"0.5\n", "line 3, column 785 is '0.5', expected a whole"),
        (b"pixel783\n", b"pixel783\n77" + b",1" * 784 + b"\n", r"labels\[0\] is 77, expected 0 to 9; .* --classes 78"),
        (b"label,", b"label,a,b,", "line 1 has 787 columns, the first 'label'; expected label,pixel0"),
        (b"label,", b"", "line 2 has 785 columns, expected 784"),
    ],
)  # fmt: skip
def test_a_csv_line_that_is_wrong_is_named(kaggle: Path, old: bytes, new: bytes, message: str) -> None:
    path = kaggle / "train.csv"
    path.write_bytes(path.read_bytes().replace(old, new, 1))
    with pytest.raises(DataError, match=f"^{path}: {message}"):
        load(kaggle, say=silent)


@pytest.mark.parametrize("keep", [0, 3, 2000, 7000, 30000])
def test_a_csv_cut_short_is_named(kaggle: Path, keep: int) -> None:
    path = kaggle / "train.csv"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(DataError, match=r"train.csv: (line \d+ has \d+ columns|no line of pixels)"):
        load(kaggle, say=silent)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (HEADER.encode() + b"\n", "no line of pixels in it; check that it is the right file"),
        (b"", "no line of pixels in it"),
        (b"\x89PNG\r\n\x1a\n", "one picture, which is not read as a data set; `predict` reads it"),
        (b"\x1f\x8b\x08oops", "the data is (cut short|damaged)"),
        (csv(np.zeros((3, 785), int)), "3 images are too few to set some aside to test with; give 7"),
        (csv(np.zeros((9, 784), int), HEADER.removeprefix("label,")), "its lines have no label"),
        (b"\0\0\x08\x03" + bytes(12), "no data set, by its name and content; give IDX files"),
    ],
)
def test_a_file_that_is_no_data_set_is_named(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(DataError, match=f"^{path}: {message}"):
        load(path, say=silent)


def test_an_array_too_large_for_memory_is_damage(dataset: Dataset, tmp_path: Path) -> None:
    small, huge = b"(20, 28, 28), }     ", b"(99999999999999,), }"
    with zipfile.ZipFile(io.BytesIO(npz(dataset))) as archive, zipfile.ZipFile(tmp_path / "mnist.npz", "w") as changed:
        for name in archive.namelist():
            changed.writestr(name, archive.read(name).replace(small, huge))
    with pytest.raises(DataError, match=r"x_train: the dimensions .* make 99999999999999 bytes, and at most 640"):
        load(tmp_path / "mnist.npz", say=silent)


def test_a_folder_with_nothing_in_it_names_what_could_be(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r": nothing is in it; give IDX files, .npz or .npy arrays, CSV"):
        load(tmp_path, say=silent)


def test_idx_files_come_before_the_others(small_folder: Path, dataset: Dataset) -> None:
    (small_folder / "mnist.npz").write_bytes(b"PK nothing")
    check_same(load(small_folder, say=silent), dataset)
