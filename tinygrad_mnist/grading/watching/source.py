"""A learner's program as text: a Python file, or a notebook's code cells without what only a notebook runs."""

from __future__ import annotations

import io
import json
import re
import tokenize
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tinygrad_mnist.files import read_bounded

OTHER_LANGUAGES = re.compile(
    r"%%(bash|sh|zsh|html|javascript|js|latex|markdown|svg|writefile|file|cmd|powershell|script|system|sx|perl|ruby|r|"
    r"sql|bigquery|cython|css|shell|configure|appendfile|!)(?!\w)|%%!",
    re.IGNORECASE,
)
"""The first line of a cell that holds no Python."""

TIMED = re.compile(r"(\s*)%(?:time|timeit|prun|memit)\s+(?:-\S+\s+(?:\d+\s+)?)*(?=\S)")
"""A magic that runs the rest of its line."""

ASSIGNED = re.compile(r"(\s*[A-Za-z_][\w.,\s\[\]]*=\s*)[%!]")
"""`files = !ls`: what a shell or a magic would have given."""

NOT_PYTHON = re.compile(r"(\s*)(?:[%!?]|[\w.\[\]]+\?{1,2}\s*(?:#.*)?$)")
"""%magic, !command, ?help and help?"""

TYPED_COMMAND = re.compile(r"(\s*)(?:pip3?|conda|cd|ls|ll|pwd|cat|mkdir|rm|cp|mv|clear|apt|wget|unzip)\b(?!\s*[=.(\[])")
"""A command that a notebook knows without % before it."""

PATH = re.compile(r"\s+[/~.]\w")
"""`cd /content`, which is a division by its form."""

PYTHON_2 = re.compile(r"Missing parentheses in call to '(?:print|exec)'")


LARGEST = 64 << 20
"""Bytes of a file, at most: with its pictures a notebook may be large."""

BESIDE = 1_000_000
"""No file has so many lines."""


class SourceError(ValueError):
    """A file that holds no program that can be read; its message says why in plain words."""


@dataclass(frozen=True)
class Source:
    """A program's text; for a notebook, the cell and its line for each line of the text.

    beside: names and texts of the modules that lie beside it, whose lines are counted from multiples of `BESIDE`.
    batch: what numbers that are called a batch are at most; 0 where they stay as they are.
    """

    name: str
    text: str
    cells: tuple[tuple[int, int], ...] = ()
    beside: list[tuple[str, str]] = field(default_factory=list)
    batch: int = 0

    @property
    def starts(self) -> list[int]:
        """The lines at which a notebook's cells begin, from 1; of a file, its first."""
        return [line for line, (_, within) in enumerate(self.cells, 1) if within == 1] or [1]

    def place(self, line: int) -> str:
        """A line in words: "line 12", "cell 3, line 4", with the cells counted from the first, or "net.py, line 5"."""
        module, within_module = divmod(line, BESIDE)
        if module:
            return f"{self.beside[module - 1][0]}, line {within_module}"
        if not self.cells or not 0 < line <= len(self.cells):
            return f"line {line}"
        cell, within = self.cells[line - 1]
        return f"cell {cell}, line {within}"

    def line(self, number: int) -> str:
        """The text of a line, without its indentation."""
        module, number = divmod(number, BESIDE)
        lines = (self.beside[module - 1][1] if module else self.text).split("\n")
        return lines[number - 1].strip() if 0 < number <= len(lines) else ""


def read(path: Path) -> Source:
    """The program in a .py or .ipynb file. Raises SourceError in words for what is none."""
    name = path.name
    if path.is_dir():
        raise SourceError(f"{name} is a folder: name the file in it")
    try:
        raw = read_bounded(path, LARGEST)
    except FileNotFoundError:
        raise SourceError(f"there is no file {path}") from None
    except OSError as error:
        raise SourceError(f"{name} can't be read: {error.strerror}") from None
    if not raw.strip():
        raise SourceError(f"{name} is empty")
    source = _notebook(name, raw) if path.suffix.lower() == ".ipynb" else Source(name, _without_magic(_text(name, raw)))
    if "\0" in source.text:
        raise SourceError(f"{name} holds a null character: save it as text")
    if re.search("[\ud800-\udfff]", source.text):
        raise SourceError(f"{name} holds half a letter, a surrogate alone: save it as text")
    _refuse_python_2(source)
    return source


def _text(name: str, raw: bytes) -> str:
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(raw).readline)
        return _lines_ended(raw.decode(encoding))
    except (SyntaxError, UnicodeDecodeError, LookupError):
        raise SourceError(f"{name} is no text that Python reads: save it as UTF-8") from None


