"""An exercise as a page: one file, in which every gradient is a formula to be typed and judged."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tinygrad_mnist.graph.exercises.judging import RIGHT, ROUNDING, WORDS
from tinygrad_mnist.graph.page.gathering import Account
from tinygrad_mnist.graph.page.storage import Storage
from tinygrad_mnist.graph.page.writing import write_page
from tinygrad_mnist.graph.symbolic.markup import mathml

if TYPE_CHECKING:
    from tinygrad_mnist.graph.exercises.exercise import Exercise, Step

LARGEST = 1_000_000
"""How many numbers a page may hold."""

SCRIPTS = ("basics.js", "inflate.js", "data.js", "arrays.js", "formulas.js", "exercise.js")


def write_exercise(exercise: Exercise, path: Path) -> Path:
    """Write the page; returns its path. Raises ValueError for more numbers than a page may hold."""
    arrays = [np.asarray(value) for value in exercise.values.values()]
    size = sum(array.size for array in [*arrays, *(x for key in exercise.keys.values() for x in key.shares.values())])
    if size > LARGEST:
        raise ValueError(
            f"the page would hold {size:,} numbers, and {LARGEST:,} is the limit: make the exercise of fewer examples, "
            "or of a smaller network; a notebook has no limit"
        )
    styles = ("colours.css", "page.css", "exercise.css")
    return write_page(path, "exercise", _account(exercise), scripts=SCRIPTS, styles=styles)


def _account(exercise: Exercise) -> Account:
    storage = Storage(double=LARGEST)
    values = [{"name": name, "value": storage.add(np.asarray(value))} for name, value in exercise.values.items()]
    tasks = [_task(exercise, step, storage) for step in exercise.steps]
    return {
        "title": exercise.title,
        "loss": exercise.loss,
        "fingerprint": hashlib.sha256(exercise.to_bytes()).hexdigest()[:16],
        "given": [{"name": x, "shape": str(array.shape)} for x, array in exercise.data.items() if array.shape],
        "forward": [_source(line) for line in exercise.forward],
        "helpers": "\n\n".join(exercise.helpers),
        "values": values,
        "tasks": tasks,
        "words": WORDS,
        "right": RIGHT,
        "tolerance": ROUNDING,
        "vertices": [],
        "buffers": storage.buffers(),
    }


def _task(exercise: Exercise, step: Step, storage: Storage) -> Account:
    key = exercise.keys[step.name]
    return {
        "name": step.name,
        "of": step.of,
        "shape": step.shape,
        "hints": step.hints[:-1],
        "formula": mathml(step.latex),
        "lines": step.lines,
        "uses": list(key.shares),
        "paths": [{"along": along, "value": storage.add(share)} for along, share in key.shares.items()],
        "scale": key.scale,
    }


def _source(line: str) -> dict[str, str]:
    """A line of source, without its remark, and the remark."""
    source, _, remark = line.partition("  # ")
    return {"name": source.partition(" = ")[0], "source": source, "shape": remark}
