"""A cluster of Dask's own commands: a scheduler and two workers, for sweeps and for a class of learners."""

import csv

import pytest

from tests.cli.running import command
from tests.grading.classroom.programs import ROWS, WRONG, hand_in
from tests.sweeps.postgresql import postgresql
from tests.sweeps.sweeping import RANDOM, arguments, finished, fork, lone_scheduler, needs_the_extra, parameters, until
from tinygrad_mnist import cluster
from tinygrad_mnist.sweeps.settings import WINNER

needs_the_extra()


def test_it_runs_the_very_same_trials_as_this_machine(folder, here, scheduler):
    result = command(folder, *arguments(folder, "there", *RANDOM, "--scheduler", scheduler))
    assert result.returncode == 0, result.stderr
    assert "on 2 workers" in result.stdout
    assert len(parameters(folder / "here" / "study.journal")) == 4
    assert parameters(folder / "there" / "study.journal") == parameters(folder / "here" / "study.journal")
    grid = ["--epochs", "1", "--sampler", "grid", "--space", "init=he|xavier,lr=0.1|0.01"]
    result = command(folder, *arguments(folder, "grid", *grid, "--scheduler", scheduler))
    assert result.returncode == 0, result.stderr
    expected = [{"init": init, "lr": lr} for init in ("he", "xavier") for lr in ("0.1", "0.01")]
    assert parameters(folder / "grid" / "study.journal") == dict(enumerate(expected))


def three_share(folder, place, name, scheduler):
    """Three processes share a study: no trial is lost or doubled, and all write the same recipe."""
    small = ["--epochs", "1", "--trials", "4", "--space", "lr=1e-3..1e-1:log", "--storage", place]
    words = {n: arguments(folder, f"{name}{n}", *small, "--scheduler", scheduler) for n in range(3)}
    started = [fork(folder, f"{name}{n}", *words[n]) for n in words]
    for process, said in started:
        process.join(100)
        assert process.exitcode == 0, said.read_text()
    assert finished(place) == list(range(4))
    assert finished(place, WINNER) == [0]
    assert len({(folder / f"{name}{n}" / "recipe.json").read_text() for n in words}) == 1
    assert sum(said.read_text().count("/4 trial") for _, said in started) == 4


def test_three_processes_share_a_journal(folder, scheduler):
    three_share(folder, folder / "shared.journal", "journal", scheduler)


def test_three_processes_share_a_study_in_postgresql(folder, scheduler):
    with postgresql(folder) as url:
        three_share(folder, url, "postgresql", scheduler)


def test_a_class_is_graded_with_the_same_reports_as_on_this_machine(tmp_path, scheduler):
    folder = hand_in(tmp_path / "class", bob=WRONG)
    (folder / "cyd").mkdir()
    (folder / "cyd" / "program.py").write_text("from parts import *", encoding="utf-8")
    (folder / "cyd" / "parts.py").write_text(ROWS, encoding="utf-8")
    tables = []
    for name, where in (("here", ["--jobs", "1"]), ("there", ["--scheduler", scheduler])):
        pages, table = tmp_path / name, tmp_path / f"{name}.csv"
        result = command(tmp_path, "grade", folder, "--html", pages, "--csv", table, "--points", "10", *where)
        assert result.returncode == 0, result.stderr
        assert {p.name for p in pages.glob("*.html")} == {"bob.html", "cyd.html", "index.html"}
        with table.open(encoding="utf-8-sig", newline="") as file:
            tables.append([{**row, "seconds": ""} for row in csv.DictReader(file)])
    assert tables[0] == tables[1]
    assert [row["passed"] for row in tables[1]] == ["no", "yes"]


def test_a_job_that_another_worker_had_begun_is_not_begun_again(scheduler):
    with cluster.connected(scheduler) as client:
        assert client.submit(cluster.begin, "a job", pure=False).result() is None
        with pytest.raises(cluster.WorkerDied):
            client.submit(cluster.begin, "a job", pure=False).result()
        cluster.forget(client, "a job")
        assert client.submit(cluster.begin, "a job", pure=False).result() is None
        cluster.forget(client, "a job")


def test_a_scheduler_without_workers_or_that_dies_is_one_line(folder):
    with lone_scheduler(folder) as (address, process):
        result = command(folder, "grade", hand_in(folder / "class", ada=ROWS), "--scheduler", address)
        assert (result.returncode, result.stdout) == (1, "")
        assert result.stderr == f"error: {address}: it has no worker; start one by `dask worker {address}`\n"
        orphan, said = fork(folder, "orphan", *arguments(folder, "orphan", *RANDOM, "--scheduler", address))
        until(lambda: "trials: 4 of 4 to go, on 0 workers" in said.read_text())
        process.kill()
        orphan.join(60)
    assert orphan.exitcode == 1
    assert said.read_text().splitlines()[-1].startswith("error: the scheduler is gone: start it again, then go on")
    assert "Traceback" not in said.read_text()
