"""Sweeps with real Dask and Optuna on this machine: killed, resumed, pruned, and what they leave."""

import json
import os
import re
import signal

import pytest

from tests.cli.running import command
from tests.sweeps.sweeping import RANDOM, arguments, finished, needs_the_extra, start, trials, until, wait_for
from tinygrad_mnist.sweeps.settings import WINNER

needs_the_extra()


def kills(folder, count, workers, *options):
    """A sweep of which a worker, and then the main process, is killed; it is resumed. Returns its trials."""
    import psutil

    out = folder / f"killed-{count}"
    journal = out / "study.journal"
    space = ["--sampler", "random", "--trials", count, "--space", "lr=1e-4..1e-1:log,init=he|xavier"]
    main = start(folder, *arguments(folder, out.name, *space, "--workers", workers, *options))
    wait_for(main, f"trials: {count} of {count}")
    until(lambda: any(t.state.name == "RUNNING" and t.intermediate_values for t in trials(journal)))
    processes = psutil.Process(main.pid).children(recursive=True)
    next(p for p in processes if p.ppid() != main.pid).kill()
    wait_for(main, f"{workers:>{len(str(count))}}/{count}")
    until(lambda: any(t.state.name == "RUNNING" and t.params for t in trials(journal)))
    orphans = psutil.Process(main.pid).children(recursive=True)
    main.send_signal(signal.SIGKILL)
    main.communicate()
    psutil.wait_procs(orphans, timeout=20)
    assert not any(p.is_running() for p in orphans)
    before = {t.number: t for t in trials(journal) if t.state.name in ("COMPLETE", "PRUNED")}

    result = command(folder, "sweep", "--resume", "--workers", workers, "--out", out)
    assert result.returncode == 0, result.stderr
    assert f"{count - len(before)} of {count} to go" in result.stdout
    after = trials(journal)
    assert finished(journal) == list(range(count))
    assert all(after[number].datetime_complete == trial.datetime_complete for number, trial in before.items())
    lost = [t for t in after if t.state.name == "FAIL"]
    assert {t.user_attrs["reason"] for t in lost} == {"its worker died", "its process died"}
    for trial in lost:
        (again,) = [t for t in after if t.user_attrs["slot"] == trial.user_attrs["slot"] and t.state.name != "FAIL"]
        assert trial.params.items() <= again.params.items()
    assert any(t.params for t in lost)
    return journal


def test_survives_the_kill_of_a_worker_and_of_the_main_process(folder):
    journal = kills(folder, 2, 1, "--epochs", "60")
    assert finished(journal, WINNER) == [0]


@pytest.mark.skipif("TINYGRAD_MNIST_LONG" not in os.environ, reason="takes minutes: nox -s sweeps")
def test_fifty_trials_survive_kills(folder):
    kills(folder, 50, 2, "--preset", "tiny", "--data", "digits", "--layers", "784,10,10", "--seeds", "5")


def test_the_winner_is_a_recipe_that_train_takes_and_the_page_needs_no_network(folder, here):
    assert max(map(len, here.replace(str(folder), "").splitlines())) <= 120
    assert all(len(line) <= 80 for line in here.splitlines() if "trial " in line and "lr=" in line)
    recipe = folder / "here" / "recipe.json"
    best = max(trials(folder / "here" / "study.journal"), key=lambda t: t.value)
    assert json.loads(recipe.read_text())["lr"] == best.params["lr"]
    trained = command(folder, "train", "--recipe", recipe, "--data", folder / "few.npz", "--out", folder / "trained")
    assert trained.returncode == 0, trained.stderr
    test = trained.stdout.partition("test accuracy ")[2].split()[0]
    assert f"test {test} %" in here  # from the same seed
    page = (folder / "here" / "sweep.html").read_text()
    assert "plotly.js" in page
    assert not re.findall(r"""<(?:script|link|img|iframe)\b[^>]*\b(?:src|href)\s*=\s*["']?http""", page)
    assert f"--lr {best.params['lr']!r}" in page
    again = command(folder, *arguments(folder, "here", *RANDOM))
    assert again.returncode == 1
    assert "--resume goes on with it" in again.stderr
    other = command(folder, *arguments(folder, "here", *RANDOM, "--resume", "--trials", "5"))
    assert other.returncode == 1
    assert "the study there has trials 4, not 5" in other.stderr


def test_what_is_pruned_ends_and_counts_as_finished(folder, scheduler):
    import optuna

    from tinygrad_mnist import sweeps
    from tinygrad_mnist.training import Recipe

    outcome = sweeps.search(
        Recipe(layers=(784, 10), augment=None, epochs=120), {"lr": "1e-9|2e-9"}, sampler="grid", seeds=1,
        data=str(folder / "few.npz"), out=folder / "pruned", scheduler=scheduler,
        pruner=optuna.pruners.ThresholdPruner(lower=2),
    )  # fmt: skip
    assert [t.ended for t in outcome.tried] == ["pruned"] * 2
    assert all(1 <= len(t.curve) < 120 for t in outcome.tried)
