"""Values from outside, such as those of a JSON file, checked against the types that the code declares.

What does not fit is a RecordError, which names the place in the file: "epochs[3].loss is 'x' and no number".
"""

from __future__ import annotations

import functools
import inspect
import json
import math
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import is_dataclass
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import numpy as np

from tinygrad_mnist.shown import LineError, one_line

T = TypeVar("T")

LIMIT = 16 << 20
"""Of bytes in a JSON text."""

DEEPEST = 200
"""Of lists and mappings within each other."""

LONGEST_INTEGER = 40
"""Of digits: random generators have integers of 128 bits."""


class RecordError(LineError):
    """A value from outside that is not what is needed; the message begins with its place."""


def parsed(text: str | bytes) -> Any:
    """The value that a JSON text stands for, of at most so many bytes, levels and digits; raises RecordError."""
    if len(text) > LIMIT:
        raise RecordError(f"JSON of more than {LIMIT >> 20} MiB, the most that is read")
    try:
        value = json.loads(text, parse_int=_integer, parse_float=_float)
        deep = _depth(value) > DEEPEST
    except RecursionError:
        deep = True
    except RecordError:
        raise
    except ValueError as error:
        raise RecordError(f"no JSON: {error}") from None
    if deep:
        raise RecordError(f"lists and mappings within each other, more than {DEEPEST} deep")
    return value


def checked(value: Any, hint: Any, place: str) -> Any:
    """The value as a type hint has it, lists as tuples and mappings as dataclasses; raises RecordError.

    Hints are made of Any, None, bool, int, float, str, arrays, list, tuple, dict, Sequence, Mapping, Literal,
    dataclasses and their unions.
    """
    kind, parts = _hint_parts(hint)
    if kind is Any:
        return value
    if kind in (Union, types.UnionType):
        return _one_of(value, parts, place)
    if is_dataclass(kind):
        return made(kind, value, place)  # type: ignore[arg-type]  # a class, and no instance of one
    if kind is tuple:
        items = _typed(value, list | tuple, "list", place)
        hints = [parts[0]] * len(items) if parts[1:] == (...,) else parts
        if len(items) != len(hints):
            raise _wrong(place, f"is {_told(value)} and needs {len(hints)} elements")
        return tuple(_elements(items, hints, place))
    if kind in (list, Sequence):
        items = _typed(value, list | tuple, "list", place)
        return list(_elements(items, [parts[0]] * len(items), place))
    if kind is Literal:
        if value not in parts:
            raise _wrong(place, f"is {_told(value)} and none of {', '.join(map(str, parts))}")
        return value
    if kind in (dict, Mapping):
        given = _typed(value, dict, "mapping", place)
        keys, values = parts
        return {
            checked(k, keys, f"a name in {place or 'it'}"): checked(v, values, _within(place, k))
            for k, v in given.items()
        }
    return _plain(value, kind, place)


def arguments(maker: Callable[..., Any], value: Any, place: str) -> dict[str, Any]:
    """A mapping as the arguments of a class or function, each of its type, with the defaults of those left out.

    Raises RecordError for arguments that are unknown, missing or of another type.
    """
    given = checked(value, dict[str, Any], place)
    hints, defaults = _parameters(maker)
    unknown, missing = given.keys() - hints.keys(), hints.keys() - defaults.keys() - given.keys()
    if missing:
        raise _wrong(place, f"has no {', '.join(map(repr, sorted(missing)))}")
    if unknown:
        raise _wrong(place, f"has {', '.join(map(repr, sorted(unknown)))}, which nothing here has")
    return defaults | {name: checked(argument, hints[name], _within(place, name)) for name, argument in given.items()}


@functools.cache
def _hint_parts(hint: Any) -> tuple[Any, tuple[Any, ...]]:
    """Of list[int], list and int; what is no generic is itself; a `type` alias, such as NumPy's NDArray, its value."""
    origin = get_origin(hint) or hint
    return _hint_parts(origin.__value__) if hasattr(origin, "__value__") else (origin, get_args(hint))


def made(maker: Callable[..., T], value: Any, place: str) -> T:
    """What a class or function makes of such arguments; raises RecordError where it raises ValueError, too."""
    return call(maker, arguments(maker, value, place), place)


def call(maker: Callable[..., T], given: Mapping[str, Any], place: str) -> T:
    """What a class or function makes of arguments that are checked; raises RecordError where it raises ValueError."""
    try:
        return maker(**given)
    except RecordError:
        raise
    except ValueError as error:
        raise _wrong(place, f"is refused: {error}") from None


