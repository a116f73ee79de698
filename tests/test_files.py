"""Files are read within a bound and written whole, and what is no ordinary file is left alone."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tinygrad_mnist.files import prepare_folder, read_bounded, write_atomically, write_text


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


def test_ctrl_c_right_after_the_file_is_there_comes_through(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    replace = os.replace

    def interrupted(source: str, target: Path) -> None:
        replace(source, target)
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(tmp_path / "file", b"new")
    assert os.listdir(tmp_path) == ["file"]


def test_a_file_where_a_folder_is_asked_for_is_named_as_such(tmp_path: Path) -> None:
    (tmp_path / "run").write_bytes(b"")
    with pytest.raises(FileExistsError, match="where a folder is needed"):
        prepare_folder(tmp_path / "run", "file")


def test_no_more_is_read_than_the_bound(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(bytes(1 << 20))
    assert len(read_bounded(file, 1 << 20)) == 1 << 20
    file.write_bytes(bytes((1 << 20) + 1))
    with pytest.raises(OSError, match="larger than 1 MiB") as caught:
        read_bounded(file, 1 << 20)
    assert caught.value.filename == str(file)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_pipes_and_devices_are_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "endless").symlink_to("/dev/zero")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for name, reason in (("pipe", "no plain file"), ("endless", "no plain file"), ("loop", "symbolic links")):
        with pytest.raises(OSError, match=reason):
            read_bounded(tmp_path / name, 1 << 20)
    with pytest.raises(IsADirectoryError):
        read_bounded(tmp_path, 1)


def test_a_loop_of_links_is_named_before_and_when_it_is_written(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(OSError, match="symbolic links"):
        prepare_folder(tmp_path, "loop")
    with pytest.raises(OSError, match="symbolic links"):
        write_atomically(tmp_path / "loop", b"new")
    assert os.listdir(tmp_path) == ["loop"]


def test_text_that_utf_8_can_not_hold_is_written_as_its_escape(tmp_path: Path) -> None:
    write_text(tmp_path / "file", "δ \ud800 \udcff \x1b\n")
    assert (tmp_path / "file").read_text(encoding="utf-8") == "δ \\ud800 \\xff \\x1b\n"
