"""Who does which trial: a search is a row of slots, each of them to be finished once, by any number of processes.

A trial of the study says in its attributes which slot it is for and which process owns it; both are written in the one
record that makes it. Of several for a slot, that with the lowest number counts, which every process sees alike: so
nobody needs a lock, and no trial is done twice. A trial whose worker or process died is marked failed, here and nowhere
else, and its slot is free again, for the same parameters.
"""

from __future__ import annotations

import os
import socket
import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tinygrad_mnist import records
from tinygrad_mnist.sweeps.errors import SweepError

if TYPE_CHECKING:
    from optuna import Study, Trial
    from optuna.distributions import BaseDistribution
    from optuna.storages import BaseStorage
    from optuna.trial import FrozenTrial

HEARTBEAT, SILENCE = 10.0, 60.0
"""Seconds between two signs of life of a process, and without one until others take its trials over."""

DEATHS = 3
"""So many workers may die of a slot; then it is given up."""

WORKER_DIED, PROCESS_DIED, STOPPED, DOUBLED = "its worker died", "its process died", "stopped", "doubled"

NOTES: dict[str, Any] = {
    "slot": int, "owner": str, "reason": str, "ended": str | None, "loss": float | None,
    "test_accuracy": float | None,
}  # fmt: skip
"""What is kept of a trial besides what Optuna keeps."""


