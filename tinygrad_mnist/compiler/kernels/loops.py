"""The loop of a kernel, written in Python: over rows, in several passes over each, and then over columns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tinygrad_mnist.compiler.kernels.expressions import Expressions, start_of
from tinygrad_mnist.compiler.kernels.steps import Step, kept_for_later, read_by, steps_of_pass
from tinygrad_mnist.compiler.program import Value


class Loop:
    """Writes a loop.

    kinds: of all values. places: the parameters in which inputs and outputs lie. constants: what is given after these.
    """

    def __init__(self, steps: Sequence[Step], kinds: dict[Value, str], places: dict[Value, str]) -> None:
        self.steps, self.kinds, self.places = steps, kinds, places
        self.inputs = read_by(steps)
        self.names = {x: places[x] if x.is_number else f"a{places[x][1:]}" for x in self.inputs}
        self.names |= {step.output: f"v{i}" for i, step in enumerate(steps)}
        self.expressions = Expressions(self.names)
        self.kept = {
            x: f"{places[x]}[i, j]" if x in places else f"row_{self.names[x]}[j]" for x in kept_for_later(steps, places)
        }

    @property
    def constants(self) -> dict[float, str]:
        """The numbers that are given after the arrays, by their names."""
        return self.expressions.constants

    def source(self, size: str, stages: int) -> str:
        """The whole source. size: the expression of the numbers of rows and columns; stages: passes over each row."""
        rows = [f"{self.names[x]} = {self.places[x]}[i]" for x in self._inputs("row")]  # before one is written over
        for stage in range(stages):
            rows += [*self._between(stage), *_block("for j in range(m):", self._pass(stage))]
        rows += self._between(stages)
        lines = [f"n, m = {size}", *self._beginning(), *_block("for i in range(n):", rows), *self._ending()]
        parameters = dict.fromkeys([*self.places.values(), *self.constants.values()])
        return "\n".join([*_block(f"def kernel({', '.join(parameters)}):", lines), ""])

    def _inputs(self, kind: str) -> list[Value]:
        return [x for x in self.inputs if self.kinds[x] == kind and not x.is_number]

    def _computed(self, step: Step) -> str:
        return f"{self.names[step.output]} = {self.expressions.value(step)}"

    def _put_out(self, step: Step, index: str) -> list[str]:
        place = self.places.get(step.output)
        return [f"{place}[{index}] = {self.names[step.output]}"] if place else []

    def _beginning(self) -> list[str]:
        """What is done before the first row."""
        lines = [
            f"{place[:-3]} = np.empty(m, np.{x.dtype.name})" for x, place in self.kept.items() if x not in self.places
        ]
        lines += [f"{self.names[x]} = {self.places[x]}[()]" for x in self._inputs("one")]
        for step in self.steps:
            if step.over is not None and step.kind == "column":
                array = self._column(step.output)
                made = [] if step.output in self.places else [f"{array} = np.empty(m, np.{step.output.dtype.name})"]
                lines += [*made, f"{array}[:] = 0"]
            elif step.over is not None and step.kind == "one":
                lines.append(f"{self.names[step.output]} = {start_of(step)}")
        return lines

    def _column(self, value: Value) -> str:
        return self.places.get(value, f"column_{self.names[value]}")

    def _between(self, stage: int) -> list[str]:
        """What is done between two passes over a row."""
        lines = []
        for step in self.steps:
            if step.kind == "row" and step.over is None and step.stage == stage:
                lines.append(self._computed(step))
            if step.kind == "row" and step.over == stage:
                lines.append(f"{self.names[step.output]} = {start_of(step)}")
            if step.kind == "row" and step.stage == stage:
                lines += self._put_out(step, "i")
        return lines

    def _pass(self, stage: int) -> list[str]:
        """What is done with each element of a row: all is read first, as a result may lie where an operand did."""
        steps = steps_of_pass(self.steps, stage, self.kept)
        lines = [f"{self.names[x]} = {place}" for x in read_by(steps) if (place := self._place(x))]
        for step in steps:
            if step.over is not None:
                is_column = step.kind == "column"
                so_far = f"{self._column(step.output)}[j]" if is_column else self.names[step.output]
                lines.append(self.expressions.reduced(step, so_far))
                continue
            lines.append(self._computed(step))
            if step.stage == stage and step.output in self.places:
                lines += self._put_out(step, "i, j")
            elif step.stage == stage and step.output in self.kept:
                lines.append(f"{self.kept[step.output]} = {self.names[step.output]}")
        return lines

    def _place(self, x: Value) -> str:
        """Where an operand is read in a pass over a row; "" for what is at hand."""
        if x in self.kept:
            return self.kept[x]
        index = {"each": "[i, j]", "column": "[j]"}.get(self.kinds[x])
        return f"{self.places[x]}{index}" if x in self.inputs and index else ""

    def _ending(self) -> list[str]:
        """What is done after the last row: for each column, and once."""
        columns = [step for step in self.steps if step.kind == "column" and step.over is None]
        inner = [f"{self.names[x]} = {self._column(x)}[j]" for x in read_by(columns) if self.kinds[x] == "column"]
        for step in columns:
            inner += [self._computed(step), *self._put_out(step, "j")]
        lines = _block("for j in range(m):", inner)
        for step in self.steps:
            if step.kind == "one":
                lines += [] if step.over is not None else [self._computed(step)]
                lines += self._put_out(step, "()")
        return lines


def _block(head: str, lines: Iterable[str]) -> list[str]:
    """A compound statement; nothing where nothing is in it."""
    body = [f"    {line}" for line in lines]
    return [head, *body] if body else []
