"""Scopes around functions of every kind: inside at each step, outside between two steps."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from tinygrad_mnist.scopes import scope

depth = [0]


@scope
def deeper() -> Iterator[None]:
    """Count how deep we are."""
    depth[0] += 1
    try:
        yield
    finally:
        depth[0] -= 1


@pytest.fixture(autouse=True)
def nothing_is_left_open() -> Iterator[None]:
    yield
    assert depth == [0]


@deeper()
def counting(n: int) -> Iterator[Any]:
    """Yield what is sent, and the depth."""
    given = None
    for _ in range(n):
        try:
            given = yield given, depth[0]
        except KeyError as error:
            given = f"caught {error}"
        assert depth == [1]
    return depth[0]


def test_a_generator_is_inside_at_each_step_and_its_caller_is_not() -> None:
    inside = []
    for _, level in counting(3):
        inside.append(level)
        assert depth == [0]
    assert inside == [1, 1, 1]
    assert inspect.isgeneratorfunction(counting)
    assert (counting.__name__, counting.__doc__) == ("counting", "Yield what is sent, and the depth.")


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
            cleaned.append(depth[0])

    generator: Any = generate()
    next(generator)
    if end == "close":
        generator.close()
    del generator
    assert cleaned == [1]


def test_an_async_function_is_inside_at_each_step_and_other_tasks_are_not() -> None:
    @deeper()
    async def twice(value: int) -> tuple[int, int, int]:
        before = depth[0]
        await asyncio.sleep(0)
        return value, before, depth[0]

    async def main() -> list[Any]:
        async def other() -> int:
            await asyncio.sleep(0)
            return depth[0]

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
            seen.append(depth[0])

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
                    given = yield given, depth[0]
                except KeyError as error:
                    given = f"caught {error}"
        finally:
            await asyncio.sleep(0)
            cleaned.append(depth[0])

    async def main() -> None:
        async for value in generate(2):
            assert value == (None, 1)
            assert depth == [0]
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
        return depth[0] if n == 0 else down(n - 1)

    assert down(3) == 4
    threads = [threading.Thread(target=down, args=(50,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_one_scope_may_be_entered_again_and_lets_exceptions_through() -> None:
    one = deeper()
    with one:
        with one:
            assert depth == [2]
        assert depth == [1]
    with pytest.raises(KeyError), one:
        raise KeyError
    assert depth == [0]
