from __future__ import annotations

import gzip
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from tests.each import each
from tinygrad_mnist.data import DataError, read_idx
from tinygrad_mnist.data.idx import parse_idx
from tinygrad_mnist.data.reading import decompress

IdxBytes = Callable[[NDArray[Any]], bytes]

TWO_BY_THREE = bytes.fromhex("00000802 00000002 00000003 0102 0304 05ff")
"""Written by hand, after the format's description."""

arrays = hnp.arrays(
    st.sampled_from(["u1", "i1", "i2", "i4", "f4", "f8"]), hnp.array_shapes(min_dims=1, max_dims=4, min_side=0)
)


@pytest.mark.parametrize("name", ["a", "a.gz"])
@pytest.mark.parametrize("data", [TWO_BY_THREE, gzip.compress(TWO_BY_THREE)], ids=["raw", "gzip"])
def test_the_content_decides_whether_it_is_gzip_not_the_name(tmp_path: Path, name: str, data: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    array = read_idx(path)
    assert array.dtype == np.uint8
    assert array.tolist() == [[1, 2, 3], [4, 5, 255]]


def test_values_of_many_bytes_are_big_endian() -> None:
    array = parse_idx(bytes.fromhex("00000b01 00000002 0102 fffe"), "shorts")
    assert array.tolist() == [258, -2]
    assert array.dtype == np.int16


@given(arrays)
def test_every_type_and_shape_comes_back(idx_bytes: IdxBytes, array: NDArray[Any]) -> None:
    again = parse_idx(idx_bytes(array), "array")
    np.testing.assert_array_equal(again, array)
    assert again.dtype == array.dtype
    assert again.dtype.isnative


@given(array=arrays, data=st.data())
def test_any_other_length_is_refused(idx_bytes: IdxBytes, array: NDArray[Any], data: st.DataObject) -> None:
    content = idx_bytes(array)
    cut = content[: data.draw(st.integers(0, len(content) - 1))]
    with pytest.raises(DataError, match=r"^name: (too short|cut short)"):
        parse_idx(cut, "name")
    longer = content + data.draw(st.binary(min_size=1, max_size=9))
    with pytest.raises(DataError, match=r"^name: too long"):
        parse_idx(longer, "name")


@given(st.one_of(st.binary(max_size=40), st.binary(max_size=40).map(lambda tail: b"\x1f\x8b\x08" + tail)))
def test_no_bytes_at_all_lead_to_another_error(content: bytes) -> None:
    with suppress(DataError):
        parse_idx(decompress(content, "name"), "name")


@given(st.integers(0, len(gzip.compress(TWO_BY_THREE)) - 1))
def test_gzip_that_is_cut_short_is_refused(length: int) -> None:
    with pytest.raises(DataError, match=r"^name: .*; get the file again$"):
        parse_idx(decompress(gzip.compress(TWO_BY_THREE)[:length], "name"), "name")


@each("position", [3, 10, -8])
def test_gzip_with_a_changed_byte_is_refused(position: int) -> None:
    """In its header, its data and its checksum."""
    data = bytearray(gzip.compress(bytes(1000), mtime=0))
    data[position] ^= 0xFF
    with pytest.raises(DataError, match=r"^name: the gzip data is (damaged \(.*\)|cut short); get the file again$"):
        decompress(bytes(data), "name")


@each(
    ("content", "message"),
    [
        (b"", r"^name: too short for an IDX file, 0 bytes"),
        (b"<html></html>", r"^name: no IDX file: it starts with 3c 68 74 6d, expected 00 00, a type \(one of 08 09"),
        (bytes.fromhex("00000a01 00000001 00"), r"^name: no IDX file: it starts with 00 00 0a 01"),
        (bytes.fromhex("00000800 00"), r"^name: no IDX file: it starts with 00 00 08 00"),
        (b"\0\0\x08\x41" + 65 * b"\0\0\0\1" + b"\0", r"^name: no array can have the dimensions \(1, 1, "),
        (TWO_BY_THREE[:9], r"^name: cut short in its header, at byte 9; get the file again$"),
        (TWO_BY_THREE[:-1], r"^name: cut short: the dimensions \(2, 3\) of uint8 .* make 6 bytes, .* only 5; get"),
        (TWO_BY_THREE + b"\n", r"^name: too long: the dimensions \(2, 3\) of uint8 .* make 6 bytes, .* more"),
        (b"\0\0\x08\3" + 12 * b"\xff", r"^name: the dimensions \(4294967295, .* and at most 640 MiB are read in all"),
        (b"\0\0\x08\4" + 12 * b"\xff" + 4 * b"\0", r"^name: no array can have the dimensions \(4294967295, "),
    ],
)
def test_what_is_no_idx_file_is_named(content: bytes, message: str) -> None:
    with pytest.raises(DataError, match=message):
        parse_idx(content, "name")


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere: cannot be read \(No such file or directory\); check"):
        read_idx(tmp_path / "nowhere")
    with pytest.raises(DataError, match=r"cannot be read \(Is a directory\); check"):
        read_idx(tmp_path)


def test_real_mnist_has_the_shapes_it_is_known_for(mnist_folder: Path) -> None:
    assert read_idx(mnist_folder / "t10k-images-idx3-ubyte.gz").shape == (10000, 28, 28)
    labels = read_idx(mnist_folder / "t10k-labels-idx1-ubyte.gz")
    assert np.bincount(labels).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
