"""`train` where something goes wrong: each has its message, and what was done is not lost."""

import gzip
import json
import os
import re
import resource
import signal
import subprocess
import sys

import numpy as np
import pytest

from tests.cli.running import command, environment, process, unmeasured
from tinygrad_mnist import data, training
from tinygrad_mnist.cli.resuming import resumed

DIGITS = ["train", "--data", "digits", "--epochs", "4", "--layers", "784,16,10"]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The folder of a run that nothing has interrupted."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    result = command(folder.parent, *DIGITS, "--optimizer", "adam", "--schedule", "one_cycle", "--out", folder)
    assert result.returncode == 0, result.stderr
    return folder


def weights(folder):
    return (folder / "model.safetensors").read_bytes()


def stop(tmp_path, how, *arguments):
    """Send a running `train` a signal after its second epoch, which is the slower the more checkpoints it writes."""
    with subprocess.Popen(
        [sys.executable, "-m", "tinygrad_mnist", *map(str, arguments), "--checkpoint-steps", "1"],
        stdout=subprocess.PIPE, text=True, env={**environment(tmp_path), "PYTHONUNBUFFERED": "1"},
    ) as process:  # fmt: skip
        for line in process.stdout:
            if line.startswith("epoch 2"):
                process.send_signal(how)
                break
        rest = process.stdout.read()
    return process.returncode, rest


def message_of(result, code=1):
    """What is said on the last line of stderr."""
    assert result.returncode == code, result.stdout + result.stderr
    assert "Traceback" not in result.stderr
    last = result.stderr.strip().splitlines()[-1]
    assert last.startswith("error: ")
    return last


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_stopped_and_resumed_it_ends_with_the_same_weights(whole, tmp_path, how):
    out = tmp_path / "run"
    code, rest = stop(tmp_path, how, *DIGITS, "--optimizer", "adam", "--schedule", "one_cycle", "--out", out)
    if how != signal.SIGKILL:
        assert code == 0
        assert "interrupted: kept epoch" in rest
        assert "--resume goes on" in rest
    else:
        assert code == -signal.SIGKILL
        assert not (out / "model.safetensors").exists()
    result = command(tmp_path, "train", "--resume", "--out", out)
    assert result.returncode == 0, result.stderr
    assert re.search("^resumed (after|before) epoch [23]", result.stdout, re.M)
    assert weights(out) == weights(whole)
    first, second = (json.loads((folder / "history.json").read_text()) for folder in (whole, out))
    for kept in (first, second):
        assert [epoch.pop("seconds") > 0 for epoch in kept["epochs"]] == [True] * 4
    assert first == second


def test_it_goes_on_compiled_and_on_as_many_threads_as_it_was_begun(tmp_path):
    network = ["train", "--data", "digits", "--epochs", "4", "--layers", "1x28x28,2c5,mp4,10", "--dropout", "0.2"]
    options = ["--compile", "--threads", "2"]
    result = command(tmp_path, *network, *options, "--out", tmp_path / "whole")
    assert "each step is replayed as a plan, on 2 cores\n" in result.stdout
    assert stop(tmp_path, signal.SIGTERM, *network, *options, "--out", tmp_path / "run")[0] == 0
    result = command(tmp_path, "train", "--resume", "--out", tmp_path / "run")
    assert result.returncode == 0, result.stderr
    assert weights(tmp_path / "run") == weights(tmp_path / "whole")
    facts = json.loads((tmp_path / "run" / "history.json").read_text())
    assert (facts["compile"], facts["threads"]) == (True, 2)


def test_a_run_that_is_done_can_go_on_for_more_epochs(tmp_path):
    out = tmp_path / "run"
    short, long = ["--epochs", "2", "--out", out], ["--epochs", "3", "--out", tmp_path / "long"]
    for arguments in (short, long):
        result = command(tmp_path, "train", "--data", "digits", "--schedule", "constant", *arguments)
        assert result.returncode == 0
    result = command(tmp_path, "train", "--resume", "--epochs", "3", "--out", out)
    assert "resumed before epoch 3\nepoch 3/3" in result.stdout
    assert weights(out) == weights(tmp_path / "long")


def test_with_nothing_to_resume_it_starts_and_says_so(tmp_path):
    result = command(tmp_path, *DIGITS, "--resume", "--out", tmp_path / "run")
    assert result.returncode == 0
    assert "checkpoint.safetensors: no such file, there is nothing to resume; starting" in result.stderr


