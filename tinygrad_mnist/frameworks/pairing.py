"""Two programs' losses side by side: how many digits agree, and where they part and why."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tinygrad_mnist.frameworks.running import OURS, Classroom, Found, Framework, Orders, backend
from tinygrad_mnist.frameworks.tasks import Array, Task

DIGITS = 4
"""So many digits of the losses agree in an epoch, where the programs compute the same."""

ROUNDING = 1e-6
"""The largest difference in float64 that is no other formula: settings such as a learning rate may be float32."""

KNOWN: Mapping[tuple[str, str], tuple[str, str]] = {
    ("keras", "Adam"): (
        "Keras adds Adam's ε to √v, we and PyTorch to √(v / (1 - β₂ᵗ)), as the paper's algorithm 1",
        "conventions.keras_adam(rounded={rounded})",
    )
}
"""For a framework's key and a word of a task's title: a convention that is its own, and what makes ours follow it."""


@dataclass(frozen=True)
class Parting:
    """Where two programs' losses part, and why.

    step: the first whose losses differ in the first DIGITS digits. layer: the parameter that parts first.
    words: why. is_explained: whether that is rounding, or a convention, with which ours gives the same losses.
    """

    step: int
    layer: str
    words: str
    is_explained: bool

    def __str__(self) -> str:
        return f"part at step {self.step:,}, first in {self.layer}: {self.words}"


def differences(ours: Array, other: Array) -> Array:
    """How far losses are apart, step by step, relative to the larger; infinite where only one is a finite number."""
    with np.errstate(invalid="ignore", over="ignore"):
        apart = np.abs(ours - other) / np.maximum(np.abs(ours), np.abs(other))
    apart[(ours == other) | (np.isnan(ours) & np.isnan(other))] = 0
    return np.where(np.isnan(apart), np.inf, apart)


def digits(apart: Array) -> float:
    """How many digits agree, of the worst of some differences; infinite where all are 0."""
    worst = float(apart.max(initial=0))
    return max(0.0, -math.log10(worst)) if worst else math.inf


def parting_step(apart: Array) -> int | None:
    """The first step, counted from 1, whose losses don't agree in DIGITS digits."""
    parted = np.flatnonzero(apart >= 10.0**-DIGITS)
    return int(parted[0]) + 1 if len(parted) else None


@dataclass(frozen=True)
class Explaining:
    """Runs a program and ours again, shorter or in float64, to find why their losses part in the first epoch."""

    classroom: Classroom
    task: Task
    framework: Framework
    programs: Mapping[str, Path]
    seed: int = 0

    def explain(self, step: int) -> Parting:
        """Why they part at a step."""
        (ours, other), first = self._run(1, "float64"), self._first_weights("float64")
        if differences(ours.losses, other.losses)[0] > ROUNDING:
            words = f"the first loss is {other.losses[0]:.6g}, and ours {ours.losses[0]:.6g}: the forward pass or loss"
            return Parting(step, "the loss", words, False)
        moved = self._moved(first, ours.weights, other.weights)
        most = max(moved.values())
        if most > ROUNDING:
            wrong = [name for name, apart in moved.items() if apart > max(ROUNDING, most / 100)]
            layer = wrong[-1]  # the last layer's gradient comes first
            return self._of_another_formula(step, layer, wrong, self._moves(first, ours, other, wrong))
        ours, other = self._run(self._epoch, "float64")
        apart = differences(ours.losses, other.losses)
        if (later := parting_step(apart)) is None:
            layer = self._layer(step, "float32")
            words = f"rounding that grows; in float64 {shown_digits(digits(apart))} digits agree over the epoch"
            return Parting(step, layer, words, True)
        return self._of_another_formula(later, self._layer(later, "float64"), [], "not from the first step on")

    def _of_another_formula(self, step: int, layer: str, wrong: Sequence[str], seen: str) -> Parting:
        """A convention that makes ours give the same losses, or else what is seen."""
        for (key, word), (words, call) in KNOWN.items():
            if key == self.framework.key and word in self.task.title:
                call = call.format(rounded=backend() == "tensorflow")
                following = f"from tinygrad_mnist.frameworks import conventions; {call}"
                ours, other = self._run(self._epoch, "float64", following)
                agreed = digits(differences(ours.losses, other.losses))
                if agreed >= DIGITS:
                    proof = f"{words}; ours with it agrees in {shown_digits(agreed)} digits"
                    return Parting(step, layer, proof, True)
        return Parting(step, layer, f"another formula for {', '.join(wrong) or layer}: {seen}", False)

    @property
    def _epoch(self) -> int:
        """The steps that are compared: those of an epoch, or all of them where an epoch is one."""
        return compared_steps(self.task, self.classroom.count)

    def _run(self, steps: int, dtype: str, also: str = "") -> tuple[Found, Found]:
        """Ours and the other after so many steps."""
        whole = self.classroom.count
        orders = Orders(self.task.examples(steps, whole), 1 if self.task.batch else steps, dtype)
        doubles = {f.key: f.double for f in (OURS, self.framework)} if dtype == "float64" else {}
        first = {**doubles, OURS.key: "; ".join(filter(None, (doubles.get(OURS.key), also)))}
        found = self.classroom.run(self.task, self.programs, orders, self.seed, first)
        return found[OURS.key], found[self.framework.key]

    def _first_weights(self, dtype: str) -> list[Array]:
        return [w.astype(dtype) for w in self.task.initialise(np.random.default_rng(self.seed))]

    def _layer(self, step: int, dtype: str) -> str:
        """The parameter that is furthest apart before a step, relative to how far it has moved."""
        if step == 1:
            return "the loss"
        ours, other = self._run(step - 1, dtype)
        moved = self._moved(self._first_weights(dtype), ours.weights, other.weights)
        return max(moved, key=moved.__getitem__)

    def _moved(self, first: Sequence[Array], ours: Sequence[Array], other: Sequence[Array]) -> dict[str, float]:
        """For each parameter the distance of the two, relative to how far ours has moved."""
        return {
            name: _norm(a - b) / max(_norm(a - w), np.finfo(np.float64).tiny) if _norm(a - b) else 0.0
            for name, w, a, b in zip(self.task.names, first, ours, other, strict=True)
        }

    def _moves(self, first: Sequence[Array], ours: Found, other: Found, wrong: Sequence[str]) -> str:
        """How far the other goes, in a step, where we go 1."""
        moved = zip(self.task.names, first, ours.weights, other.weights, strict=True)
        lengths = {name: _norm(b - w) / max(_norm(a - w), np.finfo(np.float64).tiny) for name, w, a, b in moved}
        if np.ptp([*lengths.values()]) < 1e-3 * max(lengths.values()) and len(wrong) == len(lengths):
            return f"all of them move {np.mean([*lengths.values()]):.4g} times as far (rate, or sum and mean)"
        return f"the first step moves {', '.join(f'{name} {lengths[name]:.4g}' for name in wrong)} times as far"


