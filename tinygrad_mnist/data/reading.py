"""Reading what a file holds, gzipped or not, within one bound for a whole data set."""

from __future__ import annotations

import gzip
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

import numpy as np
from numpy.typing import NDArray

from tinygrad_mnist.data.dataset import DataError
from tinygrad_mnist.files import open_plain, read_bounded
from tinygrad_mnist.shown import reason

LIMIT = 640 << 20
"""The most bytes that are read of a file, and made of it: the 814,255 images of EMNIST's largest set have 609 MiB."""

TOO_LARGE = f"unpacks to more than {LIMIT >> 20} MiB, the most that is read; take a part of it"
GZIP = b"\x1f\x8b"


def read_file(path: str | Path) -> bytes:
    """What a plain file holds; raises DataError where it can't be read, is larger than LIMIT, or is no plain file."""
    try:
        return read_bounded(Path(path), LIMIT)
    except (OSError, ValueError) as error:
        raise unreadable(path, error) from error


def open_file(path: str | Path) -> IO[bytes]:
    """A plain file, to read from within a bound; raises DataError where it can't be, or is no plain file."""
    try:
        return open_plain(Path(path))
    except (OSError, ValueError) as error:
        raise unreadable(path, error) from error


def unreadable(path: str | Path, error: Exception) -> DataError:
    """What to say of a file or folder that the system doesn't give."""
    fault = error.strerror if isinstance(error, OSError) else str(error)
    return DataError(f"{path}: cannot be read ({fault}); check path and permissions")


@contextmanager
def decoding(name: str | Path, kind: str = "data") -> Iterator[None]:
    """What decoders raise over damaged files, each at another place in them, as a DataError that names the file."""
    try:
        yield
    except DataError:
        raise
    except Exception as error:
        fault = "cut short" if isinstance(error, EOFError) else f"damaged ({reason(error)})"
        raise DataError(f"{name}: the {kind} is {fault}; get the file again") from error


def unpacked(stream: IO[bytes]) -> IO[bytes]:
    """A stream of what gzipped data holds; other data as it is. The content decides, not the name."""
    start = stream.read(len(GZIP))
    stream.seek(0)
    return cast(IO[bytes], gzip.open(stream)) if start == GZIP else stream


def decompress(data: bytes, name: str | Path) -> bytes:
    """What gzipped data holds; other data as it is. Raises DataError, naming `name`, where gzip is broken."""
    with decoding(name, "gzip data"), unpacked(io.BytesIO(data)) as stream:
        return read_all(stream, name)


def read_all(stream: IO[bytes], name: str | Path) -> bytes:
    """The rest of a stream; DataError where that is more than LIMIT."""
    content = io.BytesIO()
    while piece := stream.read(1 << 20):
        if content.write(piece) and content.tell() > LIMIT:
            raise DataError(f"{name}: {TOO_LARGE}")
    return content.getvalue()


def read_exactly(stream: IO[bytes], count: int, name: str | Path, says: str, limit: int) -> NDArray[np.uint8]:
    """The rest of a stream, which must be so many bytes, as its header says; DataError where it is not."""
    if not 0 <= count <= limit:
        raise DataError(
            f"{name}: {says} make {count} bytes, and at most {LIMIT >> 20} MiB are read in all; get the file again, or "
            f"take a part of it"
        )
    content, filled = np.empty(count, np.uint8), 0  # memory is taken as it is filled
    while filled < count and (piece := stream.read(min(1 << 20, count - filled))):
        content[filled : filled + len(piece)] = np.frombuffer(piece, np.uint8)
        filled += len(piece)
    if filled < count or stream.read(1):
        fault, found = ("cut short", f"only {filled}") if filled < count else ("too long", "more")
        raise DataError(f"{name}: {fault}: {says} make {count} bytes, and there are {found}; get the file again")
    return content
