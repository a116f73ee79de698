"""`python -m tinygrad_mnist.grading.watching.comparison`: a program's way back beside autograd's, node by node."""

from __future__ import annotations

import ast
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_mnist.engine.errors import GraphError
from tinygrad_mnist.grading.calling import sealed
from tinygrad_mnist.grading.watching import child, general
from tinygrad_mnist.grading.watching.beside import Beside, Row
from tinygrad_mnist.grading.watching.counterparts import counterparts
from tinygrad_mnist.grading.watching.formulas import COMPARISONS, Formulas, Names, formulas
from tinygrad_mnist.grading.watching.general import Reading
from tinygrad_mnist.grading.watching.graph import Node, in_order, names_of
from tinygrad_mnist.grading.watching.multiples import like, multiple
from tinygrad_mnist.grading.watching.naming import short_name, short_names
from tinygrad_mnist.grading.watching.outputs import one_hot, outputs
from tinygrad_mnist.grading.watching.running import Run
from tinygrad_mnist.grading.watching.source import Source, SourceError, read
from tinygrad_mnist.grading.watching.training import versions_of
from tinygrad_mnist.grading.watching.unfinished import cut_off
from tinygrad_mnist.manual.activations import Array

MODULE = "tinygrad_mnist.grading.watching.comparison"

NO_LOSS = "no loss to differentiate: it computes none that autograd follows, and its output and labels suggest none"
SHARE = 0.5
"""How much of the time limit a program may run for; the rest is for the comparison."""


def compare_program(path: Path, time_limit: float) -> Beside:
    """A program, run in a process of its own, beside autograd of its own forward pass."""
    command = [sys.executable, "-B", "-m", MODULE]
    answer = sealed.run(command, (str(path.resolve()), SHARE * time_limit), time_limit, MODULE)
    if "subject" not in answer:
        return Beside(path.name, problem=next(iter(answer.values())))
    return Beside.from_dict(answer)


def work(task: tuple[str, float]) -> dict[str, Any]:
    """The comparison as a dict."""
    path = Path(task[0])
    try:
        source = read(path)
    except SourceError as error:
        return Beside(path.name, problem=str(error)).to_dict()
    with child.silence(), np.errstate(all="ignore"):
        run, *_ = child.watched(path, source, task[1])
        return compared(run).to_dict()


def compared(run: Run) -> Beside:
    """The first step of a watched training beside autograd."""
    trained = run.steps[:2]
    if not trained and run.error:
        trained = [step for step in (cut_off(run.tape),) if step]
    if not trained:
        return Beside(run.source.name, problem=_why_nothing(run))
    reading = general.read(run.tape, trained[0], versions_of(trained))
    if reading is None:
        return Beside(run.source.name, problem=NO_LOSS)
    return _Comparison.of(reading, run).beside()


def _why_nothing(run: Run) -> str:
    stopped = f": it stopped with {type(run.error).__name__}: {run.error}" if run.error else ""
    return f"no training was seen in it, no array that is updated from its own value and from labels{stopped}"


