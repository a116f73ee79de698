"""A plan in words: the instructions with their shapes, what each pass changed, and where the values lie."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_mnist.compiler.kernels.kernel import Kernel
from tinygrad_mnist.compiler.memory import Memory
from tinygrad_mnist.compiler.program import Instruction, Program, Value, mapped
from tinygrad_mnist.compiler.writing.naming import Names
from tinygrad_mnist.shown import Printed

WIDTH, INDENT = 100, 60


class Listing:
    """The stages of a program. names: what the values are called, in all stages and in the source."""

    def __init__(self, stages: Sequence[tuple[str, Program]], names: Names) -> None:
        self.stages, self._name = stages, names.name

    def whole(self, memory: Memory) -> str:
        """The program as it was captured; of each pass what went and what came; and the plan, with its memory."""
        (_, program), *passes = self.stages
        text, idle = [_title("captured", program), *self._lines(program)], []
        for name, after in passes:
            words, changes = name.replace("_", " "), self._changes(program, after)
            if changes:
                text += ["", _title(f"after {words}", after), *changes]
            else:
                idle.append(words)
            program = after
        text += ["", f"nothing to do: {', '.join(idle)}"] if idle else []
        text += ["", _title("the plan", program), *self._lines(program, memory)]
        text += [f"copied at the end: {self._name(state)} ← {self._name(new)}" for state, new in memory.copied.items()]
        return "\n".join(text) + "\n"

    def _changes(self, before: Program, after: Program) -> list[str]:
        old, new = self._lines(before), self._lines(after)
        gone, come = set(old) - set(new), set(new) - set(old)
        return [f"- {line}" for line in old if line in gone] + [f"+ {line}" for line in new if line in come]

    def _lines(self, program: Program, memory: Memory | None = None) -> list[str]:
        return [self._line(each, memory) for each in program.instructions]

    def _line(self, instruction: Instruction, memory: Memory | None) -> str:
        call = f"{', '.join(map(self._name, instruction.outputs))} = {self._call(instruction)}"
        call = call if len(call) <= WIDTH else call[: WIDTH - 1] + "…"
        facts = [f"{_form(x)}  {self._home(x, memory) if memory else ''}".rstrip() for x in instruction.outputs]
        if len(facts) == 1 and len(call) <= INDENT:
            return f"{call:<{INDENT}}  {facts[0]}"
        each = [f"{'':<{INDENT}}  {self._name(x)} {fact}" for x, fact in zip(instruction.outputs, facts, strict=True)]
        return "\n".join([call, *each])

    def _call(self, instruction: Instruction) -> str:
        arguments = [*map(self._word, instruction.args)]
        arguments += [f"{name}={self._word(value)}" for name, value in instruction.options.items()]
        function: Any = instruction.function
        owner = function.__self__.__name__ if isinstance(getattr(function, "__self__", None), np.ufunc) else ""
        steps = (
            f"[{', '.join(_name(step.function) for step in function.steps)}]" if isinstance(function, Kernel) else ""
        )
        return f"{owner and owner + '.'}{_name(function)}{steps}({', '.join(arguments)})"

    def _word(self, tree: Any) -> str:
        names = mapped(tree, lambda x: Printed(self._name(x)) if isinstance(x, Value) else x)
        return repr(names)

    def _home(self, value: Value, memory: Memory) -> str:
        if value in memory.homes:
            return f"in {self._name(memory.homes[value])}"
        if memory.roots[value] is not value:
            return f"a view of {self._name(memory.roots[value])}"
        return f"buffer {memory.slots[value]}" if value in memory.slots else ""


def _name(function: Any) -> str:
    return function if isinstance(function, str) else getattr(function, "__name__", type(function).__name__)


def _form(value: Value) -> str:
    return "number" if value.is_number else f"{value.shape} {value.dtype}"


def _title(name: str, program: Program) -> str:
    return f"{name} · {len(program.instructions)} instructions"
