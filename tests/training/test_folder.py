"""The folder of a run at any moment: its files belong together, one run goes on in it, no earlier one is lost."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from contextlib import suppress
from itertools import count

import pytest

from tests.cli.running import ROOT, command
from tests.copies import copies
from tests.training import victim
from tinygrad_mnist import data, training
from tinygrad_mnist.processes import FolderLock

TINY = ["--data", "digits", "--layers", "784,6,10", "--epochs", "2", "--optimizer", "adam", "--schedule", "one_cycle"]
TINY += ["--augment", "none", "--checkpoint-steps", "3", "--batch-size", "16"]
STOPS = int(os.environ.get("TINYGRAD_MNIST_STOPS", "12"))
FILES = ["checkpoint.safetensors", "history.csv", "history.json", "model.safetensors"]


@pytest.fixture(scope="module")
def processes():
    return copies()


def start(processes, *arguments):
    process = processes.Process(target=victim.train, args=arguments)
    process.start()
    return process


@pytest.fixture(scope="module")
def whole(tmp_path_factory, processes):
    """The folder of a run that nothing stops, and how long it takes."""
    folder = tmp_path_factory.mktemp("whole")
    start(processes, *TINY, "--out", folder / "first").join()
    begin = time.perf_counter()
    start(processes, *TINY, "--out", folder / "run").join()
    return folder / "run", time.perf_counter() - begin


def record(folder):
    """What history.json says, without the seconds."""
    kept = json.loads((folder / "history.json").read_text())
    for epoch in kept["epochs"]:
        del epoch["seconds"]
    return kept


def check_together(folder, dataset):
    """Where there is a record, the table and the model are those it speaks of."""
    if (folder / "history.json").exists():
        kept = record(folder)
        assert (folder / "history.csv").read_text().count("\n") == len(kept["epochs"]) + 1
        model = training.load_model(folder / "model.safetensors")
        _, validation = data.set_tenth_aside(dataset, 0)
        best = kept["epochs"][kept["best_epoch"] - 1]
        assert training.evaluate(model, validation) == best["validation_accuracy"]
        assert ("test_accuracy" in kept) is not kept["interrupted"]


@pytest.mark.parametrize("how", [[signal.SIGKILL], [signal.SIGINT, signal.SIGTERM]], ids=["killed", "interrupted"])
def test_stopped_at_random_moments_its_files_belong_together_and_it_goes_on(whole, tmp_path, processes, how):
    straight, duration = whole
    moments, places = random.Random(0), set()
    for trial in range(STOPS):
        folder = tmp_path / str(trial)
        process = start(processes, *TINY, "--out", folder)
        time.sleep(moments.uniform(0, duration) if trial % 2 else moments.uniform(0.6 * duration, duration))
        with suppress(ProcessLookupError):  # it is done
            os.kill(process.pid, how[trial % len(how)])
        process.join()
        if folder.exists():
            check_together(folder, victim.FEW)
        places.add(tuple(sorted(os.listdir(folder))) if folder.exists() else ())
        assert victim.train(*TINY, "--resume", "--out", folder) == 0
        assert sorted(os.listdir(folder)) == FILES
        assert (folder / "model.safetensors").read_bytes() == (straight / "model.safetensors").read_bytes()
        assert record(folder) == record(straight)
    assert len(places) > 1, places


class Stop(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("step", range(4))
def test_ended_between_two_renames_there_is_no_record_of_other_files(whole, tmp_path, monkeypatch, step):
    folder = tmp_path / "run"
    assert command(tmp_path, "train", *TINY, "--out", folder).returncode == 0
    replace, made = os.replace, count()

    def stopping(source, target):
        if next(made) == step:
            raise Stop
        replace(source, target)

    model, history = training.load_model(whole[0] / "model.safetensors"), training.History()
    monkeypatch.setattr(os, "replace", stopping)
    if step < 3:
        with pytest.raises(Stop):
            training.RunFolder(folder).save(model, history)
    else:
        training.RunFolder(folder).save(model, history)
    assert (folder / "history.json").exists() is (step == 3)


@pytest.mark.parametrize("how", [KeyboardInterrupt, SystemExit])
def test_ctrl_c_while_the_test_images_are_scored_keeps_the_model_and_says_so(tmp_path, monkeypatch, how):
    def stopped(*_):
        raise how

    folder = tmp_path / "run"
    with monkeypatch.context() as patch:
        patch.setattr(training, "evaluate", stopped)
        result = command(tmp_path, "train", *TINY, "--out", folder)
    check_together(folder, data.load("digits"))
    if how is KeyboardInterrupt:
        assert result.returncode == 0
        assert "not scored on the test images" in result.stdout
        assert "history.json" in result.stdout
        assert sorted(os.listdir(folder)) == FILES
    else:
        assert os.listdir(folder) == ["checkpoint.safetensors"]
    assert command(tmp_path, "train", "--resume", "--out", folder).returncode == 0
    assert not record(folder)["interrupted"]
    check_together(folder, data.load("digits"))


def test_ctrl_c_while_plots_are_drawn_says_that_the_run_is_saved(tmp_path, monkeypatch):
    def stopped(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("tinygrad_mnist.cli.train._draw", stopped)
    result = command(tmp_path, "train", *TINY, "--plots", "--out", tmp_path / "run")
    assert result.returncode == 1
    assert result.stderr.startswith("error: interrupted; the run is saved, and tinygrad-mnist plot ")
    assert "test_accuracy" in record(tmp_path / "run")


def test_ctrl_c_once_the_run_is_whole_changes_nothing(tmp_path, monkeypatch):
    def late(lock):
        signal.raise_signal(signal.SIGINT)
        release(lock)

    release = FolderLock.release
    monkeypatch.setattr(FolderLock, "release", late)
    result = command(tmp_path, "train", *TINY, "--out", tmp_path / "run")
    assert (result.returncode, result.stderr) == (0, "")
    assert "test_accuracy" in record(tmp_path / "run")
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


# another run


def test_an_earlier_run_is_moved_aside_and_that_is_said(tmp_path):
    arguments = ["train", *TINY, "--out", "run"]
    contents = []
    for seed in range(3):
        result = command(tmp_path, *arguments, "--seed", str(seed), cwd=tmp_path)
        assert result.returncode == 0, result.stderr
        contents.append((tmp_path / "run" / "model.safetensors").read_bytes())
    assert result.stderr == "run: the run that was there is now run-2\n"
    kept = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("run-1", "run-2", "run")]
    assert kept == contents
    assert all(sorted(os.listdir(tmp_path / name)) == FILES for name in ("run", "run-1", "run-2"))


@pytest.mark.parametrize("name", ["file beside it", "the folder one is in", "a link"])
def test_what_can_not_be_moved_stays_and_what_to_do_is_said(whole, tmp_path, name):
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "checkpoint.safetensors").write_bytes((whole[0] / "checkpoint.safetensors").read_bytes())
    if name == "file beside it":
        (folder / "notes.txt").write_text("hours of work")
    if name == "a link":
        (tmp_path / "link").symlink_to(folder)
        result = command(tmp_path, "train", *TINY, "--out", tmp_path / "link")
        assert result.returncode == 0
        assert (tmp_path / "run-1").is_dir()
        assert (tmp_path / "link").is_symlink()
        assert sorted(os.listdir(folder)) == FILES
        return
    before = {p.name: p.read_bytes() for p in folder.iterdir()}
    result = command(tmp_path, "train", *TINY, "--out", folder, cwd=folder)
    assert result.returncode == 1
    assert "holds another run" in result.stderr
    assert "go on with it by --resume, give another --out, or move it away" in result.stderr
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == before


def test_a_second_run_into_one_folder_says_who_has_it(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    other = FolderLock(folder)
    other.acquire()
    living = folder / ".model.safetensors.abcdefgh"
    living.write_bytes(b"")
    held = {p.name for p in folder.iterdir()} - {living.name}
    for arguments in (TINY, [*TINY, "--resume"]):
        result = command(tmp_path, "train", *arguments, "--out", folder)
        assert result.returncode == 1
        assert f"another run is going on in it (process {os.getpid()}, since 20" in result.stderr
        assert "wait for its end, or give another folder" in result.stderr
    assert {p.name for p in folder.iterdir()} == held  # no process was writing what was removed
    other.release()
    assert os.listdir(folder) == []


def test_a_killed_run_s_lock_holds_nobody_up(tmp_path):
    program = (
        "import sys, pathlib; from tinygrad_mnist.processes import FolderLock; "
        "lock = FolderLock(pathlib.Path(sys.argv[1])); lock.acquire(); print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, tmp_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT
    ) as process:
        process.stdout.readline()
        with pytest.raises(BlockingIOError, match=f"process {process.pid}"):
            FolderLock(tmp_path).acquire()
        process.kill()
    lock = FolderLock(tmp_path)
    lock.acquire()
    lock.release()


# a run that moves


def test_a_run_moves_and_finds_its_relative_data_again(tmp_path):
    digits = data.load("digits")
    (tmp_path / "here").mkdir()
    split = digits.train[:60]
    rows = [f"{y},{','.join(map(str, x.ravel()))}\n" for x, y in zip(split.images, split.labels, strict=True)]
    (tmp_path / "here" / "train.csv").write_text("".join(rows))
    (tmp_path / "here" / "test.csv").write_text("".join(rows[:20]))
    arguments = ["train", "--data", ".", "--layers", "784,10", "--schedule", "constant", "--augment", "none"]
    result = command(tmp_path, *arguments, "--epochs", "1", "--out", "run", cwd=tmp_path / "here")
    assert result.returncode == 0, result.stderr
    (tmp_path / "there").mkdir()
    (tmp_path / "here" / "run").rename(tmp_path / "there" / "moved")
    result = command(tmp_path, "train", "--resume", "--epochs", "2", "--out", "moved", cwd=tmp_path / "there")
    assert result.returncode == 0, result.stderr
    assert "epoch 2/2" in result.stdout
