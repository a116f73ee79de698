"""An exercise: a forward pass in NumPy, and its gradients to be filled in one by one, with hints and verdicts."""

from __future__ import annotations

import difflib
import io
import json
import os
import textwrap
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_mnist.files import write_atomically
from tinygrad_mnist.graph.exercises.judging import Key, Verdict, Verdicts, judge
from tinygrad_mnist.graph.exercises.notebook import write_notebook
from tinygrad_mnist.graph.exercises.page import write_exercise
from tinygrad_mnist.screens.cell import cell, line, styled, table

Array = NDArray[Any]


@dataclass(frozen=True)
class Step:
    """A gradient to fill in.

    name: dz2. of: the value whose gradient it is, z2. shape: of both. hints: in growing strength; the last is the
    formula. lines: NumPy source of the solution, the gradient itself last. latex: the formula.
    """

    name: str
    of: str
    shape: tuple[int, ...]
    hints: list[str]
    lines: list[str]
    latex: str


@dataclass(frozen=True, repr=False)
class Hint:
    """One hint of several."""

    name: str
    number: int
    count: int
    text: str

    def __str__(self) -> str:
        return textwrap.fill(f"{self.name}, hint {self.number} of {self.count}: {self.text}", 80)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return cell(line((self.name, "bold"), f", hint {self.number} of {self.count}: {self.text}"))


@dataclass(frozen=True, repr=False)
class Solution:
    """The source that computes a gradient, and the gradient."""

    lines: list[str]
    value: Array

    def __str__(self) -> str:
        return "\n".join(self.lines)

    __repr__ = __str__


