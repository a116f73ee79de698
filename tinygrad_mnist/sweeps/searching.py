"""The search: from what is asked to the best recipe, its trials and its seeds."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tinygrad_mnist import cluster
from tinygrad_mnist import data as datasets
from tinygrad_mnist.arguments import COUNT, check_name
from tinygrad_mnist.files import prepare_folder
from tinygrad_mnist.processes import FolderLock
from tinygrad_mnist.shown import reason
from tinygrad_mnist.sweeps import report
from tinygrad_mnist.sweeps.board import Board, Listener, as_tried
from tinygrad_mnist.sweeps.errors import SweepError
from tinygrad_mnist.sweeps.ledger import Ledger
from tinygrad_mnist.sweeps.outcome import PAGE, RECIPE, Outcome, Seed, best_of
from tinygrad_mnist.sweeps.settings import SAMPLERS, STUDY, WINNER, Settings, agreed
from tinygrad_mnist.sweeps.space import Space, parse_space
from tinygrad_mnist.sweeps.storage import JOURNAL, opened
from tinygrad_mnist.sweeps.worker import Facts, Job
from tinygrad_mnist.training import Recipe

if TYPE_CHECKING:
    from distributed import Client
    from optuna import Study, Trial
    from optuna.pruners import BasePruner
    from optuna.samplers import BaseSampler
    from optuna.storages import BaseStorage
    from optuna.trial import FrozenTrial

TRIALS = 50
"""Where it is not said, and there is no grid."""

WARMUP = 3
"""Epochs before a trial may be pruned."""


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
    line for what is misspelt or can't go on, ClusterError for a package or a scheduler that is missing, DataError,
    OSError for a folder that is in use or can't be written, and ValueError for numbers out of range.
    """
    cluster.require("sweep", "optuna", "distributed", "plotly")
    COUNT.check(seeds=seeds)
    COUNT.check_given(trials=trials, workers=workers)
    check_name("sampler", sampler, SAMPLERS)
    folder, listener = Path(out), listener or Listener()
    journal = folder / JOURNAL
    place = storage or str(journal)
    prepare_folder(folder, RECIPE, PAGE)
    load = cache(partial(datasets.load, say=listener.note))
    with FolderLock(folder), _quiet():
        _check_there_is_something(space, resume, journal if storage is None else None)
        asked = None
        if space is not None:
            searched, recipe, source = parse_space(space), recipe or Recipe(), datasets.wherever_it_runs(data)
            count = _count(trials, sampler, searched)
            searched.check(recipe, load(source).classes)
            asked = Settings(recipe, dict(searched.texts), count, sampler, seed, source, seeds)
        with opened(place) as kept:
            settings = agreed(kept, asked, place)
            facts = Facts.of(load(settings.source))
            with cluster.connected(scheduler, workers) as client:
                outcome = _Search(client, kept, settings, facts, listener, pruner).run()
        report.write(outcome, folder)
        return outcome


def _check_there_is_something(space: object, resume: bool, journal: Path | None) -> None:
    """Raise SweepError where there is nothing to search, or where a study would be gone on with unasked."""
    if space is None and not resume:
        raise SweepError("there is nothing to search: give --space, such as lr=1e-4..1e-1:log,init=he|xavier")
    if journal and journal.exists() and not resume:
        raise SweepError(f"{journal.parent}: has a study already; --resume goes on with it, or give another --out")
    if journal and not journal.exists() and space is None:
        raise SweepError(f"{journal}: no such file, there is nothing to resume; give --space")


def _count(trials: int | None, sampler: str, space: Space) -> int:
    """How many trials: a grid has no more than its combinations."""
    if sampler != "grid":
        return trials or TRIALS
    grid = len(space.grid())
    return min(trials or grid, grid)


@contextmanager
def _quiet() -> Iterator[None]:
    """Without what Optuna says by itself."""
    import optuna

    with cluster.quiet("optuna"), warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        yield


@dataclass
class _Search:
    """A search at work. facts: of the data."""

    client: Client
    storage: BaseStorage
    settings: Settings
    facts: Facts
    listener: Listener
    pruner: BasePruner | None

    def __post_init__(self) -> None:
        self._space = parse_space(self.settings.space)

    def run(self) -> Outcome:
        """First the trials; then the winner, from several seeds."""
        ledger = self._trials()
        Board(self.client, ledger, self.listener, self._trial_job).run("trials")
        tried = sorted(map(as_tried, ledger.finished().values()), key=lambda t: t.slot)
        if not any(t.curve for t in tried):
            raise SweepError("no trial got through an epoch: every one diverged or lost its workers; try smaller rates")
        best = best_of(tried)
        recipe = self._recipe(best.values)
        seeds = self._seeds(recipe)
        return Outcome(recipe, best, tried, seeds, ledger.given_up(), report.importances(ledger.study), self.settings)

    def _recipe(self, values: dict[str, Any]) -> Recipe:
        try:
            return self._space.applied(self.settings.recipe, values)
        except (ValueError, KeyError, TypeError) as error:
            raise SweepError(f"the study has a trial that is none of this search ({reason(error)})") from None

    def _trials(self) -> Ledger:
        import optuna

        pruner = self.pruner or optuna.pruners.MedianPruner(n_startup_trials=5, n_warmup_steps=WARMUP)
        study = optuna.load_study(study_name=STUDY, storage=self.storage, pruner=pruner)
        return Ledger(study, self.storage, self.settings.trials, self._space.distributions(), self._draw)

    def _seeds(self, recipe: Recipe) -> list[Seed]:
        """The winner's seeds are a study too, so that they survive a kill and are shared in the same way."""
        import optuna

        study = optuna.create_study(
            storage=self.storage, study_name=WINNER, direction="maximize", load_if_exists=True,
            pruner=optuna.pruners.NopPruner(),
        )  # fmt: skip
        ledger = Ledger(study, self.storage, self.settings.seeds, {}, lambda *_: {})
        Board(self.client, ledger, self.listener, partial(self._seed_job, recipe)).run("seeds")
        return [_seed(self.settings.seed + slot, trial) for slot, trial in sorted(ledger.finished().items())]

    def _draw(self, study: Study, trial: FrozenTrial, slot: int) -> dict[str, Any]:
        """The parameters for a slot. On a grid and at random, they follow from the slot and the seed alone."""
        if self.settings.sampler == "grid":
            return self._space.grid()[slot]
        sampler = self._sampler([self.settings.seed, slot])
        return {
            name: sampler.sample_independent(study, trial, name, distribution)
            for name, distribution in self._space.distributions().items()
        }

    def _sampler(self, seed: list[int]) -> BaseSampler:
        import numpy as np
        import optuna

        number = int(np.random.SeedSequence(seed).generate_state(1)[0])
        if self.settings.sampler == "random":
            return optuna.samplers.RandomSampler(seed=number)
        return optuna.samplers.TPESampler(seed=number, constant_liar=True)

    def _trial_job(self, slot: int, trial: Trial) -> Job:
        recipe = self._recipe(trial.params)
        return Job(recipe, self.settings.source, self.facts, self.settings.seed)

    def _seed_job(self, recipe: Recipe, slot: int, trial: Trial) -> Job:
        return Job(recipe, self.settings.source, self.facts, self.settings.seed + slot, final=True)


def _seed(seed: int, trial: FrozenTrial) -> Seed:
    if trial.user_attrs.get("test_accuracy") is None:
        raise SweepError(f"the study has lost the test accuracy of its winner's trial {trial.number}; search anew")
    return Seed(seed, max(trial.intermediate_values.values(), default=math.nan), trial.user_attrs["test_accuracy"])
