"""The search: claim a slot, send its trial to a worker, prune by what it reports, until every slot is finished."""

from __future__ import annotations

import contextlib
import json
import math
import queue
import time
import uuid
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tinygrad_mnist.arguments import COUNT, check_name
from tinygrad_mnist.files import prepare_folder
from tinygrad_mnist.sweeps import ledger as ledgers
from tinygrad_mnist.sweeps import report
from tinygrad_mnist.sweeps.errors import SweepError, require_extra
from tinygrad_mnist.sweeps.ledger import Ledger
from tinygrad_mnist.sweeps.outcome import PAGE, RECIPE, Outcome, Seed, Tried, best_of
from tinygrad_mnist.sweeps.space import Space, parse_space
from tinygrad_mnist.sweeps.storage import JOURNAL, explained, folder_lock, open_storage, read_settings
from tinygrad_mnist.sweeps.worker import Job, Trained, facts, load, train_trial
from tinygrad_mnist.training import Recipe

if TYPE_CHECKING:
    from distributed import Client
    from optuna import Study, Trial
    from optuna.pruners import BasePruner
    from optuna.samplers import BaseSampler
    from optuna.storages import BaseStorage
    from optuna.trial import FrozenTrial

SAMPLERS = ("tpe", "random", "grid")
CONNECTING = 10.0
"""Seconds that a scheduler is given to answer."""

_GONE = "the scheduler is gone: start it again, then --resume goes on"

STUDY = "tinygrad-mnist sweep"
WARMUP = 3
"""Epochs before a trial may be pruned."""


class Listener:
    """Methods that a search calls while it runs; override those you need."""

    def begins(self, what: str, done: int, total: int, workers: int) -> None:
        """The trials, or the winner's seeds, begin, or go on where so many are done."""

    def trial_ends(self, tried: Tried, best: Tried, done: int, total: int) -> None:
        """A trial is finished by this process."""

    def note(self, text: str) -> None:
        """Something to know: a worker died, say."""


@dataclass(frozen=True)
class _Settings:
    """What the study is about; all processes that share it have the same."""

    recipe: dict[str, Any]
    space: dict[str, str]
    trials: int
    sampler: str
    seed: int
    source: str
    seeds: int

    def as_json(self) -> dict[str, Any]:
        """As the study keeps it."""
        kept: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return kept


def search(
    recipe: Recipe | None = None, space: str | Mapping[str, str] | None = None, *,
    trials: int | None = None, sampler: str = "tpe", seed: int = 0, data: str = "auto", out: str | Path = "sweep",
    storage: str | None = None, scheduler: str | None = None, workers: int | None = None, seeds: int = 5,
    resume: bool = False, pruner: BasePruner | None = None, listener: Listener | None = None,
) -> Outcome:  # fmt: skip
    """Search the space around a recipe for the best accuracy on the validation images.

    space: see `parse_space`. trials: by default 50, or all of a grid. sampler: tpe, random or grid. seed: of the
    draws, and of weights and split in every trial. data: as for `data.load`, the same on every worker.
    out: a folder for the journal, recipe.json and sweep.html. storage: the URL of a data base or another journal
    file, which any number of processes may share, each with a folder of its own. scheduler: of a Dask cluster,
    such as tcp://10.0.0.1:8786; by default, as many local processes as `workers` says, or as there are cores.
    seeds: from so many the winner is trained anew, and then alone scored on the test images. pruner: by default,
    Optuna's MedianPruner. resume: go on with the study that is there; recipe and space may then be left out.

    Call it under `if __name__ == "__main__":`, because the local workers are new processes. Raises SweepError in one
    line for what is missing or misspelt, DataError, and ValueError for numbers out of range.
    """
    require_extra()
    COUNT.check(seeds=seeds)
    COUNT.check_given(trials=trials, workers=workers)
    check_name("sampler", sampler, SAMPLERS)
    folder, listener = Path(out), listener or Listener()
    prepare_folder(folder, RECIPE, PAGE)
    with folder_lock(folder), _quiet(), explained(place := storage or str(folder / JOURNAL)):
        if not (storage or resume) and (folder / JOURNAL).exists():
            raise SweepError(f"{folder}: has a study already; --resume goes on with it, or give another --out")
        asked = None
        if space is not None:
            asked = _settings(recipe or Recipe(), parse_space(space), trials, sampler, seed, data, seeds)
        elif not resume:
            raise SweepError("there is nothing to search: give --space, such as lr=1e-4..1e-1:log,init=he|xavier")
        if resume and not storage and not (folder / JOURNAL).exists() and asked is None:
            raise SweepError(f"{folder / JOURNAL}: no such file, there is nothing to resume; give --space")
        kept = open_storage(place)
        settings = _agreed(kept, asked, place)
        with _client(scheduler, workers) as client:
            return _Search(client, kept, settings, listener, pruner).run(folder)