@dataclass(repr=False)
class Exercise:
    """Backpropagation by hand through one graph.

    loss: what the value is called that is differentiated. data: the arrays that the forward pass starts from, by name,
    as the graph has them. helpers: source of the
    functions that are called. forward: source of the forward pass, a line for each value, in float64. steps: the
    gradients, in an order in which they can be computed. keys: what answers are judged by.
    """

    title: str
    loss: str
    data: Mapping[str, Array]
    helpers: list[str]
    forward: list[str]
    steps: list[Step]
    keys: Mapping[str, Key] = field(repr=False)
    right: set[str] = field(default_factory=set, init=False)
    hinted: dict[str, int] = field(default_factory=dict, init=False)

    def check(self, name: str | None = None, answer: Any = None, /, **answers: Any) -> Verdict | Verdicts:
        """Judge an answer, check("dz2", dz2), or several, check(dz2=dz2, da1=da1).

        An answer is an array, a tensor or a number; None or … where there is none yet. Says what is wrong with it, and
        never the answer. Raises ValueError for a name that no step has.
        """
        if name is not None:
            answers = {name: answer, **answers}
        keys = {given: self.keys[self._step(given).name] for given in answers}
        verdicts = Verdicts(judge(key, answers[given]) for given, key in keys.items())
        for verdict in verdicts:
            (self.right.add if verdict else self.right.discard)(verdict.name)
        return verdicts[0] if len(verdicts) == 1 else verdicts

    def hint(self, name: str) -> Hint:
        """The next hint for a gradient; the last one again when there are no more."""
        step = self._step(name)
        self.hinted[name] = number = min(self.hinted.get(name, 0) + 1, len(step.hints))
        return Hint(name, number, len(step.hints), step.hints[number - 1])

    def solution(self, name: str) -> Solution:
        """How a gradient is computed, and its value in float64."""
        return Solution(self._step(name).lines, self.keys[name].value)

    def _step(self, name: str) -> Step:
        steps = {step.name: step for step in self.steps}
        if name not in steps:
            near = difflib.get_close_matches(name, steps, 3) or list(steps)
            raise ValueError(f"no gradient of this exercise is called {name!r}: {', '.join(near)}")
        return steps[name]

    @cached_property
    def given(self) -> dict[str, Array]:
        """The data by their names, in float64 where they are floating point."""
        return {x: a.astype(np.float64) if a.dtype.kind == "f" else a for x, a in self.data.items()}

    @cached_property
    def values(self) -> dict[str, Any]:
        """Every value of the forward pass by its name, data first."""
        namespace: dict[str, Any] = {"np": np}
        exec("\n".join(self.helpers), namespace)
        functions = set(namespace)
        namespace |= self.given
        with np.errstate(all="ignore"):
            exec("\n".join(self.forward), namespace)
        return {name: value for name, value in namespace.items() if name not in functions}

    # to do elsewhere, and to keep

    def to_notebook(self, path: str | os.PathLike[str]) -> Path:
        """Write a notebook with a cell for every gradient; returns its path.

        It runs wherever this package is installed: its data are in it, or, where they are large, in an .npz file of its
        name beside it. Raises OSError where a file can't be written.
        """
        return write_notebook(self, Path(path))

    def to_html(self, path: str | os.PathLike[str]) -> Path:
        """Write a page, one file that works offline, in which each gradient is a formula to be typed; returns its path.

        Raises ValueError where the arrays are too large for a page, and OSError where the file can't be written.
        """
        return write_exercise(self, Path(path))

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write everything into an .npz file, from which `load` makes the exercise again, without the graph."""
        write_atomically(Path(path), self.to_bytes())
        return Path(path)

    def to_bytes(self) -> bytes:
        """The contents of that file."""
        words = {
            "title": self.title, "loss": self.loss, "helpers": self.helpers, "forward": self.forward,
            "steps": [asdict(step) for step in self.steps], "data": list(self.data),
            "keys": {name: [list(key.shares), key.scale] for name, key in self.keys.items()},
        }  # fmt: skip
        shares = [share for key in self.keys.values() for share in key.shares.values()]
        arrays: dict[str, Any] = {f"data{i}": array for i, array in enumerate(self.data.values())}
        arrays |= {f"share{i}": array for i, array in enumerate(shares)}
        file = io.BytesIO()
        np.savez_compressed(file, words=np.array(json.dumps(words)), **arrays)
        return file.getvalue()

    @classmethod
    def load(cls, source: str | os.PathLike[str] | bytes) -> Exercise:
        """The exercise that `save` wrote: its path, or its contents. Raises OSError where it can't be read."""
        file = io.BytesIO(source) if isinstance(source, bytes) else source
        with np.load(file, allow_pickle=False) as arrays:
            words = json.loads(str(arrays["words"]))
            data = {name: arrays[f"data{i}"] for i, name in enumerate(words["data"])}
            shares = [arrays[f"share{i}"] for i in range(len(arrays.files) - len(data) - 1)]
        steps = [Step(**{**step, "shape": tuple(step["shape"])}) for step in words["steps"]]
        following, keys = iter(shares), {}
        for step in steps:
            lines, scale = words["keys"][step.name]
            keys[step.name] = Key(step.name, step.of, {line: next(following) for line in lines}, scale)
        return cls(words["title"], words["loss"], data, words["helpers"], words["forward"], steps, keys)

    # to see

    def __str__(self) -> str:
        width = max(len(step.name) for step in self.steps)
        rows = [f"  {self._mark(step)} {step.name:<{width}}  {step.shape or 'a number'}" for step in self.steps]
        head = f"{self.title}\n{len(self.right)} of {len(self.steps)} right"
        return "\n".join([head, "", *(f"  {_narrow(line)}" for line in self.forward), "", *rows])

    __repr__ = __str__

    def _mark(self, step: Step) -> str:
        return "✓" if step.name in self.right else "·"

    def _repr_html_(self) -> str:
        rows = ((styled(step.name, "code"), str(step.shape or "a number"), self._mark(step)) for step in self.steps)
        head = line((self.title, "bold"), f": {len(self.right)} of {len(self.steps)} right")
        return cell(head, table(("gradient", "shape", ""), rows))


def _narrow(line: str, width: int = 78) -> str:
    """A line of source without its remark, where it would be too wide for a terminal."""
    return line if len(line) <= width else line.rpartition("  # ")[0] or line