def like(value: Any, pattern: Any, place: str) -> None:
    """Raise RecordError unless a value has the names, the lengths, the kinds and the shapes of a pattern.

    An integer stands for all integers from 0 on, another number for all finite ones, true for false too, an array for
    all finite ones of its shape and dtype; text and None for themselves.
    """
    if isinstance(pattern, Mapping):
        for name, part in checked(value, dict[str | int, Any], place).items():
            if name not in pattern:
                raise _wrong(place, f"has {name!r}, which nothing here has")
            like(part, pattern[name], _within(place, name))
        if missing := [str(name) for name in pattern if name not in value]:
            raise _wrong(place, f"has no {', '.join(missing)}")
    elif isinstance(pattern, list | tuple):
        if len(_typed(value, list | tuple, "list", place)) != len(pattern):
            raise _wrong(place, f"is {_told(value)} and needs {len(pattern)} elements")
        for i, (part, other) in enumerate(zip(value, pattern, strict=True)):
            like(part, other, f"{place}[{i}]")
    elif isinstance(pattern, np.ndarray):
        array = _typed(value, np.ndarray, "array", place)
        if (array.shape, array.dtype) != (pattern.shape, pattern.dtype):
            here = f"{pattern.shape} {pattern.dtype}"
            raise _wrong(place, f"is an array of {array.shape} {array.dtype}, and {here} is needed")
        if not np.isfinite(array).all():
            raise _wrong(place, "has numbers that are not finite")
    elif isinstance(pattern, bool):
        checked(value, bool, place)
    elif isinstance(pattern, int):
        if checked(value, int, place) < 0:
            raise _wrong(place, f"is {value}, less than 0")
    elif isinstance(pattern, float):
        if not math.isfinite(checked(value, float, place)) and math.isfinite(pattern):
            raise _wrong(place, f"is {value} and no finite number")
    elif type(value) is not type(pattern) or value != pattern:
        raise _wrong(place, f"is {_told(value)}, not {_told(pattern)}")


@functools.cache
def _parameters(maker: Callable[..., Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The parameters with their hints, and the defaults of those that have one."""
    parameters = inspect.signature(maker).parameters
    hinted: Any = maker.__init__ if isinstance(maker, type) and not is_dataclass(maker) else maker  # type: ignore[misc]
    hints = get_type_hints(hinted)
    defaults = {name: p.default for name, p in parameters.items() if p.default is not p.empty}
    return {name: hints.get(name, Any) for name in parameters}, defaults


def _one_of(value: Any, hints: Sequence[Any], place: str) -> Any:
    others = [hint for hint in hints if hint is not type(None)]
    if value is None and len(others) < len(hints):
        return None
    if len(others) == 1:
        return checked(value, others[0], place)
    for hint in others:
        with suppress(RecordError):
            return checked(value, hint, place)
    raise _wrong(place, f"is {_told(value)} and none of {', '.join(sorted(map(_word, others)))}")


def _elements(items: Sequence[Any], hints: Sequence[Any], place: str) -> Iterator[Any]:
    return (checked(item, hint, f"{place}[{i}]") for i, (item, hint) in enumerate(zip(items, hints, strict=True)))


_WORDS = {
    bool: "true or false",
    int: "whole number",
    float: "number",
    str: "text",
    np.ndarray: "array",
    dict: "mapping",
}
_KINDS: dict[Any, Any] = {
    bool: bool | np.bool_, int: int | np.integer, float: int | float | np.integer | np.floating, str: str,
    np.ndarray: np.ndarray, type(None): type(None),
}  # fmt: skip


def _plain(value: Any, kind: Any, place: str) -> Any:
    if kind not in _KINDS or (isinstance(value, bool) and kind is not bool):
        raise _wrong(place, f"is {_told(value)} and no {_word(kind)}")
    return _typed(value, _KINDS[kind], _word(kind), place)


def _typed(value: Any, kind: Any, word: str, place: str) -> Any:
    if not isinstance(value, kind):
        raise _wrong(place, f"is {_told(value)} and no {word}")
    return value


def _word(hint: Any) -> str:
    kind = get_origin(hint) or hint
    return _WORDS.get(kind, getattr(kind, "__name__", str(kind)))


def _told(value: Any) -> str:
    """A value in a message: briefly, and an array by its shape."""
    if isinstance(value, list | tuple | dict):
        return f"a {'mapping' if isinstance(value, dict) else 'list'} of {len(value)}"
    return f"an array of {value.shape}" if isinstance(value, np.ndarray) else one_line(repr(value), 60)


def _wrong(place: str, what: str) -> RecordError:
    return RecordError(f"{place or 'it'} {what}")


def _within(place: str, name: object) -> str:
    return f"{place}.{name}" if place else str(name)


def _integer(digits: str) -> int:
    if len(digits) > LONGEST_INTEGER:
        raise RecordError(f"a number of {len(digits):,} digits, {digits[:8]}…: {LONGEST_INTEGER} are the most")
    return int(digits)


def _float(digits: str) -> float:
    if math.isinf(float(digits)):
        raise RecordError(f"{one_line(digits, 20)} is larger than any number of floating point")
    return float(digits)


def _depth(value: Any) -> int:
    depth = 0
    level: list[Any] = [[value]]
    while level:
        depth += 1
        level = [x for v in level for x in (v.values() if type(v) is dict else v) if type(x) in (dict, list)]
    return depth - 1
