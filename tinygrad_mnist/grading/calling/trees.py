"""Arrays inside of tuples, lists, dicts and objects, each with the path to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from .roles import role_of

Path = tuple[Any, ...]
"""Names (of attributes, keys or variables) and places in lists, from the outside to the inside."""

Leaf = tuple[Path, Any]

DEEP = 6
"""So many containers inside each other are looked into: an object may hold itself."""


def leaves(value: Any, path: Path = ()) -> list[Leaf]:
    """Everything that is no container, in order. A list of numbers is an array, unless it is the whole value."""
    return list(_leaves(value, path, DEEP))


def _leaves(value: Any, path: Path, depth: int) -> Iterator[Leaf]:
    items = children(value) if depth else None
    if items is None or (path and isinstance(value, (list, tuple)) and _of_numbers(value)):
        yield path, value
    else:
        for key, inner in items:
            yield from _leaves(inner, (*path, key), depth - 1)


def children(value: Any) -> list[tuple[Any, Any]] | None:
    """What is inside by key, place or attribute; None for what is no container."""
    if isinstance(value, Mapping):
        return list(value.items())
    if isinstance(value, (tuple, list)):
        return list(getattr(value, "_asdict", lambda: dict(enumerate(value)))().items())
    if hasattr(value, "__dict__") and not isinstance(value, (type, np.ndarray)) and not callable(value):
        return list(vars(value).items())
    if hasattr(value, "__dict__") and getattr(type(value), "__module__", "") not in ("builtins", "numpy"):
        return list(vars(value).items()) if not isinstance(value, type) else None
    return None


def innermost(path: Path) -> str:
    """The last name on the way to it; "" where there is none."""
    return next((key for key in reversed(path) if isinstance(key, str)), "")


def parameter_at(path: Path) -> str | None:
    """The role of what lies at a path, if by its innermost name it is a parameter."""
    role = role_of(innermost(path))
    return role if role and role[0] in "Wb" else None


def _of_numbers(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return bool(value) and all(map(_of_numbers, value))
    return isinstance(value, (int, float, complex)) and not isinstance(value, np.generic)


def replaced(value: Any, new: Mapping[Path, Any], path: Path = (), depth: int = DEEP) -> Any:
    """The container with copies of arrays in place of leaves; changed itself where it can be, tuples are made again."""
    items = children(value) if depth else None
    if items is None:
        return np.array(new[path]) if path in new else value
    inner = {key: replaced(old, new, (*path, key), depth - 1) for key, old in items}
    if isinstance(value, tuple):
        return type(value)(*inner.values()) if hasattr(value, "_fields") else tuple(inner.values())
    for key, item in inner.items():
        if item is not dict(items)[key]:
            if isinstance(value, (Mapping, list)):
                value[key] = item  # type: ignore[index]
            else:
                setattr(value, key, item)
    return value


def numeric(value: Any) -> bool:
    """Whether it is an array of real numbers, or a single one."""
    kind = getattr(getattr(value, "dtype", None), "kind", "f" if type(value) in (int, float) else "O")
    return kind in "fiu"
