"""The steps of a kernel, and the passes over a row in which they are computed."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_mnist.compiler.program import Value

HEAVY = {np.exp, np.log, np.log1p, np.expm1, np.tanh, np.sin, np.cos}
"""Functions that NumPy computes many of at once, and a kernel else one after the other."""

SLOW = {*HEAVY, np.divide, np.reciprocal, np.sqrt}
"""Functions whose results are kept for a later pass over a row, rather than computed again."""


@dataclass(frozen=True, eq=False)
class Step:
    """An instruction in a kernel: a function of operands, element by element, or the name of a reduction of them.

    kind: of its result. stage: the pass over a row in which it is computed, or, for a row's, before which.
    over: of a reduction, the pass in which its numbers are met; start: what it begins with, if that is given.
    """

    function: Any
    operands: tuple[Any, ...]
    output: Value
    kind: str
    stage: int
    over: int | None = None
    start: Any = None

    @property
    def reads_in(self) -> int:
        """The pass in which its operands are read, or, for a row's, before which."""
        return self.stage if self.over is None else self.over

    @property
    def is_for_each(self) -> bool:
        """Whether something is done for each element, and not once for a row, a column or all."""
        return self.over is not None or self.kind == "each"


def read_by(steps: Sequence[Step]) -> list[Value]:
    """The values that steps read and do not make, in order."""
    made = {step.output for step in steps}
    operands = (x for step in steps for x in step.operands)
    return [*dict.fromkeys(x for x in operands if isinstance(x, Value) and x not in made)]


def kept_for_later(steps: Sequence[Step], outputs: Collection[Value]) -> list[Value]:
    """Each's values that a later pass needs, and that are put out or take long: all else is computed again."""
    makers: dict[Any, Step] = {step.output: step for step in steps if step.kind == "each"}
    late = [x for step in steps for x in step.operands if x in makers and makers[x].stage < step.reads_in]
    kept: dict[Value, None] = {}
    for x in late:
        if x in outputs or makers[x].function in SLOW:
            kept[x] = None
        else:
            late += [y for y in makers[x].operands if y in makers and y not in late]
    return [*kept]


def steps_of_pass(steps: Sequence[Step], stage: int, kept: Collection[Value]) -> list[Step]:
    """What is done for each element in a pass, with what that needs of earlier passes and is not kept."""
    makers: dict[Any, Step] = {step.output: step for step in steps if step.kind == "each"}
    waiting = [step for step in steps if step.is_for_each and step.reads_in == stage]
    found = {step.output for step in waiting}
    for step in waiting:
        again = [x for x in step.operands if x in makers and x not in kept and x not in found]
        waiting += [makers[x] for x in again]
        found.update(again)
    return [step for step in steps if step.output in found]


def kind_of(shape: tuple[int, ...], domain: tuple[int, ...]) -> str | None:
    """The kind of an array of a shape in a domain; None for one that does not fit."""
    *rows, columns = domain
    kinds = {(*rows, 1): "row"} if rows else {}
    return (kinds | {(): "one", (columns,): "column", (*(1 for _ in rows), columns): "column", domain: "each"}).get(
        shape
    )
