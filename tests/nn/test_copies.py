"""Models, optimizers, schedules and averages, copied and pickled: the same training goes on, in other processes too."""

import copy
import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.each import each
from tinygrad_mnist import Tensor, nn
from tinygrad_mnist.nn import schedules

ROOT = Path(__file__).parents[2]
X = np.random.default_rng(0).standard_normal((5, 4)).astype(np.float32)


def make(optimizer=nn.SGD, **options):
    """A model with every kind of state, its optimizer, its schedule and its average."""
    nn.manual_seed(3)
    model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.LayerNorm(8), nn.ReLU(), nn.Linear(8, 3))
    moved = optimizer(model.parameters(), lr=0.01, **options)
    return model, moved, schedules.OneCycleLR(moved, 0.1, 200), nn.ExponentialMovingAverage(model)


def train(state, steps):
    """The state after some steps; what it comes to is returned as arrays."""
    model, optimizer, schedule, average = state
    for _ in range(steps):
        optimizer.zero_grad()
        (model(X) ** 2).sum().backward()
        optimizer.step()
        schedule.step()
        average.update()
    return {**model.state_dict(), **average.state_dict()["average"], "rate": optimizer.current_lr}


def same(found, expected):
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_array_equal(found[name], value, err_msg=name)


@each("duplicate", [copy.deepcopy, lambda state: pickle.loads(pickle.dumps(state))])
@each("optimizer", [nn.SGD, nn.RMSprop, nn.Adam, nn.AdamW])
def test_a_copy_trains_as_the_original_would_and_apart_from_it(optimizer, duplicate):
    state = make(optimizer)
    train(state, 7)
    twin = duplicate(state)
    before = state[0].state_dict()
    found = train(twin, 5)
    same(state[0].state_dict(), before)
    same(found, train(state, 5))
    assert next(twin[0].parameters()) is twin[1].param_groups[0]["params"][0]


def child(program, *arguments):
    """What a fresh process prints."""
    command = [sys.executable, "-W", "error", "-c", program, *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    result = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert result.returncode == 0, result.stderr
    return result.stdout


TAKE_UP = """
import pickle, sys
from tests.nn.test_copies import train
state = pickle.load(open(sys.argv[1], "rb"))
pickle.dump(train(state, 5), open(sys.argv[2], "wb"))
"""


def test_a_training_that_was_pickled_goes_on_in_a_fresh_process(tmp_path):
    state, saved, results = make(), tmp_path / "state.pkl", tmp_path / "results.pkl"
    train(state, 50)  # which leaves this process's clock far ahead of a fresh one's
    saved.write_bytes(pickle.dumps(state))
    child(TAKE_UP, saved, results)
    same(pickle.loads(results.read_bytes()), train(state, 5))


def test_a_model_from_another_process_is_guarded_by_this_ones_clock(tmp_path):
    saved = tmp_path / "model.pkl"
    child(
        "import pickle, sys; from tinygrad_mnist.nn import *; pickle.dump(Linear(4, 2), open(sys.argv[1], 'wb'))", saved
    )
    model = pickle.loads(saved.read_bytes())
    loss = (model(X) ** 2).sum()
    model.weight.data -= 1
    loss.backward()  # no rule reads the weight of a first layer
    loss = (model.weight**2).sum()
    model.weight.data -= 1
    with pytest.raises(RuntimeError, match="weight"):
        loss.backward()


def gradient_of(model, x):
    """In a worker: the gradient of a loss, as tensors."""
    (model(x) ** 2).sum().backward()
    return [p.grad for p in model.parameters()]


@pytest.mark.parametrize("method", ["spawn", "fork"])
def test_models_go_to_workers_and_gradients_come_back(method):
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"no {method} on this system")
    assert signal.getsignal(signal.SIGTERM) is not signal.default_int_handler  # at which a pool's workers would go on
    model, _, _, _ = make()
    train(make(), 3)
    with multiprocessing.get_context(method).Pool(1) as pool:
        (found,) = pool.starmap(gradient_of, [(model, Tensor(X))])
    for mine, theirs in zip(gradient_of(model, Tensor(X)), found, strict=True):
        np.testing.assert_array_equal(mine.numpy(), theirs.numpy())
