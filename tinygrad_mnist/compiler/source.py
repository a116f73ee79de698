"""A program as the NumPy source that runs it: arrays are made once, and every step writes into them anew."""

from __future__ import annotations

import keyword
import operator
import re
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinygrad_mnist.compiler import blas, tracing
from tinygrad_mnist.compiler.kernels import Kernel
from tinygrad_mnist.compiler.memory import Memory, is_view
from tinygrad_mnist.compiler.parts import INTERPRETED, Part, compiled
from tinygrad_mnist.compiler.passes import Mask
from tinygrad_mnist.compiler.products import added_product, product
from tinygrad_mnist.compiler.program import Instruction, Program, Value

_INFIX: dict[Any, str] = {
    operator.add: "+", operator.sub: "-", operator.mul: "*", operator.truediv: "/", operator.pow: "**",
    operator.lt: "<", operator.le: "<=", operator.gt: ">", operator.ge: ">=", operator.eq: "==", operator.ne: "!=",
}  # fmt: skip

_INTO: dict[Any, str] = {
    tracing.as_type: "np.copyto({out}, {0}, casting='unsafe')",
    np.copy: "np.copyto({out}, {0})",
    np.where: "np.copyto({out}, {2}); np.copyto({out}, {1}, where={0})",
    np.dot: "np.dot({0}, {1}, out={out})",
}
"""How functions without out= are told where to put their result."""

_OWN = re.compile("(buffer|kernel|part)[0-9]+")
"""Names that a source has for what is its own."""


def can_write(instruction: Instruction) -> bool:
    """Whether an instruction can be told where to put its result."""
    function = instruction.function
    is_reduction = getattr(function, "__name__", "") == "reduce"
    is_array = not any(value.is_number for value in instruction.outputs)
    is_ours = isinstance(function, Kernel | Mask) or function in (product, added_product)
    known = is_ours or is_reduction or isinstance(function, np.ufunc) or function in _INTO
    return is_array and known and not is_view(instruction)


@dataclass
class Source:
    """The source of a step.

    setup: what is done once, for the arrays at hand. names: what both take for granted. parts: what numba compiles.
    """

    arguments: list[str]
    setup: list[str] = field(default_factory=list)
    body: list[str] = field(default_factory=list)
    names: dict[str, Any] = field(default_factory=dict)
    parts: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        body = "\n".join(f"    {line}" for line in self.body or ["pass"])
        return "\n".join([*self.setup, "", f"def step({', '.join(self.arguments)}):", body, ""])


