"""The playground's page as one HTML file, with Python inside it or behind it.

With a folder of Pyodide the file holds all that runs in it and asks nobody for anything; without one Pyodide comes
from its CDN, pinned by hashes; over a websocket Python is that of the server which sent the page.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import zipfile
from collections.abc import Iterable, Iterator
from html import escape
from importlib import metadata, resources
from pathlib import Path
from typing import Literal

from tinygrad_mnist import __version__
from tinygrad_mnist.files import read_bounded
from tinygrad_mnist.graph.page import writing
from tinygrad_mnist.playground.errors import PlaygroundError

PYODIDE = "314.0.3"
NUMPY = "numpy-2.4.3-cp314-cp314-pyemscripten_2026_0_wasm32.whl"

LARGEST = 64 << 20
"""Bytes of a file of it, at most."""

HASHES = {
    "pyodide.mjs": "5cfc46f5dcbaf2a16f26e2363f441873eb424762609cc03db00d6a2ace4d00e5",
    "pyodide.asm.mjs": "1a9775427ef6e8abaa7db88ece0515422d1886915ae5c9093776410c865dfd8d",
    "pyodide.asm.wasm": "e7f8fac36f8bf11085309cbc5c829b3ec3057c18bf1d73b05a6741612d63cdbf",
    "python_stdlib.zip": "444c770dfd75a32097fc0a7d5c1413fd3140601f49c3a1f2e9af0376fcd124b4",
    NUMPY: "0cad9c1b91f0082e4f959bc0e0bf5835a2efbba6ab3b1e9d1fe6e7e564cca98e",
}
"""SHA-256 of the files of Pyodide, in hexadecimal: no other files are taken, wherever they come from."""

CDN = "https://cdn.jsdelivr.net"
URLS = {
    **{name: f"{CDN}/npm/pyodide@{PYODIDE}/{name}" for name in HASHES},
    NUMPY: f"{CDN}/pyodide/v{PYODIDE}/full/{NUMPY}",
}

LOCK = {
    "info": {"abi_version": "2026_0", "arch": "wasm32", "platform": "emscripten_5_0_3", "python": "3.14.0"},
    "packages": {},
}
"""What Pyodide asks for: its version, and no packages to fetch."""

NOT_IN_BROWSERS = ("cli", "cluster.py", "frameworks", "plots", "sweeps")
"""Of this package, what needs libraries or processes."""

NOT_RUN = (".pyi", ".pyx", ".pxd", ".h", ".a", ".c", ".md", ".rst", ".ini", ".cfg", ".pc", ".template", ".build")
"""Endings of the files of NumPy's wheel that nothing runs."""

SCRIPTS = ("transport.js", "pictures.js", "pad.js", "charts.js", "views.js", "page.js")

Transport = Literal["worker", "websocket"]


def page(transport: Transport = "worker", pyodide: Path | None = None) -> str:
    """The page as the text of an HTML file.

    transport: "worker" runs Python in the browser, "websocket" asks the server that the page comes from. pyodide: a
    folder with the npm package pyodide of this version and NumPy's wheel for it, to go into the file (12 MB).

    Raises PlaygroundError where the folder lacks one of them, or has another version.
    """
    parts = _parts(pyodide) if transport == "worker" else []
    script = "\n".join([
        writing.joined(("basics.js", "heat.js")), _static("uplot/uPlot.iife.min.js"), *map(_static, SCRIPTS),
    ])  # fmt: skip
    return writing.filled(
        _static("page.html"),
        {
            "POLICY": _policy(script, transport, pyodide is not None),
            "STYLE": "\n".join([
                writing.joined(("colours.css",)), _static("uplot/uPlot.min.css"), _static("page.css"),
            ]),
            "TRANSPORT": transport,
            "VERSION": escape(__version__),
            "INSIDE": _inside(transport, pyodide is not None),
            "SCRIPT": script,
            "WORKER": _static("worker.js") if transport == "worker" else "",
            "PARTS": "\n".join(parts),
        },
    )  # fmt: skip