def test_patience_stops_early(tmp_path):
    arguments = ["--data", "digits", "--epochs", "200", "--patience", "2", "--out", tmp_path / "run"]
    result = command(tmp_path, "train", *arguments)
    assert result.returncode == 0
    best, patience = re.search(
        r"stopped early: no epoch was better than epoch (\d+) for (\d) epochs", result.stdout
    ).groups()
    assert len(re.findall("^epoch", result.stdout, re.M)) == int(best) + int(patience)
    assert json.loads((tmp_path / "run" / "history.json").read_text())["stopped_early"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--layers", "784,20,10"], "the run has --layers 784,16,10, not 784,20,10: leave --layers out, or train anew"),
        (["--optimizer", "sgd"], "the run has --optimizer adam, not sgd"),
        (["--epochs", "9"], "the run has --epochs 4, with which its one_cycle schedule ends, not 9"),
        (["--augment", "shift=2"], "the run has --augment shift=1,rotate=8,scale=0.05, not shift=2"),
        (["--augment", "none"], "the run has --augment shift=1,rotate=8,scale=0.05, not none"),
        (["--preset", "wide"], "the run has --layers 784,16,10, not 784,800,10: leave --preset out, or train anew"),
        (["--preset", "wide", "--layers", "784,9,10"], "not 784,9,10: leave --layers out"),
        (["--seed", "1"], "the run has --seed 0, not 1"),
        (["--batch-size", "32"], "the run has --batch-size 64, not 32"),
        (["--compile"], "the run was begun without --compile: leave --compile out, or train anew"),
        (["--threads", "2"], "the run has --threads 1, not 2"),
    ],
)
def test_a_checkpoint_of_another_recipe_is_named(whole, tmp_path, options, words):
    before = {path: path.read_bytes() for path in whole.iterdir()}
    message = message_of(command(tmp_path, "train", "--resume", *options, "--out", whole))
    assert words in message
    assert "checkpoint.safetensors" in message
    assert {path: path.read_bytes() for path in whole.iterdir()} == before


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"lr": -1}, "notes.recipe is refused: lr=-1 must be a positive number"),
        ({"activation": "nope"}, "unknown activation 'nope'"),
        ({"layers": [784, -1, 10]}, "layer '-1' does not fit behind 784"),
        ({"layers": [784, 10**6, 10]}, "smaller than layers 784,1000000,10 need"),
        ({"layers": 7}, "notes.recipe.layers is 7 and no list"),
        ({"epochs": "x"}, "notes.recipe.epochs is 'x' and no whole number"),
        ({"epochs": 10**9}, "epochs=1000000000 must be an integer from 1 to 1,000,000"),
        ({"augment": {"shift": [1]}}, "notes.recipe.augment.shift is a list of 1 and no number"),
        ({"other": 1}, "notes.recipe has 'other', which nothing here has"),
    ],
)
def test_a_recipe_of_another_kind_is_named(whole, tmp_path, change, words):
    path, notes = tmp_path / "checkpoint.safetensors", training.read_notes(whole / "checkpoint.safetensors")
    path.write_bytes((whole / path.name).read_bytes())
    with pytest.raises(training.CheckpointError, match=re.escape(words)):
        resumed({**notes, "recipe": notes["recipe"] | change}, path, {}, {})


def test_a_run_of_before_threads_goes_on_with_one(whole):
    path = whole / "checkpoint.safetensors"
    notes = training.read_notes(path)
    del notes["compile"], notes["threads"]
    then = resumed(notes, path, {}, {})
    assert (then.compile, then.threads) == (False, 1)
    with pytest.raises(training.CheckpointError, match="threads=1000000 must be an integer from 1 to 256"):
        resumed({**notes, "threads": 10**6}, path, {}, {})


@pytest.mark.parametrize(
    "option",
    [["--augment", "scale=1e308"], ["--augment", "elastic=34,sigma=1e-300"], ["--max-norm", "1e308"],
     ["--lr", "1e308"], ["--weight-decay", "1e308"], ["--clip-norm", "1e308"], ["--epochs", "1000001"]],
)  # fmt: skip
def test_numbers_that_no_training_can_use_are_refused(tmp_path, option):
    result = command(tmp_path, *DIGITS, *option, "--out", tmp_path / "run")
    assert result.returncode == 2
    assert re.fullmatch(r"error: .*\n", result.stderr)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("keep", [0, 100, -1])
def test_a_truncated_checkpoint_is_named(whole, tmp_path, keep):
    path = tmp_path / "checkpoint.safetensors"
    path.write_bytes((whole / path.name).read_bytes()[:keep])
    message = message_of(command(tmp_path, "train", "--resume", "--out", tmp_path))
    assert f"{path}: not a readable safetensors file" in message


def test_a_model_is_no_checkpoint(whole, tmp_path):
    (tmp_path / "checkpoint.safetensors").write_bytes(weights(whole))
    assert "no checkpoint of a run" in message_of(command(tmp_path, "train", "--resume", "--out", tmp_path))


def test_a_checkpoint_is_no_model(whole, tmp_path):
    message = message_of(command(tmp_path, "evaluate", whole / "checkpoint.safetensors", "--data", "digits"))
    assert "a checkpoint to resume from, no model: give the model.safetensors beside it" in message


def test_divergence_names_op_layer_and_step(tmp_path):
    result = command(tmp_path, "train", "--data", "digits", "--lr", "1e30", "--out", tmp_path / "run")
    message = message_of(result)
    for words in ("the loss became", "at epoch 1, batch 2", "matmul, in the layer of W", "lower the learning rate"):
        assert words in message
    assert not (tmp_path / "run" / "model.safetensors").exists()


# no room


