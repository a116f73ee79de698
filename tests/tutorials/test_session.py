"""The tutorials in tinygrad_mnist/tutorials: their gradients, and what becomes of a row."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.each import each
from tinygrad_mnist import Tensor, data
from tinygrad_mnist.training import PRESETS, Recipe
from tinygrad_mnist.tutorials import session as tutorials
from tinygrad_mnist.tutorials.session import PLAIN, Row, Session

ROOT = Path(__file__).parents[2]
IDS = ["T0", "T1", "T2", "T3", "T4"]
QUICK = PLAIN.changed(layers=(784, 10, 10), epochs=2)


@pytest.fixture(scope="module")
def session():
    return Session(data.load("digits"))


def written(id, place=0):
    rows = [row.as_written for row in tutorials.read(id).rows if row.as_written]
    return rows[place]


def test_all_five_are_there():
    assert tutorials.ids() == IDS
    assert [tutorials.read(id).id for id in IDS] == IDS


@pytest.mark.parametrize(("id", "place"), [*((id, 0) for id in IDS), ("T1", 1), ("T4", 1)])
def test_gradients_are_those_by_hand(session, id, place):
    X, Y = tutorials.columns(session.train[:50])
    for seed in range(3):
        tutorial = written(id, place)
        parameters = tutorial.initialise(np.random.default_rng(seed))
        assert tutorials.gradient_error(tutorial, parameters, X, Y) < 1e-12


@pytest.mark.parametrize("wrong", ["sum", "shape", "nan"])
def test_wrong_formulas_are_seen(session, wrong):
    """The bias gradient summed over every axis, a transposed gradient, a NaN."""
    right = written("T2")

    def by_hand(X, Y, *parameters):
        dW1, db1, dW2, db2 = right.by_hand(X, Y, *parameters)
        return {"sum": (dW1, db1 + db1.sum(), dW2, db2), "shape": (dW1, db1.T, dW2, db2),
                "nan": (dW1, db1, np.nan * dW2, db2)}[wrong]  # fmt: skip

    X, Y = tutorials.columns(session.train[:50])
    parameters = right.initialise(np.random.default_rng(0))
    error = tutorials.gradient_error(replace(right, by_hand=by_hand), parameters, X, Y)
    assert not error < 1e-3


def test_the_reported_networks_are_those_of_the_rows():
    reported = {(id, r.name): r.reported for id in IDS for r in tutorials.read(id).rows if r.reported}
    assert reported == {
        ("T2", "from scratch"): 0.84,
        ("T2", "Keras"): 0.97,
        ("T2", "PyTorch CNN"): 0.98,
        ("T3", "from scratch"): 0.89,
        ("T3", "TensorFlow"): 0.97,
        ("T4", "simple"): 0.89,
        ("T4", "general"): 0.87,
    }
    for id in IDS:
        for row in tutorials.read(id).rows:
            if row.as_written:
                sizes = [p.shape[1] for p in row.as_written.initialise(np.random.default_rng(0))[::2]]
                assert (*sizes, 10) == row.recipe.layers


def test_a_row_as_written_and_better(session):
    result = session.run(replace(tutorials.read("T4").rows[0], recipe=QUICK))
    assert result.written.error < 1e-12
    assert len(result.written.curve) == 10
    assert result.written.curve[-1] == result.written.validation > result.written.curve[0]
    assert result.written.is_finite
    assert result.better.test > 0.1
    assert result.seconds >= result.written.seconds + result.better.seconds
    assert result.is_beaten is None  # digits are not what was reported of


@pytest.mark.parametrize("id", IDS)
def test_today_s_recipe_is_better_than_the_first_network_as_written(session, id):
    result = session.run(tutorials.read(id).rows[0])
    assert result.written.agrees
    assert result.better.test > result.written.test


def test_weights_that_leave_the_finite_are_what_it_gives(session, monkeypatch):
    row = tutorials.read("T0").rows[0]
    monkeypatch.setitem(row.as_written.train.__globals__, "ETA", 1e3)
    result = session.run(replace(row, recipe=QUICK))
    assert not result.written.is_finite
    assert 0 <= result.written.test < 0.3


def test_of_several_recipes_the_best_validated_counts(session):
    hopeless = QUICK.changed(lr=1e-9)
    for recipes in ((hopeless, QUICK), (QUICK, hopeless)):
        result = session.run(Row("choice", recipes))
        assert result.recipe is QUICK
        assert result.better == session.run(Row("alone", QUICK)).better


def test_recipes_run_once_and_only_the_chosen_is_scored_on_the_test_images(monkeypatch):
    runs, scored = [], []
    make_model, evaluate = Recipe.make_model, tutorials.evaluate
    monkeypatch.setattr(Recipe, "make_model", lambda self, seed: runs.append(self) or make_model(self, seed))
    monkeypatch.setattr(tutorials, "evaluate", lambda *given: scored.append(given) or evaluate(*given))
    session = Session(data.load("digits"))
    hopeless = QUICK.changed(lr=1e-9)
    for _ in range(2):
        session.run(Row("choice", (hopeless, QUICK)))
    assert runs == [hopeless, QUICK]
    assert len(scored) == 1


@each(("reported", "beaten"), [(0.0, True), (1.0, False), (None, None)])
def test_beaten_is_what_is_more_than_reported(reported, beaten):
    digits = data.load("digits")
    session = Session(replace(digits, name="other"))
    assert session.run(Row("quick", QUICK, reported)).is_beaten is beaten


def test_progress_rises_to_the_end():
    told = []
    session = Session(data.load("digits"), progress=lambda what, share: told.append((what, share)))
    session.run(Row("two", (QUICK, QUICK.changed(lr=0.2)), as_written=written("T4")))
    for what in ("two as written", "two"):
        shares = [share for name, share in told if name == what]
        assert shares == sorted(shares)
        assert shares[-1] == pytest.approx(1)


def test_ctrl_c_comes_through():
    def stop(what, share):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Session(data.load("digits"), progress=stop).run(Row("quick", QUICK))


def test_too_few_images_are_named():
    digits = data.load("digits")
    with pytest.raises(data.DataError, match="digits: 2 training images are too few to set a tenth aside"):
        Session(replace(digits, train=digits.train[:2]))


def test_the_same_seed_gives_the_same(session):
    row = Row("again", QUICK, as_written=written("T4"))
    first, second = session.run(row), Session(data.load("digits")).run(row)
    other = Session(data.load("digits"), seed=1).run(row)
    assert (first.written.curve, first.better.test) == (second.written.curve, second.better.test)
    assert other.written.curve != first.written.curve


@each("id", IDS)
def test_a_file_is_short_and_names_what_it_assumes(id):
    text = (ROOT / "tinygrad_mnist" / "tutorials" / f"{id.lower()}.py").read_text(encoding="utf-8")
    assert text.count("\n") < 80
    assert "ot given; taken: " in text.split('"""')[1]


def test_plain_is_plain_gradient_descent():
    """Ten steps of PLAIN on one batch are W := W - η ∂L/∂W and nothing more."""
    recipe = PLAIN.changed(layers=(784, 10))
    split = data.load("digits").train[:64]
    model = recipe.make_model(0)
    W, b = (Tensor(p.numpy().copy(), requires_grad=True) for p in model.parameters())
    recipe.changed(epochs=10).fit(model, split)
    x, y = split.inputs(), np.eye(10, dtype=np.float32)[split.labels]
    for _ in range(10):
        loss = -(y * (x @ W.T + b).log_softmax(axis=-1)).sum(axis=-1).mean()
        loss.backward()
        for p in (W, b):
            p.data -= np.float32(0.1) * p.grad.data
            p.grad = None
    for expected, found in zip((W, b), model.parameters()):
        np.testing.assert_allclose(found.numpy(), expected.numpy(), atol=1e-5)


def test_better_networks_are_presets():
    better = [row.recipe for id in ("T2", "T3", "T4") for row in tutorials.read(id).rows if row.as_written]
    assert better == [PRESETS["tiny"]] * 3 + [PRESETS["t4"]]