def _lines_ended(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _notebook(name: str, raw: bytes) -> Source:
    try:
        notebook = json.loads(raw.decode("utf-8-sig"))
        cells = notebook.get("cells")
        if cells is None:
            cells = [cell for sheet in notebook["worksheets"] for cell in sheet["cells"]]
        codes = [(i, _joined(c)) for i, c in enumerate(cells, 1) if c.get("cell_type") == "code"]
        language = _language(notebook.get("metadata") or {})
    except UnicodeDecodeError:
        raise SourceError(f"{name} is no notebook: it is not UTF-8, in which Jupyter writes") from None
    except (ValueError, KeyError, AttributeError, TypeError, RecursionError):
        raise SourceError(f"{name} is no notebook: it is not the JSON that Jupyter writes") from None
    if "python" not in language.lower():
        raise SourceError(f"{name} is a notebook of {language}, not of Python")
    lines = [(i, *line) for i, code in codes for line in enumerate(python_of_cell(code).split("\n"), 1)]
    text = "\n".join(line for _, _, line in lines)
    if not text.strip():
        raise SourceError(f"{name} has no code cells")
    return Source(name, text, tuple((cell, within) for cell, within, _ in lines))


def _language(metadata: dict[str, Any]) -> str:
    kernel, info = metadata.get("kernelspec") or {}, metadata.get("language_info") or {}
    return str(info.get("name") or kernel.get("language") or "python")


def _joined(cell: dict[str, Any]) -> str:
    code = cell.get("source", cell.get("input", ""))
    return _lines_ended(code if isinstance(code, str) else "".join(code))


def python_of_cell(code: str) -> str:
    """A cell's Python: nothing of a cell in another language."""
    return "" if OTHER_LANGUAGES.match(code.lstrip()) else _without_magic(code)


def _without_magic(code: str) -> str:
    """The code, line by line, with `pass` for each line that is no Python and not inside of a string or of brackets."""
    statements = _Statements()
    lines: list[str] = []
    command_goes_on = False
    for line in code.split("\n"):
        python = line
        if command_goes_on:
            python = ""
        elif not statements.inside:
            python = _python(line)
        changed = python is not line
        command_goes_on = (command_goes_on or changed) and line.endswith("\\")
        statements.read(python)
        lines.append(python)
    return "\n".join(lines)


def _python(line: str) -> str:
    """What runs in the place of a line that begins a statement."""
    timed = TIMED.match(line)
    if timed and _compiles(line[timed.end() :]):
        return timed[1] + line[timed.end() :]
    if assigned := ASSIGNED.match(line):
        return f"{assigned[1]}[]"
    other = NOT_PYTHON.match(line)
    if not other:
        other = TYPED_COMMAND.match(line)
        if other and _compiles(line) and not PATH.match(line, other.end()):
            return line
    return f"{other[1]}pass" if other else line


def _compiles(line: str) -> bool:
    return _what_is_no_python(line.strip()) is None


def _what_is_no_python(text: str) -> Exception | None:
    """What compiling it raises; None where it is Python."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            compile(text, "", "exec")
        except (SyntaxError, ValueError) as error:
            return error
    return None


PIECES = {
    "": re.compile(r".*?(#.*|\"\"\"|'''|\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'|[([{]|[)\]}])"),
    '"""': re.compile(r'(?:\\.|[^\\])*?(""")'),
    "'''": re.compile(r"(?:\\.|[^\\])*?(''')"),
}
"""What comes next, by the quotes of the string that this is in: a comment, quotes, a string of one line, a bracket."""


class _Statements:
    """Follows a program line by line. inside: whether the next line goes on with a string, brackets, or a backslash."""

    def __init__(self) -> None:
        self.quotes = ""
        self.depth = 0
        self.continued = False

    @property
    def inside(self) -> bool:
        return bool(self.quotes or self.depth or self.continued)

    def read(self, line: str) -> None:
        at = 0
        comment = False
        while piece := PIECES[self.quotes].match(line, at):
            at, text = piece.end(), piece[1]
            if text in PIECES:
                self.quotes = "" if self.quotes else text
            elif text in "([{":
                self.depth += 1
            elif text in ")]}":
                self.depth = max(0, self.depth - 1)
            comment = text.startswith("#")
        self.continued = line.endswith("\\") and not comment and not self.quotes


def _refuse_python_2(source: Source) -> None:
    error = _what_is_no_python(source.text)
    if isinstance(error, SyntaxError) and PYTHON_2.match(error.msg or ""):
        where = f"{source.place(error.lineno or 0)}: {source.line(error.lineno or 0)}"
        raise SourceError(
            f"{source.name} is written for Python 2 ({where}): write print(…) with brackets, or run 2to3 on it"
        )
