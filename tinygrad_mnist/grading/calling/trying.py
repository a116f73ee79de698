"""A learner's program tried in every convention and style that is plausible, and what it gives in those that fit."""

from __future__ import annotations

import traceback
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np

from .containers import Style
from .conventions import Array, Convention, Values, examples, single
from .program import Call, Program
from .returned import Reading, fits, read
from .roles import parameters

LONGEST = 600
"""Characters that are kept of a message, and of a line."""

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


class Attempt:
    """A way of calling a program, and what came of it on the networks so far: a call on each, or for each example."""

    def __init__(
        self, program: Program, networks: Sequence[Values], depth: int, convention: Convention, style: Style
    ) -> None:
        self.program, self.networks = program, networks
        self.depth, self.convention, self.style = depth, convention, style
        self.calls: dict[int, list[Call]] = {}

    def call(self, number: int) -> list[Call]:
        """What comes of calling it on a network."""
        values = self.networks[number]
        each = [values] if self.convention.examples == "batch" else examples(values)
        calls: list[Call] = []
        for one in each:
            calls.append(self.program.call(one, self.depth, self.convention, self.style))
            if calls[-1].error is not None:  # the other examples would only take their time
                break
        return calls

    def begin(self) -> None:
        """Call it on the network whose sizes tell."""
        tells = min(TELLS, len(self.networks) - 1)
        self.calls[tells] = self.call(tells)

    def finish(self) -> None:
        """Call it on the others."""
        self.calls = {number: self.calls.get(number) or self.call(number) for number in range(len(self.networks))}

    def read(self) -> list[Reading]:
        """How what its calls left behind may be read: by the network whose sizes tell, first of all."""
        numbers = sorted(self.calls, key=lambda number: number != TELLS)
        ran = [(call.ran, self.networks[number]) for number in numbers for call in self.calls[number][:1] if call.ran]
        return read([r for r, _ in ran], [values for _, values in ran], self.convention)

    @property
    def fitting(self) -> list[str]:
        """The gradients that have their parameters' shapes, on each network."""
        reading = self.read()[0]
        found: list[str] = []
        for number, calls in self.calls.items():
            try:
                arrays = zip(averaged(calls, reading), parameters(self.depth), strict=True)
            except (TypeError, ValueError):
                continue
            found += [role for array, role in arrays if fits(array, role, self.networks[number], self.convention)]
        return found

    @property
    def fits(self) -> bool:
        """Whether all have, after no more than the first call."""
        return len(self.fitting) == 2 * self.depth * len(self.calls)

    @property
    def misfits(self) -> bool:
        """Whether no db has its bias's shape, and it was stopped by shapes and by nothing else, if at all."""
        errors = [call.error for calls in self.calls.values() for call in calls if call.error is not None]
        by_shape = all(isinstance(error, (ValueError, IndexError, TypeError)) for error in errors)
        return by_shape and not any(role[0] == "b" for role in self.fitting)

    @property
    def rank(self) -> tuple[int, int, int]:
        """How many gradients fit, on how many networks it runs, how far down in the code it came where it does not."""
        calls = [call for each in self.calls.values() for call in each]
        lines = [_line(call.error, self.program) for call in calls if call.error]
        return len(self.fitting), sum(call.error is None for call in calls), max(lines, default=0)


TELLS = 1
"""The network whose sizes are all different: what fits there fits by no chance."""


def averaged(calls: Sequence[Call], reading: Reading) -> list[Array]:
    """The gradients of one call, or the mean over those of several. Raises TypeError or ValueError for none."""
    arrays = [reading.arrays(call.ran) for call in calls if call.ran]
    if len(arrays) < len(calls):
        raise TypeError("it raises")
    return [np.mean(each, axis=0) for each in zip(*arrays, strict=True)] if len(arrays) > 1 else arrays[0]


def attempts(program: Program, task: Task, conventions: Sequence[Convention]) -> list[Attempt]:
    """Those that fit best, the usual ones first, called on every network.

    Where no db has its bias's shape, what is called may be written for one example: that is tried too.
    """
    begun = _begun(program, task, conventions)
    best = _best(begun)
    if best and all(attempt.misfits for attempt in best):
        further = max(len(attempt.fitting) for attempt in best)
        best += [a for a in _best(_begun(program, task, single(conventions))) if len(a.fitting) > further]
    return best


