"""The playground's page as one HTML file, with Python inside it or behind it.

With a folder of Pyodide the file holds all that runs in it and asks nobody for anything; without one Pyodide comes
from its CDN, pinned by hashes; over a websocket Python is that of the server which sent the page.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from functools import partial
from html import escape
from importlib import metadata, resources
from pathlib import Path
from typing import Literal

from tinygrad_mnist import __version__
from tinygrad_mnist.files import read_bounded, static
from tinygrad_mnist.graph.page import writing
from tinygrad_mnist.playground.archives import Member, members, stored
from tinygrad_mnist.playground.errors import PlaygroundError
from tinygrad_mnist.shown import LONGEST_MESSAGE, one_line

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

NOT_IN_BROWSERS = (
    "cli/", "cluster.py", "frameworks/", "grading/classroom/", "plots/", "sweeps/", "tutorials/", "playground/page.py",
    "playground/server.py", "playground/static/",
)  # fmt: skip
"""Of this package, what needs libraries or processes, or stands in the page already."""

F2PY = "numpy/f2py/"
"""NumPy's wrapper of Fortran, which needs a compiler."""

NOT_ASKED_FOR = re.compile(
    r"_pyrepl/|encodings/(cp(?!437|1252)\d+|mac_\w+|iso8859_(?!1\.|15\.)\d+|koi8_\w|kz1048|ptcp154|tis_620|hp_roman8)\."
)
"""Of Python's library, what a page has no use for: its prompt, and tables of characters of former systems."""

NOT_RUN = (
    ".pyi", ".pyx", ".pxd", ".h", ".a", ".c", ".md", ".rst", ".ini", ".cfg", ".pc", ".template", ".build", "RECORD",
)  # fmt: skip
"""Endings of the files of NumPy's wheel that nothing runs."""

SCRIPTS = ("transport.js", "pictures.js", "pad.js", "charts.js", "views.js", "page.js")

STATIC = resources.files("tinygrad_mnist.playground") / "static"
_static = partial(static, "playground")

PATIENCE = 300
"""Seconds for node to start Python and compile; it takes ten."""

Transport = Literal["worker", "websocket"]


def page(transport: Transport = "worker", pyodide: Path | None = None) -> str:
    """The page as the text of an HTML file.

    transport: "worker" runs Python in the browser, "websocket" asks the server that the page comes from. pyodide: a
    folder with the npm package pyodide of this version and NumPy's wheel for it, to go into the file (12 MB); where
    there is node, what a start imports goes in compiled.

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
    version = NUMPY.split("-")[1]
    engine = f"Pyodide {PYODIDE} (Mozilla Public License 2.0) with NumPy {version} (BSD), latex2mathml (MIT)"
    where = (
        "inside this file, which asks nobody for anything" if is_whole else "from Pyodide's content delivery network"
    )
    return f"Python runs in this page: {engine}, {where}."


def _parts(pyodide: Path | None) -> Iterator[str]:
    """What the worker starts from, as elements of the page."""
    own = {"pyodide-lock.json": json.dumps(LOCK).encode(), "package.zip": stored(_own_files())}
    if pyodide:
        own = _compiled(_engine(pyodide) | own)
    else:
        yield from (_pinned("numpy.zip" if name == NUMPY else name, name) for name in HASHES)
    yield from (_packed(name, content) for name, content in own.items())


def _engine(pyodide: Path) -> dict[str, bytes]:
    """Pyodide and NumPy from this folder, by the names that the worker asks for."""
    given = {name: _checked(pyodide, name) for name in HASHES}
    library, numpy = members(given.pop("python_stdlib.zip")), members(given.pop(NUMPY))
    return given | {
        "python_stdlib.zip": stored((name, c) for name, c in library if not NOT_ASKED_FOR.match(name)),
        "numpy.zip": stored((name, c) for name, c in numpy if not name.endswith(NOT_RUN) and not name.startswith(F2PY)),
    }


def _compiled(parts: dict[str, bytes]) -> dict[str, bytes]:
    """The parts with bytecode of what a start imports, by Pyodide itself under node; without node, as they are."""
    node = shutil.which("node")
    if not node:
        return parts
    with tempfile.TemporaryDirectory() as folder, resources.as_file(STATIC / "bytecode.mjs") as script:
        for name, content in parts.items():
            Path(folder, name).write_bytes(content)
        try:
            subprocess.run([node, script, folder], check=True, capture_output=True, timeout=PATIENCE)
        except subprocess.SubprocessError as error:
            said = getattr(error, "stderr", None) or b"it took too long"
            message = f"{node} could not run Pyodide, for the bytecode of the page: {said.decode(errors='replace')}"
            raise PlaygroundError(one_line(message, LONGEST_MESSAGE)) from error
        return {name: Path(folder, name).read_bytes() for name in parts}


def _checked(folder: Path, name: str) -> bytes:
    found = next((path for path in (folder / name, folder / "package" / name) if path.is_file()), None)
    if not found:
        raise PlaygroundError(
            f"{folder} has no {name}: it must hold the npm package pyodide {PYODIDE} (npm pack pyodide@{PYODIDE}) and "
            f"NumPy's wheel for it ({URLS[NUMPY]})",
            is_missing=not folder.exists(),
        )
    content = read_bounded(found, LARGEST)
    if hashlib.sha256(content).hexdigest() != HASHES[name]:
        raise PlaygroundError(f"{found} is not that of Pyodide {PYODIDE}: its SHA-256 is another")
    return content


def _packed(name: str, content: bytes) -> str:
    """In base 85, a fifteenth less than base 64, with a comma for what begins markup."""
    text = base64.b85encode(gzip.compress(content, 9, mtime=0)).decode().replace("<", ",")
    return f'<script type="text/plain" data-part="{name}">{text}</script>'


def _pinned(name: str, file: str) -> str:
    digest = base64.b64encode(bytes.fromhex(HASHES[file])).decode()
    where = f'data-url="{URLS[file]}" data-integrity="sha256-{digest}"'
    return f'<script type="text/plain" data-part="{name}" {where}></script>'


def _own_files() -> Iterator[Member]:
    """The files of this package that run in a browser, and latex2mathml, which its formulas need."""
    root = resources.files("tinygrad_mnist")
    with resources.as_file(root) as folder:
        for path in sorted(folder.rglob("*")):
            name = path.relative_to(folder).as_posix()
            if path.is_file() and "__pycache__" not in name and not name.startswith(NOT_IN_BROWSERS):
                yield f"tinygrad_mnist/{name}", path.read_bytes()
    for file in metadata.files("latex2mathml") or ():
        if file.parts[0].startswith("latex2mathml") and file.suffix != ".pyc":
            yield file.as_posix(), file.read_binary()
