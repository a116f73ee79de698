"""Settings around functions of every kind: inside at each step, outside between two steps."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import AsyncIterator, Generator, Iterator
from contextvars import ContextVar
from typing import Any

import pytest

from tinygrad_mnist import Tensor, no_grad
from tinygrad_mnist.scopes import Setting

_inside: ContextVar[int] = ContextVar("inside", default=0)


class deeper(Setting):
    """Inside, the variable is 1."""

    variable, value = _inside, 1


@pytest.fixture(autouse=True)
def nothing_is_left_open() -> Iterator[None]:
    yield
    assert _inside.get() == 0


@deeper()
def counting(n: int) -> Generator[Any, Any, int]:
    """Yield what is sent, and whether it is inside."""
    given = None
    for _ in range(n):
        try:
            given = yield given, _inside.get()
        except KeyError as error:
            given = f"caught {error}"
        assert _inside.get() == 1
    return _inside.get()


def test_a_generator_is_inside_at_each_step_and_its_caller_is_not() -> None:
    inside = []
    for _, level in counting(3):
        inside.append(level)
        assert _inside.get() == 0
    assert inside == [1, 1, 1]
    assert inspect.isgeneratorfunction(counting)
    assert (counting.__name__, counting.__doc__) == ("counting", "Yield what is sent, and whether it is inside.")


def test_a_generator_gets_what_is_sent_and_thrown_and_returns() -> None:
    generator: Any = counting(3)
    assert next(generator) == (None, 1)
    assert generator.send("sent") == ("sent", 1)
    assert generator.throw(KeyError(1)) == ("caught 1", 1)
    with pytest.raises(StopIteration) as end:
        generator.send("last")
    assert end.value.value == 1
    other = counting(2)
    next(other)
    with pytest.raises(ValueError, match="other"):
        other.throw(ValueError("other"))  # type: ignore[attr-defined]


@pytest.mark.parametrize("end", ["close", "forget"])
def test_a_generator_that_is_not_used_up_cleans_up_inside(end: str) -> None:
    cleaned = []

    @deeper()
    def generate() -> Iterator[int]:
        try:
            yield 1
        finally:
            cleaned.append(_inside.get())

    generator: Any = generate()
    next(generator)
    if end == "close":
        generator.close()
    del generator
    assert cleaned == [1]


def test_an_async_function_is_inside_at_each_step_and_other_tasks_are_not() -> None:
    @deeper()
    async def twice(value: int) -> tuple[int, int, int]:
        before = _inside.get()
        await asyncio.sleep(0)
        return value, before, _inside.get()

    async def main() -> Any:
        async def other() -> int:
            await asyncio.sleep(0)
            return _inside.get()

        return await asyncio.gather(twice(1), other(), twice(2))

    assert asyncio.run(main()) == [(1, 1, 1), 0, (2, 1, 1)]
    assert inspect.iscoroutinefunction(twice)
    assert asyncio.run(twice(5)) == (5, 1, 1)


def test_an_async_function_that_is_cancelled_leaves() -> None:
    seen = []

    @deeper()
    async def wait() -> None:
        try:
            await asyncio.sleep(10)
        finally:
            seen.append(_inside.get())

    async def main() -> None:
        task = asyncio.create_task(wait())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert seen == [1]


def test_an_async_generator_is_inside_at_each_step_and_its_caller_is_not() -> None:
    cleaned = []

    @deeper()
    async def generate(n: int) -> AsyncIterator[Any]:
        given = None
        try:
            for _ in range(n):
                await asyncio.sleep(0)
                try:
                    given = yield given, _inside.get()
                except KeyError as error:
                    given = f"caught {error}"
        finally:
            await asyncio.sleep(0)
            cleaned.append(_inside.get())

    async def main() -> None:
        async for value in generate(2):
            assert value == (None, 1)
            assert _inside.get() == 0
        generator: Any = generate(4)
        assert await generator.asend(None) == (None, 1)
        assert await generator.asend("sent") == ("sent", 1)
        assert await generator.athrow(KeyError(2)) == ("caught 2", 1)
        await generator.aclose()

    asyncio.run(main())
    assert inspect.isasyncgenfunction(generate)
    assert cleaned == [1, 1]


def test_a_function_may_call_itself_and_run_in_threads() -> None:
    @deeper()
    def down(n: int) -> int:
        return _inside.get() if n == 0 else down(n - 1)

    assert down(3) == 1
    threads = [threading.Thread(target=down, args=(50,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_one_setting_may_be_entered_again_and_lets_exceptions_through() -> None:
    one = deeper()
    with one:
        with one:
            assert _inside.get() == 1
        assert _inside.get() == 1
    assert _inside.get() == 0
    with pytest.raises(KeyError), one:
        raise KeyError
    assert _inside.get() == 0


def test_a_setting_without_brackets_decorates_a_function_too() -> None:
    @no_grad
    def double(x: Tensor) -> Tensor:
        return x * 2

    w = Tensor([1.0], requires_grad=True)
    assert double(w).op is None
    assert (w * 2).op is not None
    assert double.__name__ == "double"  # type: ignore[attr-defined]
