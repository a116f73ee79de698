"""Fusion: elementwise chains, and the sums and maxima on their edges, as kernels that pass over their rows once.

A kernel has a domain, the shape of its largest values, seen as rows. Its values are of four kinds: "each", of the
domain's shape; "row", a number for each row; "column", one for each column; and "one". Reductions lead from each to the
others: of a row they are known when the row has been passed over, so that a further pass over the same row may use
them; of columns, or of all, when the last row has been.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from tinygrad_mnist.compiler.functions import COMPARISONS, as_type, has_shape
from tinygrad_mnist.compiler.kernels.expressions import EXPRESSIONS, SINGLE
from tinygrad_mnist.compiler.kernels.kernel import Kernel
from tinygrad_mnist.compiler.kernels.steps import HEAVY, Step, kind_of
from tinygrad_mnist.compiler.passes.exact import draws, without_dead_code
from tinygrad_mnist.compiler.program import Instruction, Program, Value

FEW = 1024
"""Of how many elements exp and its like are worth a kernel; of more NumPy's own is faster, many at once."""

ROWS = 4096
"""How many numbers a kernel adds up one after the other: of more too many digits would be lost."""

Shape = tuple[int, ...]


@dataclass(eq=False)
class Group:
    """Instructions that become one kernel. It comes after all of a lower level, and before what uses it."""

    domain: Shape
    level: int
    known: _Fusion
    made: dict[Value, Step] = field(default_factory=dict)

    def add(self, instruction: Instruction) -> bool:
        """Take an instruction in, if it fits."""
        step = self._reduction(instruction)
        if step is None and not any(map(self._is_view_within, instruction.inputs)):
            step = self._elementwise(instruction)
        if step is None:
            return False
        self.made[step.output] = step
        return True

    def _is_view_within(self, x: Value) -> bool:
        """Whether something is a view of what is made here: in a kernel there is no array to view yet."""
        return x not in self.made and self.known.roots[x] in self.made

    def _kind(self, x: Any) -> str | None:
        """What kind of operand something is; None for what does not fit into the domain."""
        if not isinstance(x, Value) or x.is_number:
            return "one" if isinstance(x, Value | float | int | np.generic) else None
        if x in self.made:
            return self.made[x].kind
        if (x.shape and not x.like.flags.c_contiguous) or not _is_known(x.dtype):
            return None
        return kind_of(x.shape, self.domain)

    def _stage(self, operands: Iterable[Any]) -> int:
        return max((self.made[x].stage for x in operands if x in self.made), default=0)

    def _elementwise(self, instruction: Instruction) -> Step | None:
        operands = instruction.args
        if instruction.function not in EXPRESSIONS or (instruction.options and instruction.function is not np.copy):
            return None
        if instruction.function is as_type:
            operands = operands[:1]
        kinds = [self._kind(x) for x in operands]
        output = instruction.output
        if not _is_exact(instruction):
            return None
        if None in kinds or output.is_number or not _is_known(output.dtype):
            return None
        kind = "each" if "each" in kinds or {"row", "column"} <= {*kinds} else next(
            (k for k in ("row", "column") if k in kinds), "one"
        )  # fmt: skip
        if kind == "one" and not any(x in self.made for x in operands if isinstance(x, Value)):
            return None
        of_a_row = (*self.domain[:-1], 1) if kind == "each" else output.shape  # NumPy aligns what has no last axis
        if any(k == "row" and x.shape != of_a_row for k, x in zip(kinds, operands, strict=True)):
            return None
        if kind == "each" and (output.shape != self.domain or not output.like.flags.c_contiguous):
            return None
        if kind in ("each", "row") and any(self.made[x].kind in ("column", "one") for x in operands if x in self.made):
            return None
        is_slow = instruction.function in HEAVY and not (instruction.function in SINGLE and output.dtype == np.float32)
        if kind == "each" and is_slow and output.like.size > FEW:
            return None
        return Step(instruction.function, operands, output, kind, self._stage(operands))

    def _reduction(self, instruction: Instruction) -> Step | None:
        """A sum or a maximum over each; of products, and of columns, as np.dot writes them too."""
        function, args = instruction.function, instruction.args
        if function is np.dot:
            a, b = args
            if a in self.known.ones and self._is_each(b) and len(b.shape) == 2 and len(b.like) <= ROWS:
                return self._over("column", "add", (b,), instruction)
            flat = [self.known.flat.get(x) for x in args]
            if all(self._is_each(x) for x in flat) and args[0].like.ndim == args[1].like.ndim == 1:
                return self._over("one", "add", tuple(flat), instruction) if args[0].like.size <= ROWS else None
            return None
        name = getattr(getattr(function, "__self__", None), "__name__", "")
        if getattr(function, "__name__", "") != "reduce" or name not in ("add", "maximum", "minimum"):
            return None
        kinds = "fiub" if name == "add" else "fiu"  # ones of a mask are counted
        if instruction.options.keys() - {"axis", "keepdims", "initial"} or not self._is_each(args[0], kinds):
            return None
        axis, last = instruction.options["axis"], len(self.domain) - 1
        axes = (axis,) if isinstance(axis, int) else axis
        if axes is not None and {a % len(self.domain) for a in axes} == {last} and last and self.domain[-1] <= ROWS:
            return self._over("row", name, args, instruction)
        whole = axes is None or {a % len(self.domain) for a in axes} == {*range(len(self.domain))}
        if whole and args[0].like.size <= ROWS and instruction.output.like.ndim == 0:
            return self._over("one", name, args, instruction)
        return None

    def _is_each(self, x: Any, kinds: str = "fiu") -> bool:
        is_array = isinstance(x, Value) and not x.is_number and not self._is_view_within(x)
        return is_array and self._kind(x) == "each" and x.dtype.kind in kinds

    def _over(self, kind: str, name: str, operands: tuple[Any, ...], instruction: Instruction) -> Step:
        stage = self._stage(operands)
        start = instruction.options.get("initial")
        return Step(name, operands, instruction.output, kind, stage + (kind == "row"), over=stage, start=start)


