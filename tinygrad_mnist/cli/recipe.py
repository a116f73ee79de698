"""The fields of a recipe as options of a command: names, defaults, help and checks are the recipe's."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Collection
from dataclasses import Field, fields
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

from tinygrad_mnist.arguments import Range
from tinygrad_mnist.cli.options import asked_wrongly, distortion, if_given, network_layers, one_of, within
from tinygrad_mnist.training import PRESETS, Recipe, as_text, load_recipe

PARSERS: dict[str, Callable[[str], Any]] = {"layers": network_layers, "augment": distortion}
"""What reads a setting that is written as text."""

HINTS = get_type_hints(Recipe)


def _option(setting: Field[Any]) -> inspect.Parameter:
    """The option that changes what the preset has for this field of a recipe."""
    parser = PARSERS.get(setting.name)
    checks = {"callback": if_given(parser)} if parser else _checks(setting.metadata["allowed"])
    help = f"{setting.metadata['help']} [default: {as_text(setting.default)}]"
    option = typer.Option(help=help, show_default=False, **checks)
    hint: Any = str if parser else HINTS[setting.name]
    annotation = Annotated[hint | None, option]
    return inspect.Parameter(setting.name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)


def _checks(allowed: Range | Collection[str] | None) -> dict[str, Any]:
    """The arguments of typer.Option that check a range or names."""
    if allowed is None:
        return {}
    if not isinstance(allowed, Range):
        return {"callback": if_given(one_of(allowed))}
    if allowed.least in allowed.excluded:  # for typer, the ends belong to a range
        return {"callback": if_given(within(allowed))}
    return {"min": allowed.least, "max": None if math.isinf(allowed.most) else allowed.most}


def with_recipe_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command an option for every field of a recipe, before its keyword-only ones and in place of **changes."""
    own = list(inspect.signature(command, eval_str=True).parameters.values())
    first = [p for p in own if p.kind is p.POSITIONAL_OR_KEYWORD]
    last = [p for p in own if p.kind is p.KEYWORD_ONLY]
    options = [_option(setting) for setting in fields(Recipe)]
    command.__signature__ = inspect.Signature([*first, *options, *last])  # type: ignore[attr-defined]
    return command


def is_given(context: typer.Context, name: str) -> bool:
    """Whether an option is on the command line."""
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def base_recipe(context: typer.Context, preset: str, file: Path | None) -> Recipe:
    """The recipe that options change: a file's or a preset's."""
    if file is None:
        return PRESETS[preset]
    if is_given(context, "preset"):
        raise typer.BadParameter("--preset and --recipe both name a recipe; give one of them")
    recipe = load_recipe(file)
    network_layers(",".join(map(str, recipe.layers)))
    return recipe


def changed(recipe: Recipe, changes: dict[str, Any]) -> Recipe:
    """The recipe with the options that are given."""
    with asked_wrongly():
        return recipe.changed(**changes)
