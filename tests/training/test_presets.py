"""The ready recipes: they learn, and the page of results is what their kept runs say."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.each import each
from tinygrad_mnist import data, training
from tinygrad_mnist.training import PRESETS

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize("name", PRESETS)
def test_it_learns(name):
    digits = data.load("digits").train[:80]
    recipe = PRESETS[name].changed(epochs=1, batch_size=20)
    model = recipe.make_model(seed=0)
    before = training.score(model.eval(), digits).loss
    history = recipe.fit(model, (digits, digits))
    assert history.best.validation_loss < before


@each("name", PRESETS)
def test_its_kept_runs_are_all_there(name):
    rows = json.loads((DOCS / "results" / f"{name}.json").read_text(encoding="utf-8"))
    seconds = rows[0]["seconds"]
    assert [row["seed"] for row in rows] == list(range(5 if seconds < 60 else 3 if seconds < 300 else 1))
    assert [training.Recipe(**row["recipe"]) for row in rows] == [PRESETS[name]] * len(rows)


def test_the_page_is_what_the_kept_runs_say():
    environment = {**os.environ, "PYTHONPATH": str(DOCS.parent), "PYTHONIOENCODING": "utf-8"}
    command = [sys.executable, str(DOCS.parent / "benchmarks" / "results.py")]
    printed = subprocess.run(command, capture_output=True, encoding="utf-8", env=environment, check=True).stdout
    assert printed == (DOCS / "results.md").read_text(encoding="utf-8")
