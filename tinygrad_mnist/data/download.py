"""Fetches files from public mirrors into a folder. Only what has the right checksum ever gets there."""

from __future__ import annotations

import io
import re
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tinygrad_mnist.data.dataset import DataError
from tinygrad_mnist.data.reading import decompress
from tinygrad_mnist.files import read_bounded, write_atomically

if TYPE_CHECKING:
    from requests import Response
    from rich.progress import Progress

MIRRORS = ("https://ossci-datasets.s3.amazonaws.com/mnist/", "https://storage.googleapis.com/cvdf-datasets/mnist/")
PIECE = 1 << 14
"""Bytes between two looks at the clock."""
LARGEST = 64 << 20
"""The most bytes of a file: MNIST's largest has 10 MB."""

Say = Callable[[str], None]


def say_on_stderr(message: str) -> None:
    print(message, file=sys.stderr)


@dataclass(frozen=True)
class Patience:
    """How long to wait, in seconds: for a connection, for the next bytes, for all that one mirror gives."""

    connect: float
    read: float
    mirror: float


SECONDS = Patience(connect=3, read=5, mirror=10)
MINUTES = Patience(connect=10, read=30, mirror=600)


def fetch(
    folder: Path, checksums: Mapping[str, str], mirrors: Sequence[str], patience: Patience, say: Say
) -> dict[str, bytes]:
    """The decompressed content of files: those the folder has, the others from the first mirror that works.

    checksums: for each file name the SHA-256 of its decompressed content. mirrors: addresses that end in "/".
    A mirror that fails is skipped, a broken file in the folder is removed; `say` is called with the reason.
    Raises DataError with each mirror's reason when none is left, or when the folder cannot be written.
    """
    try:
        contents = _cached(folder, checksums, say)
        missing = {name: checksum for name, checksum in checksums.items() if name not in contents}
        if missing:
            folder.mkdir(parents=True, exist_ok=True)
            contents |= _download(folder, missing, mirrors, patience, say)
    except OSError as error:
        raise DataError(f"the folder {folder} cannot keep downloads ({error.strerror})") from error
    return contents


def _cached(folder: Path, checksums: Mapping[str, str], say: Say) -> dict[str, bytes]:
    contents = {}
    for name, checksum in checksums.items():
        path = folder / name
        if not path.exists():
            continue
        try:
            contents[name] = _verified(read_bounded(path, LARGEST), checksum, path)
        except DataError as error:
            path.unlink()
            say(f"removed a broken file: {error}")
    return contents


def _download(
    folder: Path, checksums: Mapping[str, str], mirrors: Sequence[str], patience: Patience, say: Say
) -> dict[str, bytes]:
    contents: dict[str, bytes] = {}
    failures = []
    for mirror in mirrors:
        host = urlsplit(mirror).netloc
        deadline = time.monotonic() + patience.mirror
        try:
            for name in [name for name in checksums if name not in contents]:
                say(f"downloading {name} from {host}")
                data = _get(mirror + name, patience, deadline)
                contents[name] = _verified(data, checksums[name], name)
                write_atomically(folder / name, data)
            return contents
        except DataError as error:
            failures.append(f"{host}: {error}")
            say(f"skipped a mirror: {failures[-1]}")
    raise DataError(f"no mirror works ({'; '.join(failures)})")


def _verified(data: bytes, checksum: str, name: str | Path) -> bytes:
    """The decompressed content of a file's data; DataError when it is not the one with this checksum."""
    if data.lstrip().startswith(b"<"):
        raise DataError(f"{name} is a web page, not data")
    content = decompress(data, name)
    if sha256(content).hexdigest() != checksum:
        raise DataError(f"{name} has a wrong checksum")
    return content


def _get(url: str, patience: Patience, deadline: float) -> bytes:
    with _progress() as progress:
        try:
            return _run_until(deadline, lambda: _receive(url, patience, deadline, progress))
        except FutureTimeoutError as error:
            raise _unfinished(patience) from error


def _unfinished(patience: Patience) -> DataError:
    return DataError(f"not finished after {patience.mirror:g} s")


def _run_until(deadline: float, work: Callable[[], bytes]) -> bytes:
    """What the work gives, or FutureTimeoutError at the deadline, whatever the work waits for.

    Time-outs on a socket alone would not do: a name server may be silent, and a server may trickle.
    """
    outcome: Future[bytes] = Future()

    def run() -> None:
        try:
            outcome.set_result(work())
        except BaseException as error:
            outcome.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return outcome.result(timeout=deadline - time.monotonic())


def _receive(url: str, patience: Patience, deadline: float, progress: Progress) -> bytes:
    """What a server sends, if all of it comes before the deadline; DataError for whatever is wrong with it."""
    import requests

    body = io.BytesIO()
    try:
        with requests.get(url, stream=True, timeout=(patience.connect, patience.read)) as response:
            response.raise_for_status()
            task = progress.add_task("", total=_length(response))
            pieces = response.iter_content(PIECE)
            for piece in pieces:
                if time.monotonic() >= deadline:
                    raise _unfinished(patience)
                body.write(piece)
                if body.tell() > LARGEST:
                    raise DataError(f"sends more than {LARGEST >> 20} MiB")
                progress.advance(task, len(piece))
    except DataError:
        raise
    except Exception as error:  # headers and addresses that make no sense end in any: ValueError, UnicodeError, …
        raise DataError(_reason(error)) from error
    return body.getvalue()


def _length(response: Response) -> int | None:
    """What a server says that it will send; None where it says nothing, or no number."""
    stated = response.headers.get("Content-Length", "")
    return int(stated) or None if re.fullmatch("[0-9]{1,15}", stated) else None


def _reason(error: Exception) -> str:
    from requests import ConnectionError, RequestException, Timeout
    from requests.exceptions import ChunkedEncodingError

    if isinstance(error, RequestException) and error.response is not None:
        return f"answered {error.response.status_code} {error.response.reason}"
    if isinstance(error, Timeout):
        return "no answer in time"
    if isinstance(error, ChunkedEncodingError):
        return "broke off"
    if isinstance(error, ConnectionError):
        return "connection failed"
    return "an address or headers that make no sense"


def _progress() -> Progress:
    """A bar on stderr, where that is a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn

    columns = (BarColumn(), DownloadColumn(), TimeRemainingColumn())
    return Progress(*columns, console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty())
