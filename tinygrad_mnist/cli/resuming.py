"""How the run in a checkpoint of `tinygrad-mnist train` was begun, and goes on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tinygrad_mnist import nn, records, training
from tinygrad_mnist.arguments import Range
from tinygrad_mnist.training import Recipe, as_text

MOST_THREADS = 256

KEPT = ("seed", "compile", "threads")
"""Options, besides the recipe's, on which each bit of the result depends: a resumed run has them as they were."""

_LEAST_BYTES = 4
"""Of a weight: float32."""


@dataclass(frozen=True)
class Notes:
    """What a checkpoint of this command keeps besides the run: raises ValueError for numbers out of range."""

    recipe: Recipe
    seed: int
    source: str
    compile: bool = False
    threads: int = 1

    def __post_init__(self) -> None:
        Range("an integer from 0 on", whole=True).check(seed=self.seed)
        Range(f"an integer from 1 to {MOST_THREADS}", 1, MOST_THREADS, whole=True).check(threads=self.threads)


def resumed(notes: Any, path: Path, changes: dict[str, Any], given: dict[str, Any]) -> Notes:
    """How the run in a checkpoint was begun, and goes on; raises CheckpointError where something else was given."""
    try:
        then = records.made(Notes, notes, "notes")
    except records.RecordError as error:
        raise training.CheckpointError(f"{path}: another program wrote its notes ({error}); train anew") from None
    recipe, source = then.recipe, given.get("source", then.source)
    if _LEAST_BYTES * nn.count_weights(recipe.layers) > path.stat().st_size:
        raise training.CheckpointError(f"{path}: smaller than layers {as_text(recipe.layers)} need; train anew")
    free = {"patience", "epochs"} if recipe.schedule in training.ENDLESS else {"patience"}
    if "layers" in changes and "layers" not in given:  # a preset's, which end with as many classes as the data have
        changes = changes | {"layers": (*changes["layers"][:-1], recipe.layers[-1])}
    settings = vars(recipe) | {name: getattr(then, name) for name in KEPT}
    asked = changes | {name: given[name] for name in KEPT if name in given}
    for name, value in asked.items():
        if name not in free and value != settings[name]:
            option = f"--{name.replace('_', '-')}"
            if name == "compile":
                raise training.CheckpointError(
                    f"{path}: the run was begun {'compiled' if then.compile else 'without --compile'}: leave "
                    f"{'--compile' if value else '--no-compile'} out, or train anew without --resume"
                )
            given_as = option if name in given else "--recipe" if "recipe_file" in given else "--preset"
            reason = f", with which its {recipe.schedule} schedule ends" if name == "epochs" else ""
            raise training.CheckpointError(
                f"{path}: the run has {option} {as_text(settings[name])}{reason}, not {as_text(value)}: "
                f"leave {given_as} out, or train anew without --resume"
            )
    return replace(then, recipe=recipe.changed(**{name: given[name] for name in free & given.keys()}), source=source)
