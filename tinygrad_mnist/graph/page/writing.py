"""The page that steps: one HTML file that replays a graph's forward and backward pass, offline."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from tinygrad_mnist.engine import Node
from tinygrad_mnist.files import static, write_atomically
from tinygrad_mnist.graph.page.gathering import Account, Gathering
from tinygrad_mnist.graph.page.layout import lay_out
from tinygrad_mnist.graph.page.steps import steps
from tinygrad_mnist.shown import one_line

WITH_GRAPH = ("basics.js", "inflate.js", "data.js", "heat.js", "graph.js", "terms.js")
"""What a page with a graph runs before its own script."""

STYLES = ("colours.css", "page.css")


def explore(output: Node, path: str | os.PathLike[str], gradient: Any = None, title: str | None = None) -> Path:
    """Write a page that steps through the forward and the backward pass of an output; returns its path.

    The file has everything in it: it opens in any current browser, without a network. gradient: the cotangent
    of the output, as in `backward`; needed where the output is no scalar. title: of the page, by default the
    output's name.

    Raises GraphError where no graph leads to the output, ValueError for a graph of more than 2000 values,
    TypeError for complex numbers, and OSError where the file can't be written: nothing is left behind then.
    """
    return write_page(Path(path), "page", account(output, gradient, title))


def account(output: Node, gradient: Any = None, title: str | None = None) -> Account:
    """All that the page shows, as JSON has it: vertices with places and values, edges, steps, and the arrays."""
    return collect(Gathering(output, gradient), title)


def collect(page: Gathering, title: str | None) -> Account:
    """The account of what has been gathered."""
    vertices = page.vertices()
    edges = [(edge.source, edge.target) for edge in page.graph.edges if edge.source in page.shown]
    layout = lay_out({vertex["key"]: vertex["width"] + vertex["beside"] for vertex in vertices}, edges)
    for vertex in vertices:
        vertex["x"], vertex["y"] = layout.places[vertex["key"]]
    count = Counter(edges)
    routes = [{"from": a, "to": b, "count": count[a, b], "points": points} for (a, b), points in layout.routes.items()]
    return {
        "title": title or page.names[page.output],
        "output": page.output,
        "vertices": vertices,
        "edges": routes,
        "steps": steps(page),
        "buffers": page.storage.buffers(),
    }


def write_page(
    path: Path, name: str, data: Account, scripts: Sequence[str] = (), styles: Sequence[str] = STYLES
) -> Path:
    """Write the page of `page_text` into a file."""
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder: name a file in it")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{path}: there is no folder {path.parent}")
    write_atomically(path, page_text(name, data, scripts, styles).encode())
    return path


def page_text(name: str, data: Account, scripts: Sequence[str] = (), styles: Sequence[str] = STYLES) -> str:
    """The data and the static files of a page in one; scripts: by default those of a page with a graph.

    It holds nothing that can't be printed: in JSON that is escaped.
    """
    script = script_of(name, scripts)
    parts = {
        "TITLE": escape(one_line(data["title"])),
        "STYLE": joined(styles),
        "DATA": _json(data),
        "SCRIPT": script,
        "HASH": hash_of(script),
    }
    return filled(static("graph.page", f"{name}.html"), parts)


def script_of(name: str, scripts: Sequence[str] = ()) -> str:
    """What a page runs."""
    return joined(scripts or (*WITH_GRAPH, f"{name}.js"))


def joined(files: Sequence[str]) -> str:
    """Static files of this package as one text."""
    return "\n".join(static("graph.page", file) for file in files)


def hash_of(script: str) -> str:
    """The source of a script as a Content-Security-Policy names it."""
    return f"sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}"


def filled(template: str, parts: Mapping[str, str]) -> str:
    """A template with each {{NAME}} replaced by its part."""
    before, *marked = template.split("{{")
    return before + "".join(parts[key] + rest for key, rest in (piece.split("}}", 1) for piece in marked))


def _json(data: Account) -> str:
    """The account as JSON that may stand in a page. Its buffers, by far the longest part, hold nothing to escape."""
    rest = {name: value for name, value in data.items() if name != "buffers"}
    text = json.dumps(rest, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
    buffers = ",".join(map(_buffer, data["buffers"]))
    return f'{text[:-1]},"buffers":[{buffers}]}}'


def _buffer(buffer: dict[str, Any]) -> str:
    size = f',"size":{buffer["size"]}' if "size" in buffer else ""
    return f'{{"type":"{buffer["type"]}","bytes":"{buffer["bytes"]}"{size}}}'
