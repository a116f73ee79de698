"""What --help calls the values of options: FILE, FOLDER, NUMBER, and not the types of a program."""

from __future__ import annotations

import inspect
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


class Command(TyperCommand):
    """One whose help calls an argument by its name alone."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        for parameter in self.params:
            if isinstance(parameter, TyperArgument):
                setattr(parameter, "display_type_rich", lambda ctx: None)  # noqa: B010 (a method)


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
