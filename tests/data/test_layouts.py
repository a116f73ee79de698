"""Data as people have them: in other folders, archives, names and forms; on their side, inverted, of more classes."""

from __future__ import annotations

import gzip
import io
import os
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.each import each
from tinygrad_mnist.data import DataError, Dataset, Split, load, reading

NAMES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
DIGITS = load("digits")
TRAIN, TEST = DIGITS.train[:400], DIGITS.test[:40]
ARRAYS = (TRAIN.images, TRAIN.labels, TEST.images, TEST.labels)


def idx(array: NDArray[Any]) -> bytes:
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.astype("u1").tobytes()


def four_files(arrays: tuple[NDArray[Any], ...] = ARRAYS, prefix: str = "") -> dict[str, bytes]:
    return {f"{prefix}{name}": idx(array) for name, array in zip(NAMES, arrays)}


def npz(**arrays: NDArray[Any]) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)  # type: ignore[arg-type]
    return file.getvalue()


def csv(split: Split, header: str | None = None, form: str = "{}", label: int | None = 0) -> bytes:
    written = cache(form.format)
    rows = [[*map(written, row)] for row in split.images.reshape(len(split), -1).tolist()]
    if label is not None:
        for row, value in zip(rows, split.labels.tolist()):
            row.insert(label if label >= 0 else len(row), written(value))
    return "\n".join([*([header] if header else []), *map(",".join, rows), ""]).encode()


