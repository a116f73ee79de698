"""`tinygrad-mnist train`."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any

import typer

from tinygrad_mnist import data, training
from tinygrad_mnist.cli import show
from tinygrad_mnist.cli.options import Activation, Data, Interrupted, Layers, one_of, positive
from tinygrad_mnist.training import Recipe

VALIDATION_SHARE = 0.1
MODEL, HISTORY, TABLE, CHECKPOINT = "model.safetensors", "history.json", "history.csv", "checkpoint.safetensors"
_FREE = {"epochs", "patience"}
"""What of a recipe may change when a run is resumed."""


def train(
    context: typer.Context,
    source: Data = "auto",
    layers: Layers = "784,128,64,10",
    activation: Activation = "leaky_relu",
    epochs: Annotated[int, typer.Option(min=1, help="Passes over the training set.")] = 20,
    batch_size: Annotated[int, typer.Option(min=1, help="Examples in each step.")] = 64,
    optimizer: Annotated[
        str, typer.Option(help=f"{', '.join(training.OPTIMIZERS)}.", callback=one_of(training.OPTIMIZERS))
    ] = "sgd",
    lr: Annotated[
        float, typer.Option(help="Learning rate.", show_default="0.05 for sgd, else 0.001", callback=positive)
    ] = 0.05,
    schedule: Annotated[
        str,
        typer.Option(
            help=f"Of the learning rate: {', '.join(training.SCHEDULES)}.",
            show_default="inverse for sgd, else constant",
            callback=one_of(training.SCHEDULES),
        ),
    ] = "inverse",
    momentum: Annotated[float, typer.Option(min=0, max=0.999999, help="Of sgd.")] = 0.9,
    weight_decay: Annotated[
        float, typer.Option(min=0, help="Pulls weights towards 0.", show_default="0.01 for adamw, else 0")
    ] = 0.0,
    label_smoothing: Annotated[
        float, typer.Option(min=0, max=1, help="Share of a label spread over all classes.")
    ] = 0.0,
    clip_norm: Annotated[
        float | None, typer.Option(help="The gradient's greatest length.", callback=positive, show_default="none")
    ] = None,
    average: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Decay of an average of the weights, such as 0.999.", show_default="none"),
    ] = None,
    patience: Annotated[
        int | None, typer.Option(min=1, help="Stop after so many epochs without a better one.", show_default="never")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of weights, split and shuffling.")] = 0,
    out: Annotated[Path, typer.Option(help="Folder for the model, its history and the checkpoint.")] = Path("run"),
    checkpoint_steps: Annotated[
        int | None, typer.Option(min=1, help="Steps between two checkpoints.", show_default="every 2 seconds")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where the run in --out stopped.")] = False,
    pictures: Annotated[bool, typer.Option("--plots", help="Draw curves, mistakes and weights into --out.")] = False,
) -> None:
    """Train an MLP, and score the best epoch on the test images.

    Every two seconds the run is kept in a checkpoint; after a crash, --resume goes on from there, and ends with
    the same weights as without the crash, bit for bit.
    """
    given = {name: value for name, value in context.params.items() if _is_given(context, name)}
    changes = {field.name: given[field.name] for field in fields(Recipe) if field.name in given}
    path = out / CHECKPOINT
    kept = training.read_notes(path) if resume else None
    if kept:
        recipe, seed, source = _resumed(kept, path, changes, given)
    else:
        recipe = _recipe(changes)
        if resume:
            show.note(f"{path}: no such file, there is nothing to resume; starting at the beginning")
    notes = {"recipe": recipe.as_dict(), "seed": seed, "source": source}
    dataset = data.load(source, say=show.note)
    train_set, validation_set = _split(dataset, seed)
    training.prepare_folder(out, MODEL, HISTORY, TABLE, CHECKPOINT)
    model = recipe.make_model(seed)
    show.line(f"{model!r}")
    show.line(
        f"{dataset.name}: {len(train_set):,} images to train on, {len(validation_set):,} to validate, "
        f"{len(dataset.test):,} to test"
    )
    with show.Training() as progress:
        history = recipe.fit(
            model,
            (train_set, validation_set),
            seed=seed,
            callbacks=[progress],
            checkpoint=training.Checkpoint(path, steps=checkpoint_steps, notes=notes),
            resume=resume,
        )
    best = history.best
    if best is None:
        raise Interrupted("interrupted before the first epoch was done; only the checkpoint was saved, for --resume")
    facts: dict[str, Any] = {"data": dataset.name, **recipe.as_dict(), "seed": seed, "best_epoch": best.number}
    training.save_model(model, out / MODEL)
    if not history.interrupted:
        facts["test_accuracy"] = training.evaluate(model, dataset.test)
    history.save(out / HISTORY, **facts)
    history.save_csv(out / TABLE)
    _say_the_end(history, best, recipe, facts)
    show.line(f"saved {out / MODEL}, {out / HISTORY} and {TABLE}")
    if pictures:
        _draw(out, dataset.test)


def _draw(run: Path, test: data.Split) -> None:
    from tinygrad_mnist import plots  # Matplotlib takes its time

    paths = plots.save_all(run, test)
    show.line(f"drew {len(paths)} pictures into {paths[0].parent}")


def _say_the_end(history: training.History, best: training.Epoch, recipe: Recipe, facts: dict[str, Any]) -> None:
    if history.interrupted:
        show.line(f"interrupted: kept epoch {best.number}, the best so far, not scored on the test images")
        show.line("--resume goes on from the last checkpoint")
        return
    if history.stopped_early:
        show.line(f"stopped early: no epoch was better than epoch {best.number} for {recipe.patience} epochs")
    show.line(f"test accuracy {show.percent(facts['test_accuracy'])} (epoch {best.number}, chosen by validation)")


def _is_given(context: typer.Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def _recipe(changes: dict[str, Any]) -> Recipe:
    try:
        return Recipe().changed(**changes)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def _resumed(
    notes: dict[str, Any], path: Path, changes: dict[str, Any], given: dict[str, Any]
) -> tuple[Recipe, int, str]:
    """The recipe, seed and data of the run in a checkpoint; raises CheckpointError where other ones were given."""
    try:
        recipe, seed = Recipe(**notes["recipe"]), notes["seed"]
        source = given.get("source", notes["source"])
    except (KeyError, TypeError, ValueError) as error:
        raise training.CheckpointError(f"{path}: another program wrote its notes ({error}); train anew") from None
    then = {**recipe.as_dict(), "seed": seed}
    asked = changes | {name: given[name] for name in ("seed",) if name in given}
    for name, value in asked.items():
        if name not in _FREE and value != then[name]:
            option = f"--{name.replace('_', '-')}"
            raise training.CheckpointError(
                f"{path}: the run has {option} {_text(then[name])}, not {_text(value)}: leave {option} out, "
                f"or train anew without --resume"
            )
    return recipe.changed(**{name: value for name, value in changes.items() if name in _FREE}), seed, source


def _text(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _split(dataset: data.Dataset, seed: int) -> tuple[data.Split, data.Split]:
    try:
        return data.train_validation_split(dataset.train, VALIDATION_SHARE, seed)
    except ValueError:
        raise data.DataError(
            f"{dataset.name}: {len(dataset.train)} training images are too few to set a tenth aside; give 10 or more"
        ) from None