def _policy(script: str, transport: Transport, is_whole: bool) -> str:
    """The Content-Security-Policy: this script and the explorer's, and whom the page may ask."""
    scripts = f"'{writing.hash_of(script)}' '{writing.hash_of(writing.script_of('page'))}'"
    common = (
        "default-src 'none'; base-uri 'none'; form-action 'none'; style-src 'unsafe-inline'; img-src data: blob:; "
        f"script-src {scripts}"
    )
    if transport == "websocket":
        return f"{common}; connect-src 'self'"
    asked = "'none'" if is_whole else CDN
    return f"{common} blob: 'wasm-unsafe-eval'; worker-src blob:; connect-src {asked}"


def _inside(transport: Transport, is_whole: bool) -> str:
    if transport == "websocket":
        return "Python is that of tinygrad-mnist playground, on this machine."
    engine = (
        f"Pyodide {PYODIDE} (Mozilla Public License 2.0) with NumPy {NUMPY.split('-')[1]} (BSD), latex2mathml (MIT)"
    )
    where = (
        "inside this file, which asks nobody for anything" if is_whole else "from Pyodide's content delivery network"
    )
    return f"Python runs in this page: {engine}, {where}."


def _parts(pyodide: Path | None) -> Iterator[str]:
    """What the worker starts from, as elements of the page."""
    given = {name: _checked(pyodide, name) for name in HASHES} if pyodide else {}
    for name, content in given.items():
        if name == NUMPY:
            yield _packed("numpy.zip", _stored(_run_of(content)))
        else:
            yield _packed(name, _stored(_members(content)) if name.endswith(".zip") else content)
    if not pyodide:
        yield from (_pinned("numpy.zip" if name == NUMPY else name, name) for name in HASHES)
    yield _packed("pyodide-lock.json", json.dumps(LOCK).encode())
    yield _packed("package.zip", _stored(_own_files()))


def _checked(folder: Path, name: str) -> bytes:
    found = next((path for path in (folder / name, folder / "package" / name) if path.is_file()), None)
    if not found:
        raise PlaygroundError(
            f"{folder} has no {name}: it must hold the npm package pyodide {PYODIDE} (npm pack pyodide@{PYODIDE}) and "
            f"NumPy's wheel for it ({URLS[NUMPY]})"
        )
    content = read_bounded(found, LARGEST)
    if hashlib.sha256(content).hexdigest() != HASHES[name]:
        raise PlaygroundError(f"{found} is not that of Pyodide {PYODIDE}: its SHA-256 is another")
    return content


def _packed(name: str, content: bytes) -> str:
    text = base64.b64encode(gzip.compress(content, 9, mtime=0)).decode()
    return f'<script type="text/plain" data-part="{name}">{text}</script>'


def _pinned(name: str, file: str) -> str:
    digest = base64.b64encode(bytes.fromhex(HASHES[file])).decode()
    where = f'data-url="{URLS[file]}" data-integrity="sha256-{digest}"'
    return f'<script type="text/plain" data-part="{name}" {where}></script>'


def _members(archive: bytes) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(io.BytesIO(archive)) as files:
        for name in sorted(files.namelist()):
            if not name.endswith("/"):
                yield name, files.read(name)


def _run_of(wheel: bytes) -> Iterator[tuple[str, bytes]]:
    return (
        (name, content)
        for name, content in _members(wheel)
        if not name.endswith(NOT_RUN) and not name.startswith("numpy/f2py/")
    )


def _own_files() -> Iterator[tuple[str, bytes]]:
    """The files of this package that run in a browser, and latex2mathml, which its formulas need."""
    root = resources.files("tinygrad_mnist")
    with resources.as_file(root) as folder:
        for path in sorted(folder.rglob("*")):
            name = path.relative_to(folder)
            if path.is_file() and "__pycache__" not in name.parts and name.parts[0] not in NOT_IN_BROWSERS:
                yield f"tinygrad_mnist/{name.as_posix()}", path.read_bytes()
    for file in metadata.files("latex2mathml") or ():
        if file.parts[0].startswith("latex2mathml") and file.suffix != ".pyc":
            yield file.as_posix(), file.read_binary()


def _stored(members: Iterable[tuple[str, bytes]]) -> bytes:
    """An archive without compression of its own: compressed as a whole it is smaller, and it is read sooner."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name, content in members:
            archive.writestr(zipfile.ZipInfo(name), content)
    return out.getvalue()


def _static(file: str) -> str:
    return (resources.files("tinygrad_mnist.playground") / "static" / file).read_text(encoding="utf-8")
