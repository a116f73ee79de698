"""Windows over images in a program: pools before what is monotone, and loops of kernels over tables of pixels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from tinygrad_mnist.compiler.kernels.kernel import Kernel
from tinygrad_mnist.compiler.kernels.steps import Step
from tinygrad_mnist.compiler.passes.exact import is_with_zero, renamed, without_dead_code
from tinygrad_mnist.compiler.program import Instruction, Program, Value
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
        kinds = dict.fromkeys([*instruction.inputs, *instruction.outputs], "images")
        super().__init__(images.shape, steps, instruction.outputs, kinds)
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


def with_rules_in_place(program: Program) -> Program:
    """The rules of operations on windows as those operations: nothing is kept of which the shape alone is asked."""
    return replace(program, instructions=list(map(_in_place_of_rule, program.instructions)))


def _in_place_of_rule(instruction: Instruction) -> Instruction:
    if _is(instruction, "_patches_vjp"):
        g, _, x, *_ = instruction.args
        return replace(
            instruction, function=FORWARD["fold"], args=(g,), options={"shape": x.shape, **instruction.options}
        )
    if _is(instruction, "_max_pool_vjp"):
        g, top, x, *_ = instruction.args
        return replace(instruction, function=FORWARD["unpool"], args=(g, x, top))
    return instruction


def _is(instruction: Instruction | None, name: str) -> bool:
    """Whether an instruction is an operation on windows of this name, or such a rule."""
    function = instruction and instruction.function
    return getattr(function, "__module__", "") == patches.__name__ and getattr(function, "__name__", "") == name


def with_pools_first(program: Program) -> Program:
    """The maximum of rectified numbers is their maximum, rectified; so is its gradient, of a quarter of the numbers."""
    makers, users, wanted = program.makers(), program.users(), {*program.wanted()}
    instead: dict[int, list[Instruction]] = {}
    for pool in program.instructions:
        relu = makers.get(pool.inputs[0]) if _is(pool, "max_pool") else None
        if relu is None or not is_with_zero(relu, np.maximum) or relu.output in wanted:
            continue
        z = relu.args[0]
        backward = [each for each in users[relu.output] if each is not pool]
        masking = [_masking(each, z, makers, users, wanted) for each in backward]
        if pool.options["padding"] != (0, 0) or None in masking:
            continue
        first = _made(pool.function, (z,), pool.options, pool)
        positive = _made(np.greater, (first.output, 0), {}, pool)
        instead[id(pool)] = [first, replace(pool, function=np.maximum, args=(first.output, 0), options={}), positive]
        for unpool, mask in zip(backward, masking, strict=True):
            assert mask is not None
            g = _made(np.where, (positive.output, unpool.args[0], 0), {}, unpool)
            g = replace(g, outputs=(Value(np.empty_like(first.output.like)),))  # with the channels last too
            unpooled = replace(unpool, args=(g.output, z, first.output), outputs=mask.outputs)
            instead[id(unpool)], instead[id(mask)] = [g, unpooled], []
    kept = [new for each in program.instructions for new in instead.get(id(each), [each])]
    return without_dead_code(replace(program, instructions=kept))


def _masking(
    unpool: Instruction, z: Value, makers: dict[Value, Instruction], users: dict[Value, list[Instruction]],
    wanted: set[Value],
) -> Instruction | None:  # fmt: skip
    """The one instruction that reads the images of an unpool, if it keeps them where z is positive."""
    reading = users.get(unpool.output, [])
    if not _is(unpool, "unpool") or len(reading) != 1 or unpool.output in wanted or reading[0].function is not np.where:
        return None
    condition, images, other = reading[0].args
    positive = makers.get(condition)
    is_positive = positive is not None and is_with_zero(positive, np.greater) and positive.args[0] is z
    return reading[0] if is_positive and images is unpool.output and type(other) in (int, float) and not other else None


def _made(function: Any, args: Any, options: dict[str, Any], origin: Instruction) -> Instruction:
    """An instruction with a value of its own."""
    like = function(*(x.like if isinstance(x, Value) else x for x in args), **options)
    return Instruction(function, args, options, (Value(like),), origin.place)


def with_window_kernels(program: Program) -> Program:
    """Let kernels do what is done with windows, where all lies with its channels last."""
    users, wanted = program.users(), {*program.wanted()}
    same: dict[Value, Value] = {}
    kept = []
    for each in program.instructions:
        each = each.reading(lambda x: same.get(x, x))
        old = each.output
        if any(_is(each, name) for name in FORWARD) and old not in wanted and old.dtype in (np.float32, np.float64):
            new = _in_order(old)
            is_free = new is old or all(map(_takes_any_order, users.get(old, [])))
            is_free = is_free and len({*each.inputs}) == len(each.inputs)
            if is_free and old.like.size and all(map(_lies_in_order, [*each.inputs, new])):
                same[old] = new
                kernel = WindowKernel(replace(each, outputs=(new,)))
                each = replace(each, function=kernel, args=tuple(each.inputs), options={}, outputs=(new,))
        kept.append(each)
    return renamed(replace(program, instructions=kept), {old: new for old, new in same.items() if old is not new})


def _in_order(value: Value) -> Value:
    """A value of images as it would lie with its channels last and without a frame; others as they are."""
    if value.like.ndim != 4 or _lies_in_order(value):
        return value
    return Value(np.empty(_channels_last(value).shape, value.dtype).transpose(0, 3, 1, 2))


def _channels_last(value: Value) -> Any:
    return value.like.transpose(0, 2, 3, 1)


def _lies_in_order(value: Value) -> bool:
    """Whether an array lies as kernels take it."""
    return bool((_channels_last(value) if value.like.ndim == 4 else value.like).flags.c_contiguous)


def _takes_any_order(instruction: Instruction) -> bool:
    """Whether an instruction reads an array's elements alone, not as views and in the order of its memory."""
    known = any(_is(instruction, name) for name in FORWARD)
    return known or isinstance(instruction.function, np.ufunc) or instruction.function is np.where
