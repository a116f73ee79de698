"""Signals that wait, and locks that end with their process."""

import os
import signal
import threading

import pytest

from tests.each import each
from tinygrad_mnist.files import prepare_folder
from tinygrad_mnist.processes import LOCK, FolderLock, lock, signals_held


def interrupted(done, blocks):
    """A Ctrl-C in so many blocks in one another."""
    with signals_held():
        if blocks > 1:
            interrupted(done, blocks - 1)
        else:
            signal.raise_signal(signal.SIGINT)
        done.append(blocks)


@each("blocks", [1, 2, 3])
def test_a_signal_waits_for_the_end_of_the_outermost_block(blocks):
    done = []
    with pytest.raises(KeyboardInterrupt):
        interrupted(done, blocks)
    assert done == [*range(1, blocks + 1)]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_in_another_thread_nothing_is_held():
    seen = []

    def inside():
        with signals_held():
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=inside)
    thread.start()
    thread.join()
    assert seen == [signal.default_int_handler]


def test_of_two_locks_one_is_given(tmp_path):
    with (tmp_path / "file").open("w+b") as one, (tmp_path / "file").open("r+b") as other:
        assert lock(one.fileno())
        assert not lock(other.fileno())
        assert (one.tell(), other.tell()) == (0, 0)
    with (tmp_path / "file").open("r+b") as third:
        assert lock(third.fileno())


def test_a_folder_s_lock_says_who_has_it_and_leaves_nothing(tmp_path):
    first, second = FolderLock(tmp_path), FolderLock(tmp_path)
    first.acquire()
    with pytest.raises(BlockingIOError, match=rf"process {os.getpid()}, since \d{{4}}-"):
        second.acquire()
    (tmp_path / LOCK).write_bytes(b"\x1b[2J" * 1000)  # what stands in it is no more than read
    with pytest.raises(BlockingIOError, match="going on in it: wait for its end"):
        second.acquire()
    first.release()
    assert os.listdir(tmp_path) == []
    second.acquire()
    second.release()


def test_a_lock_whose_file_was_removed_is_no_longer_that_of_the_folder(tmp_path):
    first, second = FolderLock(tmp_path), FolderLock(tmp_path)
    first.acquire()
    (tmp_path / LOCK).unlink()
    second.acquire()
    first.release()
    assert os.listdir(tmp_path) == [LOCK]
    second.release()


def test_what_a_living_process_writes_is_no_leftover(tmp_path):
    living, left = tmp_path / ".file.abcdefgh", tmp_path / ".file.ijklmnop"
    left.write_bytes(b"half")
    with living.open("wb") as file:
        lock(file.fileno())
        prepare_folder(tmp_path, "file")
        assert os.listdir(tmp_path) == [living.name]
    prepare_folder(tmp_path, "file")
    assert os.listdir(tmp_path) == []
