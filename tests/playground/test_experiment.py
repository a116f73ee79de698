"""A network that stands there: what is asked of it is the engine's own work."""

import json
import re
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tests.each import each
from tests.playground.asking import array, one
from tinygrad_mnist import data
from tinygrad_mnist.cli.app import app
from tinygrad_mnist.engine import no_grad
from tinygrad_mnist.playground import breaking, course
from tinygrad_mnist.playground.protocol import encoded
from tinygrad_mnist.training import Recipe

RUNS = [
    {},
    {"network": "784,16,10", "activation": "tanh", "optimizer": "adamw", "rate": 0.002, "l2": 0.01, "seed": 3,
     "augmentation": "light", "batch_size": 50, "init": "xavier"},
    {"network": "1x28x28,2c3,mp2,10", "momentum": 0.9, "rate": 0.02, "dropout": 0.2},
]  # fmt: skip


@each("set_up", RUNS)
def test_code_recipe_and_command_do_what_the_page_does(page, set_up, tmp_path, monkeypatch):
    page.ask("set_up", **set_up)
    assert page.ask("advance", steps=44)["step"] == 44
    page.ask("set_up", **set_up)
    steps = 50 if "c3" in set_up.get("network", "") else 100
    done = page.ask("advance", steps=steps)
    assert done["step"] == len(done["losses"]) == len(done["rates"]) == steps
    code = page.ask("code")
    program: dict[str, Any] = {"print": lambda text: None}
    exec(code["expression"], program)
    for name, values in page.weights().items():
        np.testing.assert_array_equal(values, dict(program["model"].named_parameters())[name].numpy())
    recipe = Recipe(**json.loads(code["recipe"]))
    asked = []

    def fit(recipe, *arguments, seed, **options):
        asked.append((recipe, seed))
        raise InterruptedError

    monkeypatch.setattr(Recipe, "fit", fit)
    with pytest.raises(InterruptedError):
        app([*code["command"].split()[1:], "--out", str(tmp_path)], standalone_mode=False)
    assert asked == [(recipe, set_up.get("seed", 0))]


def test_an_epoch_is_the_one_of_the_recipe(page):
    page.ask("set_up", **RUNS[1])
    while not (last := page.ask("advance", milliseconds=1000))["finished_epoch"]:
        pass
    recipe = Recipe(**json.loads(page.ask("code")["recipe"]) | {"epochs": 1})
    model = recipe.make_model(3)
    history = recipe.fit(model, data.set_tenth_aside(data.load_digits(), 3), seed=3)
    for name, values in page.weights().items():
        np.testing.assert_array_equal(values, dict(model.named_parameters())[name].numpy())
    (epoch,) = last["epochs"]
    assert epoch.items() <= vars(history.best).items()
    digits = page.ask("worst", count=100)["digits"]
    wrong = sum(digit["answer"] != digit["label"] for digit in digits)
    assert wrong == round((1 - epoch["validation_accuracy"]) * 150)
    assert all(a["probability"] <= b["probability"] for a, b in pairwise(digits))


def test_a_digit_is_followed_through_every_layer(page):
    assert page.refused("read", image=one()) == "there is no network yet: send set_up first"
    for network, names in (
        ("784,30,10", {"z1": [30], "a1": [30], "z2": [10]}),
        ("1x28x28,2c3,mp2,10", {"z1": [2, 28, 28], "a1": [2, 28, 28], "z2": [10]}),
    ):
        page.ask("set_up", network=network)
        page.ask("advance", steps=60)
        found = page.ask("read", image=one())
        assert {layer["name"]: layer["values"]["shape"] for layer in found["layers"]} == names
        assert found["answer"] == 1
        assert found["doubts"] == []
        assert [digit["label"] for digit in found["nearest"]] == [1] * 5
        seen, saliency = array(found["seen"]), array(found["saliency"])
        again = page.ask("read", image=encoded(seen), framed=True)
        assert {**again, "id": 0} == {**found, "id": 0}
        model = page.session._experiment.course.lesson.model

        def lead(pixels, model=model, found=found):
            with no_grad():
                logits = model(pixels.reshape(1, *((1, 28, 28) if "2c3" in network else (784,)))).numpy()[0]  # noqa: B023
            return logits[found["answer"]] - logits[found["second"]]

        pixels = np.float32(seen / 255)
        nudge = np.zeros((28, 28), np.float32)
        place = np.unravel_index((abs(saliency) * (seen > 50)).argmax(), seen.shape)  # black pixels lie on the kink
        nudge[place] = 0.01
        expected = (lead(pixels + nudge) - lead(pixels - nudge)) / 0.02
        assert saliency[place] == pytest.approx(expected, rel=0.02)
    assert [w["images"]["shape"] for w in page.ask("weights")["layers"]] == [[2, 3, 3]]
    html = page.ask("explore", image=one(), label=1)["html"]
    assert html.startswith("<!")
    assert "δ" in html
    assert page.refused("explore", image=one(), label=10) == "label is 10, and the classes are 0 to 9"


