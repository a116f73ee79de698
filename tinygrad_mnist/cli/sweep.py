"""`tinygrad-mnist sweep`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from tinygrad_mnist import sweeps
from tinygrad_mnist.cli import show
from tinygrad_mnist.cli.options import Data, check_folder_of, interrupted, one_of
from tinygrad_mnist.cli.recipe import base_recipe, changed, is_given, with_recipe_options
from tinygrad_mnist.screens.bar import Bar
from tinygrad_mnist.sweeps import words
from tinygrad_mnist.sweeps.outcome import PAGE, RECIPE, Tried
from tinygrad_mnist.sweeps.settings import SAMPLERS
from tinygrad_mnist.training import PRESETS, percent

_WIDTH = 80


@with_recipe_options
def sweep(
    context: typer.Context,
    source: Data = "auto",
    preset: Annotated[
        str, typer.Option(help=f"Around which recipe: {', '.join(PRESETS)}.", callback=one_of(PRESETS))
    ] = "default",
    recipe_file: Annotated[Path | None, typer.Option("--recipe", help="Or around that in a recipe.json.")] = None,
    *,
    space: Annotated[
        str | None, typer.Option(help="What to search: lr=1e-4..1e-1:log,batch_size=32|64|128,init=he|xavier.")
    ] = None,
    trials: Annotated[
        int | None, typer.Option(min=1, help="How many recipes to try.", show_default="50, or all of a grid")
    ] = None,
    sampler: Annotated[str, typer.Option(help=f"{', '.join(SAMPLERS)}.", callback=one_of(SAMPLERS))] = "tpe",
    seed: Annotated[int, typer.Option(min=0, help="Of the draws, and of every trial.")] = 0,
    seeds: Annotated[int, typer.Option(min=1, help="From so many the winner is trained anew and tested.")] = 5,
    out: Annotated[Path, typer.Option(help="Folder for the study, recipe.json and sweep.html.")] = Path("sweep"),
    storage: Annotated[
        str | None, typer.Option(help="The study's place, to share it: a data base's URL or a journal file.")
    ] = None,
    scheduler: Annotated[
        str | None, typer.Option(help="Of a Dask cluster, such as tcp://10.0.0.1:8786.", show_default="this machine")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Of this machine.", show_default="one for each core")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the study that is there.")] = False,
    **changes: Any,
) -> None:
    """Search for a better recipe; the winner alone is tested.

    Trials are chosen on the validation images. Needs the extra sweep. After a crash, --resume goes on: no finished
    trial is run again.
    """
    changes = {name: value for name, value in changes.items() if is_given(context, name)}
    if storage and "://" not in storage:
        check_folder_of(Path(storage))
    recipe = changed(base_recipe(context, preset, recipe_file), changes)
    kept = "interrupted; the finished trials are kept, and --resume goes on"
    with interrupted(lambda: kept), Progress() as progress:
        outcome = sweeps.search(
            recipe, space, trials=trials, sampler=sampler, seed=seed, data=source, out=out, storage=storage,
            scheduler=scheduler, workers=workers, seeds=seeds, resume=resume, listener=progress,
        )  # fmt: skip
    _say(outcome)
    show.line(f"saved {out / RECIPE} (for train --recipe) and {out / PAGE}")


class Progress(Bar, sweeps.Listener):
    """A bar for the trials, and a line for each that is finished."""

    def begins(self, what: str, done: int, total: int, workers: int) -> None:
        self.stop()
        self._one = what.removesuffix("s")
        self.line(f"{what}: {total - done} of {total} to go, on {workers} worker{'' if workers == 1 else 's'}")
        self.start(what, total)
        self.move(done)

    def trial_ends(self, tried: Tried, best: Tried, done: int, total: int) -> None:
        count = f"{done:>{len(str(total))}}/{total}"
        self.line(f"{count} {_row(tried, self._one, len(count) + 1)}")
        self.move(done, facts=f"best {percent(best.accuracy)}")

    def note(self, text: str) -> None:
        show.note(text)


def _say(outcome: sweeps.Outcome) -> None:
    show.line("")
    show.line(f"the best of {len(outcome.tried)} on the validation images:")
    for tried in words.ranked(outcome):
        show.line(_row(tried))
    for fact in words.facts(outcome):
        show.line(fact)


def _row(tried: Tried, what: str = "trial", taken: int = 0) -> str:
    """A trial, or a seed, in a line of 80 columns, of which some are taken."""
    values = " ".join(f"{name}={words.brief(value)}" for name, value in tried.values.items())
    start = f"{what} {tried.number:<3} {percent(tried.accuracy):>8} {tried.seconds:>5.1f} s  "
    if tried.ended:
        start += f"{tried.ended}  "
    room = _WIDTH - taken - len(start)
    return start + (values if len(values) <= room else f"{values[: room - 1]}…")
