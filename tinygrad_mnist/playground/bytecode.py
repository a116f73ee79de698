"""What Python imports until a drawing is read, compiled beforehand: in a browser that is most of the time it needs.

This runs in the page's own Python while the page is written: bytecode is good for the version alone that compiled it.
"""

from __future__ import annotations

import importlib.util
import json
import marshal
import posixpath
import sys
from collections.abc import Collection, Iterator
from pathlib import Path

from tinygrad_mnist.playground.archives import Member, members, stored
from tinygrad_mnist.playground.session import Session

UNCHECKED = 1
"""Of a file of bytecode: that nobody compares it with its source."""

START = (
    {"kind": "hello"},
    {"kind": "set_up"},
    {"kind": "advance", "steps": 1},
    {"kind": "weights"},
    {"kind": "read", "image": {"shape": [1, 3], "dtype": "uint8", "data": "/wD/"}},
)
"""What a visitor asks for first."""


def compile_start(folder: str, roots: dict[str, str]) -> None:
    """Compile in the folder's archives what a start imports; roots: by an archive's name, where its files lie."""
    session = Session()
    for request in START:
        session.answer(json.dumps(request))
    places = {getattr(getattr(module, "__spec__", None), "origin", None) for module in [*sys.modules.values()]}
    for name, root in roots.items():
        archive = Path(folder, name)
        archive.write_bytes(stored(compiled(archive.read_bytes(), {posixpath.relpath(p, root) for p in places if p})))


def compiled(archive: bytes, wanted: Collection[str]) -> Iterator[Member]:
    """The archive's files, those wanted as bytecode; of this package, which reads its sources, beside them.

    Docstrings are left out, but for those of NumPy, which makes some from others.
    """
    for name, content in members(archive):
        kept = name.startswith("tinygrad_mnist/")
        is_wanted = name in wanted and name.endswith(".py")
        if kept or not is_wanted:
            yield name, content
        if is_wanted:
            yield (
                importlib.util.cache_from_source(name, optimization="") if kept else f"{name}c",
                _bytecode(name, content),
            )


def _bytecode(name: str, source: bytes) -> bytes:
    code = compile(source, name, "exec", dont_inherit=True, optimize=0 if name.startswith("numpy/") else 2)
    return importlib.util.MAGIC_NUMBER + UNCHECKED.to_bytes(4, "little") + bytes(8) + marshal.dumps(code)
