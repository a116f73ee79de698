"""The archives of Python files that a page holds."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Iterator

Member = tuple[str, bytes]


def members(archive: bytes) -> Iterator[Member]:
    """The name and content of each file in it, by name."""
    with zipfile.ZipFile(io.BytesIO(archive)) as files:
        for name in sorted(files.namelist()):
            if not name.endswith("/"):
                yield name, files.read(name)


def stored(files: Iterable[Member]) -> bytes:
    """An archive without compression of its own: compressed as a whole it is smaller, and it is read sooner."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name, content in files:
            archive.writestr(zipfile.ZipInfo(name), content)
    return out.getvalue()
