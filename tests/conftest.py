"""What tests of every part share."""

from __future__ import annotations

import gc
import os
import signal
import sqlite3
import sys
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
"""Two threads on two cores take longer than one for matrices as small as the tests'; read when NumPy is loaded."""

os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
"""Each of the many child processes would compile the package anew, which takes longer than its work."""

gc.set_threshold(300_000, 50, 50)
"""What is kept for long, imports and the grader's tables, would be searched for cycles again and again."""

os.fsync = lambda fd: None
"""No test cuts the power; each of the many files would wait for a disk that others write to as well."""

signal.signal(signal.SIGINT, signal.default_int_handler)
"""A shell that starts the tests in the background ignores Ctrl-C, and programs under test would inherit that."""


TERMINATE = signal.getsignal(signal.SIGTERM)


@pytest.fixture(autouse=True)
def _terminates() -> None:
    """A command that ran in this process, for a module, say, left its own, at which forked pools go on as pytest."""
    signal.signal(signal.SIGTERM, TERMINATE)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """`-n auto`: while a test waits for a browser, a child or the disk, another one computes."""
    return (os.cpu_count() or 1) + 1


_exit = sys.modules[os.name]._exit  # that of os may be coverage's by now


def pytest_unconfigure() -> None:
    """Workers of xdist end as they would without coverage, which would write their data again after all is combined."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        os._exit = _exit


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtestloop(session: pytest.Session) -> Generator[None, object, object]:
    """Programs under test are killed, some while coverage writes their data, at which pytest-cov would stumble."""
    result = yield
    measured = getattr(session.config.pluginmanager.getplugin("_cov"), "cov_controller", None)
    if measured and "PYTEST_XDIST_WORKER" not in os.environ:
        for file in session.config.rootpath.glob(".coverage.*"):
            if not is_whole(file):
                file.unlink()
    return result


def is_whole(file: Path) -> bool:
    """Whether a file of coverage's data can be combined with others: it was not left half written."""
    from coverage import CoverageData
    from coverage.exceptions import CoverageException

    with closing(CoverageData(no_disk=True)) as alone, closing(CoverageData(str(file))) as data:
        try:
            data.read()
            alone.update(data)
        except (CoverageException, sqlite3.DatabaseError):
            return False
    return True


@pytest.fixture(scope="session")
def mnist_folder() -> Path:
    """The folder with real MNIST: TINYGRAD_MNIST_DATA, or ../shared/mnist beside the project."""
    beside = Path(__file__).parents[2] / "shared" / "mnist"
    folder = Path(os.environ.get("TINYGRAD_MNIST_DATA") or beside)
    if not folder.is_dir():
        pytest.skip(f"real MNIST is not here: {folder} does not exist (TINYGRAD_MNIST_DATA can name another folder)")
    return folder


@pytest.fixture
def new_op() -> Iterator[Callable[..., Any]]:
    """The decorator that declares an operation, which leaves the table again after the test."""
    from tinygrad_mnist.engine import OPS, op

    before = dict(OPS)
    yield op
    OPS.clear()
    OPS.update(before)