def _settings(
    recipe: Recipe, space: Space, trials: int | None, sampler: str, seed: int, source: str, seeds: int
) -> _Settings:
    space.check(recipe)
    grid = len(space.grid()) if sampler == "grid" else math.inf
    count = int(min(trials or (50 if grid == math.inf else grid), grid))
    return _Settings(recipe.as_dict(), dict(space.texts), count, sampler, seed, source, seeds)


def _agreed(storage: BaseStorage, asked: _Settings | None, place: str) -> _Settings:
    """What the study at the place is about; raises SweepError where something else is asked for."""
    import optuna

    study = optuna.create_study(storage=storage, study_name=STUDY, direction="maximize", load_if_exists=True)
    if read_settings(study) is None and asked:
        study.set_user_attr("settings", asked.as_json())
    settings = read_settings(study)
    if settings is None:
        raise SweepError(f"{place}: the study there has no trial yet; give --space")
    if asked:
        for name, value in asked.as_json().items():
            if value != settings[name]:
                raise SweepError(
                    f"{place}: the study there has {name} {settings[name]}, not {value}: leave that out, or give "
                    "another --storage or --out"
                )
    return _Settings(**settings)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Optuna and Dask say in many lines what is said here in one."""
    import logging

    import distributed  # noqa: F401 (makes its loggers)
    import optuna

    names = [name for name in logging.root.manager.loggerDict if name.startswith(("distributed", "optuna", "tornado"))]
    before = [(logger, logger.level) for logger in map(logging.getLogger, names)]
    for logger, _ in before:
        logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            yield
    finally:
        for logger, level in before:
            logger.setLevel(level)


@contextlib.contextmanager
def _client(scheduler: str | None, workers: int | None) -> Iterator[Client]:
    """A client of the cluster, or of one on this machine; raises SweepError where the scheduler does not answer."""
    import dask
    from dask.system import CPU_COUNT
    from distributed import Client, LocalCluster

    quiet = {"distributed.worker.daemon": True, "distributed.admin.system-monitor.gil.enabled": False}
    with dask.config.set(quiet), contextlib.ExitStack() as stack:
        if scheduler is None:
            count = workers or CPU_COUNT
            cluster = LocalCluster(
                n_workers=count, threads_per_worker=1, silence_logs=50, memory_limit=0,
                dashboard_address="127.0.0.1:0", worker_dashboard_address="127.0.0.1:0",
            )  # fmt: skip
            scheduler = stack.enter_context(cluster)
        try:
            client = Client(scheduler, timeout=CONNECTING, set_as_default=False)
        except (OSError, ValueError, TimeoutError):
            raise SweepError(
                f"no scheduler answers at {scheduler}: start one by `dask scheduler`, or leave --scheduler out"
            ) from None
        yield stack.enter_context(client)


@dataclass
class _Search:
    """A search at work. board: what is tried now: the trials, then the winner's seeds."""

    client: Client
    storage: BaseStorage
    settings: _Settings
    listener: Listener
    pruner: BasePruner | None
    topic: str = field(default_factory=lambda: f"tinygrad-mnist {uuid.uuid4().hex}")
    messages: queue.SimpleQueue[Any] = field(default_factory=queue.SimpleQueue)

    def run(self, folder: Path) -> Outcome:
        """Trials, winner, seeds; then the files."""
        self.base = Recipe(**self.settings.recipe)
        self.space = parse_space(self.settings.space)
        self.facts = facts(load(self.settings.source))
        self.client.subscribe_topic(self.topic, lambda event: self.messages.put(event[1]))
        trials = self._trials()
        _Board(self, trials, "trials", self._trial_job).run()
        tried = sorted((_tried(t) for t in trials.finished().values()), key=lambda t: t.slot)
        if not any(t.curve for t in tried):
            raise SweepError("no trial got through an epoch: every one diverged or lost its workers; try smaller rates")
        best = best_of(tried)
        recipe = self.space.applied(self.base, best.values)
        winner = self._winner()
        _Board(self, winner, "seeds", partial(self._seed_job, recipe)).run()
        seeds = [_seed(slot + self.settings.seed, t) for slot, t in sorted(winner.finished().items())]
        outcome = Outcome(
            recipe, best, tried, seeds, trials.given_up(), report.importances(trials.study), self.settings.as_json()
        )
        report.write(outcome, folder)
        return outcome

    def _trials(self) -> Ledger:
        import optuna

        pruner = self.pruner or optuna.pruners.MedianPruner(n_startup_trials=5, n_warmup_steps=WARMUP)
        study = optuna.load_study(study_name=STUDY, storage=self.storage, pruner=pruner)
        return Ledger(study, self.storage, self.settings.trials, self.space.distributions(), self._draw)

    def _winner(self) -> Ledger:
        """The winner's seeds are a study too, so that they survive a kill and are shared in the same way."""
        import optuna

        study = optuna.create_study(
            storage=self.storage, study_name=f"{STUDY}: the winner", direction="maximize", load_if_exists=True,
            pruner=optuna.pruners.NopPruner(),
        )  # fmt: skip
        return Ledger(study, self.storage, self.settings.seeds, {}, lambda *_: {})

    def _draw(self, study: Study, trial: FrozenTrial, slot: int) -> dict[str, Any]:
        """The parameters for a slot. On a grid and at random, they follow from the slot and the seed alone."""
        if self.settings.sampler == "grid":
            return self.space.grid()[slot]
        sampler = self._sampler([self.settings.seed, slot])
        return {
            name: sampler.sample_independent(study, trial, name, distribution)
            for name, distribution in self.space.distributions().items()
        }

    def _sampler(self, seed: list[int]) -> BaseSampler:
        import numpy as np
        import optuna

        number = int(np.random.SeedSequence(seed).generate_state(1)[0])
        if self.settings.sampler == "random":
            return optuna.samplers.RandomSampler(seed=number)
        return optuna.samplers.TPESampler(seed=number, constant_liar=True)

    def _trial_job(self, name: str, slot: int, trial: Trial) -> Job:
        recipe = self.space.applied(self.base, trial.params)
        return Job(name, self.topic, recipe.as_dict(), self.settings.source, self.facts, self.settings.seed)

    def _seed_job(self, recipe: Recipe, name: str, slot: int, trial: Trial) -> Job:
        seed = self.settings.seed + slot
        return Job(name, self.topic, recipe.as_dict(), self.settings.source, self.facts, seed, final=True)


