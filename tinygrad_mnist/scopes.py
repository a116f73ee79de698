"""Context managers that also decorate generators and async functions, which contextlib's own do not."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Generator, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import wraps
from inspect import isasyncgenfunction, iscoroutinefunction, isgeneratorfunction
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])
Make = Callable[[], AbstractContextManager[None]]


class Scope(AbstractContextManager[None]):
    """What a block runs in, as `with scope:`, or a function, as `@scope`.

    Of a generator, and of an async function or generator, every step runs in it, and nothing that its caller does
    between two steps.
    """

    def __init__(self, make: Make) -> None:
        self._make, self._entered = make, list[AbstractContextManager[None]]()

    def __enter__(self) -> None:
        self._entered.append(self._make())
        self._entered[-1].__enter__()

    def __exit__(self, *error: Any) -> bool | None:
        return self._entered.pop().__exit__(*error)

    def __call__(self, function: F) -> F:
        wrap = next((wrap for test, wrap in _KINDS.items() if test(function)), _of_function)
        return wraps(function)(wrap(function, self._make))  # type: ignore[return-value]


def scope(function: Callable[[], Iterator[None]]) -> Callable[[], Scope]:
    """A Scope of what comes before and after the one `yield` of a function, as `contextlib.contextmanager` has it."""
    make = contextmanager(function)

    @wraps(function)
    def start() -> Scope:
        return Scope(make)

    return start


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
    """A generator or coroutine whose every `send`, `throw` and `close` runs in a scope; to be delegated to."""

    def __init__(self, steps: Any, make: Make) -> None:
        self._steps, self._make = steps, make

    def __iter__(self) -> _Steps:
        return self

    __await__ = __iter__

    def __next__(self) -> Any:
        return self.send(None)

    def __getattr__(self, name: str) -> Any:
        return _of_function(getattr(self._steps, name), self._make)
