"""A run that stops at any step and is resumed ends as if nothing had been; `test_folder` kills it at any moment."""

import errno
import json
import os
import resource

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save

from tests.training import victim
from tests.training.victim import Crash
from tinygrad_mnist import data, nn, training
from tinygrad_mnist.nn.schedules import CosineAnnealingLR


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    return victim.run(tmp_path_factory.mktemp("whole"))


def same(first, second):
    return first.keys() == second.keys() and all(first[k].tobytes() == second[k].tobytes() for k in first)


def rows(history):
    """The history without the seconds."""
    return [
        (e.number, e.loss, e.train_accuracy, e.validation_loss, e.validation_accuracy, e.lr) for e in history.epochs
    ]


@pytest.mark.parametrize("place", [(1, 1), (1, 15), (2, 1), (2, 7), (3, 14), (3, 15)])
@pytest.mark.parametrize("steps", [1, 4])
def test_after_a_crash_at_any_step_it_resumes_bit_for_bit(uninterrupted, tmp_path, place, steps):
    with pytest.raises(RuntimeError, match="crash"):
        victim.run(tmp_path, callbacks=[Crash(*place)], steps=steps)
    weights, history = victim.run(tmp_path, callbacks=[Crash(0, 0)], resume=True)
    assert same(weights, uninterrupted[0])
    assert rows(history) == rows(uninterrupted[1])


def test_a_compiled_run_resumes_bit_for_bit_too(uninterrupted, tmp_path):
    whole = victim.run(tmp_path / "whole", compile=True)
    with pytest.raises(RuntimeError, match="crash"):
        victim.run(tmp_path, callbacks=[Crash(2, 7)], compile=True)
    weights, history = victim.run(tmp_path, callbacks=[Crash(0, 0)], resume=True, compile=True)
    assert same(weights, whole[0])
    assert rows(history) == rows(whole[1])
    for name in weights.keys() - {"0.bias", "1.running_mean"}:  # the norm takes the bias off: its slope is rounding
        np.testing.assert_allclose(weights[name], uninterrupted[0][name], rtol=1e-3, atol=1e-4, err_msg=name)


def test_a_run_that_is_done_stays_as_it_is(uninterrupted, tmp_path):
    victim.run(tmp_path)
    weights, history = victim.run(tmp_path, resume=True)
    assert same(weights, uninterrupted[0])
    assert rows(history) == rows(uninterrupted[1])


def test_keeping_checkpoints_changes_nothing_and_by_time_they_are_few(uninterrupted, tmp_path, monkeypatch):
    written = []
    write = training.Checkpoint.write
    monkeypatch.setattr(training.Checkpoint, "write", lambda self, run: (written.append(str(run)), write(self, run)))
    weights, _ = victim.run(tmp_path, steps=None)
    assert same(weights, uninterrupted[0])
    assert written == ["epoch 1, batch 0", "epoch 4, batch 0"]
    assert same(victim.run(tmp_path, checkpoint=None)[0], weights)


def test_notes_come_back(tmp_path):
    path = tmp_path / "deep" / "checkpoint.safetensors"
    assert training.read_notes(path) is None
    victim.run(tmp_path, checkpoint=training.Checkpoint(path, notes={"seed": 3, "sizes": [1, 2]}))
    assert training.read_notes(path) == {"seed": 3, "sizes": [1, 2]}


# what can't be resumed


@pytest.fixture
def checkpoint(tmp_path):
    victim.run(tmp_path)
    return tmp_path / "checkpoint.safetensors"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"seed": 4}, "it was made with seed 3, and this run has 4"),
        ({"batch_size": 16}, "batch_size 8, and this run has 16"),
        ({"schedule": None}, "schedule_class OneCycleLR, and this run has None"),
    ],
)
def test_a_checkpoint_of_another_recipe_is_named(checkpoint, changes, words):
    with pytest.raises(training.CheckpointError, match=words) as caught:
        victim.run(checkpoint.parent, resume=True, **changes)
    assert str(checkpoint) in str(caught.value)


@pytest.mark.parametrize(
    ("model", "train", "words"),
    [
        (nn.MLP((784, 5, 10)), slice(64), "it does not fit this run: the state does not fit MLP: .*W2: missing"),
        (nn.MLP((784, 5)), slice(64), r"b1: \(10,\) float32, here it is \(5,\)"),
        (nn.MLP((784, 10)), slice(1, 65), "it was made with data 64 images .* resume with the same"),
    ],
)
def test_a_checkpoint_of_another_architecture_or_data_is_named(tmp_path, model, train, words):
    digits = data.load("digits").train
    path = tmp_path / "checkpoint.safetensors"
    first = nn.MLP((784, 10))
    training.fit(first, digits[:64], nn.SGD(first.parameters()), epochs=1, checkpoint=path)
    before = model.state_dict()
    with pytest.raises(training.CheckpointError, match=words) as caught:
        training.fit(model, digits[train], nn.SGD(model.parameters()), epochs=2, checkpoint=path, resume=True)
    assert "\n" not in str(caught.value)
    assert same(model.state_dict(), before)


@pytest.mark.parametrize("keep", [0, 7, 100, 5000, -1])
def test_a_truncated_checkpoint_is_named(checkpoint, keep):
    checkpoint.write_bytes(checkpoint.read_bytes()[:keep])
    with pytest.raises(training.CheckpointError, match="not a readable safetensors file") as caught:
        victim.run(checkpoint.parent, resume=True)
    assert str(checkpoint) in str(caught.value)


def test_a_model_s_file_is_no_checkpoint(tmp_path):
    training.save_model(nn.MLP((784, 10)), tmp_path / "checkpoint.safetensors")
    with pytest.raises(training.CheckpointError, match="no checkpoint of a run"):
        victim.run(tmp_path, resume=True)


