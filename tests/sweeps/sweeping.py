"""Small sweeps on a few hundred digits, in processes that a test may kill, and clusters for them."""

import os
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from importlib.util import find_spec

import numpy as np
import pytest

from tests.cli.running import environment
from tests.copies import copies
from tinygrad_mnist import cli, data, files
from tinygrad_mnist.sweeps.settings import STUDY

RANDOM = ["--epochs", "1", "--sampler", "random", "--trials", "4", "--space", "init=he|xavier,lr=1e-3..1:log"]


def needs_the_extra():
    """Skip, with the reason, where a package of the extra is missing."""
    for name in ("optuna", "distributed", "plotly"):
        if find_spec(name) is None:
            pytest.skip(f"{name} is not installed: pip install '.[sweep]'", allow_module_level=True)


def few_digits(folder):
    """A file with 300 of the embedded digits to train on and 60 to test."""
    digits, path = data.load("digits"), folder / "few.npz"
    np.savez(
        path, x_train=digits.train.images[:300], y_train=digits.train.labels[:300],
        x_test=digits.test.images[:60], y_test=digits.test.labels[:60],
    )  # fmt: skip
    return path


def arguments(folder, out, *more):
    network = ["--layers", "784,10", "--augment", "none", "--seeds", "1"]
    return ["sweep", "--data", folder / "few.npz", *network, "--out", folder / out, *more]


def start(folder, *words):
    """A process of the command line, whose lines can be read as they come."""
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "tinygrad_mnist", *map(str, words)], text=True, bufsize=1,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**environment(folder), "PYTHONUNBUFFERED": "1"},
    )  # fmt: skip


def fork(folder, name, *words):
    """The same, copied from one process that has imported everything, which costs a tenth; and what it prints."""
    said = folder / f"{name}.txt"
    said.touch()
    return _forked(_call, said, dict(environment(folder)), list(map(str, words))), said


def _forked(target, *given):
    process = copies().Process(target=target, args=given)
    process.start()
    return process


def _call(said, variables, words):
    os.environ.update(variables)
    file = os.open(said, os.O_WRONLY | os.O_APPEND)
    for stream in (1, 2):
        os.dup2(file, stream)
    sys.argv[:] = ["tinygrad-mnist", *words]
    cli.main()


@contextmanager
def lone_scheduler(folder):
    """The address and the process of a scheduler without workers."""
    said = folder / "scheduler.txt"
    process = _forked(_schedule, said)
    until(said.exists)
    yield said.read_text(), process
    process.kill()
    process.join()


def _schedule(said):
    from distributed import LocalCluster

    with LocalCluster(n_workers=0, dashboard_address=None) as cluster:
        files.write_text(said, cluster.scheduler_address)
        time.sleep(600)


def wait_for(process, beginning):
    """The first line that begins so."""
    for line in process.stdout:
        if line.startswith(beginning):
            return line
    raise AssertionError(process.stderr.read())


@contextmanager
def dask_commands(folder):
    """The address of a scheduler and two workers, each a process that was started by Dask's own command."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"tcp://127.0.0.1:{port}"
    dask = [sys.executable, "-m", "dask"]
    commands = [["scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard", "--no-show"]]
    commands += [["worker", address, "--nthreads", "1", "--no-nanny", "--no-dashboard"]] * 2
    started = [
        subprocess.Popen([*dask, *words], env=environment(folder), cwd=folder, stderr=subprocess.DEVNULL)
        for words in commands
    ]
    try:
        yield address
    finally:
        for process in started:  # no goodbyes: a worker asked to end may wait for its scheduler for minutes
            process.kill()
        for process in started:
            process.wait(timeout=20)


def trials(place, study=STUDY):
    """The trials of a study, in a journal or a data base."""
    import optuna

    from tinygrad_mnist.sweeps import storage

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with storage.opened(str(place)) as kept:
        return optuna.load_study(study_name=study, storage=kept).trials


def finished(place, study=STUDY):
    """The slots that are finished, each as often as that is so, in order."""
    return sorted(t.user_attrs["slot"] for t in trials(place, study) if t.state.name in ("COMPLETE", "PRUNED"))


def parameters(place):
    """Those of each slot that is finished."""
    return {t.user_attrs["slot"]: t.params for t in trials(place) if t.state.name in ("COMPLETE", "PRUNED")}


def until(condition, seconds=60):
    """Wait until a condition is met."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)
