"""What a sweep can't do: each has its line, and nothing is left behind."""

import fcntl
import os
import sys

import pytest

from tests.cli.running import command
from tests.sweeps.sweeping import needs_the_extra
from tinygrad_mnist import sweeps
from tinygrad_mnist.processes import FolderLock
from tinygrad_mnist.sweeps import storage
from tinygrad_mnist.training import Recipe

SPACE = ["--space", "lr=0.1|0.01"]


def message_of(tmp_path, *words, code=1):
    """The one line on stderr."""
    result = command(tmp_path, "sweep", "--data", "digits", "--out", tmp_path / "out", *words)
    assert result.returncode == code, result.stdout + result.stderr
    (line,) = result.stderr.splitlines()
    assert line.startswith("error: ")
    return line


@pytest.mark.parametrize(
    ("space", "said"),
    [
        ("lrr=0.1|0.2", "'lrr', which no recipe has"),
        ("lr", "write name=values"),
        ("", "write name=values"),
        ("lr=1e-1..1e-4", "from a smaller number to a larger one"),
        ("lr=0..1:log", "from a smaller number above 0 to a larger one"),
        ("lr=0..1", "lr=0.0 must be a positive number"),
        ("lr=1..2..3", "is no range such as lr=1e-4..1e-1:log"),
        ("lr=fast|slow", "lr=fast: could not convert"),
        ("lr=0.1|-1", "lr=-1.0 must be a positive number"),
        ("lr=0.1|0.1", "a choice is empty or there twice"),
        ("lr=0.1,lr=0.2", "lr twice"),
        ("batch_size=1.5..8", "is no range such as batch_size=32..128"),
        ("init=he..xavier", "init is no number; give its choices"),
        ("init=he|heh", "unknown init 'heh'"),
        ("batch_norm=true|no", "it is yes or no"),
        ("layers=784,10|10,10", "layers=10,10: it must begin with 784"),
        ("augment=rotate=10,shift=1|none|spin=3", "not such as rotate=10,shift=1"),
        ("momentum=0.5|0.9", "momentum is for the optimizer sgd, and adamw has none"),
        ("dropout=nan..0.5", "from a smaller number to a larger one"),
    ],
)
def test_a_misspelt_space(space, said):
    with pytest.raises(sweeps.SweepError) as error:
        sweeps.parse_space(space).check(Recipe(), 10)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_a_space_with_everything():
    space = sweeps.parse_space(
        "lr=1e-4..1e-1:log, batch-size=32..64,layers=784,10,10|1x28x28,16c3,mp2,10,"
        "augment=rotate=10,shift=1|none,batch_norm=yes"
    )
    values = {"layers": "784,10,10", "augment": "rotate=10,shift=1", "batch_norm": "yes", "lr": 0.01, "batch_size": 40}
    recipe = space.applied(Recipe(), values)
    assert (recipe.layers, recipe.augment.rotate, recipe.batch_norm) == ((784, 10, 10), 10, True)
    assert space.texts["layers"] == "784,10,10|1x28x28,16c3,mp2,10"
    assert len(sweeps.parse_space("init=he|xavier,lr=0.1|0.2|0.3").grid()) == 6