def compared_steps(task: Task, examples: int) -> int:
    """The steps of an epoch, or all of them where an epoch is one."""
    return task.steps(examples) if task.batch else task.epochs


def shown_digits(number: float) -> str:
    """Digits that agree, as they are printed: cut, not rounded."""
    return "all" if math.isinf(number) else f"{math.floor(10 * number) / 10:.1f}"


def _norm(array: Array) -> float:
    return float(np.linalg.norm(array.ravel()))


@dataclass(frozen=True)
class Row:
    """A framework's program for a task, beside ours. lines: of code. digits, parting: None for our own."""

    framework: Framework
    found: Found
    lines: int
    apart: Array
    parting: Parting | None

    @property
    def seconds(self) -> float:
        """Of an epoch: the median of those after the first, in which some compile."""
        return float(np.median(self.found.seconds[1:] if len(self.found.seconds) > 1 else self.found.seconds))


@dataclass(frozen=True)
class Comparison:
    """A task in every framework that is there, ours first."""

    task: Task
    rows: tuple[Row, ...]
    examples: int

    @property
    def compared(self) -> int:
        """How many steps the digits of the first epoch are about."""
        return compared_steps(self.task, self.examples)

    def digits(self, row: Row, steps: int | None = None) -> float:
        """In how many digits the losses of so many first steps agree with ours; by default of all."""
        return digits(row.apart[:steps])

    def times(self, row: Row) -> float:
        """How many times our time of an epoch it takes."""
        return row.seconds / self.rows[0].seconds

    @property
    def is_explained(self) -> bool:
        """Whether every program agrees with ours, or parts from it for a reason that is no mistake."""
        return all(row.parting is None or row.parting.is_explained for row in self.rows)


def compare(classroom: Classroom, task: Task, frameworks: Sequence[Framework], seed: int = 0) -> Comparison:
    """A task in our program and in those of the frameworks that have one; raises ProgramError where one fails."""
    programs = {f.key: f.program(task) for f in frameworks if f.program(task).exists()}
    found = classroom.run(task, programs, Orders(classroom.count, task.epochs), seed)
    steps, rows = compared_steps(task, classroom.count), []
    for framework in (f for f in frameworks if f.key in programs):
        apart = differences(found[OURS.key].losses, found[framework.key].losses)
        step = parting_step(apart[:steps])
        both = {key: programs[key] for key in (OURS.key, framework.key)}
        parting = Explaining(classroom, task, framework, both, seed).explain(step) if step else None
        rows.append(Row(framework, found[framework.key], lines_of_code(programs[framework.key]), apart, parting))
    return Comparison(task, tuple(rows), classroom.count)


def lines_of_code(program: Path) -> int:
    """The lines with code: without blank ones, comments and the docstrings."""
    import ast
    import io
    import tokenize

    text = program.read_text(encoding="utf-8")
    skipped = (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER)
    tokens = [t for t in tokenize.generate_tokens(io.StringIO(text).readline) if t.type not in skipped]
    code = {line for t in tokens for line in range(t.start[0], t.end[0] + 1)}
    owners = (n for n in ast.walk(ast.parse(text)) if isinstance(n, ast.Module | ast.ClassDef | ast.FunctionDef))
    first = (owner.body[0] for owner in owners if ast.get_docstring(owner) is not None)
    return len(code - {line for node in first for line in range(node.lineno, (node.end_lineno or 0) + 1)})
