"""Many items in one test: to collect, run and report a test costs more than what most of them check."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable
from typing import Any

import pytest


def each(names: str | tuple[str, ...], items: Iterable[Any]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """What `pytest.mark.parametrize` is, in a single test: it tries every item, and tells all that fail.

    The items share the test's fixtures, tmp_path among them.
    """
    arguments = [name.strip() for name in names.split(",")] if isinstance(names, str) else list(names)
    alone, every = isinstance(names, str) and len(arguments) == 1, list(items)

    def decorate(test: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(test)
        def of_all(**fixtures: Any) -> None:
            failed: list[tuple[str, BaseException]] = []
            for number, item in enumerate(every):
                values = dict(zip(arguments, (item,) if alone else item, strict=True))
                try:
                    test(**fixtures, **values)
                except (Exception, pytest.fail.Exception) as error:
                    failed.append((f"  {number}: {_told(values)}: {type(error).__name__}: {error}", error))
            if failed:
                told = "\n".join(line for line, _ in failed)
                raise AssertionError(f"{len(failed)} of {len(every)} fail:\n{told}") from failed[0][1]

        assert every, "nothing is tried"
        signature = inspect.signature(test)
        of_all.__signature__ = signature.replace(  # type: ignore[attr-defined]  # pytest gives what it asks for
            parameters=[parameter for name, parameter in signature.parameters.items() if name not in arguments]
        )
        return of_all

    return decorate


def _told(values: dict[str, Any]) -> str:
    """What tells an item from the others, in a line."""
    return ", ".join(f"{name} = {_short(value)}" for name, value in values.items())


def _short(value: Any) -> str:
    name = getattr(value, "__name__", None) or repr(value)
    if name == "<lambda>":
        name = f"the lambda in line {value.__code__.co_firstlineno}"
    line = " ".join(name.split())
    return line if len(line) <= 70 else f"{line[:69]}…"
