"""Small sweeps on a few hundred digits, in processes that a test may kill."""

import subprocess
import sys
import time

import numpy as np
import pytest

from tests.cli.running import environment
from tinygrad_mnist import data

STUDY = "tinygrad-mnist sweep"


def needs_the_extra():
    """Skip, with the reason, where a package of the extra is missing."""
    for name in ("optuna", "distributed", "plotly"):
        pytest.importorskip(name, reason=f"{name} is not installed: pip install '.[sweep]'")


def few_digits(folder):
    """A file with 300 of the embedded digits to train on and 60 to test."""
    digits, path = data.load("digits"), folder / "few.npz"
    np.savez(
        path, x_train=digits.train.images[:300], y_train=digits.train.labels[:300],
        x_test=digits.test.images[:60], y_test=digits.test.labels[:60],
    )  # fmt: skip
    return path


def arguments(folder, out, *more):
    network = ["--layers", "784,10", "--augment", "none", "--seeds", "1", "--workers", "1"]
    return ["sweep", "--data", folder / "few.npz", *network, "--out", folder / out, *more]


def start(folder, *words):
    """A process of the command line, whose lines can be read as they come."""
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "tinygrad_mnist", *map(str, words)], text=True, bufsize=1,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**environment(folder), "PYTHONUNBUFFERED": "1"},
    )  # fmt: skip


def wait_for(process, beginning):
    """The first line that begins so."""
    for line in process.stdout:
        if line.startswith(beginning):
            return line
    raise AssertionError(process.stderr.read())


def ended(process):
    """What is still printed; its exit code must be 0."""
    out, errors = process.communicate(timeout=100)
    assert process.returncode == 0, errors
    return out


def trials(journal, study=STUDY):
    """The trials of a study in a journal."""
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna.load_study(study_name=study, storage=JournalStorage(JournalFileBackend(str(journal)))).trials


def finished(journal, study=STUDY):
    """The slots that are finished, each as often as that is so, in order."""
    return sorted(t.user_attrs["slot"] for t in trials(journal, study) if t.state.name in ("COMPLETE", "PRUNED"))


def until(condition, seconds=30):
    """Wait until a condition is met."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)
