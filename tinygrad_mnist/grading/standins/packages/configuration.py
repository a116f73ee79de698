"""YAML as settings are written in it: names with values, nested by their indentation, and lists."""

from __future__ import annotations

import ast
import re
from typing import Any

from tinygrad_mnist.grading.standins.files import Files
from tinygrad_mnist.grading.standins.loading import Data

WORDS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False, "null": None, "~": None}

Lines = list[tuple[int, str]]
"""The indentation of each line, and its text."""


def load(stream: Any, *arguments: Any, **options: Any) -> Any:
    """What a text, or an open file, holds."""
    text = stream.read() if hasattr(stream, "read") else stream
    text = text.decode() if isinstance(text, bytes) else text
    lines = [re.sub(r"(^|\s)#.*", "", line) for line in text.split("\n")]
    return _block([(len(line) - len(line.lstrip()), line.strip()) for line in lines if line.strip(" -")])


def _block(lines: Lines) -> Any:
    """Lines of one indentation, each with what is nested below it."""
    if not lines:
        return None
    parts: list[Lines] = []
    for line in lines:
        if line[0] <= lines[0][0] and not (parts and _is_item(line) and not _is_item(lines[0])):
            parts.append([])
        parts[-1].append(line)
    if _is_item(lines[0]):
        return [_item(part) for part in parts]
    if not re.search(r":(\s|$)", lines[0][1]):
        return _value(lines[0][1])
    return dict(_entry(part) for part in parts)


def _is_item(line: tuple[int, str]) -> bool:
    return line[1].startswith("- ")


def _item(part: Lines) -> Any:
    (indent, first), *below = part
    return _block([(indent + 2, first[2:].strip()), *below])


def _entry(part: Lines) -> tuple[Any, Any]:
    name, _, value = part[0][1].partition(":")
    return _value(name.strip()), _value(value.strip()) if value.strip() else _block(part[1:])


def _value(text: str) -> Any:
    """A number, a word such as true, a list in brackets, or text."""
    if text[:1] == "[" and text[-1:] == "]":
        return [_value(part.strip()) for part in text[1:-1].split(",") if part.strip()]
    if text.lower() in WORDS:
        return WORDS[text.lower()]
    for kind in (int, float, ast.literal_eval):
        try:
            return kind(text)
        except (ValueError, SyntaxError):
            continue
    return text


def modules(data: Data, files: Files) -> dict[str, dict[str, Any]]:
    """PyYAML."""
    loading = dict.fromkeys(("load", "safe_load", "full_load", "unsafe_load"), load)
    return {"yaml": {**loading, "SafeLoader": None, "FullLoader": None, "Loader": None}}
