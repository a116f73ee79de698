"""An exercise as a notebook: JSON of the format 4.5, written without a library, with its data in it or beside it."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tinygrad_mnist.files import write_atomically, write_text
from tinygrad_mnist.shown import json_text

if TYPE_CHECKING:
    from tinygrad_mnist.graph.exercises.exercise import Exercise, Step

EMBEDDED = 300_000
"""Up to how many bytes of arrays stand in the notebook itself; more go into a file beside it."""

Cell = dict[str, Any]

_INTRODUCTION = """\
# {title}

The forward pass is done. Fill in the gradient of every value, from the loss back to the parameters: `dz` stands for
the derivative of `{loss}` with respect to `z`, and has the shape of `z`. Write NumPy in place of each `...` and run the
cell: it says whether the numbers are right, or what is wrong with them. Each step has hints, the weakest first.

`exercise.solution("{first}")` shows how a step is done, and `.value` of it lets you go on without it."""


def write_notebook(exercise: Exercise, path: Path) -> Path:
    """Write the notebook, and its data beside it where they are large; returns its path."""
    contents = exercise.to_bytes()
    if len(contents) <= EMBEDDED:
        source = f'base64.b64decode("{base64.b64encode(contents).decode()}")'
    else:
        beside = path.with_suffix(".npz")
        write_atomically(beside, contents)
        source = json.dumps(beside.name)
    notebook = {
        "cells": [{"id": f"cell-{number}", **cell} for number, cell in enumerate(_cells(exercise, source))],
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    write_text(path, f"{json_text(notebook, indent=1)}\n")
    return path


def _cells(exercise: Exercise, source: str) -> Iterator[Cell]:
    loss, first = exercise.loss, exercise.steps[0].name
    yield _words(_INTRODUCTION.format(title=exercise.title, loss=loss, first=first))
    start = ["import base64", "", "import numpy as np", "", "from tinygrad_mnist import graph", ""]
    loading = [f"exercise = graph.Exercise.load({source})", "check, hint = exercise.check, exercise.hint"]
    yield _code("\n".join([*start[2 if source.startswith('"') else 0 :], *loading]), hidden=True)
    yield _words("## Forward")
    given = "\n".join(f'{name} = exercise.given["{name}"]  # {array.shape}' for name, array in exercise.data.items())
    yield _code(given)
    if exercise.helpers:
        yield _code("\n\n".join(helper.rstrip() + "\n" for helper in exercise.helpers).rstrip())
    yield _code("\n".join(exercise.forward))
    yield _words(f"## Backward\n\n`d{loss}` is 1: `{loss}` changes by 1 when `{loss}` does.")
    for step in exercise.steps:
        yield _words(_hints(step))
        shape = f"shape {step.shape}" if step.shape else "a number"
        yield _code(f'{step.name} = ...  # {shape}\ncheck("{step.name}", {step.name})')
    yield _words("## How far you are")
    yield _code("exercise")


def _hints(step: Step) -> str:
    """A heading, and the hints one within the other; the formula in LaTeX."""
    shown = [f"<p>{html.escape(hint)}</p>" for hint in step.hints[:-1]] + [f"$${step.latex}$$"]
    nested = ""
    for number, hint in reversed(list(enumerate(shown, start=1))):
        summary = f"<summary>Hint {number} of {len(shown)}</summary>"
        nested = f"<details>{summary}\n\n{hint}\n\n{nested}</details>\n"
    return f"### `{step.name}`\n\n{nested}"


def _words(text: str) -> Cell:
    return {"cell_type": "markdown", "metadata": {}, "source": text.splitlines(keepends=True)}


def _code(text: str, hidden: bool = False) -> Cell:
    metadata = {"jupyter": {"source_hidden": True}} if hidden else {}
    lines = text.splitlines(keepends=True)
    return {"cell_type": "code", "execution_count": None, "metadata": metadata, "outputs": [], "source": lines}
