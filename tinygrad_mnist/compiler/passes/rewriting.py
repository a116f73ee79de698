"""Rewriting a program instruction by instruction, as many passes do."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from tinygrad_mnist.compiler.passes.exact import without_dead_code
from tinygrad_mnist.compiler.program import Instruction, Pass, Program, Value


class Known:
    """What a rule may ask of the program that it rewrites.

    makers: the instruction that computes each value. constants: the program's, to which a rule may add its own. ones:
    those by which rows are added up.
    """

    def __init__(self, program: Program) -> None:
        self.makers = program.makers()
        self.constants, self.ones = {**program.constants}, program.ones()
        self._once = program.read_once()

    def maker(self, x: Any, *functions: Any) -> Instruction | None:
        """The instruction that makes something, if it calls one of these functions: with options only if it reduces."""
        found = self.makers.get(x) if isinstance(x, Value) else None
        if found is None or found.function not in functions:
            return None
        return found if not found.options or getattr(found.function, "__name__", "") == "reduce" else None

    def own_maker(self, x: Any, *functions: Any) -> Instruction | None:
        """The same, if nothing else reads what it makes."""
        found = self.maker(x, *functions)
        return found if found and x in self._once else None


Rule = Callable[[Known, Instruction], Sequence[Instruction] | None]
"""What stands in the place of an instruction; None for the instruction itself."""


def rewriting(rule: Rule) -> Pass:
    """A pass by a rule for each instruction; what nothing needs after it is left out."""

    @functools.wraps(rule)
    def rewritten(program: Program) -> Program:
        known = Known(program)
        kept: list[Instruction] = []
        for instruction in program.instructions:
            new = rule(known, instruction)
            kept += [instruction] if new is None else new
        return without_dead_code(replace(program, instructions=kept, constants=known.constants))

    return rewritten
