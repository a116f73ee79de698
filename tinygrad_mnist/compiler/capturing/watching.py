"""Watching the classes while a step is captured: what it reads and writes, calls, moves and draws."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np

from tinygrad_mnist.compiler.capturing.facts import Facts
from tinygrad_mnist.compiler.capturing.moves import Moves
from tinygrad_mnist.compiler.capturing.tensors import ARRAY, GRADIENT, Tensors
from tinygrad_mnist.compiler.capturing.tracing import Trace
from tinygrad_mnist.compiler.errors import CompileError
from tinygrad_mnist.engine import Node, Op, Tensor
from tinygrad_mnist.nn import ExponentialMovingAverage, Module, Optimizer, random
from tinygrad_mnist.nn.schedules import LRScheduler
from tinygrad_mnist.places import at, user_place

Attribute = tuple[type[Any], str, Any]
"""A class, a name in it, and what it is to be there."""

capturing: list[int] = []
"""The thread that captures a step."""


@contextmanager
def watching(trace: Trace, facts: Facts, tensors: Tensors, moves: Moves) -> Iterator[None]:
    """While inside, see what this thread does; afterwards tensors and the generator are as they were."""
    generator, drawn_from = random.generator(), random.get_rng_state()
    with _replaced(*_watched(trace, facts, tensors, moves)), random.drawing_from(_Draws(trace, generator)):
        capturing.append(threading.get_ident())
        try:
            yield
        finally:
            capturing.clear()
            tensors.undo()
            generator.bit_generator.state = drawn_from


@contextmanager
def _replaced(*attributes: Attribute) -> Iterator[None]:
    before = [(owner, name, vars(owner).get(name)) for owner, name, _ in attributes]
    try:
        for each in attributes:
            setattr(*each)
        yield
    finally:
        for owner, name, own in before:
            setattr(owner, name, own) if own else delattr(owner, name)


def _watched(trace: Trace, facts: Facts, tensors: Tensors, moves: Moves) -> list[Attribute]:
    """What stands in classes in place of their own, and does in other threads what that does."""
    thread, call = threading.get_ident(), Module.__call__

    def here(seen: Callable[..., Any], own: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *args, **options: (seen if threading.get_ident() == thread else own)(*args, **options)

    def written(function: Callable[..., Any] | None) -> Callable[..., Any] | None:
        return function and here(partial(trace.call, function), function)

    def noted(module: Module, *inputs: Any, **options: Any) -> Any:
        facts.note_module(module)
        return call(module, *inputs, **options)

    gradient = here(tensors.read_gradient, GRADIENT.__get__), here(tensors.write_gradient, GRADIENT.__set__)
    return [
        (Node, "_array", property(here(tensors.read, tensors.own), ARRAY.__set__)),
        (Node, "_grad", property(*gradient)),
        (Tensor, "numpy", here(lambda tensor: tensor._array, Tensor.numpy)),
        (Op, "forward", property(lambda op: written(vars(op)["forward"]))),  # which goes before an operation's own
        (Op, "vjps", property(lambda op: [*map(written, vars(op)["vjps"])])),
        (Op, "each", property(lambda op: written(vars(op)["each"]))),
        (Module, "__call__", here(noted, call)),
        (Optimizer, "_move", here(moves.move, Optimizer._move)),
        (LRScheduler, "apply", here(_refuse_to_count, LRScheduler.apply)),
        (ExponentialMovingAverage, "update", here(_refuse_to_count, ExponentialMovingAverage.update)),
    ]


def _refuse_to_count(counting: Any, *_: Any) -> None:
    what = type(counting).__name__
    raise CompileError(f"{what} counts its steps{at(user_place())}: call it after the compiled step")


class _Draws:
    """The generator while a step is captured: what is drawn from it is drawn in every step."""

    def __init__(self, trace: Trace, generator: np.random.Generator) -> None:
        self._trace, self._generator = trace, generator

    def __getattr__(self, name: str) -> Any:
        if name == "bit_generator":
            raise CompileError(f"the generator is set or read{at(user_place())}: do it outside of the compiled step")
        return lambda *args, **options: self._trace.record(getattr(self._generator, name), args, options)
