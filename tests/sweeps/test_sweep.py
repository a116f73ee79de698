"""Sweeps with real Dask and Optuna: killed, resumed, on a cluster of processes, and shared by three."""

import json
import signal
import socket
import subprocess
import sys

import pytest

from tests.cli.running import command, environment
from tests.sweeps.sweeping import (
    STUDY,
    arguments,
    ended,
    few_digits,
    finished,
    needs_the_extra,
    start,
    trials,
    until,
    wait_for,
)

needs_the_extra()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sweeps")
    few_digits(folder)
    return folder


def set_of_trials(journal):
    return {t.user_attrs["slot"]: t.params for t in trials(journal) if t.state.is_finished()}


LONG = ["--epochs", "100", "--sampler", "random", "--trials", "3", "--space", "lr=1e-4..1e-1:log,init=he|xavier"]
"""Trials of a second or two, which can be killed."""


def test_survives_the_kill_of_a_worker_and_of_the_main_process(folder):
    import psutil

    journal = folder / "killed" / "study.journal"
    main = start(folder, *arguments(folder, "killed", *LONG))
    wait_for(main, "trials: 3 of 3")
    until(lambda: any(t.intermediate_values for t in trials(journal)))
    children = psutil.Process(main.pid).children(recursive=True)
    (worker,) = [p for p in children if "spawn_main" in " ".join(p.cmdline())]
    worker.kill()
    wait_for(main, "1/3")
    until(lambda: sum(t.state.name == "RUNNING" for t in trials(journal)) == 1)
    orphans = psutil.Process(main.pid).children(recursive=True)
    main.send_signal(signal.SIGKILL)
    main.communicate()
    psutil.wait_procs(orphans, timeout=20)
    assert not any(p.is_running() for p in orphans)
    before = {t.number: t for t in trials(journal) if t.state.name in ("COMPLETE", "PRUNED")}

    assert "2 of 3 to go" in ended(start(folder, "sweep", "--resume", "--workers", "1", "--out", folder / "killed"))
    after = trials(journal)
    assert finished(journal) == [0, 1, 2]
    assert all(after[number].datetime_complete == trial.datetime_complete for number, trial in before.items())
    lost = {t.user_attrs["reason"]: t for t in after if t.state.name == "FAIL"}
    assert lost.keys() == {"its worker died", "its process died"}
    for trial in lost.values():
        (again,) = [t for t in after if t.user_attrs["slot"] == trial.user_attrs["slot"] and t.state.name != "FAIL"]
        assert again.params == trial.params
    assert finished(journal, f"{STUDY}: the winner") == [0]


def test_a_scheduler_and_two_workers_of_dask_give_the_very_same_trials(folder, tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    dask = [sys.executable, "-m", "dask"]
    port = address.rpartition(":")[2]
    options = {"env": environment(tmp_path), "cwd": tmp_path, "stderr": subprocess.DEVNULL}
    started = [
        subprocess.Popen([*dask, "scheduler", "--host", "127.0.0.1", "--port", port, "--no-dashboard"], **options),
        *(subprocess.Popen([*dask, "worker", address, "--nthreads", "1", "--no-dashboard"], **options) for _ in "12"),
    ]
    try:
        for sampler, space in (("grid", "init=he|xavier,lr=0.1|0.01"), ("random", "init=he|xavier,lr=1e-3..1:log")):
            small = ["--epochs", "1", "--sampler", sampler, "--trials", "4", "--space", space]
            here, there = f"{sampler}-here", f"{sampler}-there"
            if sampler == "random":
                assert command(folder, *arguments(folder, here, *small)).returncode == 0
            result = command(folder, *arguments(folder, there, *small, "--scheduler", address))
            assert result.returncode == 0, result.stderr
            grid = [{"init": init, "lr": lr} for init in ("he", "xavier") for lr in ("0.1", "0.01")]
            expected = dict(enumerate(grid)) if sampler == "grid" else set_of_trials(folder / here / "study.journal")
            assert len(expected) == 4
            assert set_of_trials(folder / there / "study.journal") == expected
        orphan = start(folder, *arguments(folder, "orphan", *LONG, "--scheduler", address))
        wait_for(orphan, "trials: 3 of 3")
        started[0].kill()
        errors = orphan.communicate(timeout=60)[1].splitlines()
        assert orphan.returncode == 1
        assert len(errors) == 1
        assert errors[0].startswith("error: the scheduler is gone")
    finally:
        for process in started:
            process.terminate()
        for process in started:
            process.wait(timeout=20)


def test_three_processes_share_a_journal_and_no_trial_is_lost_or_doubled(folder):
    shared = folder / "shared.journal"
    small = ["--epochs", "2", "--trials", "6", "--space", "lr=1e-3..1e-1:log", "--storage", shared]
    processes = [start(folder, *arguments(folder, f"joined{n}", *small)) for n in range(3)]
    said = [ended(process) for process in processes]
    assert finished(shared) == list(range(6))
    assert finished(shared, f"{STUDY}: the winner") == [0]
    recipes = {(folder / f"joined{n}" / "recipe.json").read_text() for n in range(3)}
    assert len(recipes) == 1
    assert sum(text.count("/6 trial") for text in said) == 6


def test_the_winner_is_a_recipe_that_train_takes_and_the_page_needs_no_network(folder):
    result = command(
        folder,
        *arguments(folder, "whole", "--epochs", "2", "--trials", "2", "--space", "lr=0.1|0.0001", "--sampler", "grid"),
    )
    assert result.returncode == 0, result.stderr
    assert max(map(len, result.stdout.replace(str(folder), "").splitlines())) <= 120
    assert all(len(line) <= 80 for line in result.stdout.splitlines() if "trial " in line and "lr=" in line)
    recipe = folder / "whole" / "recipe.json"
    assert json.loads(recipe.read_text())["lr"] == 0.1
    trained = command(folder, "train", "--recipe", recipe, "--data", folder / "few.npz", "--out", folder / "trained")
    assert trained.returncode == 0, trained.stderr
    test = trained.stdout.partition("test accuracy ")[2].split()[0]
    assert f"test {test} %" in result.stdout  # from the same seed
    page = (folder / "whole" / "sweep.html").read_text()
    assert "plotly.js" in page
    assert 'src="http' not in page
    assert "--lr 0.0001" in page
    again = command(folder, *arguments(folder, "whole", "--space", "lr=0.1|0.0001"))
    assert again.returncode == 1
    assert "--resume goes on with it" in again.stderr
    other = command(folder, *arguments(folder, "whole", "--resume", "--space", "lr=0.1|0.2"))
    assert other.returncode == 1
    assert "the study there has recipe" in other.stderr


def test_what_is_pruned_ends_and_counts_as_finished(folder):
    import optuna

    from tinygrad_mnist import sweeps
    from tinygrad_mnist.training import Recipe

    pruner = optuna.pruners.ThresholdPruner(lower=2)
    recipe = Recipe(layers=(784, 10), augment=None, epochs=120)
    outcome = sweeps.search(
        recipe, {"lr": "1e-9|2e-9"}, sampler="grid", data=str(folder / "few.npz"), out=folder / "pruned", workers=1,
        seeds=1, pruner=pruner,
    )  # fmt: skip
    assert [t.ended for t in outcome.tried] == ["pruned"] * 2
    assert all(1 <= len(t.curve) < 120 for t in outcome.tried)
