"""A program run to watch it train: as it is, in this process, until enough was seen or its time is over."""

from __future__ import annotations

import importlib.machinery
import random
import re
import sys
import types
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_mnist.grading.calling.own_modules import OwnModules, package_of
from tinygrad_mnist.grading.watching.graph import Node, depending, names_of, put_last
from tinygrad_mnist.grading.watching.labels import label_behind, target_of
from tinygrad_mnist.grading.watching.losses import evaluated
from tinygrad_mnist.grading.watching.names import is_called_gradient, is_called_loss
from tinygrad_mnist.grading.watching.recorder import Recorder
from tinygrad_mnist.grading.watching.rewriting import RECORDER, SCOPE, rewrite, rewrite_cells
from tinygrad_mnist.grading.watching.source import BESIDE, Source
from tinygrad_mnist.grading.watching.tape import OWN, Enough, Tape
from tinygrad_mnist.grading.watching.training import Step, steps, transitions

STEPS = 3
"""How many steps are watched: the last one may be cut off."""

WAITED_FOR = 8_000
"""For so many values at most, a program is waited for to update something with its labels."""

LINGERING = 1.5
"""For how many seconds more a program is watched that has not computed its loss."""


@dataclass(frozen=True)
class Run:
    """What was recorded, the module with what the program defined, and what stopped it, if anything did.

    source: the program with the modules beside it that it imported.
    """

    tape: Tape
    module: types.ModuleType
    error: BaseException | None
    source: Source

    @cached_property
    def steps(self) -> list[Step]:
        """The steps of its training, as far as it was watched; those that change nothing only where all are such."""
        found = list(steps(self.tape))
        found = found[:-1] if len(found) > 1 and _is_cut_off(found[-1], found[0]) else found
        return list(filter(_moves, found)) or found


def _moves(step: Step) -> bool:
    return any(not np.array_equal(step.after[l].value, v.value, equal_nan=True) for l, v in step.before.items())


def _is_cut_off(last: Step, first: Step) -> bool:
    """Whether parameters that were updated in the first step were not in the last: the record ended in it."""
    return any(last.after[l] is v and first.after.get(l) is not first.before.get(l) for l, v in last.before.items())


def watch(source: Source, filename: str, folder: Path, seconds: float) -> Run:
    """Run a program for so many seconds, or until it has trained for some steps."""
    module = types.ModuleType(OWN)
    package = package_of(source.text, folder)
    module.__dict__.update({SCOPE: 0, "__file__": filename, "__builtins__": __builtins__, "__package__": package})
    sys.modules[OWN] = module

    def body(tape: Tape) -> None:
        recorder = module.__dict__[RECORDER] = Recorder(tape)
        loader = partial(_Rewritten, recorder=recorder, source=source)
        sys.meta_path.insert(0, OwnModules(folder, loader))
        _run_cells(rewrite_cells(source.text, filename, source.starts, source.batch), module, tape)

    return recorded(module, body, seconds, source)


def _run_cells(cells: Sequence[Any], module: types.ModuleType, tape: Tape) -> None:
    """Run every cell: what one of them raises stops a learner only if nothing is trained after it."""
    failed: Exception | None = None
    trained = 0
    for cell in cells:
        try:
            exec(cell, module.__dict__)
        except Exception as error:
            if failed is None or len(tape.updates) > trained:
                failed, trained = error, len(tape.updates)
    if failed and len(tape.updates) == trained:
        raise failed


def recorded(module: types.ModuleType, body: Callable[[Tape], None], seconds: float, source: Source) -> Run:
    """What is recorded of a body, in so many seconds or until it has trained for some steps."""
    enough = _Enough(source.text)
    tape = Tape(enough, seconds)
    np.random.seed(0)
    random.seed(0)
    error: BaseException | None = None
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"), suppress(SystemExit):
            warnings.simplefilter("ignore")
            body(tape)
    except Enough:
        if not enough.seen:
            _forget_unfinished(tape)
    except BaseException as stopped:
        error = None if enough.seen else stopped
    _end_filling(tape)
    if enough.seen:
        tape.cut(*enough.seen)
    return Run(tape, module, error, source)