class Writer:
    """Writes a program, whose values have their homes, as source."""

    def __init__(self, program: Program, memory: Memory, given: list[Value]) -> None:
        self.program, self.memory, self.given = program, memory, given
        self._has_parts = any(isinstance(each.function, Kernel) for each in program.instructions)
        self._part, self.products = Part(), 0
        self._views: dict[Value, Instruction] = {}
        self._names: dict[Value, str] = {}
        self._taken = {"np", "step", "sgemm", "dgemm", *INTERPRETED, *keyword.kwlist}
        self.source = Source([self.name(value) for value in given], names={"np": np})

    def write(self) -> Source:
        """The whole source; a step returns None where a decision would be taken otherwise, else the outputs."""
        source, memory = self.source, self.memory
        source.setup += [f"buffer{i} = np.empty({size}, np.uint8)" for i, size in enumerate(memory.buffers)]
        made = {*self.given, *self.program.inputs, *self.program.constants}
        for value in self.program.inputs:
            self.name(value)
        self._guard(made)
        for instruction in self.program.instructions:
            self._write(instruction)
            self._guard(instruction.outputs)
        for state, new in memory.copied.items():
            self._copy(new, state)
        self._end_part()
        source.body.append(f"return [{', '.join(map(self.name, self.program.outputs))}]")
        for value, array in self.program.constants.items():
            source.names[self.name(value)] = array
        return source

    def _guard(self, made: Collection[Value]) -> None:
        """Leave the step where a decision by one of these values would be taken otherwise."""
        for guard in self.program.guards:
            if guard.value not in made:
                continue
            name = self.name(guard.value)
            if self._part.lines and guard.value in self.memory.slots:
                self._part.decide(name, guard.taken)
            else:
                self.source.body.append(f"if {'not ' if guard.taken else ''}{name}: return None")

    def name(self, value: Value) -> str:
        """What a value is called, each by a name of its own; a view of what is given is made where it is asked for."""
        if value in self._views:
            self._define(value, self._views.pop(value))
        if value not in self._names:
            plain = re.sub(r"\W+", "_", value.name).strip("_") or f"v{len(self._names)}"
            name = plain = plain if not plain[0].isdigit() else f"_{plain}"
            while name in self._taken or _OWN.fullmatch(name):
                name = f"{plain}_{len(self._names)}"
            self._taken.add(name)
            self._names[value] = name
        return self._names[value]

    def _write(self, instruction: Instruction) -> None:
        memory, value = self.memory, instruction.outputs[0]
        for made in instruction.outputs:
            if made in memory.slots:
                self.source.setup.append(f"{self.name(made)} = {_buffer(made, memory.slots[made])}")
            if made in memory.homes:
                self.source.setup.append(f"{self.name(made)} = {self.name(memory.homes[made])}")
        if value in memory.slots or value in memory.homes:
            if not (self._has_parts and self._in_part(instruction)):
                self._end_part()
                self.source.body.append(self._into(instruction))
        elif is_view(instruction):
            self._views[value] = instruction
        else:
            if not all(x.is_number for x in instruction.inputs):
                self._end_part()  # else it may come before: it reads nothing that the part computes
            self._define(value, instruction)

    def _define(self, value: Value, instruction: Instruction) -> None:
        """Name the result of a call: once, where it lasts, or before the part that is being written."""
        lasts = is_view(instruction) and self._lasts(self.memory.roots[value])
        call = self._call(instruction)
        (self.source.setup if lasts else self.source.body).append(f"{self.name(value)} = {call}")

    def _end_part(self) -> None:
        """Have the part that is being written compiled, and called here."""
        part, self._part = self._part, Part()
        if part.lines:
            name, text = f"part{len(self.source.parts) + 1}", part.source()
            self.source.names[name] = compiled(text)
            self.source.parts.append(text)
            self.source.body.append(part.call(name))

    def _in_part(self, instruction: Instruction) -> bool:
        """Write an instruction into a part, if it is one that numba compiles."""
        if isinstance(instruction.function, Kernel):
            self._kernel(instruction.function)
        elif instruction.function in (product, added_product):
            self._product(instruction)
        else:
            return False
        return True

    def _copy(self, value: Value, into: Value) -> None:
        """Copy a value's numbers, in a part if one is being written."""
        names = [self.name(into), self.name(value)]
        if self._part.lines and value.shape and value in self.memory.slots:
            self._part.add(f"{names[0]}[:] = {names[1]}", names)
        else:
            self._end_part()
            self.source.body.append(f"np.copyto({', '.join(names)})")

    def _lasts(self, root: Value) -> bool:
        """Whether a value lies in the same place in every step."""
        memory = self.memory
        return (
            root in memory.slots
            or root in memory.homes
            or (root in self.program.inputs and root not in self.given)
            or (root in self.program.constants)
        )

    def _into(self, instruction: Instruction) -> str:
        if instruction.function in (product, added_product):
            return self._prepared_product(instruction)
        function, out = instruction.function, self.name(instruction.output)
        if isinstance(function, Mask):
            arguments = ", ".join([*self._arguments(instruction), f"out={out}", "casting='unsafe'"])
            return f"{self._function(function.comparison)}({arguments})"
        if _is_mask_of_bits(instruction):
            condition, x, _ = self._arguments(instruction)
            bits = f".view('i{instruction.output.dtype.itemsize}')"
            return f"np.multiply({x}{bits}, {condition}, out={out}{bits})"
        if function in _INTO:
            return _INTO[function].format(*self._arguments(instruction), out=out)
        return f"{self._function(function)}({', '.join([*self._arguments(instruction), f'out={out}'])})"

    def _kernel(self, kernel: Kernel) -> None:
        """A kernel takes its inputs, and then the outputs that do not lie where an input does."""
        shared = {y: self.memory.heirs[y] for y in kernel.outputs if y in self.memory.heirs}
        given = [*kernel.inputs, *(y for y in kernel.outputs if y not in shared)]
        text, constants = kernel.source(shared)
        name = self._part.kernel(text)
        found = [self._as_rows(kernel, value) for value in given]
        arguments = [*(text for text, _ in found), *map(self._part.constant, constants)]
        self._part.add(f"{name}({', '.join(arguments)})", [of for _, of in found])

    def _as_rows(self, kernel: Kernel, value: Value) -> tuple[str, str]:
        """An array as a kernel takes it, and the name of the array that is given to the part for it."""
        root, name = self.memory.roots[value], self.name
        is_made = not (self._lasts(root) or root in self.given or value.is_number)
        is_whole = value.bytes == root.bytes and all(x.is_number or x.like.flags.c_contiguous for x in (value, root))
        if is_made and kernel.kinds[value] == "one":
            text = f"np.asarray({name(value)})"  # a function makes a scalar of what has no axes
        elif is_whole and type(kernel) is Kernel and not self._lasts(root):
            return kernel.text(value, name(root), root.shape), name(root)
        else:
            text = kernel.text(value, name(value), value.shape)
        found = text if text == name(value) else self._alias(f"{name(value)}_{kernel.kinds[value]}_", text, value)
        return found, found

    def _alias(self, alias: str, text: str, value: Value) -> str:
        """A name for a view of a value: made once, or before the part that is being written."""
        lines = self.source.setup if self._lasts(self.memory.roots[value]) else self.source.body
        if f"{alias} = {text}" not in lines:
            lines.append(f"{alias} = {text}")
        return alias

    def _as_matrix(self, value: Value) -> tuple[str, str]:
        """The same for a product: what is given, transposed there if need be."""
        root = self.memory.roots[value]
        turned = root.like.T
        is_turned = turned.shape == value.shape and turned.strides == value.like.strides and root is not value
        if is_turned and not self._lasts(root):
            return f"{self.name(root)}.T", self.name(root)
        return self.name(value), self.name(value)

    def _product(self, instruction: Instruction) -> None:
        """BLAS's own call in a part."""
        value, (c, a, b, alpha, beta) = instruction.output, _terms(instruction)
        if c is not None and self.memory.homes.get(value) is not c:
            self._copy(c, value)
        numbers = [self.name(x) for x in (alpha, beta) if isinstance(x, Value)]
        (first, of_a), (second, of_b) = map(self._as_matrix, (a, b))
        gemm = self._gemm(value)
        texts = [gemm, self._text(alpha), first, second, self._text(beta), self.name(value)]
        self._part.add(f"product({', '.join(texts)})", [gemm, of_a, of_b, self.name(value), *numbers])

    def _prepared_product(self, instruction: Instruction) -> str:
        """The same without a part: all that stays the same is prepared."""
        value, (c, a, b, alpha, beta) = instruction.output, _terms(instruction)
        given = {name: x for name, x in (("a", a), ("b", b)) if not self._lasts(self.memory.roots[x])}
        found = [self._known("like", x.like) if x in given.values() else self.name(x) for x in (a, b)]
        self.products += 1
        name = f"product{self.products}_"
        arguments = ", ".join([self._gemm(value), *found, self.name(value), repr("".join(given))])
        self.source.setup.append(f"{name} = {self._known('Product', blas.Product)}({arguments})")
        call = f"{name}({', '.join([self._text(alpha), self._text(beta), *map(self.name, given.values())])})"
        is_in_place = c is None or self.memory.homes.get(value) is c
        return call if is_in_place else f"np.copyto({self.name(value)}, {self.name(c)}); {call}"

    def _gemm(self, value: Value) -> str:
        name = "dgemm" if value.dtype == np.float64 else "sgemm"
        self.source.names[name] = blas.gemm(name)
        return name

    def _call(self, instruction: Instruction) -> str:
        arguments = self._arguments(instruction)
        if instruction.function in _INFIX:
            return f"{arguments[0]} {_INFIX[instruction.function]} {arguments[1]}"
        if instruction.function is operator.getitem:
            return f"{arguments[0]}[{arguments[1]}]"
        if instruction.function is operator.neg:
            return f"-{arguments[0]}"
        if instruction.function in (np.reshape, np.swapaxes, np.transpose):  # the method takes a fifth of the time
            return f"{arguments[0]}.{instruction.function.__name__}({', '.join(map(_unnamed, arguments[1:]))})"
        return f"{self._function(instruction.function)}({', '.join(arguments)})"

    def _arguments(self, instruction: Instruction) -> list[str]:
        named = [f"{name}={self._text(value)}" for name, value in instruction.options.items()]
        return [*map(self._text, instruction.args), *named]

    def _text(self, tree: Any) -> str:
        """An argument as source."""
        if isinstance(tree, Value):
            return self.name(tree)
        if type(tree) in (list, tuple):
            inner = ", ".join(map(self._text, tree)) + ("," if len(tree) == 1 else "")
            return f"[{inner}]" if isinstance(tree, list) else f"({inner})"
        if isinstance(tree, slice):
            return f"slice({', '.join(map(self._text, (tree.start, tree.stop, tree.step)))})"
        if (
            tree is Ellipsis
            or tree is None
            or type(tree) in (int, str, bool)
            or (type(tree) is float and np.isfinite(tree))
        ):
            return repr(tree) if tree is not Ellipsis else "..."
        if isinstance(tree, np.dtype):
            return f"np.dtype({tree.str!r})"
        return self._known(getattr(tree, "__name__", type(tree).__name__), tree)

    def _function(self, function: Any) -> str:
        name, owner = getattr(function, "__name__", ""), getattr(function, "__self__", None)
        ufunc = getattr(owner, "__name__", "")
        if isinstance(owner, np.ufunc) and vars(np).get(ufunc) is owner:
            return f"np.{ufunc}.{name}"
        if getattr(np, name, None) is function:
            return f"np.{name}"
        return self._known(name or type(function).__name__, function)

    def _known(self, name: str, thing: Any) -> str:
        """A name for something that the source takes for granted."""
        name = re.sub(r"\W+", "_", name).strip("_") or "function"
        names, found = self.source.names, name
        while found in self._taken and names.get(found) is not thing:
            found = f"{found}_"
        self._taken.add(found)
        names[found] = thing
        return found


