"""The trials that are on their way: sent to workers, pruned by what these report, and written down when they end."""

from __future__ import annotations

import contextlib
import math
import queue
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tinygrad_mnist import cluster
from tinygrad_mnist.sweeps.errors import SweepError
from tinygrad_mnist.sweeps.ledger import STOPPED, WORKER_DIED, Ledger
from tinygrad_mnist.sweeps.outcome import Tried, best_of
from tinygrad_mnist.sweeps.worker import Job, Trained, train_trial

if TYPE_CHECKING:
    from distributed import Client
    from optuna import Trial
    from optuna.trial import FrozenTrial

LOOKING = 1.0
"""Seconds between two looks at who is alive."""


class Listener:
    """Methods that a search calls while it runs; override those you need."""

    def begins(self, what: str, done: int, total: int, workers: int) -> None:
        """The trials, or the winner's seeds, begin, or go on where so many are done."""

    def trial_ends(self, tried: Tried, best: Tried, done: int, total: int) -> None:
        """A trial is finished by this process."""

    def note(self, text: str) -> None:
        """Something to know: a worker died, say."""


@dataclass
class Flight:
    """A trial on its way, and its job on Dask."""

    trial: Trial
    future: Any = None
    is_pruned: bool = False


@dataclass
class Board:
    """A ledger's slots, worked off on the cluster. make_job: for a slot and its trial."""

    client: Client
    ledger: Ledger
    listener: Listener
    make_job: Callable[[int, Trial], Job]
    _flights: dict[str, Flight] = field(default_factory=dict)
    _messages: queue.SimpleQueue[Any] = field(default_factory=queue.SimpleQueue)
    _topic: str = field(default_factory=lambda: f"tinygrad-mnist {uuid.uuid4().hex}")

    def run(self, what: str) -> None:
        """Until every slot is finished, here or by another process. Raises ClusterError and SweepError."""
        workers, looked = cluster.threads(self.client), -math.inf
        self.client.subscribe_topic(self._topic, lambda event: self._messages.put(event[1]))
        self.listener.begins(what, len(self.ledger.finished()), self.ledger.slots, workers)
        try:
            while self._flights or not self.ledger.is_over():
                if time.monotonic() - looked > LOOKING:
                    looked, workers = time.monotonic(), self._count_workers(workers)
                    self.ledger.keep_alive()
                while len(self._flights) < max(1, workers) and (claim := self.ledger.claim()):
                    self._send(*claim)
                with contextlib.suppress(queue.Empty):
                    self._receive(self._messages.get(timeout=LOOKING / 2))
        finally:
            for flight in self._flights.values():
                self.ledger.fail(flight.trial._trial_id, STOPPED)

    def _count_workers(self, before: int) -> int:
        count = cluster.threads(self.client)
        if not count and before:
            self.listener.note("no worker is left; waiting for one")
        return count

    def _send(self, slot: int, trial: Trial) -> None:
        name = f"trial-{trial.number}-{uuid.uuid4().hex}"
        flight = self._flights[name] = Flight(trial)
        job = self.make_job(slot, trial)
        flight.future = self.client.submit(train_trial, job, name, self._topic, key=name, pure=False)
        flight.future.add_done_callback(lambda future: self._messages.put({"name": name, "future": future}))

    def _receive(self, message: dict[str, Any]) -> None:
        name = message["name"]
        flight = self._flights.get(name)
        if flight is None:
            return
        if "future" in message:
            del self._flights[name]
            self._land(name, flight, message["future"])
        else:
            self._report(name, flight, message["epoch"], message["accuracy"])

    def _report(self, name: str, flight: Flight, epoch: int, accuracy: float) -> None:
        from optuna.exceptions import UpdateFinishedTrialError

        if flight.is_pruned:
            return
        try:
            flight.trial.report(accuracy, epoch)
            flight.is_pruned = flight.trial.should_prune()
        except UpdateFinishedTrialError:  # another process took this one for dead
            flight.is_pruned = True
        if flight.is_pruned:
            cluster.stop(self.client, name)

    def _land(self, name: str, flight: Flight, future: Any) -> None:
        from distributed import KilledWorker

        if future.cancelled():
            raise cluster.scheduler_gone()
        error = future.exception()
        if isinstance(error, KilledWorker | cluster.WorkerDied):
            self._lose(name, flight.trial)
        elif error:
            raise SweepError(f"trial {flight.trial.number} failed on its worker: {type(error).__name__}: {error}")
        else:
            self._finish(flight.trial, future.result())
            self._tell(flight.trial)
            cluster.forget(self.client, name)

    def _lose(self, name: str, trial: Trial) -> None:
        cluster.stop(self.client, name)  # it may have lost its way to the scheduler alone
        self.ledger.fail(trial._trial_id, WORKER_DIED)
        self.listener.note(f"trial {trial.number}: its worker died; its parameters are run again")

    def _finish(self, trial: Trial, trained: Trained) -> None:
        """Write down what came out; a trial that another process took over stays as that left it."""
        from optuna.exceptions import UpdateFinishedTrialError
        from optuna.trial import TrialState

        best = max(trained.epochs, key=_accuracy, default=None)
        reported = self.ledger.storage.get_trial(trial._trial_id).intermediate_values
        try:
            for epoch in trained.epochs:
                if epoch.number not in reported:  # its event is late
                    trial.report(_accuracy(epoch), epoch.number)
            trial.set_user_attr("ended", trained.ended)
            trial.set_user_attr("loss", best.validation_loss if best else None)
            trial.set_user_attr("test_accuracy", trained.test_accuracy)
            state = TrialState.PRUNED if trained.ended else TrialState.COMPLETE
            values = [_accuracy(best)] if best else None
            self.ledger.storage.set_trial_state_values(trial._trial_id, state, values)
        except UpdateFinishedTrialError:
            self.listener.note(f"trial {trial.number}: another process took it over; its result is not counted")

    def _tell(self, trial: Trial) -> None:
        finished = self.ledger.finished()
        mine = next((t for t in finished.values() if t.number == trial.number), None)
        if mine:
            best = best_of([as_tried(t) for t in finished.values()])
            self.listener.trial_ends(as_tried(mine), best, len(finished), self.ledger.slots)


def _accuracy(epoch: Any) -> float:
    return float(epoch.validation_accuracy)


def as_tried(trial: FrozenTrial) -> Tried:
    """What Optuna knows of a finished trial."""
    curve = tuple(value for _, value in sorted(trial.intermediate_values.items()))
    duration = trial.duration.total_seconds() if trial.duration else 0.0
    loss = trial.user_attrs.get("loss")
    return Tried(
        trial.user_attrs["slot"], trial.number, dict(trial.params), max(curve, default=0.0),
        math.inf if loss is None else loss, curve, duration, trial.user_attrs.get("ended"),
    )  # fmt: skip
