"""A run that stops at any step and is resumed ends as if nothing had been; `test_folder` kills it at any moment."""

import errno
import os
import resource

import pytest

from tests.training import victim
from tinygrad_mnist import data, nn, training


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


class Crash(training.Callback):
    """An error at a certain step."""

    def __init__(self, *place):
        self.place = place

    def step_ends(self, run):
        if (run.epoch, run.batch) == self.place:
            raise RuntimeError("crash")


@pytest.mark.parametrize("place", [(1, 1), (1, 15), (2, 1), (2, 7), (3, 14), (3, 15)])
@pytest.mark.parametrize("steps", [1, 4])
def test_after_a_crash_at_any_step_it_resumes_bit_for_bit(uninterrupted, tmp_path, place, steps):
    with pytest.raises(RuntimeError, match="crash"):
        victim.run(tmp_path, callbacks=[Crash(*place)], steps=steps)
    weights, history = victim.run(tmp_path, callbacks=[Crash(0, 0)], resume=True)
    assert same(weights, uninterrupted[0])
    assert rows(history) == rows(uninterrupted[1])


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