@dataclass
class Ledger:
    """The slots of a study. draw: the parameters of a trial for a slot, given the study; distributions: of these."""

    study: Study
    storage: BaseStorage
    slots: int
    distributions: Mapping[str, BaseDistribution]
    draw: Callable[[Study, FrozenTrial, int], dict[str, Any]]
    owner: str = field(default_factory=lambda: _this_process())
    _signs: dict[str, tuple[float, float]] = field(default_factory=dict)
    _beaten: float = -HEARTBEAT

    def claim(self) -> tuple[int, Trial] | None:
        """A slot and its new trial, with parameters; None where no slot is free."""
        from optuna.trial import Trial, TrialState

        while (free := self._free_slot()) is not None:
            slot, earlier = free
            number = self.storage.create_new_trial(self.study._study_id, self._template(slot, earlier))
            new = self.storage.get_trial(number)
            trials = [t for t in self._trials() if t.user_attrs["slot"] == slot and t.state != TrialState.FAIL]
            if any(trial.number < new.number for trial in trials):
                self.fail(number, DOUBLED)
                continue
            self._give_parameters(new, number, slot)
            return slot, Trial(self.study, number)
        return None

    def fail(self, number: int, reason: str) -> None:
        """Mark a trial failed, and say why; one that is finished stays as it is."""
        from optuna.exceptions import UpdateFinishedTrialError
        from optuna.trial import TrialState

        with suppress(UpdateFinishedTrialError):
            self.storage.set_trial_user_attr(number, "reason", reason)
            self.storage.set_trial_state_values(number, TrialState.FAIL)

    def keep_alive(self) -> None:
        """Show that this process lives, and mark the trials of those that don't."""
        from optuna.trial import TrialState

        now = time.monotonic()
        if now - self._beaten > HEARTBEAT:
            self.study.set_user_attr(f"alive {self.owner}", time.time())
            self._beaten = now
        for trial in self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            owner = trial.user_attrs.get("owner", "")
            if owner != self.owner and self._is_dead(owner):
                self.fail(trial._trial_id, PROCESS_DIED)

    def finished(self) -> dict[int, FrozenTrial]:
        """The finished trial of each slot that has one."""
        return _finished(self._held(self._trials()))

    def is_over(self) -> bool:
        """Whether every slot is finished or given up."""
        trials = self._trials()
        return len(_finished(self._held(trials))) + len(self._given_up(trials)) >= self.slots

    def given_up(self) -> list[int]:
        """The slots of which too many workers died."""
        return self._given_up(self._trials())

    def _trials(self) -> list[FrozenTrial]:
        return [_checked(t) for t in self.study.get_trials(deepcopy=False) if "slot" in t.user_attrs]

    def _held(self, trials: list[FrozenTrial]) -> dict[int, FrozenTrial]:
        """The trial that counts for each slot that isn't free."""
        from optuna.trial import TrialState

        held: dict[int, FrozenTrial] = {}
        for trial in trials:
            slot = trial.user_attrs["slot"]
            if trial.state != TrialState.FAIL and slot < self.slots:
                held.setdefault(slot, trial)
        return held

    def _given_up(self, trials: list[FrozenTrial]) -> list[int]:
        deaths = [t.user_attrs["slot"] for t in trials if t.user_attrs.get("reason") == WORKER_DIED]
        held = self._held(trials)
        return [slot for slot in range(self.slots) if slot not in held and deaths.count(slot) >= DEATHS]

    def _free_slot(self) -> tuple[int, list[FrozenTrial]] | None:
        """The first one, and the trials of it that failed; None where there is none."""
        trials = self._trials()
        taken = self._held(trials).keys() | set(self._given_up(trials))
        free = next((slot for slot in range(self.slots) if slot not in taken), None)
        return None if free is None else (free, [t for t in trials if t.user_attrs["slot"] == free])

    def _template(self, slot: int, earlier: list[FrozenTrial]) -> FrozenTrial:
        """The record of a new trial: with the parameters of one that failed, where it had all of them."""
        from optuna.trial import TrialState, create_trial

        lost = [trial.params for trial in earlier if trial.params.keys() == self.distributions.keys()]
        return create_trial(
            state=TrialState.RUNNING,
            params=lost[-1] if lost else {},
            distributions=dict(self.distributions) if lost else {},
            user_attrs={"slot": slot, "owner": self.owner},
        )

    def _give_parameters(self, new: FrozenTrial, number: int, slot: int) -> None:
        if new.params:
            return
        for name, value in self.draw(self.study, new, slot).items():
            distribution = self.distributions[name]
            self.storage.set_trial_param(number, name, distribution.to_internal_repr(value), distribution)

    def _is_dead(self, owner: str) -> bool:
        """Whether a process has ended, on this machine, or is silent, on another."""
        import psutil

        try:
            host, pid, started, _ = owner.split("|")
        except ValueError:
            raise SweepError(f"the study has a trial of another program ({owner!r}); give another --storage") from None
        if host == socket.gethostname():
            try:
                process = psutil.Process(int(pid))
                return bool(process.status() == psutil.STATUS_ZOMBIE or str(process.create_time()) != started)
            except psutil.NoSuchProcess:
                return True
        sign, now = self.study.user_attrs.get(f"alive {owner}", 0.0), time.monotonic()
        if owner not in self._signs or self._signs[owner][0] != sign:
            self._signs[owner] = (sign, now)  # by this clock: those of two machines may differ
        return now - self._signs[owner][1] > SILENCE


def _checked(trial: FrozenTrial) -> FrozenTrial:
    """The trial; raises SweepError where another program, or what damaged the study, wrote its notes."""
    try:
        for name in NOTES.keys() & trial.user_attrs.keys():
            records.checked(trial.user_attrs[name], NOTES[name], f"trial {trial.number}'s {name}")
        if trial.user_attrs["slot"] < 0:
            raise records.RecordError(f"trial {trial.number}'s slot is {trial.user_attrs['slot']}, less than 0")
    except records.RecordError as error:
        raise SweepError(f"another program wrote the study ({error}); give another --storage or --out") from None
    return trial


def _finished(held: dict[int, FrozenTrial]) -> dict[int, FrozenTrial]:
    return {slot: trial for slot, trial in held.items() if trial.state.is_finished()}


def _this_process() -> str:
    import psutil

    return f"{socket.gethostname()}|{os.getpid()}|{psutil.Process().create_time()}|{uuid.uuid4().hex[:8]}"
