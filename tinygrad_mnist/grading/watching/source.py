"""A learner's program as text: a Python file, or the code cells of a notebook, with what only a notebook runs left out."""

from __future__ import annotations

import io
import json
import re
import tokenize
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DROPPED = re.compile(r"^\s*%%(bash|sh|html|javascript|js|latex|markdown|svg|writefile|cmd|script|perl|ruby|R)\b")
"""Cells that hold no Python."""

MAGIC = re.compile(r"^(\s*)(?:[\w.,\s\[\]]+=\s*)?(?:[%!?].*|[\w.]+\?{1,2}\s*)$")
"""A line that a notebook alone understands: %magic, !command, x = !command, help?"""


class SourceError(ValueError):
    """A file that holds no program that can be read."""


@dataclass(frozen=True)
class Source:
    """A program's text; for a notebook, the cell and its line for each line of the text."""

    name: str
    text: str
    cells: tuple[tuple[int, int], ...] = ()

    def place(self, line: int) -> str:
        """A line in words: "line 12", or "cell 3, line 4"."""
        if not self.cells or not 0 < line <= len(self.cells):
            return f"line {line}"
        cell, within = self.cells[line - 1]
        return f"cell {cell}, line {within}"

    def line(self, number: int) -> str:
        """The text of a line, without its indentation."""
        lines = self.text.split("\n")
        return lines[number - 1].strip() if 0 < number <= len(lines) else ""


def read(path: Path) -> Source:
    """The program in a .py or .ipynb file. Raises SourceError in words for what is none."""
    if path.is_dir():
        raise SourceError(f"{path.name} is a folder")
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise SourceError(f"{path.name} can't be read: {error.strerror}") from None
    if not raw.strip():
        raise SourceError(f"{path.name} is empty")
    return (
        _notebook(path.name, raw)
        if path.suffix == ".ipynb"
        else Source(path.name, _without_magic(_text(path.name, raw)))
    )


def _text(name: str, raw: bytes) -> str:
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(raw).readline)
        return raw.decode(encoding).replace("\r\n", "\n").replace("\r", "\n")
    except (SyntaxError, UnicodeDecodeError, LookupError):
        raise SourceError(f"{name} is no text that Python reads: save it as UTF-8") from None


def _notebook(name: str, raw: bytes) -> Source:
    try:
        notebook = json.loads(raw)
        cells = notebook.get("cells")
        if cells is None:
            cells = [cell for sheet in notebook["worksheets"] for cell in sheet["cells"]]
        codes = [(i, _joined(c)) for i, c in enumerate(cells, 1) if c.get("cell_type") == "code"]
    except (ValueError, KeyError, AttributeError, TypeError):
        raise SourceError(f"{name} is no notebook: it is not the JSON that Jupyter writes") from None
    lines: list[str] = []
    places: list[tuple[int, int]] = []
    for number, code in codes:
        if DROPPED.match(code):
            continue
        for within, line in enumerate(_without_magic(code).split("\n"), 1):
            lines.append(line)
            places.append((number, within))
    if not "".join(lines).strip():
        raise SourceError(f"{name} has no code cells")
    return Source(name, "\n".join(lines), tuple(places))


def _joined(cell: dict[str, Any]) -> str:
    code = cell.get("source", cell.get("input", ""))
    return code if isinstance(code, str) else "".join(code)


def _without_magic(code: str) -> str:
    """The code with `pass` in place of what is no Python, in the lines that are not inside of a string."""
    lines = code.split("\n")
    inside = _inside_strings(code)
    for i, line in enumerate(lines):
        match = MAGIC.match(line)
        if match and i + 1 not in inside and not _is_python(line):
            lines[i] = f"{match[1]}pass"
    return "\n".join(lines)


def _is_python(line: str) -> bool:
    try:
        compile(line.strip(), "", "exec")
    except SyntaxError:
        return False
    return True


def _inside_strings(code: str) -> set[int]:
    """The lines that go on with a string, or with brackets, of a line before."""
    inside: set[int] = set()
    quoted = re.compile(r"(\"\"\"|''')(?:.|\n)*?\1")
    for match in quoted.finditer(code):
        first = code.count("\n", 0, match.start()) + 1
        inside |= set(range(first + 1, first + match[0].count("\n") + 1))
    depth = 0
    for number, line in enumerate(code.split("\n"), 1):
        if depth > 0:
            inside.add(number)
        bare = re.sub(r"#.*|\"[^\"]*\"|'[^']*'", "", line)
        depth = max(0, depth + sum(map(bare.count, "([{")) - sum(map(bare.count, ")]}")))
    return inside