def with_kernels(program: Program) -> Program:
    """Let kernels do what is elementwise, and the sums and maxima on its edges."""
    fusion = _Fusion(program)
    for i, instruction in enumerate(program.instructions):
        fusion.place(i, instruction)
    fusion.merge()
    return without_dead_code(replace(program, instructions=fusion.instructions()))


class _Fusion:
    """How a program is divided into kernels and other instructions, each of a level above those that it needs."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.levels: dict[Value, int] = {}
        self.owners: dict[Value, Group] = {}
        self.groups: list[Group] = []
        self.others: list[tuple[int, bool, int, Instruction]] = []
        self.sources: dict[Group, list[Instruction]] = {}
        self.roots = program.roots()
        self.flat = {  # all numbers of an array in a row
            each.output: each.args[0]
            for each in program.instructions
            if each.function in (np.reshape, np.ravel) and each.is_view and each.output.like.ndim == 1
        }
        self.states = {value: state for state, value in program.updates.items()}
        self.readers: dict[Value, int] = {}
        self.drawn = self.decided = self.sized = 0  # the levels of the last draw, decision and size so far
        self.guarded = {guard.value for guard in program.guards}
        self.users, self.wanted = program.users(), {*program.wanted()}
        self.ones = program.ones()

    def place(self, i: int, instruction: Instruction) -> None:
        """Put an instruction into the kernel of what it reads, into a new one, or by itself."""
        view = instruction.is_view
        group = None if view else self._group(instruction)
        level = group.level if group else max(self._below(instruction) + (not view), self.decided)
        if draws(instruction):  # one after the other
            level = self.drawn = max(level, self.drawn)
        if group:
            self.owners[instruction.output] = group
            self.sources[group].append(instruction)
        else:
            self.others.append((level, view, i, instruction))
        if not self.guarded.isdisjoint(instruction.outputs):  # calls that follow may fail where it is otherwise
            self.decided = max(level, self.decided)
        if instruction.function is has_shape:  # kernels too
            self.sized = level
        self.levels.update(dict.fromkeys(instruction.outputs, level))
        for x in instruction.inputs:
            root = self.roots[x]
            self.readers[root] = max(self.readers.get(root, 0), level)

    def _below(self, instruction: Instruction) -> int:
        """The level that an instruction comes after: what it reads, who reads the state that it renews, sizes."""
        old = [self.readers.get(self.states[value], 0) for value in instruction.outputs if value in self.states]
        return max([self.levels.get(x, 0) for x in instruction.inputs] + [level - 1 for level in old] + [self.sized])

    def _group(self, instruction: Instruction) -> Group | None:
        found = [self.owners[self.roots[x]] for x in instruction.inputs if self.roots[x] in self.owners]
        for group in sorted({*found}, key=lambda group: -group.level):
            inside = [x for x in instruction.inputs if self.owners.get(self.roots[x]) is group]
            outside = [self.levels.get(x, 0) for x in instruction.inputs if x not in inside]
            is_late = max([*outside, self.sized]) < group.level and self._renews_late(instruction, group)
            if is_late and group.add(instruction):
                return group
        for domain in _domains(instruction):
            new = Group(domain, self._below(instruction) + 1, self)
            if new.add(instruction):
                self.groups.append(new)
                self.sources[new] = []
                return new
        return None

    def _renews_late(self, instruction: Instruction, group: Group) -> bool:
        """Whether a group, renewing a state, comes after who reads its old numbers."""
        return all(
            self.readers.get(self.states[value], 0) <= group.level
            for value in instruction.outputs
            if value in self.states
        )

    def merge(self) -> None:
        """Let a kernel whose results another one alone reads be a part of that.

        What is decided by stays early, and what is given back as a view of it stays before that view.
        """
        early = {self.roots[guard.value] for guard in self.program.guards}
        early |= {self.roots[value] for value in self.wanted if self.roots[value] is not value}
        for group in self.groups[:]:
            made = [*group.made]
            using = {self.owners.get(i.output) for v in made for i in self._users(v)} - {group}
            if len(using) != 1 or None in using or early & {*made}:
                continue
            (later,) = using
            assert later is not None
            whole = Group(later.domain, later.level, self)
            parts = self.sources[group] + self.sources[later]
            if all(whole.add(each) for each in parts):
                self.groups.remove(group)
                later.__dict__.update(whole.__dict__)
                self.sources[later] = parts
                self.owners.update(dict.fromkeys(made, later))

    def _users(self, value: Value) -> list[Instruction]:
        """The instructions that read a value, or a view of it."""
        found = []
        for instruction in self.users.get(value, []):
            found += (
                self._users(instruction.output)
                if self.roots[instruction.output] is not instruction.output
                else [instruction]
            )
        return found

    def instructions(self) -> list[Instruction]:
        """Kernels and other instructions, by their levels."""
        units, wanted = list(self.others), {self.roots[x] for x in self.wanted}
        for group in self.groups:
            inside = self.sources[group]
            outputs = tuple(x for x in group.made if x in wanted or not {*self._users(x)}.issubset(inside))
            kernel = Kernel(group.domain, [*group.made.values()], outputs)
            place = self.sources[group][0].place
            units.append((group.level, False, self.program.instructions.index(self.sources[group][0]),
                          Instruction(kernel, tuple(kernel.inputs), {}, outputs, place)))  # fmt: skip
        return [unit for *_, unit in sorted(units, key=lambda unit: unit[:3])]


WHOLE = {np.maximum, np.minimum, np.copy}
"""Functions that numba computes of whole numbers as NumPy does, without making them wider."""


def _is_exact(instruction: Instruction) -> bool:
    """Whether numba gives an instruction's result the kind of number that NumPy does."""
    function, output = instruction.function, instruction.output
    if output.is_number or output.dtype.kind == "f":
        return True
    of = {x.dtype.kind for x in instruction.inputs if not x.is_number}
    if function is as_type:
        return output.dtype.kind in "iu" and not of & {"f"}
    if output.dtype.kind == "b":
        return function in COMPARISONS or function in (np.isfinite, np.isnan) or (
            function in (np.logical_not, np.logical_and, np.logical_or, np.copy) and of == {"b"}
        )  # fmt: skip
    return function in WHOLE and len({x.dtype for x in instruction.inputs if not x.is_number}) == 1


def _is_known(dtype: np.dtype[Any]) -> bool:
    """Whether numba computes with a dtype as NumPy does."""
    return dtype.isnative and dtype.kind in "fbiu" and dtype not in (np.float16, np.longdouble)


def _domains(instruction: Instruction) -> list[Shape]:
    """The domains that a kernel which begins with an instruction may have."""
    arrays = [x for x in (*instruction.inputs, *instruction.outputs) if not x.is_number and x.shape]
    return [max((x.shape for x in arrays), key=lambda shape: (len(shape), math.prod(shape)))] if arrays else []
