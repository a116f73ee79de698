"""The command line in people's words: FILE, NUMBER and not the types of a program, in --help and in errors."""

from __future__ import annotations

import inspect
import re
import types
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin

from typer.core import TyperArgument, TyperCommand
from typer.models import OptionInfo

OF_TYPES: dict[Any, str] = {int: "NUMBER", float: "NUMBER", Path: "FILE", str: "NAME"}
OF_NAMES = {
    "source": "DATA", "layers": "LAYERS", "augment": "LIST", "space": "LIST",
    "storage": "PLACE", "scheduler": "ADDRESS", "points": "LIST", "json": "FILE", "numbers": "FILE",
    "time_limit": "SECONDS", "memory": "GIB",
}  # fmt: skip
"""Where the type does not tell."""


OF_ERRORS = (
    (r"^Invalid value: ", ""),
    (r"^Invalid value for '?(\S+?)'?: ", r"\1: "),
    (r"Input should be a valid integer.*", "a whole number is needed"),
    (r"Input should be a valid number.*", "a number is needed"),
    (r"Input should be greater than or equal to ", "it must be at least "),
    (r"Input should be less than or equal to ", "it must be at most "),
    (r"Input should be greater than ", "it must be above "),
    (r"Input should be less than ", "it must be below "),
)
"""What the parser says of a value, and what is said here."""


class Command(TyperCommand):
    """One whose help calls an argument by its name alone."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        for parameter in self.params:
            if isinstance(parameter, TyperArgument):
                setattr(parameter, "display_type_rich", lambda ctx: None)  # noqa: B010 (a method)


def said(message: str) -> str:
    """What the parser says of how it was called, in plain words."""
    for theirs, ours in OF_ERRORS:
        message = re.sub(theirs, ours, message)
    return message


def worded(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give each option of a command that has no metavar of its own one that people read."""
    signature = inspect.signature(command, eval_str=True)
    for parameter in signature.parameters.values():
        if get_origin(parameter.annotation) is Annotated:
            hint, *notes = get_args(parameter.annotation)
            for note in notes:
                if isinstance(note, OptionInfo) and note.metavar is None:
                    note.metavar = _metavar(parameter.name, hint, note.help or "")
    command.__signature__ = signature  # type: ignore[attr-defined]
    return command


def _metavar(name: str, hint: Any, help: str) -> str | None:
    """None for a switch, which takes no value."""
    if get_origin(hint) in (types.UnionType, list):
        hint = next(inner for inner in get_args(hint) if inner is not types.NoneType)
        return _metavar(name, hint, help)
    if hint is Path and help.startswith("Folder"):
        return "FOLDER"
    return None if hint is bool else OF_NAMES.get(name) or OF_TYPES[hint]
