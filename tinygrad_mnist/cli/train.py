"""`tinygrad-mnist train`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from tinygrad_mnist import data, nn, training
from tinygrad_mnist.cli import show
from tinygrad_mnist.cli.options import Data, Interrupted, one_of
from tinygrad_mnist.cli.recipe import base_recipe, changed, is_given, with_recipe_options
from tinygrad_mnist.training import PRESETS, Recipe, as_text
from tinygrad_mnist.training.run import CHECKPOINT, HISTORY, MODEL, TABLE


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
    seed: Annotated[int, typer.Option(min=0, help="Of weights, split and shuffling.")] = 0,
    out: Annotated[Path, typer.Option(help="Folder for the model, its history and the checkpoint.")] = Path("run"),
    checkpoint_steps: Annotated[
        int | None, typer.Option(min=1, help="Steps between two checkpoints.", show_default="every 2 seconds")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where the run in --out stopped.")] = False,
    pictures: Annotated[bool, typer.Option("--plots", help="Draw curves, mistakes and weights into --out.")] = False,
    **changes: Any,
) -> None:
    """Train a network, and score the best epoch on the test images.

    Every two seconds the run is kept in a checkpoint; after a crash, --resume goes on from there, and ends with
    the same weights as without the crash, bit for bit.
    """
    given = {name: value for name, value in context.params.items() if is_given(context, name)}
    changes = {name: value for name, value in changes.items() if name in given}
    base = base_recipe(context, preset, recipe_file)
    if resume and given.keys() & {"preset", "recipe_file"}:
        changes = vars(base) | changes
    path = out / CHECKPOINT
    kept = training.read_notes(path) if resume else None
    if kept:
        recipe, seed, source = _resumed(kept, path, changes, given)
    else:
        recipe = changed(base, changes)
        if resume:
            show.note(f"{path}: no such file, there is nothing to resume; starting at the beginning")
    notes = {"recipe": recipe.as_dict(), "seed": seed, "source": source}
    dataset = data.load(source, say=show.note)
    train_set, validation_set = data.set_tenth_aside(dataset, seed)
    training.prepare_folder(out, MODEL, HISTORY, TABLE, CHECKPOINT)
    model = recipe.make_model(seed)
    show.line(repr(model) if isinstance(model, nn.MLP) else model.summary((1, *training.input_shape(model))))
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
    show.line(f"test accuracy {training.percent(facts['test_accuracy'])} (epoch {best.number}, chosen by validation)")


def _resumed(
    notes: dict[str, Any], path: Path, changes: dict[str, Any], given: dict[str, Any]
) -> tuple[Recipe, int, str]:
    """The recipe, seed and data of the run in a checkpoint; raises CheckpointError where other ones were given."""
    try:
        recipe, seed = Recipe(**notes["recipe"]), notes["seed"]
        source = given.get("source", notes["source"])
    except (KeyError, TypeError, ValueError) as error:
        raise training.CheckpointError(f"{path}: another program wrote its notes ({error}); train anew") from None
    free = {"patience", "epochs"} if recipe.schedule in training.ENDLESS else {"patience"}
    then = vars(recipe) | {"seed": seed}
    asked = changes | {name: given[name] for name in ("seed",) if name in given}
    for name, value in asked.items():
        if name not in free and value != then[name]:
            option = f"--{name.replace('_', '-')}"
            given_as = option if name in given else "--recipe" if "recipe_file" in given else "--preset"
            reason = f", with which its {recipe.schedule} schedule ends" if name == "epochs" else ""
            raise training.CheckpointError(
                f"{path}: the run has {option} {as_text(then[name])}{reason}, not {as_text(value)}: "
                f"leave {given_as} out, or train anew without --resume"
            )
    return recipe.changed(**{name: given[name] for name in free & given.keys()}), seed, source
