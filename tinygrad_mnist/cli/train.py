"""`tinygrad-mnist train`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from tinygrad_mnist import data, nn, training
from tinygrad_mnist.cli import show
from tinygrad_mnist.cli.options import Data, Interrupted, interrupted, one_of
from tinygrad_mnist.cli.recipe import base_recipe, changed, is_given, with_recipe_options
from tinygrad_mnist.cli.resuming import MOST_THREADS, resumed
from tinygrad_mnist.devices import DEVICES, mover
from tinygrad_mnist.jit import has_numba
from tinygrad_mnist.processes import drop_signals, signals_held
from tinygrad_mnist.training import PRESETS, Recipe, as_text
from tinygrad_mnist.training.pace import STEPS, paying_threads, pays_to_compile
from tinygrad_mnist.training.run import HISTORY, MODEL, TABLE


@with_recipe_options
def train(
    context: typer.Context,
    source: Data = "auto",
    preset: Annotated[
        str,
        typer.Option(
            help=f"A ready recipe: {', '.join(PRESETS)}. Options change it; the defaults below are those of default.",
            callback=one_of(PRESETS),
        ),
    ] = "default",
    recipe_file: Annotated[
        Path | None, typer.Option("--recipe", help="A recipe.json that sweep has written, in place of a preset.")
    ] = None,
    *,
    classes: Annotated[
        int | None, typer.Option(min=2, help="Of the data.", show_default="found from the labels, at least 10")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of weights, split and shuffling.")] = 0,
    out: Annotated[Path, typer.Option(help="Folder for the model, its history and the checkpoint.")] = Path("run"),
    checkpoint_steps: Annotated[
        int | None, typer.Option(min=1, help="Steps between two checkpoints.", show_default="every 2 seconds")
    ] = None,
    device: Annotated[
        str, typer.Option(help="What computes: cpu, or cuda, a GPU by CuPy.", callback=one_of(DEVICES))
    ] = "cpu",
    compile: Annotated[
        bool | None,
        typer.Option(
            "--compile/--no-compile",
            help="Replay the step as a plan; quicker still with the extra fast.",
            show_default=f"in runs of {STEPS:,} steps and more",
        ),
    ] = None,
    threads: Annotated[
        int | None,
        typer.Option(
            min=1, max=MOST_THREADS, help="How many cores.", show_default="2 for convolutions and wide layers"
        ),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where the run in --out stopped.")] = False,
    pictures: Annotated[bool, typer.Option("--plots", help="Draw curves, mistakes and weights into --out.")] = False,
    **changes: Any,
) -> None:
    """Train a network, and score the best epoch on the test images.

    Every two seconds the run is kept in a checkpoint; after a crash, --resume goes on from there, and ends with
    the same weights as without the crash, bit for bit.
    """
    if compile and device != "cpu":
        raise typer.BadParameter("--compile plans for the CPU: leave out --device")
    mover(device)  # says now what it lacks, and not after the data are read
    given = {name: value for name, value in context.params.items() if is_given(context, name)}
    changes = {name: value for name, value in changes.items() if name in given}
    base = base_recipe(context, preset, recipe_file)
    if resume and given.keys() & {"preset", "recipe_file"}:
        changes = vars(base) | changes
    folder = training.RunFolder(out)
    path = folder.checkpoint
    kept = resume and os.path.lexists(path)
    if kept:
        then = resumed(training.read_notes(path), path, changes, given)
        recipe, seed, source, compile, threads = then.recipe, then.seed, then.source, then.compile, then.threads
    else:
        recipe = changed(base, changes)
        if resume:
            show.note(f"{path}: no such file, there is nothing to resume; starting at the beginning")
    dataset = data.load(source, say=show.note, classes=classes or (int(recipe.layers[-1]) if kept else None))
    recipe = _fitting(recipe, dataset, "layers" in changes or kept)
    train_set, validation_set = data.set_tenth_aside(dataset, seed)
    with folder.opened(resume=kept, say=show.note):
        model = recipe.make_model(seed).to(device)
        pace = _pace(compile, threads, model, recipe, len(train_set), device)
        show.lines(repr(model) if isinstance(model, nn.MLP) else model.summary((1, *training.input_shape(model))))
        show.line(
            f"{dataset.name}: {len(train_set):,} images to train on, {len(validation_set):,} to validate, "
            f"{len(dataset.test):,} to test"
        )
        _say_the_pace(**pace)
        notes = {"recipe": recipe.as_dict(), "seed": seed, "source": data.wherever_it_runs(source), **pace}
        checkpoint = training.Checkpoint(path, steps=checkpoint_steps, notes=notes)
        facts: dict[str, Any] = {"data": dataset.name, **recipe.as_dict(), "seed": seed, **pace}
        with interrupted(lambda: _nothing_but(path)):
            history = recipe.fit(
                model,
                (train_set, validation_set),
                seed=seed,
                callbacks=[training.Progress()],
                checkpoint=checkpoint,
                resume=resume,
                **pace,
            )
            facts |= _scored(model, history, dataset.test)
        if history.best is None:
            raise Interrupted(_nothing_but(path))
        drawn = f"interrupted; the run is saved, and tinygrad-mnist plot {out} draws it" if pictures else ""
        with interrupted(lambda: drawn):  # the run is whole
            with signals_held():
                folder.save(model, history, **facts)
                _say_the_end(history, recipe, facts)
                if dataset.name == data.DIGITS and source in data.NAMES and not history.interrupted:
                    show.lines(OTHER_WRITERS)
                show.line(f"saved {out / MODEL}, {out / HISTORY} and {TABLE}")
            if pictures:
                _draw(out, dataset.test)
        drop_signals()


def _pace(
    compile: bool | None, threads: int | None, model: nn.Module, recipe: training.Recipe, examples: int, device: str
) -> dict[str, Any]:
    """Whether steps are compiled, and on how many cores: as it was asked, or as it pays on a CPU."""
    on_cpu = device == "cpu"
    if compile is None:
        compile = pays_to_compile(recipe.steps(examples))
    if threads is None:
        threads = paying_threads(model, recipe.augment) if on_cpu else 1
    return {"compile": compile and on_cpu, "threads": threads}  # a run that was begun there may go on on a GPU


def _say_the_pace(compile: bool, threads: int) -> None:
    said = ["each step is replayed as a plan"] if compile else []
    said += [f"on {threads} cores"] if threads > 1 else []
    if compile and has_numba():
        from tinygrad_mnist.compiler.kernels import parts  # as large as all the rest

        said += [] if parts.folder().exists() else ["which numba compiles now, once, in some seconds"]
    if said:
        show.line(", ".join(said))


def _scored(model: nn.Module, history: training.History, test: data.Split) -> dict[str, Any]:
    """The best epoch, and how well it reads the test images where nothing interrupts that."""
    facts: dict[str, Any] = {"best_epoch": history.best.number} if history.best else {}
    if not history.interrupted:
        try:
            facts["test_accuracy"] = training.evaluate(model, test)
        except KeyboardInterrupt:
            history.interrupted = True
    return facts


def _nothing_but(checkpoint: Path) -> str:
    """What to say where the run was interrupted before there was a model to save."""
    if checkpoint.exists():
        return "interrupted before a model was saved; the checkpoint is there, for --resume"
    return "interrupted; nothing was saved"


def _draw(run: Path, test: data.Split) -> None:
    from tinygrad_mnist import plots  # Matplotlib takes its time

    paths = plots.save_all(run, test)
    show.line(f"drew {len(paths)} pictures into {paths[0].parent}")


def _say_the_end(history: training.History, recipe: Recipe, facts: dict[str, Any]) -> None:
    best = facts["best_epoch"]
    if history.interrupted:
        show.line(f"interrupted: kept epoch {best}, the best so far, not scored on the test images")
        show.line("--resume goes on from the last checkpoint")
        return
    if history.stopped_early:
        show.line(f"stopped early: no epoch was better than epoch {best} for {recipe.patience} epochs")
    show.line(f"test accuracy {training.percent(facts['test_accuracy'])} (epoch {best}, chosen by validation)")


OTHER_WRITERS = (
    "The test digits are by other writers than those of training and validation:\n"
    "that is harder. Of MNIST (--data mnist) there are many more of each."
)
"""Why the embedded digits are read so much better in validation."""


def _fitting(recipe: Recipe, dataset: data.Dataset, is_chosen: bool) -> Recipe:
    """The recipe with as many outputs as there are classes; DataError where other layers were chosen."""
    *before, last = recipe.layers
    layers = (*before, dataset.classes)
    if is_chosen and last != dataset.classes:
        end = as_text(layers)
        raise data.DataError(f"{dataset.name}: has {dataset.classes} classes, but --layers end with {last}: give {end}")
    return recipe.changed(layers=layers)