def put(folder: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def zipped(files: Mapping[str, bytes | str]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return file.getvalue()


def tarred(files: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz", compresslevel=1) as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return file.getvalue()


def silent(message: str) -> None:
    pytest.fail(f"nothing was to be said, but: {message}")


def check_same(found: Dataset) -> None:
    for split, expected in ((found.train, TRAIN), (found.test, TEST)):
        assert split.images.dtype == np.uint8
        np.testing.assert_array_equal(split.images, expected.images)
        np.testing.assert_array_equal(split.labels, expected.labels)


# layouts

PARTS = dict(zip(("x_train", "y_train", "x_test", "y_test"), ARRAYS))
LAYOUTS: dict[str, dict[str, bytes]] = {
    "beside folders of their names": {f"{name}/{name}": content for name, content in four_files().items()}
    | {name.replace("-idx", ".idx"): content for name, content in four_files().items()},
    "only in folders of their names": {f"{name}/{name}": content for name, content in four_files().items()},
    "torchvision": {f"MNIST/raw/{name}": content for name, content in four_files().items()}
    | {f"MNIST/raw/{name}.gz": b"\x1f\x8b not looked at" for name in NAMES},
    "EMNIST's names": {
        f"emnist-digits-{name.replace('t10k', 'test')}.gz": gzip.compress(content, 1)
        for name, content in four_files().items()
    },
    "with what macOS leaves": four_files() | {f"__MACOSX/._{name}": b"Mac" for name in NAMES} | {".DS_Store": b""},
    "arrays": {"data/mnist.npz": npz(**PARTS)},
    "Kuzushiji's archives": {
        f"kmnist-{part}-{what}.npz": npz(arr_0=PARTS[name])
        for name, part, what in [("x_train", "train", "imgs"), ("y_train", "train", "labels"),
                                 ("x_test", "test", "imgs"), ("y_test", "test", "labels")]
    },
    "tables": {"csv/mnist_train.csv": csv(TRAIN), "csv/mnist_test.csv": csv(TEST), "sample_submission.csv": b"a,b\n"},
}  # fmt: skip


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_layout_is_read_as_a_folder(layout: str, tmp_path: Path) -> None:
    check_same(load(put(tmp_path / "folder", LAYOUTS[layout]), say=silent))


@pytest.mark.parametrize("pack", [zipped, tarred])
@pytest.mark.parametrize("layout", ["only in folders of their names", "torchvision", "Kuzushiji's archives", "tables"])
def test_a_layout_is_read_from_an_archive(layout: str, pack: Callable[..., bytes], tmp_path: Path) -> None:
    files = {f"folder/{name}": content for name, content in LAYOUTS[layout].items()}
    put(tmp_path, {"packed": pack(files)})
    check_same(load(tmp_path / "packed", say=silent))


def test_one_of_the_four_files_stands_for_all(tmp_path: Path) -> None:
    other = (np.zeros((9, 28, 28), "u1"), np.zeros(9, "u1")) * 2
    put(tmp_path, four_files(prefix="emnist-digits-") | four_files(other, prefix="emnist-mnist-"))
    check_same(load(tmp_path / f"emnist-digits-{NAMES[1]}", say=silent))
    with pytest.raises(DataError, match=r"has several data sets, with emnist-digits-.*, emnist-mnist-.*; give one"):
        load(tmp_path, say=silent)


@pytest.mark.parametrize(
    "names",
    [
        ("train_images", "train_labels", "test_images", "test_labels"),
        ("X_train", "Y_train", "X_test", "Y_test"),
        ("trainX", "trainY", "testX", "testY"),
        ("training_images", "training_targets", "testing_images", "testing_targets"),
        ("arr_0", "arr_1", "arr_2", "arr_3"),
        ("a", "b", "c", "d"),
    ],
)
def test_arrays_of_other_names(names: tuple[str, ...], tmp_path: Path) -> None:
    put(tmp_path, {"d.npz": npz(**dict(zip(names, ARRAYS)))})
    check_same(load(tmp_path / "d.npz", say=silent))


def one_hot(labels: NDArray[Any]) -> NDArray[Any]:
    return np.eye(10)[labels]


@pytest.mark.parametrize(
    ("as_images", "as_labels"),
    [
        (lambda x: x.reshape(-1, 784), lambda y: y[:, None]),
        (lambda x: x.reshape(-1, 784).T, lambda y: y[None]),
        (lambda x: x[:, None], one_hot),
        (lambda x: x[..., None].astype(int), lambda y: y.astype(float)),
        (lambda x: x.astype("f4"), lambda y: y.astype("U1")),
        (np.asfortranarray, lambda y: y.astype("S1")),
    ],
)
def test_arrays_of_other_forms(as_images: Any, as_labels: Any, tmp_path: Path) -> None:
    images, labels = as_images(TRAIN.images), as_labels(TRAIN.labels)
    tests, of_tests = as_images(TEST.images), as_labels(TEST.labels)
    put(tmp_path, {"d.npz": npz(x_train=images, y_train=labels, x_test=tests, y_test=of_tests)})
    check_same(load(tmp_path / "d.npz", say=silent))


def test_other_arrays_beside_them_do_no_harm(tmp_path: Path) -> None:
    others = {"class_names": np.array(list("0123456789")), "val_images": ARRAYS[0][:5], "val_labels": ARRAYS[1][:5]}
    put(tmp_path, {"d.npz": npz(**PARTS, **others, about=np.array({}))})
    check_same(load(tmp_path / "d.npz", say=silent))


def test_validation_images_are_tested_with_where_there_are_no_others(tmp_path: Path) -> None:
    names = ("train_images", "train_labels", "val_images", "val_labels")
    put(tmp_path, {"d.npz": npz(**dict(zip(names, ARRAYS)))})
    check_same(load(tmp_path / "d.npz", say=silent))


def test_images_and_labels_alone_are_parted(tmp_path: Path) -> None:
    said: list[str] = []
    put(tmp_path, {"images.npy": b"", "labels.npy": b""})
    np.save(tmp_path / "images.npy", TRAIN.images)
    np.save(tmp_path / "labels.npy", np.sort(TRAIN.labels))
    found = load(tmp_path, say=said.append)
    assert said == [
        "data: no test images are given, so every 7th of the 400 images in images.npy with labels.npy is a test image"
    ]
    assert np.bincount(found.test.labels).min() >= 3  # of each class, though they are in order


COLUMNS = [f"pixel{i}" for i in range(1, 785)]


@pytest.mark.parametrize(
    "content",
    [
        csv(TRAIN, ",".join([*COLUMNS, "class"]), label=-1),
        csv(TRAIN, ",".join([*COLUMNS, "class"]), "{}.0", label=-1),
        csv(TRAIN, ",".join([*COLUMNS, '"class"']), "'{}'", label=-1),
        csv(TRAIN, label=-1),
        csv(TRAIN, ",".join(map(str, range(785)))),
        csv(TRAIN, ",".join(["label", *map(str, range(784))])),
        csv(TRAIN, ",".join(["0", *(f"0.{i}" for i in range(1, 1000) if i % 10)][:785])),
        csv(TRAIN).replace(b",", b";"),
        ("\n".join(["% from OpenML", "@RELATION mnist", *(f"@ATTRIBUTE {name} real" for name in COLUMNS),
                    "@ATTRIBUTE class {0,1,2,3,4,5,6,7,8,9}", "@DATA\n"])).encode() + csv(TRAIN, label=-1),
        b"\n".join([b",label," + ",".join(COLUMNS).encode(),
                    *(b"%d,%s" % (i, line) for i, line in enumerate(csv(TRAIN).split(b"\n")) if line)]),
    ],
    ids=["class last", "5.0", "quoted", "last, no header", "counted", "pixels", "A_Z", "semicolons", "ARFF", "index"],
)  # fmt: skip
def test_tables_of_other_columns(content: bytes, tmp_path: Path) -> None:
    put(tmp_path, {"train.csv": content, "test.csv": csv(TEST)})
    check_same(load(tmp_path, say=silent))


def test_a_table_of_numbers_from_0_to_1(tmp_path: Path) -> None:
    scaled = Split(TRAIN.images / np.float32(255), TRAIN.labels)
    found = load(put(tmp_path, {"train.csv": csv(scaled, form="{:.6g}"), "test.csv": csv(TEST)}), say=silent)
    np.testing.assert_allclose(found.train.inputs(), TRAIN.inputs(), atol=1e-6)


def pictures(split: Split, folder: str, names: dict[int, str] | None = None) -> dict[str, bytes]:
    from PIL import Image

    files = {}
    for i, (image, label) in enumerate(zip(split.images, split.labels.tolist())):
        file = io.BytesIO()
        Image.fromarray(image).save(file, "PNG")
        files[f"{folder}{names[label] if names else label}/{i}.png"] = file.getvalue()
    return files


@pytest.mark.parametrize(("train", "test"), [("train/", "test/"), ("mnist_png/training/", "mnist_png/testing/")])
def test_pictures_in_a_folder_for_each_class(train: str, test: str, tmp_path: Path) -> None:
    files = pictures(TRAIN, train) | pictures(TEST, test)
    for path in (put(tmp_path / "folder", files), put(tmp_path, {"a.zip": zipped(files)}) / "a.zip"):
        found = load(path, say=silent)
        assert np.bincount(found.train.labels).tolist() == np.bincount(TRAIN.labels).tolist()
        order = np.argsort(TEST.labels, kind="stable")
        assert {image.tobytes() for image in found.test.images} == {image.tobytes() for image in TEST.images}
        np.testing.assert_array_equal(found.test.labels, TEST.labels[order])


def test_pictures_of_named_classes_are_counted(tmp_path: Path) -> None:
    said: list[str] = []
    names = {i: chr(ord("A") + i) for i in range(10)}
    found = load(put(tmp_path, pictures(TRAIN, "", names)), say=said.append)
    assert said[0] == "data: the classes are " + ", ".join(f"{i} = {name}" for i, name in names.items())
    assert "every 7th of the 400 images" in said[1]
    assert len(found.train) == 343


def test_pictures_of_other_sizes_are_named(tmp_path: Path) -> None:
    put(tmp_path, pictures(TRAIN[:20], ""))
    head = b"IHDR" + struct.pack(">IIBBBBB", 10_000, 10_000, 8, 0, 0, 0, 0)
    (tmp_path / "0" / "large.png").write_bytes(
        b"\x89PNG\r\n\x1a\n\0\0\0\r" + head + struct.pack(">II", zlib.crc32(head), 0) + b"IDAT" + bytes(4)
    )
    with pytest.raises(DataError, match=r"0/large.png: has 10000 × 10000 pixels, expected 28 × 28"):
        load(tmp_path, say=silent)
    (tmp_path / "0" / "large.png").write_bytes(b"\x89PNG no picture")
    with pytest.raises(DataError, match=r"0/large.png: the data is damaged \(cannot identify image file"):
        load(tmp_path, say=silent)


# what is not read

FOREIGN = {
    b"PAR1\x15\x04": "a Parquet file",
    b"MATLAB 5.0 MAT-file, Platform\0\0": "a MATLAB file",
    b"\x89HDF\r\n\x1a\n": "an HDF5",
    b"\x80\x04\x95": "a Python pickle, which may run code",
    gzip.compress(b"\x80\x02(", mtime=0): "a Python pickle",
    b"\x89PNG\r\n\x1a\n": "one picture, which",
    b"<!DOCTYPE html>": "a web page",
    b"version https://git-lfs.github.com/spec/v1\n": "a pointer of Git LFS",
    b"Rar!\x1a\7\0": "a RAR archive",
}


@pytest.mark.parametrize("content", FOREIGN)
def test_a_file_of_another_kind_is_named_for_what_it_is(content: bytes, tmp_path: Path) -> None:
    put(tmp_path, {"sub/mnist.xyz": content})
    for path in (tmp_path / "sub" / "mnist.xyz", tmp_path):
        with pytest.raises(DataError, match=FOREIGN[content]) as caught:
            load(path, say=silent)
        assert "get the file again" not in str(caught.value)


def test_what_cannot_be_read_beside_the_data_is_passed_over(tmp_path: Path) -> None:
    put(tmp_path, four_files(prefix="MNIST/") | {"README.png": b"\x89PNG", "a.parquet": b"PAR1"})
    os.mkfifo(tmp_path / "0.pipe")
    (tmp_path / "1.link").symlink_to(tmp_path / "1.link")
    check_same(load(tmp_path, say=silent))
    for name in NAMES:
        (tmp_path / "MNIST" / name).unlink()
    with pytest.raises(DataError, match=r"a\.parquet: a Parquet file"):
        load(tmp_path, say=silent)


def test_a_zip_without_data_says_what_is_in_it(tmp_path: Path) -> None:
    put(tmp_path, {"a.zip": zipped({"readme\x1b[31m.txt": b"hello"})})
    with pytest.raises(DataError, match=r"a.zip: no data set is in it, but readme\\x1b\[31m.txt; give IDX files"):
        load(tmp_path / "a.zip", say=silent)


def test_a_tar_damaged_in_its_middle_is_named(tmp_path: Path) -> None:
    """Python's tarfile takes that for its end."""
    content = bytearray(gzip.decompress(tarred(pictures(TRAIN[:20], ""))))
    place = content.index(b"/9.png")
    for changed in (content[: place + 300], content[:place] + b"*" + content[place + 1 :]):
        put(tmp_path, {"a.tar": bytes(changed)})
        with pytest.raises(DataError, match=r"a.tar: the archive is damaged \(what comes after ./8.png is no tar\)"):
            load(tmp_path / "a.tar", say=silent)


# seen by a look at them

TURNS: dict[str, Callable[[NDArray[Any]], NDArray[Any]]] = {
    "rows and columns are exchanged": lambda x: x.swapaxes(1, 2),
    "turned by 90° to the left": lambda x: np.rot90(x, 1, (1, 2)),
    "turned by 90° to the right": lambda x: np.rot90(x, -1, (1, 2)),
    "stand on their head": lambda x: np.rot90(x, 2, (1, 2)),
    "left and right": lambda x: x[:, :, ::-1],
    "top and bottom": lambda x: x[:, ::-1],
    "dark ink on light; they were inverted": lambda x: 255 - x,
}


@pytest.mark.parametrize("fault", TURNS)
def test_images_that_lie_or_are_inverted_are_put_right_with_a_line(fault: str, tmp_path: Path) -> None:
    said: list[str] = []
    images, labels, tests, of_tests = ARRAYS
    put(tmp_path, four_files((TURNS[fault](images), labels, TURNS[fault](tests), of_tests)))
    check_same(load(tmp_path, say=said.append))
    assert len(said) == 1
    assert fault in said[0]


def test_lying_and_inverted_and_counted_from_one(tmp_path: Path) -> None:
    said: list[str] = []
    images, labels, tests, of_tests = ARRAYS
    put(tmp_path, four_files((255 - images.swapaxes(1, 2), labels + 1, 255 - tests.swapaxes(1, 2), of_tests + 1)))
    check_same(load(tmp_path, say=said.append))
    assert said[0] == "data: the labels are 1 to 10, taken as classes 0 to 9"
    assert len(said) == 3


@pytest.mark.parametrize("start", [0, 43210])
def test_mnist_is_left_as_it_is(start: int, mnist_folder: Path, tmp_path: Path) -> None:
    from tinygrad_mnist.data import read_idx

    rows = slice(start, start + 150)
    images, labels = (read_idx(mnist_folder / f"{name}.gz")[rows] for name in NAMES[:2])
    for name, of in {"as it is": labels, "other labels": (labels * 3 + 1) % 10, "few": labels}.items():
        put(tmp_path / name, four_files((images, of, images, of) if name != "few" else (images[:60], of[:60]) * 2))
        np.testing.assert_array_equal(load(tmp_path / name, say=silent).test.images[:60], images[:60])
    put(tmp_path / "lying", four_files((images.swapaxes(1, 2), labels) * 2))
    said: list[str] = []
    np.testing.assert_array_equal(load(tmp_path / "lying", say=said.append).train.images, images)


def test_what_is_no_writing_is_left_as_it_is(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (300, 28, 28))
    squares = np.zeros((300, 28, 28))
    squares[:, 4:24, 8:20] = rng.integers(60, 200, (300, 1, 1))
    labels = rng.integers(0, 10, 300)
    for i, images in enumerate((noise, squares, 255 * np.ones((300, 28, 28)))):
        put(tmp_path / str(i), four_files((images, labels) * 2))
        np.testing.assert_array_equal(load(tmp_path / str(i), say=silent).train.images, images)


# classes


def lettered(least: int, classes: int) -> tuple[NDArray[Any], ...]:
    """Digits in the place of letters."""
    labels = np.arange(520) % classes + least
    return TRAIN.images[np.arange(520) % 400], labels, TRAIN.images[:classes], labels[:classes]


@pytest.mark.parametrize(
    ("least", "classes", "stated", "found"), [(1, 26, None, 26), (0, 26, None, 26), (0, 47, None, 47), (1, 26, 27, 27),
                                              (1, 26, 26, 26), (0, 10, 12, 12), (1, 9, None, 10), (1, 9, 9, 9)],
)  # fmt: skip
def test_classes_are_found_or_stated(least: int, classes: int, stated: int | None, found: int, tmp_path: Path) -> None:
    said: list[str] = []
    dataset = load(put(tmp_path, four_files(lettered(least, classes))), say=said.append, classes=stated)
    shifted = least == 1 and found == classes
    assert dataset.classes == dataset.train[:3].classes == found
    assert dataset.train.labels.min() == least - shifted
    assert [line.startswith("data: the labels are 1 to") for line in said] == [True] * shifted


def test_a_stray_label_is_a_mistake_and_no_class(tmp_path: Path) -> None:
    images, labels, tests, of_tests = ARRAYS
    for stray in (10, 11, 200):
        wrong = labels.copy()
        wrong[17] = stray
        put(tmp_path, four_files((images, wrong, tests, of_tests)))
        with pytest.raises(DataError, match=rf"labels\[17\] is {stray}, expected 0 to 9; .* --classes {stray + 1}"):
            load(tmp_path, say=silent)
        assert load(tmp_path, say=silent, classes=stray + 1).classes == stray + 1


@pytest.mark.parametrize("least", [0, 1])
def test_more_classes_than_are_expected(least: int, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=f"{NAMES[0]} with {NAMES[1]}: has 26 classes, where 10 are expected$"):
        load(put(tmp_path, four_files(lettered(least, 26))), say=silent, classes=10)


# bounds


def test_what_unpacks_to_more_than_the_bound_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tinygrad_mnist.data import idx as arrays
    from tinygrad_mnist.data import kaggle, listing

    for module in (reading, kaggle, arrays, listing):
        if hasattr(module, "LIMIT"):
            monkeypatch.setattr(module, "LIMIT", 1 << 20)
    zeros = bytes(2 << 20)
    put(tmp_path / "csv", {"train.csv.gz": gzip.compress(csv(TRAIN) * 4)})
    put(tmp_path / "gz", four_files() | {f"{NAMES[0]}": gzip.compress(four_files()[NAMES[0]] + zeros)})
    put(tmp_path / "tar", {"a.tar.gz": tarred({"a": zeros})})
    for path, message in {
        tmp_path / "csv": "train.csv.gz: unpacks to more than 1 MiB|MiB, the most that is read",
        tmp_path / "gz": f"{NAMES[0]}: too long: the dimensions",
        tmp_path / "tar" / "a.tar.gz": "a.tar.gz: unpacks to more than",
    }.items():
        with pytest.raises(DataError, match=message):
            load(path, say=silent)


def test_a_header_of_more_than_the_bound_is_refused(tmp_path: Path) -> None:
    put(tmp_path, four_files() | {NAMES[0]: struct.pack(">HBB3I", 0, 8, 3, 2_000_000, 28, 28)})
    with pytest.raises(DataError, match=r"make 1568000000 bytes, and at most 640 MiB are read in all"):
        load(tmp_path, say=silent)


def test_pipes_devices_and_links_in_a_circle_are_named(tmp_path: Path) -> None:
    put(tmp_path, four_files())
    (tmp_path / NAMES[0]).unlink()
    os.mkfifo(tmp_path / NAMES[0])
    with pytest.raises(DataError, match=f"{NAMES[0]}: cannot be read \\(is a device or a pipe, and no plain file\\)"):
        load(tmp_path, say=silent)
    (tmp_path / NAMES[0]).unlink()
    (tmp_path / NAMES[0]).symlink_to("/dev/zero")
    with pytest.raises(DataError, match="is a device or a pipe"):
        load(tmp_path, say=silent)
    (tmp_path / NAMES[0]).unlink()
    (tmp_path / NAMES[0]).symlink_to(tmp_path / NAMES[0])
    for path in (tmp_path, tmp_path / NAMES[0]):
        with pytest.raises(DataError, match="cannot be read \\(Too many levels of symbolic links\\)"):
            load(path, say=silent)


def test_a_folder_within_itself_is_read_once(tmp_path: Path) -> None:
    put(tmp_path / "MNIST" / "raw", four_files())
    (tmp_path / "MNIST" / "again").symlink_to(tmp_path)
    check_same(load(tmp_path, say=silent))


@each("path", ["~nosuchuser/x", "a" * 5000, "\0"])
def test_paths_that_cannot_be_are_named(path: str) -> None:
    with pytest.raises(
        DataError, match=r"no such user's folder|cannot be read \(File name too long\)|null (byte|character)"
    ):
        load(path, say=silent)


def test_the_name_of_a_folder_may_be_no_text(tmp_path: Path) -> None:
    folder = put(tmp_path / "\udcff\x1b[31m", four_files())
    name = load(folder, say=silent).name
    assert name.isprintable()
    name.encode()
