"""Hundreds of damaged files of data, all from one seed: each is read, or refused in a line that can be printed."""

from __future__ import annotations

import gzip
import io
import struct
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.data.test_layouts import idx
from tinygrad_mnist.data import DataError, load

RNG = np.random.default_rng(14)
EACH = 50
"""Files of each kind."""

COUNT = 8
IMAGES = RNG.integers(0, 256, (COUNT, 28, 28), np.uint8) * (RNG.random((COUNT, 28, 28)) < 0.2).astype(np.uint8)
LABELS = RNG.integers(0, 10, COUNT).astype(np.uint8)
NUMBERS = ["9" * 5000, "-1", "256", "nan", "inf", "-1e400", "0x1F", "1_0", "", '"', "\x1b[31m", "\udc80", "٣", "5.0"]

DTYPES = ["|u1", "<f8", "|O", "<U99999999", "|V0", "|S0", "<M8[s]", "|b1", "nonsense", "<c16", "[('a','u1')]"]
SHAPES = ["(8,28,28)", "(-1,28,28)", f"({'9' * 4001},28,28)", "(" * 300, "(8,0,28)", "()", "(8,784)", "(True,)"]
SHAPES += ["(1e9,)", "('8',)", "(99999999999,28,28)", "[8,28,28]", "x"]


def csv() -> bytes:
    rows = np.column_stack([LABELS, IMAGES.reshape(COUNT, -1)]).tolist()
    head = "label," + ",".join(f"pixel{i}" for i in range(784))
    return "\n".join([head, *(",".join(map(str, row)) for row in rows), ""]).encode()


def npz() -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, x_train=IMAGES, y_train=LABELS, x_test=IMAGES, y_test=LABELS)
    return file.getvalue()


def archive() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("train-images-idx3-ubyte", idx(IMAGES))
        made.writestr("train-labels-idx1-ubyte.gz", gzip.compress(idx(LABELS), mtime=0))
    return file.getvalue()


def changed(rng: np.random.Generator, content: bytes) -> bytes:
    """The content cut, with other bits, spliced, or with something else in its place."""
    data = bytearray(content)
    place = int(rng.integers(0, min(len(data), 64) if rng.random() < 0.5 else len(data)))
    length = int(rng.integers(1, 40))
    way = rng.integers(7)
    if way == 0:
        del data[place:]
    elif way == 1:
        data[place] ^= 1 << int(rng.integers(8))
    elif way == 2:
        data[place : place + length] = rng.bytes(length)
    elif way == 3:
        del data[place : place + length]
    elif way == 4:
        data[place:place] = data[-place - 1 :]
    elif way == 5:
        data[place : place + 4] = bytes([255, 255, 255, int(rng.integers(256))])
    else:
        data[place : place + 1] = str(rng.choice(NUMBERS)).encode(errors="surrogateescape")
    return bytes(data)


def npz_with_header(rng: np.random.Generator) -> bytes:
    """An archive whose array says of itself what is not so."""
    dtype, shape = rng.choice(DTYPES), rng.choice(SHAPES)
    flag = rng.choice(["False", "True", "7"])
    head = f"{{'descr':'{dtype}','fortran_order':{flag},'shape':{shape}}}\n".encode()
    version = bytes([int(rng.choice([1, 2, 3, 9])), 0])
    size = struct.pack("<H" if version[0] == 1 else "<I", len(head) + int(rng.choice([0, 0, 0, 1, 60000])) % 65536)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as made:
        made.writestr("x_train.npy", b"\x93NUMPY" + version + size + head + bytes(8 * 784))
        made.writestr("y_train.npy", b"\x93NUMPY\1\0" + struct.pack("<H", 54)
                      + b"{'descr':'|u1','fortran_order':False,'shape':(8,)}   \n" + bytes(8))  # fmt: skip
    return file.getvalue()


def csv_with_number(rng: np.random.Generator) -> bytes:
    lines = csv().decode().split("\n")
    line = int(rng.integers(0, COUNT + 1))
    values = lines[line].split(",")
    values[int(rng.choice([0, 1, 400, 784]))] = str(rng.choice(NUMBERS))
    lines[line] = ",".join(values)
    return "\n".join(lines).encode(errors="surrogateescape" if "\udc80" in lines[line] else "strict")


def idx_with_header(rng: np.random.Generator) -> bytes:
    dimensions = rng.choice([0, 1, 8, 28, 784, 2**31, 2**32 - 1], int(rng.integers(0, 5))).tolist()
    code, count = int(rng.choice([8, 9, 11, 12, 13, 14, 0, 255])), len(dimensions) + int(rng.choice([0, 0, 1, 60]))
    return struct.pack(f">HBB{len(dimensions)}I", 0, code, count, *dimensions) + bytes(8 * 784)


KINDS: dict[str, tuple[str, Callable[[np.random.Generator], bytes]]] = {
    "idx": ("train-images-idx3-ubyte", lambda rng: changed(rng, idx(IMAGES))),
    "idx labels": ("train-labels-idx1-ubyte", lambda rng: changed(rng, idx(LABELS))),
    "idx.gz": ("train-images-idx3-ubyte.gz", lambda rng: changed(rng, gzip.compress(idx(IMAGES), mtime=0))),
    "gz of damaged idx": (
        "train-images-idx3-ubyte.gz",
        lambda rng: gzip.compress(changed(rng, idx(IMAGES)), 1, mtime=0),
    ),
    "idx header": ("train-images-idx3-ubyte", idx_with_header),
    "npz": ("mnist.npz", lambda rng: changed(rng, npz())),
    "npz header": ("mnist.npz", npz_with_header),
    "csv": ("train.csv", lambda rng: changed(rng, csv())),
    "csv number": ("train.csv", csv_with_number),
    "csv.gz": ("train.csv.gz", lambda rng: changed(rng, gzip.compress(csv(), 1, mtime=0))),
    "zip": ("mnist.zip", lambda rng: changed(rng, archive())),
    "anything": ("file", lambda rng: changed(rng, [idx(IMAGES), npz(), csv(), archive()][int(rng.integers(4))])),
}


def damaged(kind: str) -> Iterator[tuple[str, bytes]]:
    name, make = KINDS[kind]
    for seed in range(EACH):
        yield name, make(np.random.default_rng([seed, list(KINDS).index(kind)]))


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_file_is_read_or_refused_in_one_line(kind: str, tmp_path: Path) -> None:
    outcomes: Counter[str] = Counter()
    if "idx" in kind:
        (tmp_path / "train-labels-idx1-ubyte").write_bytes(idx(LABELS))
        if kind == "idx labels":
            (tmp_path / "train-images-idx3-ubyte").write_bytes(idx(IMAGES))
    for name, content in damaged(kind):
        path = tmp_path / name
        path.write_bytes(content)
        try:
            dataset = load(tmp_path if "idx" in kind else path, say=lambda line: None)
        except DataError as error:
            outcomes["refused"] += 1
            message = str(error)
            assert message.isprintable(), repr(message)
            assert len(message) < 700
            assert str(tmp_path) in message
        else:
            outcomes["read"] += 1
            assert dataset.classes == 10
            assert len(dataset.train) + len(dataset.test) in (*range(7, 3 * COUNT), 2 * COUNT)
    assert outcomes["refused"] >= EACH // 10, outcomes
