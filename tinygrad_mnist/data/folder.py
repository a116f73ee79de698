"""A data set from a folder, an archive or a file of the user's, in any of the forms that MNIST is passed around in."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PurePosixPath

import numpy as np

from tinygrad_mnist.data import foreign
from tinygrad_mnist.data.arrays import (
    TEST,
    TRAIN,
    VALIDATION,
    WHOLE,
    Array,
    Part,
    as_images,
    as_labels,
    holds_labels,
    paired,
    part_of,
    set_of,
)  # fmt: skip
from tinygrad_mnist.data.classes import numbered
from tinygrad_mnist.data.dataset import DataError, Dataset, Split
from tinygrad_mnist.data.idx import array_from
from tinygrad_mnist.data.kaggle import read_table
from tinygrad_mnist.data.listing import Entry, expanded, highest_first, in_memory, list_files
from tinygrad_mnist.data.looking import upright
from tinygrad_mnist.data.pictures import read_pictures
from tinygrad_mnist.data.reading import LIMIT, unreadable
from tinygrad_mnist.shown import one_line

Say = Callable[[str], None]
Parts = dict[str, Part]

TRAIN_IMAGES = "train-images-idx3-ubyte"
TRAIN_LABELS = "train-labels-idx1-ubyte"
TEST_IMAGES = "t10k-images-idx3-ubyte"
TEST_LABELS = "t10k-labels-idx1-ubyte"

TEST_SHARE = 7
"""Where no labelled test images are given, every how manieth training image is set aside: 10,000 of 70,000 in MNIST."""

ARRAYS, TABLES = (".npy", "ubyte"), (".csv", ".tsv", ".arff")
WHAT_IS_READ = "IDX files, .npz or .npy arrays, CSV or ARFF, pictures in a folder for each class, or a zip of these"


def read_path(path: Path, say: Say, classes: int | None = None) -> Dataset:
    """The data set in a folder, in a zip or tar archive, or in a file.

    It may be IDX files, arrays (.npz, .npy), tables (CSV, ARFF; see `read_csv`), or pictures in a folder for each
    class, at most some folders down; file names say what is to learn from and what to test with. One of several files
    stands for those that belong to it.

    say: called with a message for each thing that was decided: test images that had to be set aside, because no
        labelled ones are given, images that were turned or inverted, labels that were counted from 1.
    classes: how many there are; None to find it from the labels, ten at least.

    Raises DataError when the data is not there or not usable.
    """
    path = _existing(path)
    name = path.resolve().name if path.is_dir() else path.name.split(".")[0]
    files = _beside(path, list_files(path))
    return _read(files, path, name, say, classes)


def read_contents(contents: Mapping[str, bytes], say: Say, classes: int | None = None) -> Dataset:
    """The same for files whose bytes are here, by their names: nothing else is looked for."""
    (name, *_) = contents
    entries = [each for file, content in contents.items() for each in in_memory(file, content)]
    return _read(highest_first(entries), Path(name), name.split(".")[0], say, classes)


def _read(entries: Sequence[Entry], path: Path, name: str, say: Say, classes: int | None) -> Dataset:
    for read in (_from_arrays, _from_tables, read_pictures):
        said: list[str] = []  # not before all is well: an error is one line
        if parts := read(entries, str(path), said.append):
            dataset = _dataset(name, parts, said.append, classes)
            for message in said:
                say(one_line(message))
            return dataset
    raise foreign.refusal(path, entries, WHAT_IS_READ)


def _existing(path: Path) -> Path:
    try:
        path = path.expanduser()
        path.stat()
    except RuntimeError as error:
        raise DataError(f"{path}: no such user's folder; write the path out") from error
    except FileNotFoundError as error:
        raise DataError(
            f"{path}: no folder or file of this name; give one with MNIST as {WHAT_IS_READ}, or auto, mnist, digits",
            is_missing=True,
        ) from error
    except (OSError, ValueError) as error:
        raise unreadable(path, error) from error
    return path


def _beside(path: Path, entries: list[Entry]) -> list[Entry]:
    """One of the four files of a data set stands for all that belong to it."""
    if path.is_dir() or [entry.name for entry in entries] != [path.name] or not _is_array(entries[0]):
        return entries
    belonging = [each for each in list_files(path.parent) if "/" not in each.name and _is_array(each)]
    return [each for each in belonging if set_of(each.base) == set_of(entries[0].base)]


def _is_array(entry: Entry) -> bool:
    return bool(entry.array) or entry.base.endswith(ARRAYS) or re.search(r"idx\d", entry.base) is not None


# arrays


def _from_arrays(entries: Sequence[Entry], source: str, say: Say) -> Parts:
    plain = [entry for entry in entries if _is_array(entry)]
    files = _one_set(plain, source) or _one_set(expanded(entries), source)
    return _parts(files, source) if files else {}


def _one_set(entries: Sequence[Entry], source: str) -> list[Entry]:
    """The files of the data set that lies highest; DataError where several lie equally high."""
    sets: dict[tuple[int, str, str], list[Entry]] = defaultdict(list)
    for entry in entries:
        sets[entry.depth, entry.folder, set_of(entry.base)].append(entry)
    highest = [files for (depth, *_), files in sets.items() if depth == min(sets)[0]]
    if len(highest) > 1:
        names = ", ".join(files[0].name for files in highest[:8])
        raise DataError(f"{source}: has several data sets, with {names}; give one of these files, or a folder of one")
    return highest[0] if highest else []


def _parts(files: Sequence[Entry], source: str) -> Parts:
    """Images and labels by the names of their files; where they say nothing, by shape and order."""
    roles: dict[str, dict[bool | None, Entry]] = defaultdict(dict)
    for entry in files:
        roles[part_of(entry.path)].setdefault(holds_labels(entry.path), entry)
    named = {part: of for part, of in roles.items() if of.keys() & {True, False}}
    if not any(of.keys() >= {True, False} for of in named.values()):
        return dict(zip((TRAIN, TEST), _paired(files, source), strict=False))
    if TEST in named:
        named.pop(VALIDATION, None)
    if TRAIN in named:
        named.pop(WHOLE, None)  # names of the classes, perhaps
    parts, left = {}, LIMIT
    for part, of in named.items():
        for is_label, what in ((True, "labels"), (False, "images")):
            if is_label not in of:
                raise DataError(f"{of[not is_label].source}: its {what} are missing; put the file with them beside it")
        images = _array(of[False], left)
        labels = _array(of[True], left - images.nbytes)
        left -= images.nbytes + labels.nbytes
        parts[part] = Part(f"{of[False].source} with {of[True].short}", images, labels)
    return parts


def _paired(files: Sequence[Entry], source: str) -> list[Part]:
    arrays, left = [], LIMIT
    for entry in files:
        arrays.append(_array(entry, left))
        left -= arrays[-1].nbytes
    parts = paired(source, arrays)
    if not parts:
        there = ", ".join(f"{entry.short} {array.shape}" for entry, array in zip(files, arrays, strict=True))
        raise DataError(
            f"{source}: has no images with labels, but {there}; expected are shapes (n, 28, 28) and (n,), with "
            f"names such as x_train, y_train, x_test and y_test"
        )
    return parts


def _array(entry: Entry, limit: int) -> Array:
    with entry.open() as stream:
        return array_from(stream, entry.source, limit)


# tables


def _from_tables(entries: Sequence[Entry], source: str, say: Say) -> Parts:
    tables = [entry for entry in entries if entry.base.endswith(TABLES) and "submission" not in entry.base]
    if not tables and [entry.source for entry in entries] == [source] and foreign.is_text(entries[0]):
        tables = list(entries)
    parts: Parts = {}
    for entry in _one_set(tables, source):
        part = part_of(entry.base)
        if part not in parts:
            with entry.open() as stream:
                parts[part] = Part(entry.source, *read_table(stream, entry.source))
    return parts


# the whole


def _dataset(name: str, parts: Parts, say: Say, classes: int | None) -> Dataset:
    train = next(parts[part] for part in (TRAIN, WHOLE, TEST, VALIDATION) if part in parts)
    test = next((parts[part] for part in (TEST, VALIDATION) if part in parts and parts[part] is not train), None)
    if train.labels is None:
        raise DataError(f"{train.source}: its lines have no label; give the file that has, Kaggle's train.csv")
    if test is None or test.labels is None:
        train, test = _with_some_aside(_in_form(train), test, say)
    parts_in_form, count = numbered([_in_form(train), _in_form(test)], classes, say)
    return Dataset(name, *upright([_split(part, count) for part in parts_in_form], say))


def _in_form(part: Part) -> Part:
    assert part.labels is not None
    return Part(part.source, as_images(part.images, part.source), as_labels(part.labels, part.source))


def _split(part: Part, classes: int) -> Split:
    assert part.labels is not None
    try:
        return Split(part.images, part.labels, classes)
    except DataError as error:
        raise DataError(f"{part.source}: {error}") from error


def _with_some_aside(part: Part, test: Part | None, say: Say) -> tuple[Part, Part]:
    """What is to learn from, and a seventh of it to test with: the last, or every seventh where labels are in order."""
    images, labels = part.images, part.labels
    assert labels is not None
    if len(images) != len(labels):
        raise DataError(f"{part.source}: {len(images)} images but {len(labels)} labels; every image needs one")
    total, count = len(images), len(images) // TEST_SHARE
    if not count:
        raise DataError(f"{part.source}: {total} images are too few to set some aside to test with; give {TEST_SHARE}")
    reason = f"{PurePosixPath(test.source).name} has no labels" if test else "no test images are given"
    in_order = len(np.unique(labels)) > 1 and bool((labels[1:] >= labels[:-1]).all())
    rows = np.arange(total)
    aside = rows % TEST_SHARE == TEST_SHARE - 1 if in_order else rows >= total - count
    which = f"every {TEST_SHARE}th" if in_order else f"the last {count:,}"
    say(f"data: {reason}, so {which} of the {total:,} images in {PurePosixPath(part.source).name} "
        f"{'is a test image' if in_order else 'are the test images'}")  # fmt: skip
    return Part(part.source, images[~aside], labels[~aside]), Part(part.source, images[aside], labels[aside])