def test_work_keeps_within_its_time(page, monkeypatch):
    """A clock that only work moves: 20 ms for a step or a portion of a validation."""
    now, losses = [0.0], []
    do = course.Lesson.advance

    def advance(lesson):
        now[0] += 0.02
        return do(lesson)

    monkeypatch.setattr(course.Lesson, "advance", advance)
    monkeypatch.setattr(course, "time", SimpleNamespace(perf_counter=lambda: now[0]))
    page.ask("set_up", batch_size=150)
    for _ in range(4):
        before = now[0]
        reply = page.ask("advance", milliseconds=90)
        assert now[0] - before <= 0.09
        losses.append(len(reply["losses"]))
    assert losses == [4, 4, 1, 4]  # nine steps are an epoch, whose validation takes two portions
    before = now[0]
    assert page.ask("advance", steps=1000)["step"] < 300
    assert now[0] - before <= course.LONGEST / 1000


def test_mistakes_are_made_beside_the_right_training_and_named(page):
    page.ask("set_up")
    offered = page.ask("mistakes")["mistakes"]
    assert len(offered) > 30
    assert {"bias-all-axes", "slope-missing", "weight-mean-missing"} <= {m["key"] for m in offered}
    right = page.ask("advance", steps=20)["losses"]
    lesson = page.session._experiment.course.lesson
    for mistake in offered[::4]:
        found = breaking.named(lesson, breaking.chosen(lesson, mistake["key"]))
        assert any(mistake["key"] in finding.names for finding in found), mistake
    set_up = page.ask("set_up", mistake="slope-missing:1")
    assert "activation's derivative missing" in set_up["named"]["text"]
    wrong = page.ask("advance", steps=20)
    assert wrong["beside"]["losses"] == right
    assert wrong["named"] == set_up["named"]
    assert wrong["losses"][0] == right[0]
    assert wrong["losses"][1] != right[1]
    assert "the mistake slope-missing:1 is made" in page.ask("code")["expression"]
    assert "mistakes gives those" in page.refused("set_up", mistake="nonsense")
    assert "plain networks" in page.refused("set_up", mistake="slope-missing", network="1x28x28,2c3,mp2,10")


def test_mistakes_are_offered_alike_wherever_a_training_stands(page):
    page.ask("set_up", batch_size=1000)
    offered = page.ask("mistakes")["mistakes"]
    for step in (1, 2):  # the second ends the epoch
        assert page.ask("advance", steps=1)["step"] == step
        assert page.ask("mistakes")["mistakes"] == offered


def test_a_training_that_diverges_says_so_and_stops(page):
    page.ask("set_up", network="784,16,16,10", activation="leaky_relu", mistake="weight-sign", rate=900.0)
    reply = page.ask("advance", steps=50)
    assert re.match("trained with the mistake “.*sign.*”, the loss became nan", reply["diverged"])
    assert reply["step"] < 50
    assert page.ask("advance", steps=5)["step"] == reply["step"]
    page.session._experiment.course.lesson.model.weights[-1].data[:] = np.nan
    assert page.refused("read", image=one()).startswith("the network has diverged, its numbers are no longer finite")
    page.ask("set_up")
    assert page.ask("advance", steps=5)["diverged"] is None
