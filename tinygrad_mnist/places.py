"""Where the reader's own code stands: taken down while a graph is recorded, told as file and line."""

from __future__ import annotations

import functools
import linecache
import os
import sys
import textwrap
from types import CodeType

import numpy as np

PACKAGE, NUMPY = (os.path.dirname(os.path.abspath(file)) + os.sep for file in (__file__, np.__file__))

Place = tuple[CodeType, int]
"""A piece of code and the instruction it stands at: what is cheap to take down while a graph is recorded."""


@functools.cache
def is_inside(filename: str) -> bool:
    """Whether a file belongs to this package or to NumPy."""
    return filename.startswith((PACKAGE, NUMPY))


def user_place() -> Place:
    """Where the innermost code outside this package and NumPy stands."""
    frame = sys._getframe(2)
    code = frame.f_code
    while is_inside(code.co_filename) and frame.f_back:
        frame = frame.f_back
        code = frame.f_code
    return code, frame.f_lasti


def locate(place: Place | None) -> tuple[str, int] | None:
    """The file and line of a place."""
    if place is None:
        return None
    code, offset = place
    lines = (line for start, end, line in code.co_lines() if start <= offset < end and line)
    return code.co_filename, next(lines, code.co_firstlineno)


def at(place: Place | None) -> str:
    """A place in words: ' at model.py:12, "z = X @ W1"'; empty where nothing is known."""
    found = locate(place)
    if found is None:
        return ""
    text = textwrap.shorten(linecache.getline(*found), 80, placeholder=" …")
    return f" at {found[0]}:{found[1]}" + (f', "{text}"' if text else "")
