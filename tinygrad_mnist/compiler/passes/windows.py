"""Windows over images in a program: pools before what is monotone, and loops of kernels over tables of pixels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_mnist.compiler.kernels.kernel import Kernel
from tinygrad_mnist.compiler.kernels.steps import Step
from tinygrad_mnist.compiler.passes.exact import is_with_zero, is_zero
from tinygrad_mnist.compiler.passes.rewriting import Known, rewriting
from tinygrad_mnist.compiler.program import Instruction, Program, Value, made
from tinygrad_mnist.nn import patches

FORWARD: dict[str, Callable[..., Any]] = {name: vars(op)["__wrapped__"] for name, op in patches.FUNCTIONS.items()}

_BODIES = {
    "patches": """
        for i in range(n):
            for k in range({places}):
                at = places[i, k]
                if at < 0:
                    for j in range(m):
                        y0[b, i, k, j] = 0
                else:
                    for j in range(m):
                        y0[b, i, k, j] = x0[b, at, j]
""",
    "fold": """
        for at in range({height} * {width}):
            for j in range(m):
                y0[b, at, j] = 0
        for i in range(n):
            for k in range({places}):
                at = places[i, k]
                if at >= 0:
                    for j in range(m):
                        y0[b, at, j] += x0[b, i, k, j]
""",
    "max_pool": """
        for i in range(n):
            for j in range(m):
                y0[b, i, j] = -np.inf
            for k in range({places}):
                at = places[i, k]
                if at >= 0:
                    for j in range(m):
                        y0[b, i, j] = maximum(y0[b, i, j], x0[b, at, j])
""",
    "unpool": """
        for at in range({height} * {width}):
            for j in range(m):
                y0[b, at, j] = 0
        for i in range(n):
            for j in range(m):
                share[j] = 0
            for k in range({places}):
                at = places[i, k]
                if at >= 0:
                    for j in range(m):
                        share[j] += {number}(x1[b, at, j] == x2[b, i, j])
            for j in range(m):
                share[j] = x0[b, i, j] / share[j]
            for k in range({places}):
                at = places[i, k]
                if at >= 0:
                    for j in range(m):
                        y0[b, at, j] += share[j] if x1[b, at, j] == x2[b, i, j] else {number}(0)