# no room


def test_a_full_disk_leaves_the_last_checkpoint_whole(uninterrupted, tmp_path, monkeypatch):
    fsync = os.fsync

    def full(handle):
        if calls.pop():
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        fsync(handle)

    calls = [True, False, False, False]
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(training.CheckpointError) as caught:
        victim.run(tmp_path)
    assert "checkpoint of epoch 1, batch 6 could not be written (No space left on device)" in str(caught.value)
    assert "the one of epoch 1, batch 4 is whole. Make room and go on with resume" in str(caught.value)
    assert os.listdir(tmp_path) == ["checkpoint.safetensors"]
    monkeypatch.undo()
    assert same(victim.run(tmp_path, resume=True)[0], uninterrupted[0])


def test_where_no_file_may_be_as_large_it_is_said(tmp_path):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, limits[1]))
    try:
        with pytest.raises(training.CheckpointError, match=r"could not be written .*there is none yet"):
            victim.run(tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert os.listdir(tmp_path) == []


def test_a_folder_that_can_t_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        victim.run(tmp_path / "file")


def changed(path, change):
    """Replace a value in the state that a checkpoint's metadata hold, or an array."""
    with safe_open(path, "numpy") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        state = json.loads(file.metadata()["tinygrad_mnist_run"])
    change(dict(state["items"]), tensors)
    items = dict(state["items"])
    for name, value in items.items():
        next(item for item in state["items"] if item[0] == name)[1] = value
    path.write_bytes(save(tensors, {"tinygrad_mnist_run": json.dumps(state)}))


def put(state, *way, value):
    """The value at the end of a way through mappings and lists, as a checkpoint writes them."""
    *first, last = way
    for key in first:
        state = dict(state["items"])[key] if isinstance(state, dict) and "items" in state else state[key]
    if isinstance(state, list):
        state[last] = value
    else:
        next(item for item in state["items"] if item[0] == last)[1] = value


@pytest.mark.parametrize(
    ("way", "value", "words"),
    [
        (("totals", "loss"), "x", "totals.loss is 'x' and no number"),
        (("totals", "examples"), 7, "batch: 0 of 4, after 7 examples"),
        (("optimizer", "param_groups", 0, "lr"), None, r"optimizer.param_groups\[0\].lr is None and no number"),
        (("optimizer", "param_groups", 0, "lr"), -1, "optimizer is refused by Adam: lr=-1"),
        (("optimizer", "param_groups", 0, "params"), [0], r"params is a list of 1 and needs 2 elements"),
        (("optimizer", "state", 0, "step"), -1, "optimizer.state.0.step is -1, less than 0"),
        (("optimizer", "state", 0), 5, "optimizer.state.0 is 5 and no mapping"),
        (("schedule", "base_lrs"), "x", "schedule.base_lrs is 'x' and no list"),
        (("schedule", "last_epoch"), 0.5, "schedule.last_epoch is 0.5 and no whole number"),
        (("nn_generator", "state", "state"), "x", "nn_generator.state.state is 'x' and no whole number"),
        (("nn_generator", "bit_generator"), "MT19937", "nn_generator.bit_generator is 'MT19937', not 'PCG64'"),
    ],
)
def test_a_state_of_another_kind_is_named_with_its_place(tmp_path, way, value, words):
    digits = data.load("digits").train
    path = tmp_path / "checkpoint.safetensors"

    def run(resume):
        model = nn.MLP((784, 10))
        optimizer = nn.Adam(model.parameters())
        schedule = CosineAnnealingLR(optimizer, 100)
        options = {"epochs": 2, "batch_size": 16, "schedule": schedule, "checkpoint": path, "resume": resume}
        return training.fit(model, digits[:64], optimizer, **options)

    run(resume=False)
    changed(path, lambda state, tensors: put(state[way[0]], *way[1:], value=value))
    with pytest.raises(training.CheckpointError, match=words):
        run(resume=True)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("best/W1", np.zeros((3, 3), np.float32), r"best.W1 is an array of \(3, 3\) float32, and \(10, 784\)"),
        ("best/W1", np.full((10, 784), np.nan, np.float32), "best.W1 has numbers that are not finite"),
        ("model/b1", np.zeros(10, np.int64), "model.b1 is an array of .*int64|b1: .* int64"),
        ("model/b1", None, "there is none"),
    ],
)
def test_arrays_of_another_kind_are_named(tmp_path, name, value, words):
    digits = data.load("digits").train
    path = tmp_path / "checkpoint.safetensors"
    model = nn.MLP((784, 10))
    training.fit(model, digits[:64], nn.SGD(model.parameters()), epochs=1, checkpoint=path)

    def change(state, tensors):
        tensors.pop(name)
        tensors.update({} if value is None else {name: value})

    changed(path, change)
    with pytest.raises(training.CheckpointError, match=words):
        training.fit(model, digits[:64], nn.SGD(model.parameters()), epochs=2, checkpoint=path, resume=True)


def test_a_callback_of_ones_own_keeps_what_it_likes(tmp_path):
    class Losses(training.Callback):
        def __init__(self):
            self.seen = []

        def step_ends(self, run):
            self.seen.append(run.totals.loss)

        def state_dict(self):
            return {"seen": self.seen}

        def load_state_dict(self, state):
            self.seen = list(state["seen"])

    digits = data.load("digits").train
    for epochs, resume in ((1, False), (2, True)):
        losses, model = Losses(), nn.MLP((784, 10))
        training.fit(
            model, digits[:64], nn.SGD(model.parameters(), lr=1), epochs=epochs, callbacks=[losses],
            checkpoint=tmp_path / "checkpoint.safetensors", resume=resume,
        )  # fmt: skip
    assert len(losses.seen) == 2