def _forget_unfinished(tape: Tape) -> None:
    """Leave out updates of parts that the end of the record may have cut off: nothing used what they made."""
    ends = {update.old: update.new for update in tape.updates if update.in_parts}
    used = {operand for node in tape.nodes if node.op != "[]" for operand in node.operands}
    tape.updates = [u for u in tape.updates if not u.in_parts or ends[u.old] in used]


class _Enough:
    """Whether a training was seen: looked at when there were so many updates, and when there are twice as many.

    Where no loss was computed in it, the program goes on for a little: many compute one after each epoch.
    seen: the nodes and updates that there were when the training was seen.
    """

    def __init__(self, text: str) -> None:
        self.next = 6
        self.seen: tuple[int, int] | None = None
        self.computes_a_loss = re.search("log|loss|cost|error", text, re.IGNORECASE) is not None
        self.looked_at = 0

    def __call__(self, tape: Tape) -> bool:
        if self.seen:
            return bool(np.ndim(tape.updates[-1].new.value)) and self._loss_since(tape)
        if len(tape.updates) < self.next:
            return False
        self.next = 2 * len(tape.updates)
        _end_filling(tape)
        if _waits_for_labels(tape) or _steps_so_far(tape) <= STEPS:
            return False
        if not self.computes_a_loss or self._loss_since(tape):
            return True
        self.seen = len(tape.nodes), len(tape.updates)
        tape.hasten(LINGERING)
        return False

    def _loss_since(self, tape: Tape) -> bool:
        """Whether a number was made of arrays that depend on parameters and labels since this was last asked."""
        since = tape.nodes[self.looked_at :]
        self.looked_at = len(tape.nodes)
        if not any(np.size(n.value) == 1 and any(np.size(o.value) > 1 for o in n.operands) for n in since):
            return False
        versions = {version for update in tape.updates for version in (update.old, update.new)}
        return next(evaluated(since, versions), None) is not None


def _end_filling(tape: Tape) -> None:
    """Let every array that is still being filled come after what it was filled with."""
    for filled in tape.memory.stored:
        put_last(filled, tape.nodes)
    tape.memory.stored.clear()


def _steps_so_far(tape: Tape) -> int:
    """How many there are; what is taken for a parameter now is left as it is: it may be made of one that is updated."""
    began = {update.old: update.old.operands for update in tape.updates}
    count = sum(1 for _ in transitions(tape))
    for node, operands in began.items():
        node.operands = operands
    return count


def _waits_for_labels(tape: Tape) -> bool:
    """Whether only gradients were updated with labels or other targets yet: states of a recurrent network before."""
    if len(tape.nodes) > WAITED_FOR:
        return False
    olds = {update.old for update in tape.updates}
    by_parameters = depending(tape.nodes, lambda n: n in olds)
    labels = {n for n in tape.nodes if label_behind(n) and not (n.op == "[]=" and np.ndim(n.value) == 1)}  # a bias of 1
    by_labels = depending(tape.nodes, lambda n: n in labels or bool(target_of(n, by_parameters)))
    named = [u.old for u in tape.updates if u.new in by_labels and names_of(u.old) and not _is_a_loss(u.old)]
    return all(any(map(is_called_gradient, (*names_of(old), *old.holders))) for old in named)


def _is_a_loss(node: Node) -> bool:
    """Whether it is a number that is called so, to which that of one output after the other is added."""
    return not np.ndim(node.value) and any(map(is_called_loss, names_of(node)))


class _Rewritten(importlib.machinery.SourceFileLoader):
    def __init__(self, name: str, path: str, recorder: Recorder, source: Source) -> None:
        super().__init__(name, path)
        self.recorder, self.source = recorder, source

    def get_code(self, fullname: str) -> Any:
        text = self.get_data(self.path).decode()
        beside = self.source.beside
        beside.append((Path(self.path).name, text))
        return rewrite(text, self.path, len(beside) * BESIDE, self.source.batch)

    def exec_module(self, module: types.ModuleType) -> None:
        module.__dict__.update({RECORDER: self.recorder, SCOPE: 0})
        exec(self.get_code(module.__name__), module.__dict__)
