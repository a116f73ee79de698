"""A learner's program tried in every convention and style that is plausible, and what it gives in those that fit."""

from __future__ import annotations

import traceback
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np

from .arguments import Style
from .conventions import Convention, Values
from .program import Call, Program
from .returned import Reading, fits, read
from .roles import parameters

KEPT = 4
"""So many attempts that fit equally well are judged."""

Networks = Mapping[int, Sequence[Values]]
"""The networks to call it on, by their number of layers; in columns."""


@dataclass(frozen=True)
class Task:
    """What is asked: conventions that may be tried (asked: those that the learner's settings admit), depth, λ.

    function, forward, of_class: names in the learner's file; forward may be a function.
    """

    networks: Networks
    asked: Sequence[Convention]
    others: Sequence[Convention]
    depth: int | None = None
    l2: float | None = None
    function: str | None = None
    forward: Any = None
    of_class: str | None = None

    def plain(self) -> dict[str, Any]:
        """In dicts, lists and arrays alone, as it is sent to another process."""
        sent = {field.name: getattr(self, field.name) for field in fields(self)}
        return sent | {name: [asdict(c) for c in sent[name]] for name in ("asked", "others")}

    @classmethod
    def of(cls, sent: Mapping[str, Any]) -> Task:
        """As it was before `plain`."""
        return cls(**{**sent, **{name: [Convention(**c) for c in sent[name]] for name in ("asked", "others")}})


@dataclass
class Attempt:
    """A way of calling, and what came of it on the networks so far, by their number."""

    depth: int
    convention: Convention
    style: Style
    calls: dict[int, Call]

    def read(self, networks: Sequence[Values]) -> list[Reading]:
        """How what its calls left behind may be read: by the network whose sizes tell, first of all."""
        numbers = sorted(self.calls, key=lambda number: number != TELLS)
        ran = [(call.ran, networks[number]) for number in numbers for call in [self.calls[number]] if call.ran]
        return read([r for r, _ in ran], [values for _, values in ran], self.convention)

    def fitting(self, networks: Sequence[Values]) -> int:
        """How many gradients have their parameters' shapes."""
        reading = self.read(networks)[0]
        count = 0
        for i, call in self.calls.items():
            try:
                arrays = reading.arrays(call.ran) if call.ran else []
            except (TypeError, ValueError):
                continue
            count += sum(
                fits(a, r, networks[i], self.convention) for a, r in zip(arrays, parameters(self.depth), strict=False)
            )
        return count

    def far(self, program: Program) -> tuple[int, int]:
        """On how many networks it runs, and how far down in the learner's code it came where it does not."""
        lines = [_line(call.error, program) for call in self.calls.values() if call.error]
        return sum(call.error is None for call in self.calls.values()), max(lines, default=0)


TELLS = 1
"""The network whose sizes are all different: what fits there fits by no chance."""


def attempts(program: Program, task: Task, conventions: Sequence[Convention]) -> list[Attempt]:
    """Those that fit best, the usual ones first: called on every network."""
    tried: list[tuple[tuple[int, ...], Attempt]] = []
    for depth in program.depths(task.depth):
        if program.why_not(depth):
            continue
        networks = task.networks[depth]
        tells = min(TELLS, len(networks) - 1)
        for style in program.styles():
            for convention in conventions:
                if program.network and not program.network.agrees(convention):
                    continue
                call = program.call(networks[tells], depth, convention, style)
                attempt = Attempt(depth, convention, style, {tells: call})
                tried.append((_rank(attempt, program, networks), attempt))
    if not tried:
        return []
    whole = [t for t in tried if t[0][1] and t[0][0] == 2 * t[1].depth]
    chosen = [a for _, a in whole] or [a for _, a in sorted(tried, key=lambda t: t[0], reverse=True)][: 3 * KEPT]
    for attempt in chosen:
        networks = task.networks[attempt.depth]
        for i, values in enumerate(networks):
            if i not in attempt.calls:
                attempt.calls[i] = program.call(values, attempt.depth, attempt.convention, attempt.style)
    ranks = [_rank(a, program, task.networks[a.depth]) for a in chosen]
    best = max(ranks)
    return [a for rank, a in zip(ranks, chosen, strict=True) if rank == best or not whole][:KEPT]


def _rank(attempt: Attempt, program: Program, networks: Sequence[Values]) -> tuple[int, ...]:
    return (attempt.fitting(networks), *attempt.far(program))


def outcomes(attempt: Attempt, program: Program, task: Task, file: str | None) -> list[dict[str, Any]]:
    """An attempt as it is judged, in each way to read it: what came of it on each network, and what is to be said."""
    networks = task.networks[attempt.depth]
    again = program.call(networks[0], attempt.depth, attempt.convention, attempt.style)
    found = []
    for reading in attempt.read(networks):
        on_each = [_outcome(attempt.calls[i], reading, file) for i in range(len(networks))]
        on_each[0]["varies"] = _varies(on_each[0], _outcome(again, reading, file))
        found.append(
            {
                "depth": attempt.depth,
                "convention": asdict(attempt.convention),
                "outcomes": on_each,
                "notes": [reading.note] if reading.note else [],
                "l2": program.default_l2(),
            }
        )
    return found


def _varies(first: Mapping[str, Any], again: Mapping[str, Any]) -> bool:
    if "arrays" not in first:
        return False
    return "arrays" not in again or not all(
        a.shape == b.shape and np.allclose(a, b, 1e-6, 1e-9, True)
        for a, b in zip(first["arrays"], again["arrays"], strict=True)
    )


def _outcome(call: Call, reading: Reading, file: str | None) -> dict[str, Any]:
    """What became of one call: its "arrays", or the problem in words, and which arguments it "changed"."""
    changed = [] if reading.steps else list(call.changed)
    if call.ran is None:
        return {"raised": what_went_wrong(call.error, file), "changed": changed}
    try:
        return {"arrays": reading.arrays(call.ran), "changed": changed}
    except (TypeError, ValueError) as error:
        return {"returned": str(error), "changed": changed}


def _line(error: BaseException | None, program: Program) -> int:
    """The last line that was reached in the backward pass, counted after all of the forward pass's."""
    if error is None:
        return 0
    far = 0
    frame = error.__traceback__
    while frame:
        code = frame.tb_frame.f_code
        for number, function in ((1, program.forward), (2, program.backward)):
            if function is not None and code is getattr(function, "__code__", None):
                far = max(far, number * 100_000 + frame.tb_lineno)
        frame = frame.tb_next
    return far


def what_went_wrong(error: BaseException | None, file: str | None) -> dict[str, Any]:
    """An exception in words, with the last line of the learner's own file that it went through."""
    frames = traceback.extract_tb(error.__traceback__ if error else None)
    own = [(f.lineno, f.line) for f in frames if file and f.filename == file]
    line, text = own[-1] if own else (None, None)
    if isinstance(error, SyntaxError) and error.filename == file:
        line, text = error.lineno, (error.text or "").strip()
    message = error.msg if isinstance(error, SyntaxError) else str(error)
    return {"type": type(error).__name__, "message": message, "line": line, "text": text}
