"""Settings for a block or a function: also of generators and async functions, which contextlib does not decorate."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Generator
from contextlib import AbstractContextManager
from contextvars import ContextVar, Token
from functools import wraps
from inspect import isasyncgenfunction, iscoroutinefunction, isgeneratorfunction
from typing import Any, ClassVar, TypeVar

F = TypeVar("F", bound=Callable[..., Any])


class Setting(AbstractContextManager[None]):
    """A variable's value within a block, `with setting():`, or within a function, `@setting()`.

    A subclass says which `variable` has which `value`. Of a generator, and of an async function or generator, every
    step runs so, and nothing that its caller does between two steps. Other threads and asyncio tasks are left alone.
    """

    variable: ClassVar[ContextVar[Any]]
    value: ClassVar[Any]

    def __new__(cls, function: Any = None) -> Any:
        """A setting; or a function within one, where it is written without brackets, `@setting`."""
        return super().__new__(cls) if function is None else cls()(function)

    def __init__(self, function: None = None) -> None:
        self._tokens: list[Token[Any]] = []

    def __enter__(self) -> None:
        self._tokens.append(self.variable.set(self.value))

    def __exit__(self, *error: object) -> None:
        self.variable.reset(self._tokens.pop())

    def __call__(self, function: F) -> F:
        wrap = next((wrap for test, wrap in _KINDS.items() if test(function)), _of_function)
        return wraps(function)(wrap(function, type(self)))  # type: ignore[return-value]


Make = Callable[[], Setting]


def _of_function(function: Callable[..., Any], make: Make) -> Callable[..., Any]:
    def run(*args: Any, **options: Any) -> Any:
        with make():
            return function(*args, **options)

    return run


def _of_generator(function: Callable[..., Any], make: Make) -> Callable[..., Any]:
    def run(*args: Any, **options: Any) -> Generator[Any, Any, Any]:
        return (yield from _Steps(function(*args, **options), make))

    return run


def _of_coroutine(function: Callable[..., Any], make: Make) -> Callable[..., Any]:
    async def run(*args: Any, **options: Any) -> Any:
        return await _Steps(function(*args, **options), make)

    return run


def _of_async_generator(function: Callable[..., Any], make: Make) -> Callable[..., Any]:
    async def run(*args: Any, **options: Any) -> AsyncIterator[Any]:
        generator = function(*args, **options)
        resume, given = generator.asend, None
        while True:
            try:
                made = await _Steps(resume(given).__await__(), make)
            except StopAsyncIteration:
                return
            try:
                resume, given = generator.asend, (yield made)
            except GeneratorExit:
                await _Steps(generator.aclose().__await__(), make)
                raise
            except BaseException as error:
                resume, given = generator.athrow, error

    return run


_KINDS = {
    isgeneratorfunction: _of_generator,
    iscoroutinefunction: _of_coroutine,
    isasyncgenfunction: _of_async_generator,
}


class _Steps:
    """A generator or coroutine whose every `send`, `throw` and `close` runs in a setting; to be delegated to."""

    def __init__(self, steps: Any, make: Make) -> None:
        self._steps, self._make = steps, make

    def __iter__(self) -> _Steps:
        return self

    __await__ = __iter__

    def __next__(self) -> Any:
        return self.send(None)

    def __getattr__(self, name: str) -> Any:
        return _of_function(getattr(self._steps, name), self._make)
