"""What a sweep leaves: the best recipe as a file, the verdict in words, and a page that works offline."""

from __future__ import annotations

import json
import shlex
import warnings
from dataclasses import fields
from functools import partial
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

from tinygrad_mnist.files import static, write_atomically
from tinygrad_mnist.sweeps.outcome import PAGE, RECIPE, Outcome
from tinygrad_mnist.sweeps.space import parse_space
from tinygrad_mnist.sweeps.words import verdict
from tinygrad_mnist.training import Recipe, as_text, save_recipe

if TYPE_CHECKING:
    from optuna import Study


def write(outcome: Outcome, folder: Path) -> None:
    """The files recipe.json and sweep.html."""
    save_recipe(outcome.recipe, folder / RECIPE)
    write_atomically(folder / PAGE, page(outcome).encode())


def importances(study: Study) -> dict[str, float]:
    """How much of the best trials' distinction each setting explains, of 1 (PED-ANOVA); empty for too few trials."""
    import optuna

    evaluator = optuna.importance.PedAnovaImportanceEvaluator()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)  # which says that it can't tell
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            found = optuna.importance.get_param_importances(study, evaluator=evaluator)
    except (ValueError, RuntimeError, UserWarning):
        return {}
    return {name: float(share) for name, share in found.items()}


def command(recipe: Recipe, seed: int, source: str) -> str:
    """The call of train that does what a trial did."""
    default, words = Recipe(), ["tinygrad-mnist", "train", "--data", source, "--seed", str(seed)]
    for setting in fields(Recipe):
        value = getattr(recipe, setting.name)
        if setting.name == "momentum" and recipe.optimizer != "sgd":
            continue
        if value == getattr(default, setting.name) and recipe.optimizer == default.optimizer:
            continue
        option = f"--{setting.name.replace('_', '-')}"
        if isinstance(value, bool):
            words += [option if value else option.replace("--", "--no-", 1)]
        elif value is not None or setting.name == "augment":
            words += [option, as_text(value)]
        elif setting.name in ("average", "max_norm"):
            words += [option, "0"]
    return shlex.join(words)


def page(outcome: Outcome) -> str:
    """The page, with Plotly and the trials inside, so that it needs no network."""
    from plotly.offline import get_plotlyjs

    settings = outcome.settings
    space = parse_space(settings.space)
    run = partial(command, seed=settings.seed, source=settings.source)
    content: dict[str, Any] = {
        "best": outcome.best.number,
        "verdict": verdict(outcome),
        "importances": outcome.importances,
        "log": [name for name, text in settings.space.items() if text.endswith(":log")],
        "winner": run(outcome.recipe),
        "facts": f"{len(outcome.tried)} trials, {settings.sampler}, seed {settings.seed}, {settings.source}",
        "space": settings.space,
        "trials": [
            {
                "number": t.number, "values": t.values, "accuracy": t.accuracy, "curve": t.curve, "ended": t.ended,
                "seconds": round(t.seconds, 2),
                "command": run(space.applied(settings.recipe, t.values)),
            }
            for t in outcome.tried
        ],
    }  # fmt: skip
    inside = json.dumps(content, allow_nan=False).replace("<", "\\u003c")
    return Template(static("sweeps", "page.html")).substitute(
        style=static("sweeps", "page.css"), sweep=inside, plotly=get_plotlyjs(), script=static("sweeps", "page.js")
    )