def _begun(program: Program, task: Task, conventions: Sequence[Convention]) -> list[Attempt]:
    """Every way of calling, called once."""
    begun = [
        Attempt(program, task.networks[depth], depth, convention, style)
        for depth in program.depths(task.depth)
        if not program.why_not(depth)
        for style in program.styles()
        for convention in conventions
        if not program.network or program.network.agrees(convention)
    ]
    for attempt in begun:
        attempt.begin()
    return begun


def _best(begun: Sequence[Attempt]) -> list[Attempt]:
    """Those in which all gradients fit, or that come nearest to it, called on all networks."""
    whole = [attempt for attempt in begun if attempt.fits]
    chosen = whole or sorted(begun, key=lambda attempt: attempt.rank, reverse=True)[: 3 * KEPT]
    for attempt in chosen:
        attempt.finish()
    ranks = [attempt.rank for attempt in chosen]
    return [a for rank, a in zip(ranks, chosen, strict=True) if rank == max(ranks) or not whole][:KEPT]


def outcomes(attempt: Attempt, file: str | None) -> list[dict[str, Any]]:
    """An attempt as it is judged, in each way to read it: what came of it on each network, and what is to be said."""
    again = attempt.call(0)
    found = []
    for reading in attempt.read():
        on_each = [_outcome(attempt.calls[number], reading, file) for number in sorted(attempt.calls)]
        on_each[0]["varies"] = _varies(on_each[0], _outcome(again, reading, file))
        found.append(
            {
                "depth": attempt.depth,
                "convention": asdict(attempt.convention),
                "outcomes": on_each,
                "notes": [note for note in (reading.note, _SINGLE[attempt.convention.examples]) if note],
                "l2": attempt.program.default_l2(),
            }
        )
    return found


_ONE = "it takes one example at a time: the mean of its gradients over the examples was judged"
_NOTHING = "it returns None: it is still to be written, or its return is missing"
_SINGLE = {"batch": "", "one": _ONE, "vector": _ONE}


def _varies(first: Mapping[str, Any], again: Mapping[str, Any]) -> bool:
    if "arrays" not in first:
        return False
    return "arrays" not in again or not all(
        a.shape == b.shape and np.allclose(a, b, 1e-6, 1e-9, True)
        for a, b in zip(first["arrays"], again["arrays"], strict=True)
    )


def _outcome(calls: Sequence[Call], reading: Reading, file: str | None) -> dict[str, Any]:
    """What became of one network: its "arrays", or the problem in words, and which arguments were "changed"."""
    changed = [] if reading.steps else sorted({name for call in calls for name in call.changed})
    stopped = next((call.error for call in calls if call.ran is None), None)
    if isinstance(stopped, NotImplementedError):
        return {"unfinished": "it raises NotImplementedError", "changed": changed}
    if stopped is not None:
        return {"raised": what_went_wrong(stopped, file), "changed": changed}
    try:
        return {"arrays": averaged(calls, reading), "changed": changed}
    except (TypeError, ValueError) as error:
        if all(value is None for call in calls if call.ran for _, value in call.ran.leaves):
            return {"unfinished": _NOTHING, "changed": changed}
        return {"returned": str(error), "changed": changed}


def _line(error: BaseException, program: Program) -> int:
    """The last line that was reached in the backward pass, counted after all of the forward pass's."""
    order = {getattr(program.forward, "__code__", None): 1, getattr(program.backward, "__code__", None): 2}
    reached = ((frame.f_code, line) for frame, line in traceback.walk_tb(error.__traceback__))
    return max((order[code] * 100_000 + line for code, line in reached if code in order), default=0)


def what_went_wrong(error: BaseException | None, file: str | None) -> dict[str, Any]:
    """An exception in words, with the last line of the learner's own file that it went through."""
    frames = traceback.extract_tb(error.__traceback__ if error else None)
    own = [(f.lineno, f.line) for f in frames if file and f.filename == file]
    line, text = own[-1] if own else (None, None)
    if isinstance(error, SyntaxError) and error.filename == file:
        line, text = error.lineno, (error.text or "").strip()
    return {"type": type(error).__name__, "message": _message(error), "line": line, "text": text and text[:LONGEST]}


def _message(error: BaseException | None) -> str:
    try:
        return str(error.msg if isinstance(error, SyntaxError) else error)[:LONGEST]
    except Exception:  # __str__ is the learner's too
        return "(its message can't be read)"