def limited(size):
    """What a process does first, so that none of its files becomes larger than this."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def test_where_there_is_no_room_the_run_stops_and_goes_on_later(whole, tmp_path):
    out = tmp_path / "run"
    arguments = [*DIGITS, "--optimizer", "adam", "--schedule", "one_cycle", "--out", out]
    message = message_of(process(tmp_path, *arguments, env=unmeasured(tmp_path), preexec_fn=limited(120_000)))
    # the first checkpoint has no moments of Adam yet, and is smaller than the others
    assert re.search(r"checkpoint of epoch \d, batch \d+ could not be written \(File too large\)", message)
    assert "Make room and go on with resume" in message
    assert not [path for path in out.iterdir() if path.name.startswith(".")]
    result = command(tmp_path, *arguments, "--resume")
    assert result.returncode == 0, result.stderr
    assert weights(out) == weights(whole)


@pytest.fixture
def tiny_disk(tmp_path):
    """A file system of 300 KB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(folder)]
    if not sys.platform.startswith("linux") or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("mounting a file system is not allowed here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_is_named(tiny_disk, tmp_path):
    message = message_of(command(tmp_path, *DIGITS, "--epochs", "1", "--layers", "784,64,10", "--out", tiny_disk))
    assert "could not be written (No space left on device); there is none yet" in message
    assert os.listdir(tiny_disk) == []


def test_a_disk_that_can_t_be_written_is_named(tiny_disk, tmp_path):
    subprocess.run(["mount", "-o", "remount,ro", str(tiny_disk)], check=True)
    message = message_of(command(tmp_path, *DIGITS, "--out", tiny_disk / "run"))
    assert message.endswith("disk/run: Read-only file system")


def test_a_folder_below_a_file_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    message = message_of(command(tmp_path, *DIGITS, "--out", tmp_path / "file" / "run"))
    assert "file" in message
    assert "Not a directory" in message


# data


def folder_of(folder, images, labels):
    """A data set in MNIST's format, for training and for testing."""
    folder.mkdir()
    for kind in ("train", "t10k"):
        for name, array in (("images-idx3", images), ("labels-idx1", labels)):
            head = bytes([0, 0, 8, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape)
            (folder / f"{kind}-{name}-ubyte.gz").write_bytes(gzip.compress(head + array.astype(np.uint8).tobytes()))
    return folder


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda x, y: (x, np.where(np.arange(20) == 7, 12, y)), "labels[7] is 12, expected 0 to 9"),
        (lambda x, y: (x[:, 2:, 2:], y), "images have shape (20, 26, 26), expected (n, 28, 28)"),
        (lambda x, y: (x, y[:10]), "20 images but 10 labels"),
        (lambda x, y: (x[:1], y[:1]), "1 training images are too few to set a tenth aside; give 10 or more"),
        (lambda x, y: (x[:0], y[:0]), "there are no images"),
    ],
    ids=["label 12", "26 × 26", "labels missing", "one example", "none"],
)
def test_data_that_can_t_be_used_is_named(tmp_path, change, words):
    digits = data.load("digits").train[:20]
    folder = folder_of(tmp_path / "data", *change(digits.images, digits.labels))
    message = message_of(command(tmp_path, "train", "--data", folder, "--out", tmp_path / "run"))
    assert words in message
    assert not (tmp_path / "run").exists()


def test_a_batch_larger_than_the_data_is_all_of_it(tmp_path):
    result = command(tmp_path, *DIGITS, "--batch-size", "1000000", "--out", tmp_path / "run")
    assert result.returncode == 0, result.stderr
    assert training.load_model(tmp_path / "run" / "model.safetensors").layer_sizes == (784, 16, 10)


def test_other_data_than_the_run_s_is_named(whole, tmp_path):
    digits = data.load("digits").train[:100]
    folder = folder_of(tmp_path / "data", digits.images, digits.labels)
    message = message_of(command(tmp_path, "train", "--resume", "--data", folder, "--out", whole))
    assert "it was made with data 1350 images" in message
    assert "resume with the same, or train anew" in message


# what evaluate says of a model


def test_evaluate_shows_each_class(whole, tmp_path):
    result = command(tmp_path, "evaluate", whole / "model.safetensors", "--data", "digits", "--classes")
    assert result.returncode == 0
    lines = result.stdout.splitlines()
    assert lines[2] == "class  precision     recall  examples"
    counts = [[int(n.replace("·", "0")) for n in line.split()[1:]] for line in lines[-10:]]
    assert np.sum(counts) == 297
    assert [sum(row) for row in counts] == [int(line.split()[-1]) for line in lines[3:13]]
    assert all(len(line) <= 80 for line in lines)


def test_a_preset_named_again_leaves_the_patience_of_the_run(tmp_path):
    out = tmp_path / "run"
    arguments = ["train", "--preset", "tiny", "--epochs", "2", "--out", out]
    assert command(tmp_path, *arguments, "--data", "digits", "--patience", "1").returncode == 0
    assert command(tmp_path, *arguments, "--resume").returncode == 0
    assert json.loads((out / "history.json").read_text())["patience"] == 1