""",
}
"""What is done with an image: x0, … are inputs as (images, pixels, channels), y0 is the result."""

_SOURCE = """def kernel({parameters}):
    n, m = {windows}, y0.shape[-1]  # not a constant, of which LLVM would make no vectors
    places = np.empty((n, {places}), np.int32)
    for i in range(n):
        for k in range({places}):
            y = i // {columns} * {stride[0]} + k // {kernel[1]} * {dilation[0]} - {padding[0]}
            x = i % {columns} * {stride[1]} + k % {kernel[1]} * {dilation[1]} - {padding[1]}
            places[i, k] = y * {width} + x if 0 <= y < {height} and 0 <= x < {width} else -1
    share = np.empty(m, y0.dtype)
    for b in range(len(y0)):"""


class WindowKernel(Kernel):
    """One of the operations on windows as a loop: of which pixel each number of a window is, a table says."""

    def __init__(self, instruction: Instruction) -> None:
        name, options = instruction.function.__name__, instruction.options
        images = instruction.output if name == "fold" else instruction.inputs[:2][-1]
        steps = [Step(name, tuple(instruction.inputs), instruction.output, "each", 0)]
        super().__init__(images.shape, steps, instruction.outputs)
        self.kinds = dict.fromkeys([*instruction.inputs, *instruction.outputs], "images")
        _, channels, height, width = images.shape
        window = {key: options[key] for key in ("kernel", "stride", "padding", "dilation")}
        counts = [
            (n + 2 * p - d * (k - 1) - 1) // s + 1
            for n, k, s, p, d in zip((height, width), *(window[key] for key in window), strict=True)
        ]
        self.facts: dict[str, Any] = {
            **window, "channels": channels, "height": height, "width": width, "columns": counts[1],
            "windows": counts[0] * counts[1], "places": window["kernel"][0] * window["kernel"][1],
            "number": f"np.{instruction.output.dtype.name}",
            "parameters": ", ".join([*(f"x{i}" for i in range(len(self.inputs))), "y0"]),
        }  # fmt: skip

    def may_overwrite(self, output: Value) -> list[Value]:
        """None: a pixel belongs to several windows."""
        return []

    def text(self, value: Value, name: str, shape: tuple[int, ...]) -> str:
        """How an array is given: a matrix of pixels and channels for each image, and of windows one for each."""
        if value.like.ndim == 4:
            return f"{name}.transpose(0, 2, 3, 1).reshape({len(value.like)}, -1, {self.facts['channels']})"
        return f"{name}.reshape(-1, {self.facts['windows']}, {self.facts['places']}, {self.facts['channels']})"

    def source(self, shared: dict[Value, Value]) -> tuple[str, list[float]]:
        """The kernel as Python; it takes no constants."""
        return (_SOURCE + _BODIES[self.steps[0].function]).format(**self.facts), []


@rewriting
def with_rules_in_place(known: Known, instruction: Instruction) -> list[Instruction] | None:
    """The rules of operations on windows as those operations: nothing is kept of which the shape alone is asked."""
    if _is(instruction, "_patches_vjp"):
        g, _, x, *_ = instruction.args
        options = {"shape": x.shape, **instruction.options}
        return [replace(instruction, function=FORWARD["fold"], args=(g,), options=options)]
    if _is(instruction, "_max_pool_vjp"):
        g, top, x, *_ = instruction.args
        return [replace(instruction, function=FORWARD["unpool"], args=(g, x, top))]
    return None


def _is(instruction: Instruction | None, name: str) -> bool:
    """Whether an instruction is an operation on windows of this name, or such a rule."""
    function = instruction and instruction.function
    return getattr(function, "__module__", "") == patches.__name__ and getattr(function, "__name__", "") == name


@rewriting
def with_pools_first(known: Known, instruction: Instruction) -> list[Instruction] | None:
    """The maximum of rectified numbers is their maximum, rectified; so is its gradient, of a quarter of the numbers."""
    return _pool_first(known, instruction) or _unpool_first(known, instruction)


def _pool_first(known: Known, pool: Instruction) -> list[Instruction] | None:
    """max(max_pool(z), 0) for max_pool(max(z, 0))."""
    z = _rectified(known, pool.args[0]) if _is(pool, "max_pool") and pool.options["padding"] == (0, 0) else None
    if z is None:
        return None
    first = made(pool.function, z, place=pool.place, **pool.options)
    rectified = replace(pool, function=np.maximum, args=(first.output, 0), options={})
    known.makers |= {first.output: first, rectified.output: rectified}
    return [first, rectified]


def _unpool_first(known: Known, kept: Instruction) -> list[Instruction] | None:
    """The gradient g of such a pool, which is kept where z is positive, kept where max_pool(z) is."""
    positive = known.maker(kept.args[0], np.greater) if kept.function is np.where and is_zero(kept.args[2]) else None
    unpool = known.makers.get(kept.args[1]) if positive and is_with_zero(positive, np.greater) else None
    if positive is None or unpool is None or not _is(unpool, "unpool"):
        return None
    g, images, top = unpool.args
    z, first = _rectified(known, images), _rectified(known, top)
    pool = known.makers.get(first)
    is_of_z = z is not None and z is positive.args[0] and pool is not None and pool.args == (z,)
    if pool is None or not is_of_z or not _is(pool, "max_pool") or pool.options != unpool.options:
        return None
    mask = made(np.greater, first, 0, place=unpool.place)
    masked = made(np.where, mask.output, g, 0, place=unpool.place)
    masked.output.like = np.empty_like(first.like)  # with the channels last too
    return [mask, masked, replace(unpool, args=(masked.output, z, first), outputs=kept.outputs)]


def _rectified(known: Known, x: Any) -> Any:
    """z, where something is max(z, 0)."""
    maker = known.maker(x, np.maximum)
    return maker.args[0] if maker and is_with_zero(maker, np.maximum) else None


def with_window_kernels(program: Program) -> Program:
    """Let kernels do what is done with windows, where all lies with its channels last."""
    users, wanted = program.users(), {*program.wanted()}
    kept = []
    for each in program.instructions:
        y = each.output
        if any(_is(each, name) for name in FORWARD) and y not in wanted and y.dtype in (np.float32, np.float64):
            like = _in_order(y.like)
            is_free = like is y.like or all(map(_takes_any_order, users.get(y, [])))
            is_free = is_free and len({*each.inputs}) == len(each.inputs)
            if is_free and like.size and all(_lies_in_order(x) for x in (*(x.like for x in each.inputs), like)):
                y.like = like
                each = replace(each, function=WindowKernel(each), args=tuple(each.inputs), options={})
        kept.append(each)
    return replace(program, instructions=kept)


def _in_order(x: NDArray[Any]) -> NDArray[Any]:
    """An array of images as it would lie with its channels last and without a frame; others as they are."""
    if x.ndim != 4 or _lies_in_order(x):
        return x
    number, channels, height, width = x.shape
    found: NDArray[Any] = np.empty((number, height, width, channels), x.dtype).transpose(0, 3, 1, 2)
    return found


def _lies_in_order(x: NDArray[Any]) -> bool:
    """Whether an array lies as kernels take it."""
    return bool((x.transpose(0, 2, 3, 1) if x.ndim == 4 else x).flags.c_contiguous)


def _takes_any_order(instruction: Instruction) -> bool:
    """Whether an instruction reads an array's elements alone, not as views and in the order of its memory."""
    known = any(_is(instruction, name) for name in FORWARD)
    return known or isinstance(instruction.function, np.ufunc) or instruction.function is np.where