def test_the_extra_is_not_installed(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    assert "pip install 'tinygrad-mnist[sweep]'" in message_of(tmp_path, *SPACE)
    assert not (tmp_path / "out").exists()


def test_what_needs_optuna_to_be_found_out(tmp_path):
    needs_the_extra()
    assert "there is nothing to search: give --space" in message_of(tmp_path)
    assert "there is nothing to resume; give --space" in message_of(tmp_path, "--resume")
    assert "a grid needs choices" in message_of(tmp_path, "--sampler", "grid", "--space", "lr=0.1..0.2")
    assert "'lrr', which no recipe has" in message_of(tmp_path, "--space", "lrr=0.1")
    assert "'tepe' is none of tpe" in message_of(tmp_path, "--sampler", "tepe", code=2)


def test_the_scheduler_is_unreachable(tmp_path, monkeypatch):
    needs_the_extra()
    monkeypatch.setattr("tinygrad_mnist.cluster.CONNECTING", 0.5)
    line = message_of(tmp_path, *SPACE, "--scheduler", "tcp://127.0.0.1:9")
    assert "no scheduler answers at tcp://127.0.0.1:9: start one by `dask scheduler`" in line
    assert "no scheduler answers at nonsense" in message_of(tmp_path, *SPACE, "--resume", "--scheduler", "nonsense://x")


def test_the_storage_is_locked(tmp_path, monkeypatch):
    needs_the_extra()
    monkeypatch.setattr(storage, "PATIENCE", 0.1)
    (tmp_path / "out").mkdir()
    with (tmp_path / "out" / "study.journal.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert "study.journal.lock: locked by another program for 0.1 s" in message_of(tmp_path, *SPACE)


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("sqlite:////nowhere/at/all.db", "unable to open database file"),
        ("nonsense://somewhere", "the study at nonsense://somewhere can't be used"),
        ("postgresql://me:secret@127.0.0.1:9/db", "postgresql://me:…@127.0.0.1:9/db"),
    ],
)
def test_the_storage_cannot_be_used(tmp_path, place, said):
    needs_the_extra()
    line = message_of(tmp_path, *SPACE, "--storage", place)
    assert said in line
    assert "secret" not in line


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("postgresql+psycopg://me:secret@127.0.0.1/db", "needs psycopg: pip install 'psycopg[binary]'"),
        ("redis://127.0.0.1", "needs redis: pip install 'redis'"),
    ],
)
def test_a_driver_is_missing(tmp_path, monkeypatch, place, said):
    needs_the_extra()
    for name in ("psycopg", "redis"):
        monkeypatch.setitem(sys.modules, name, None)
    line = message_of(tmp_path, *SPACE, "--storage", place)
    assert said in line
    assert "secret" not in line


def test_a_journal_that_is_none(tmp_path):
    needs_the_extra()
    (tmp_path / "notes.txt").write_text("no journal\n")
    assert "notes.txt: is no journal of a study" in message_of(tmp_path, *SPACE, "--storage", tmp_path / "notes.txt")
    assert (tmp_path / "notes.txt").read_text() == "no journal\n"
    assert "is a folder" in message_of(tmp_path, *SPACE, "--storage", tmp_path)
    (tmp_path / "damaged").write_text('{"op_code": 0, "worker_id": "a", "study_name": "b", "directions": [1]}\nx\n')
    said = "damaged: line 2 is damaged (Expecting value: line 1 column 1 (char 0)); give another file"
    assert said in message_of(tmp_path, *SPACE, "--storage", tmp_path / "damaged")
    os.mkfifo(tmp_path / "pipe")  # which would be waited for
    assert "a device or a pipe" in message_of(tmp_path, *SPACE, "--storage", tmp_path / "pipe")


def test_the_folder_is_in_use(tmp_path):
    needs_the_extra()
    (tmp_path / "out").mkdir()
    with FolderLock(tmp_path / "out"):
        assert "out: another run is going on in it (process" in message_of(tmp_path, *SPACE)


def test_half_a_record_that_a_kill_left_is_cut_off(tmp_path):
    needs_the_extra()
    import optuna

    path = tmp_path / "study.journal"
    with storage.opened(str(path)) as kept:
        optuna.create_study(storage=kept, study_name="one")
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"op_code": 4, "wor')
    with storage.opened(str(path)) as kept:
        assert [s.study_name for s in kept.get_all_studies()] == ["one"]
    assert path.read_bytes() == whole


@pytest.mark.parametrize("content", ["", "[]", '{"lr": -1}', '{"learning": 1}', '{"layers": "784"}', None])
def test_a_file_that_holds_no_recipe(tmp_path, content):
    file = tmp_path / "recipe.json"
    if content is not None:
        file.write_text(content)
    result = command(tmp_path, "train", "--data", "digits", "--recipe", file, "--out", tmp_path / "run")
    assert result.returncode == (2 if content is None else 1)
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"error: {file}: ")
    assert "give a recipe.json that sweep has written" in line
    assert not os.path.exists(tmp_path / "run")


def test_a_preset_and_a_recipe_are_one_too_many(tmp_path):
    result = command(tmp_path, "train", "--preset", "tiny", "--recipe", "x.json")
    assert result.returncode == 2
    assert "--preset and --recipe both name a recipe" in result.stderr
