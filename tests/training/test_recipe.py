"""A recipe as JSON, changed, and followed."""

import json

import pytest

from tinygrad_mnist import data, training
from tinygrad_mnist.training import PRESETS, Recipe


def test_a_recipe_comes_back_from_json():
    for recipe in (*PRESETS.values(), Recipe(layers=(784, 10), optimizer="adam", average=0.9, patience=2)):
        assert Recipe(**json.loads(json.dumps(recipe.as_dict()))) == recipe


def test_another_optimizer_brings_what_suits_it_unless_it_is_given():
    assert Recipe().changed(optimizer="sgd") == Recipe(optimizer="sgd", lr=0.05, schedule="inverse", weight_decay=0.0)
    assert Recipe().changed(optimizer="adam", lr=0.1).lr == 0.1
    assert Recipe(lr=0.3).changed(optimizer="adamw").lr == 0.3


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"optimizer": "adagrad"}, "unknown optimizer 'adagrad': it is one of sgd, rmsprop, adam, adamw"),
        ({"schedule": "zigzag"}, "unknown schedule 'zigzag'"),
    ],
)
def test_what_does_not_go_together_is_named(values, words):
    with pytest.raises(ValueError, match=words):
        Recipe(**values)


def test_a_momentum_without_sgd_is_refused():
    assert Recipe().changed(optimizer="sgd", momentum=0.5).momentum == 0.5
    with pytest.raises(ValueError, match="momentum is for the optimizer sgd, and adam has none"):
        Recipe().changed(optimizer="adam", momentum=0.5)


@pytest.mark.parametrize("optimizer", training.OPTIMIZERS)
@pytest.mark.parametrize("schedule", training.SCHEDULES)
def test_every_optimizer_with_every_schedule_learns(optimizer, schedule):
    digits = data.load("digits").train[:300]
    recipe = Recipe(layers=(784, 16, 10), augment=None).changed(
        optimizer=optimizer, schedule=schedule, epochs=4, batch_size=16, lr=0.05 if optimizer == "sgd" else 0.005,
        label_smoothing=0.05, clip_norm=5.0, average=0.8,
    )  # fmt: skip
    model = recipe.make_model(seed=0)
    history = recipe.fit(model, (digits, digits))
    assert training.evaluate(model, digits) == history.best.validation_accuracy > 0.8
    rates = [epoch.lr for epoch in history.epochs]
    assert len(set(rates)) == (1 if schedule == "constant" else 4)