def _terms(instruction: Instruction) -> tuple[Any, ...]:
    """c, a, b, alpha and beta of alpha a @ b + beta c; c is None where nothing is added to."""
    return instruction.args if instruction.function is added_product else (None, *instruction.args, 1.0, 0.0)


def _is_mask_of_bits(instruction: Instruction) -> bool:
    """Whether x or 0 is chosen, which a product of x's bits with 0 or 1 does several times as fast."""
    if instruction.function is not np.where:
        return False
    condition, x, other = instruction.args
    if not (isinstance(x, Value) and isinstance(condition, Value)) or x.is_number or type(other) not in (int, float):
        return False
    alike = x.dtype == instruction.output.dtype and x.dtype.kind == "f" and x.dtype.itemsize <= 8
    return alike and condition.dtype == bool and str(other) in ("0", "0.0")


def _unnamed(argument: str) -> str:
    """An argument by its place: methods have other names for them."""
    return argument.partition("=")[2] or argument


def _buffer(value: Value, slot: int) -> str:
    """The expression of a value's array in a buffer, in the order that the value has."""
    count, dtype = value.bytes, value.dtype.str
    axes = sorted(range(len(value.shape)), key=lambda axis: (-abs(value.like.strides[axis]), axis))
    shape = tuple(value.shape[axis] for axis in axes)
    text = f"buffer{slot}[:{count}].view({dtype!r}).reshape({shape})"
    return text if axes == sorted(axes) else f"{text}.transpose({tuple(np.argsort(axes).tolist())})"
