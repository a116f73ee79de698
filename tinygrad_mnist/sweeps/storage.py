"""Where the study lies: Optuna's journal in a file, or a data base at a URL."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tinygrad_mnist import processes
from tinygrad_mnist.files import open_plain
from tinygrad_mnist.shown import reason
from tinygrad_mnist.sweeps.errors import SweepError

if TYPE_CHECKING:
    from optuna.storages import BaseStorage

JOURNAL = "study.journal"
_JOURNAL = b'{"op_code":'
"""How every journal of Optuna begins."""

_DRIVERS = {"psycopg": "psycopg[binary]", "psycopg2": "psycopg2-binary", "MySQLdb": "mysqlclient"}
"""What to install for a driver that is called otherwise."""

_PAUSES = (0.1, 0.5, 2.0)
"""Seconds between attempts to make the tables of a data base."""

PATIENCE = 30.0
"""Seconds that a lock of the journal, held for milliseconds each time, is waited for."""


@contextmanager
def opened(place: str) -> Iterator[BaseStorage]:
    """The storage at a URL (postgresql://, mysql://, sqlite://, redis://) or in a journal file.

    Raises SweepError where it can't be opened, and where it can't be used any more.
    """
    with _explained(place):
        storage = _open(place)
        try:
            yield storage
        finally:
            if engine := getattr(storage, "engine", None):
                engine.dispose()


def _open(place: str) -> BaseStorage:
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend, JournalRedisBackend

    with _opening(place):
        if place.startswith("redis"):
            return JournalStorage(JournalRedisBackend(place))
        if "://" in place:
            return _open_database(place)
        path = Path(place)
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path)
        _check_journal(path)
        _drop_half_a_line(path, lock)
        journal = JournalStorage(JournalFileBackend(place, lock))
        journal.get_all_studies()  # raises for a file that is no journal
        return journal


def _open_database(url: str) -> BaseStorage:
    """Where several processes are the first at once, all but one find tables that they were about to make."""
    from optuna.storages import RDBStorage
    from sqlalchemy.exc import DBAPIError

    for pause in _PAUSES:
        try:
            return RDBStorage(url, engine_kwargs={"pool_pre_ping": True})
        except DBAPIError as error:
            if "already exists" not in str(error):
                raise
        time.sleep(pause)
    return RDBStorage(url, engine_kwargs={"pool_pre_ping": True})


@contextmanager
def _explained(place: str) -> Iterator[None]:
    """What goes wrong with a storage, as SweepError in one line."""
    from optuna.exceptions import StorageInternalError

    try:
        yield
    except StorageInternalError as error:
        raise _storage_error(place, error.__cause__ or error) from None
    except Exception as error:
        if type(error).__module__.partition(".")[0] not in ("sqlalchemy", "redis", "json"):  # of a study's own texts
            raise
        raise _storage_error(place, error) from None


@contextmanager
def _opening(place: str) -> Iterator[None]:
    """The same for what can go wrong at the beginning alone."""
    try:
        with _explained(place):
            yield
    except (SweepError, OSError):
        raise
    except ImportError as error:
        missing = getattr(error.__cause__ or error, "name", None) or str(error)
        package = _DRIVERS.get(missing, missing)
        raise SweepError(f"--storage {_public(place)} needs {missing}: pip install '{package}'") from None
    except Exception as error:  # Optuna raises what it likes on a damaged study
        raise _storage_error(place, error) from None


def _storage_error(place: str, error: BaseException) -> SweepError:
    first = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
    return SweepError(f"the study at {_public(place)} can't be used: {first or type(error).__name__}")


def _public(place: str) -> str:
    """A URL without its password."""
    head, at, tail = place.rpartition("@")
    return f"{head.rpartition(':')[0]}:…@{tail}" if at and head.count(":") > 1 else place


class FileLock:
    """The lock of a journal. The system gives it back when its holder is killed, so no lock is left behind."""

    def __init__(self, path: Path) -> None:
        self._path = path.with_name(f"{path.name}.lock")
        self._handle = -1

    def acquire(self) -> bool:
        """Wait for it; raises SweepError after `PATIENCE` seconds."""
        handle, end = os.open(self._path, os.O_CREAT | os.O_RDWR, 0o644), time.monotonic() + PATIENCE
        while not processes.lock(handle):
            if time.monotonic() > end:
                os.close(handle)
                raise SweepError(f"{self._path}: locked by another program for {PATIENCE:g} s; end that and --resume")
            time.sleep(0.005)
        self._handle = handle
        return True

    def release(self) -> None:
        """Give it back."""
        os.close(self._handle)


def _check_journal(path: Path) -> None:
    """Raise SweepError for a file that is no journal, to which nothing must be written."""
    if path.is_dir():
        raise SweepError(f"{path}: is a folder; give a journal file or a URL")
    if path.exists():
        with open_plain(path) as file:
            start = file.read(len(_JOURNAL))
            if not _JOURNAL.startswith(start):
                raise SweepError(f"{path}: is no journal of a study; give another file")
            file.seek(0)
            for number, line in enumerate(file, 1):
                _check_record(line, f"{path}: line {number}")


def _check_record(line: bytes, place: str) -> None:
    """Raise SweepError for a whole line that is no record: Optuna finds it when the next one is behind it."""
    try:
        if line.endswith(b"\n") and not isinstance(json.loads(line), dict):
            raise ValueError("no mapping")
    except (ValueError, RecursionError) as error:
        raise SweepError(f"{place} is damaged ({reason(error)}); give another file, or take the line out") from None


def _drop_half_a_line(path: Path, lock: FileLock) -> None:
    """Cut off what a full disk or a kill has left of the last record, to which the next one would be glued."""
    lock.acquire()
    try:
        if path.exists() and not (content := path.read_bytes()).endswith(b"\n") and content:
            os.truncate(path, content.rfind(b"\n") + 1)
    finally:
        lock.release()
