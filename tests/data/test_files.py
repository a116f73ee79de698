"""Files are written whole, and what is no ordinary file is left alone."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tinygrad_mnist.data.files import prepare_folder, write_atomically


def test_a_link_stays_a_link_and_its_file_is_written(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    target, link = tmp_path / "real" / "file", tmp_path / "link"
    target.write_bytes(b"old")
    link.symlink_to(target)
    write_atomically(link, b"new")
    assert link.is_symlink()
    assert target.read_bytes() == b"new"
    assert os.listdir(target.parent) == ["file"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_device_is_never_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(FileExistsError, match="device"):
        write_atomically(pipe, b"new")
    with pytest.raises(FileExistsError, match="device"):
        prepare_folder(tmp_path, "pipe")
    assert pipe.is_fifo()