@dataclass(frozen=True)
class _Comparison:
    """A step with the mean of its loss, and the number of its examples."""

    reading: Reading
    run: Run
    m: int

    @classmethod
    def of(cls, reading: Reading, run: Run) -> _Comparison:
        found = outputs(reading.step)
        hot = one_hot(found[0]) if found else None
        m = round(float(hot.sum())) if hot is not None else 1
        return cls(_as_a_mean(reading, m) if reading.summed else reading, run, m)

    @property
    def parameters(self) -> set[Node]:
        return set(self.reading.step.before.values())

    @property
    def uphill(self) -> bool:
        """Whether negative multiples of the gradients are subtracted, or positive ones added."""
        used = [g for l, g in self.reading.computed.items() if l in self.reading.right]
        return bool(used) and all(g.descends == (self.reading.scale < 0) for g in used)

    def beside(self) -> Beside:
        reading, start = self.reading, self.parameters
        expected = [n for n in reading.expected if n in start or names_of(n)]
        names = short_names(in_order(expected))
        values = [n for n in names if n not in start]
        found = counterparts(reading, values)
        shown = self._in_order([n for n in names if n in found or n in start], values)
        written, notes = self._formulas(shown, names)
        rows = tuple(self._row(node, names, found.get(node), written.of.get(node, "")) for node in shown)
        if reading.right and not np.isclose(reading.scale, 1, rtol=1e-3):
            notes += (f"every gradient is {self._times(reading.scale)} that of this loss, which only changes the step",)
        if self.uphill:
            notes = ("the updates go uphill: they follow the gradient of the loss, and not its negative",)
        return Beside(self.run.source.name, reading.loss, rows, written.where, notes)

    def _in_order(self, nodes: Sequence[Node], values: Sequence[Node]) -> list[Node]:
        """From the loss back: each value, then the parameters that it is made of directly."""
        start = self.parameters
        between = set(self.reading.expected) - start or self.reading.step.forward
        forward = in_order(between)

        def place(node: Node) -> tuple[int, bool, int]:
            if node not in start:
                return -node.index, False, 0
            used = next((n.index for n in forward if node in n.operands), node.index)
            return -next((v.index for v in values if v.index >= used), used), True, used

        return sorted(nodes, key=place)

    def _formulas(self, shown: Sequence[Node], names: Names) -> tuple[Formulas, tuple[str, ...]]:
        reading = self.reading
        nothing = Formulas({}, ())
        if reading.output is None:
            why = f"no formulas, numbers by central differences: autograd can't follow it ({reading.by_differences})"
            return nothing, (why,)
        learned = reading.step.by_parameters
        data = [n for n in self.run.tape.nodes if n not in learned or n.op in COMPARISONS]
        try:
            prediction = next((short_name(o.node) for o in outputs(reading.step)), "")
            return formulas(reading.output, reading.values, shown, names, data, prediction), ()
        except (GraphError, ValueError, TypeError) as error:
            return nothing, (f"no formulas, numbers alone: {error}",)

    def _row(self, node: Node, names: Names, back: Node | None, formula: str) -> Row:
        name = names[node]
        if back is None:
            return Row(name, "", "", "", formula, "not computed", False)
        in_place = back.changes is not None
        called, own = "" if in_place else short_name(back), written(self.run.source, back.line, whole=in_place)
        verdict, equal, difference = self._verdict(back, self.reading.expected[node], node in self.parameters)
        if not equal and difference:
            others = [n for n in names if n is not node and n not in self.parameters]
            of = next((n for n in others if multiple(back.value, self.reading.expected[n]) is not None), None)
            verdict = f"differs: it is ∂L/∂{names[of]}" if of else verdict
        return Row(name, called, own, self.run.source.place(back.line), formula, verdict, equal, difference)

    def _verdict(self, back: Node, expected: Array, of_parameter: bool) -> tuple[str, bool, float | None]:
        """In words, whether it is what it should be, and the largest difference.

        A value on the way may be any multiple of it; the gradients of the parameters must all be the same.
        """
        value = np.asarray(back.value, float)
        if value.size != expected.size:
            return f"differs: {_size(value.shape)}, not {_size(expected.shape)}", False, None
        known = np.isfinite(expected)
        found, right = like(value, expected)[known], expected[known]
        if not np.isfinite(found).all():
            return "differs: not finite", False, None
        largest = float(np.abs(right).max(initial=0))
        factor = multiple(value, expected) if largest else None
        if factor is not None or not (largest or found.any()):
            factor = self.reading.scale if factor is None else factor
            equal = not of_parameter or bool(np.isclose(factor, self.reading.scale, rtol=1e-3))
            equal = equal and not (self.uphill and factor * self.reading.scale > 0)
            return self._times(factor), equal, 0.0
        if not found.any() or not largest:
            return f"differs: {'zero' if largest else 'not zero, as it should be'}", False, 1.0 if largest else None
        scales = {1.0, float(self.m), self.reading.scale}
        difference = min(float(np.abs(found - s * right).max()) / (abs(s) * largest) for s in scales)
        return f"differs by {difference:.2g}", False, difference

    def _times(self, factor: float) -> str:
        known = {1.0: "equal", -1.0: "minus 1 times", float(self.m): "m times", 1.0 / self.m: "1/m times"}
        if factor < 0 and not np.isclose(factor, -1, rtol=1e-3):
            return f"minus {self._times(-factor)}"
        return next((words for f, words in known.items() if np.isclose(factor, f, rtol=1e-3)), f"{factor:.4g} times")


def _as_a_mean(reading: Reading, m: int) -> Reading:
    """A sum over the examples as what its gradients are of: that times a number, the mean where none is known."""
    scale = abs(reading.scale) if reading.right else 1 / m
    over = round(1 / scale)
    output = reading.output
    if output is not None and scale != 1:
        whole = over > 1 and np.isclose(over * scale, 1, rtol=1e-3)
        output = output / over if whole else output * float(f"{scale:.6g}")
    expected = {node: scale * array for node, array in reading.expected.items()}
    return replace(reading, output=output, expected=expected, scale=reading.scale / scale if reading.right else 1.0)


def written(source: Source, line: int, whole: bool = False) -> str:
    """What stands right of the = in the statement that a line is in, on one line; whole: its left side, too."""
    try:
        tree = ast.parse(source.text)
    except SyntaxError:
        return source.line(line)
    innermost = [node for node in ast.walk(tree) if isinstance(node, ast.stmt) and not hasattr(node, "body")]
    around = [s for s in innermost if s.lineno <= line <= (s.end_lineno or s.lineno)]
    if not around:
        return source.line(line)
    statement = around[-1]
    value = statement.value if isinstance(statement, (ast.Assign, ast.AnnAssign, ast.Return)) else None
    segment = ast.get_source_segment(source.text, statement if whole or value is None else value) or source.line(line)
    return " ".join(segment.split())


def _size(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, shape)) or "a number"


if __name__ == "__main__":
    sealed.answer(work)