@dataclass
class _Flight:
    """A trial on its way: its job on Dask, and which attempt of a worker it is."""

    slot: int
    trial: Trial
    future: Any = None
    attempt: str | None = None
    is_pruned: bool = False


@dataclass
class _Board:
    """A ledger's slots, worked off on the cluster."""

    search: _Search
    ledger: Ledger
    what: str
    make_job: Callable[[str, int, Trial], Job]
    flights: dict[str, _Flight] = field(default_factory=dict)

    def run(self) -> None:
        """Until every slot is finished, here or by another process."""
        looked, workers = -math.inf, 0
        done = len(self.ledger.finished())
        self.search.listener.begins(self.what, done, self.ledger.slots, self._workers())
        try:
            while True:
                if time.monotonic() - looked > 1:
                    looked, workers = time.monotonic(), self._count_workers(workers)
                    self.ledger.keep_alive()
                while len(self.flights) < max(1, workers) and (claim := self.ledger.claim()):
                    self._send(*claim)
                if not self.flights and self.ledger.is_over():
                    return
                with contextlib.suppress(queue.Empty):
                    self._receive(self.search.messages.get(timeout=0.5))
        finally:
            for flight in self.flights.values():
                self.ledger.fail(flight.trial._trial_id, ledgers.STOPPED)

    def _count_workers(self, before: int) -> int:
        if self.search.client.status != "running":
            raise SweepError(_GONE)
        count = self._workers()
        if not count and before:
            self.search.listener.note("no worker is left; waiting for one")
        return count

    def _workers(self) -> int:
        """Threads of all workers: each trains one trial at a time; raises SweepError where the scheduler is gone."""
        try:
            return sum(self.search.client.nthreads().values())
        except OSError:
            raise SweepError(_GONE) from None

    def _send(self, slot: int, trial: Trial) -> None:
        name = f"trial-{trial.number}-{uuid.uuid4().hex}"
        flight = self.flights[name] = _Flight(slot, trial)
        job = self.make_job(name, slot, trial)
        flight.future = self.search.client.submit(train_trial, job, key=name, pure=False)
        flight.future.add_done_callback(lambda future: self.search.messages.put({"name": name, "future": future}))

    def _receive(self, message: dict[str, Any]) -> None:
        name = message["name"]
        flight = self.flights.get(name)
        if flight is None:
            return
        if "future" in message:
            self._land(name, flight, message["future"])
        elif flight.attempt not in (None, message["attempt"]):
            self._lose(name, flight)  # Dask gave the job of a worker that died to another one
        else:
            flight.attempt = message["attempt"]
            if "epoch" in message:
                self._report(name, flight, message["epoch"], message["accuracy"])

    def _report(self, name: str, flight: _Flight, epoch: int, accuracy: float) -> None:
        from optuna.exceptions import UpdateFinishedTrialError

        try:
            flight.trial.report(accuracy, epoch)
        except UpdateFinishedTrialError:  # another process took this one for dead
            flight.is_pruned = True
        else:
            flight.is_pruned = flight.is_pruned or flight.trial.should_prune()
        if flight.is_pruned:
            self._stop(name)

    def _stop(self, name: str) -> None:
        """Let the worker end a trial after its epoch."""
        from distributed import Event

        try:
            Event(name, client=self.search.client).set()
        except OSError:
            raise SweepError(_GONE) from None

    def _lose(self, name: str, flight: _Flight) -> None:
        del self.flights[name]
        self._stop(name)
        flight.future.cancel()
        self.ledger.fail(flight.trial._trial_id, ledgers.WORKER_DIED)
        self.search.listener.note(f"trial {flight.trial.number}: its worker died; its parameters are run again")

    def _land(self, name: str, flight: _Flight, future: Any) -> None:
        from distributed import KilledWorker

        if future.cancelled():
            raise SweepError(_GONE)
        if future.status == "error":
            error = future.exception()
            if isinstance(error, KilledWorker):
                return self._lose(name, flight)
            raise SweepError(f"trial {flight.trial.number} failed on its worker: {type(error).__name__}: {error}")
        trained: Trained = future.result()
        if flight.attempt not in (None, trained.attempt):
            return self._lose(name, flight)
        self._finish(flight, trained)
        del self.flights[name]
        self._tell(flight.trial)
        return None

    def _finish(self, flight: _Flight, trained: Trained) -> None:
        """Write down what came out; a trial that another process took over stays as that left it."""
        from optuna.exceptions import UpdateFinishedTrialError
        from optuna.trial import TrialState

        trial, best = flight.trial, max(trained.epochs, key=_accuracy, default=None)
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
            self.search.listener.note(f"trial {trial.number}: another process took it over; its result is not counted")

    def _tell(self, trial: Trial) -> None:
        finished = self.ledger.finished()
        mine = next((t for t in finished.values() if t.number == trial.number), None)
        if mine:
            best = best_of([_tried(t) for t in finished.values()])
            self.search.listener.trial_ends(_tried(mine), best, len(finished), self.ledger.slots)


def _accuracy(epoch: Any) -> float:
    return float(epoch.validation_accuracy)


def _tried(trial: FrozenTrial) -> Tried:
    curve = tuple(value for _, value in sorted(trial.intermediate_values.items()))
    duration = trial.duration.total_seconds() if trial.duration else 0.0
    loss = trial.user_attrs.get("loss")
    return Tried(
        trial.user_attrs["slot"], trial.number, dict(trial.params), max(curve, default=0.0),
        math.inf if loss is None else loss, curve, duration, trial.user_attrs.get("ended"),
    )  # fmt: skip


def _seed(seed: int, trial: FrozenTrial) -> Seed:
    return Seed(seed, max(trial.intermediate_values.values()), trial.user_attrs["test_accuracy"])
