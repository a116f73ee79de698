"""Text that is safe to show: names and messages from anywhere, on one line and without control characters."""

from __future__ import annotations

import json
import re
from html import escape
from typing import Any

LONGEST_MESSAGE = 600
MONOSPACE = "font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace"
_OBJECT = re.compile(r"<(?:\w+\.)*(\w+) object at 0x[0-9a-f]+>")
_NOT_IN_FILES = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")


class LineError(ValueError):
    """An error whose message is one line that is safe to print, whatever names and values are told in it.

    is_missing: whether it says that a file or folder that was named is not there.
    """

    def __init__(self, message: object, is_missing: bool = False) -> None:
        super().__init__(one_line(str(message), LONGEST_MESSAGE))
        self.is_missing = is_missing


class Printed(str):
    """Text of several lines, which a prompt and a notebook's cell show as it prints.

    The lines aren't broken in a notebook: they move sideways where they are too long, and scroll where they are many.
    """

    __slots__ = ()
    __repr__ = str.__str__

    def _repr_html_(self) -> str:
        style = f"{MONOSPACE};font-size:13px;line-height:1.35;margin:0;max-height:48em;overflow:auto;white-space:pre"
        return f'<pre style="{style}" tabindex="0">{escape(file_text(self).decode())}</pre>'


def one_line(text: str, longest: int | None = None) -> str:
    """The text with every character that can't be printed as its escape, such as \\n or \\x1b; cut in its middle."""
    line = "".join(c if c.isprintable() else _escape(c) for c in text)
    if longest is None or len(line) <= longest:
        return line
    end = (longest - 1) // 2
    return f"{line[: longest - 1 - end]}…{line[len(line) - end :]}"


def reason(error: BaseException) -> str:
    """What an exception says, on one line and without objects' addresses; its class where it says nothing."""
    return _OBJECT.sub(r"\1", " ".join(str(error).split())) or type(error).__name__


def shown_name(name: str, longest: int | None = None) -> str:
    """A name on one line; a name of blanks, which nobody would see, in quotes."""
    return one_line(name if name.strip() else repr(name), longest)


def file_text(text: str) -> bytes:
    """What a text file of ours holds: UTF-8, in which control characters and lone surrogates stand as escapes."""
    return _NOT_IN_FILES.sub(lambda found: _escape(found[0]), text).encode()


def no_formula(text: str) -> str:
    """A cell of a table that no spreadsheet takes for a formula: names are strangers'."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


def json_text(value: Any, indent: int | None = 2, allow_nan: bool = False) -> str:
    """A value as JSON for people to read: every letter as it is, and what can't be printed as JSON's own escape."""
    text = json.dumps(value, ensure_ascii=False, indent=indent, allow_nan=allow_nan)
    return "".join(c if c.isprintable() or c == "\n" else json.dumps(c)[1:-1] for c in text)


def _escape(character: str) -> str:
    if "\udc80" <= character <= "\udcff":  # a byte of a file's name that is no UTF-8
        return f"\\x{ord(character) - 0xDC00:02x}"
    return character.encode("unicode_escape").decode("ascii")
