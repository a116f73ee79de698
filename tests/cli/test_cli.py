"""The commands in common: their output and exit codes, as a person has them."""

import contextlib
import io
import json
import re
import signal
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

import tinygrad_mnist
from tests.cli.running import command, environment, process
from tests.each import each
from tinygrad_mnist import data, nn, training
from tinygrad_mnist.cli import app, show


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A model trained by the command line on the embedded digits."""
    folder = tmp_path_factory.mktemp("trained")
    result = process(folder, "train", "--data", "digits", "--epochs", "6", "--out", folder / "run")
    assert result.returncode == 0, result.stderr
    return folder / "run", result


def test_train_prints_plain_lines_and_saves_model_and_history(trained):
    folder, result = trained
    lines = [line for line in result.stdout.splitlines() if line != "on 2 cores"]  # where there are two
    assert lines[0].startswith("MLP([784, 128, 64, 10], activation='leaky_relu')")
    assert lines[1] == "digits: 1,350 images to train on, 150 to validate, 297 to test"
    assert [line.split("  ")[0] for line in lines[2:8]] == [f"epoch {n}/6" for n in range(1, 7)]
    assert lines[8].startswith("test accuracy ")
    assert lines[9].startswith("The test digits are by other writers")
    assert all(len(line) <= 80 for line in lines[:11])
    assert not any(c in result.stdout for c in "\x1b\r━")
    assert result.stderr == ""
    history = json.loads((folder / "history.json").read_text())
    assert len(history["epochs"]) == 6
    assert history["test_accuracy"] > 0.8
    assert (folder / "history.csv").read_text().count("\n") == 7
    files = {"history.json", "history.csv", "model.safetensors", "checkpoint.safetensors"}
    assert {p.name for p in folder.iterdir()} == files


def test_evaluate_repeats_the_test_accuracy(trained, tmp_path):
    folder, result = trained
    score = result.stdout.split("test accuracy ")[1].split(" (")[0]
    again = command(tmp_path, "evaluate", folder / "model.safetensors", "--data", "digits")
    assert again.stdout == f"digits: {score} of 297 test images are read correctly\n"


def test_predict_reads_pictures_of_any_kind(trained, tmp_path):
    test = data.load("digits").test
    zero = test.images[int(np.flatnonzero(test.labels == 0)[0])]
    picture = Image.fromarray(zero)
    big = picture.resize((150, 150), Image.Resampling.BICUBIC)
    negative = Image.eval(big, lambda v: 255 - v).convert("RGB")
    for name, image in [("same.png", picture), ("big.png", big), ("ink.jpg", negative)]:
        image.save(tmp_path / name)
    names = ["same.png", "big.png", "ink.jpg"]
    result = command(tmp_path, "predict", trained[0] / "model.safetensors", *(tmp_path / n for n in names))
    assert result.returncode == 0, result.stderr
    answers = [line.rsplit("/", 1)[1] for line in result.stdout.splitlines()[::2]]
    assert [a.split(" (")[0] for a in answers] == [f"{n}: 0" for n in names]
    assert all(line.count("%") == 10 for line in result.stdout.splitlines()[1::2])


def test_predict_reads_each_digit_says_what_is_in_doubt_and_shows_what_it_saw(trained, tmp_path):
    pair = [Image.fromarray(image).resize((140, 140)) for image in data.load("digits").test.images[:2]]
    Image.fromarray(np.concatenate(pair, axis=1)).save(tmp_path / "two\x1b[2J.png")
    box = np.full((300, 300), 255, np.uint8)
    box[60:240, 60:240] = 0
    box[70:230, 70:230] = 255
    Image.fromarray(box).save(tmp_path / "box.png")
    pictures = [tmp_path / "two\x1b[2J.png", tmp_path / "box.png"]
    result = command(tmp_path, "predict", trained[0] / "model.safetensors", *pictures, "--show", tmp_path / "seen.png")
    assert result.returncode == 0, result.stderr
    lines = [line.rsplit("/", 1)[1] for line in result.stdout.splitlines()[::2]]
    assert lines[0].startswith("two\\x1b[2J.png, digit 1 of 2: ")
    assert lines[1].startswith("two\\x1b[2J.png, digit 2 of 2: ")
    assert lines[2].startswith("box.png: in doubt, perhaps a ")
    assert lines[2].endswith(": it is unlike any digit")
    with Image.open(tmp_path / "seen.png") as seen:
        assert seen.size == (3 * 282, 282)


def test_predict_reads_what_it_can(trained, tmp_path):
    test = data.load("digits").test
    Image.fromarray(test.images[0]).save(tmp_path / "good.png")
    Image.new("L", (30, 30), 200).save(tmp_path / "blank.png")
    pictures = [tmp_path / name for name in ("blank.png", "good.png", "none.png")]
    result = command(tmp_path, "predict", trained[0] / "model.safetensors", *pictures)
    assert result.returncode == 2
    assert "good.png: " in result.stdout
    assert [line.split(": ")[2] for line in result.stderr.splitlines()] == [
        "no digit to be seen; draw one that stands out from its background", "no such file",
    ]  # fmt: skip


def test_predict_reads_folders_and_writes_records_for_programs(trained, tmp_path):
    test = data.load("digits").test
    for i in (0, 1, 2, 3):
        (tmp_path / f"pictures/{test.labels[i]}").mkdir(parents=True, exist_ok=True)
        Image.fromarray(test.images[i]).save(tmp_path / f"pictures/{test.labels[i]}/{i}.png")
    (tmp_path / "pictures/7/=bad.png").write_text("no picture")
    arguments = ["predict", trained[0] / "model.safetensors", "pictures"]
    outputs = ["--json", "a.json", "--csv", "a.csv", "--show", "seen.png"]
    result = command(tmp_path, *arguments, *outputs, cwd=tmp_path)
    assert result.returncode == 1
    assert result.stderr.startswith("error: pictures/7/=bad.png: not a readable picture")
    records = json.loads((tmp_path / "a.json").read_bytes())
    right = sum(r["digit"] == r["expected"] for r in records)
    assert result.stdout.splitlines()[-1] == f"{20 * right}.00 % of 5 are read as the digit of their folder; 1 refused"
    assert [r["file"] for r in records] == [f"pictures/{n}.png" for n in ("1/0", "4/2", "6/3", "7/1", "7/=bad")]
    assert (tmp_path / "a.csv").read_text().count("\n") == 6
    for option, name in (("--json", "a.json"), ("--csv", "a.csv")):
        printed = command(tmp_path, *arguments, option, "-", cwd=tmp_path)
        assert (printed.returncode, printed.stderr) == (1, result.stderr)
        assert printed.stdout == (tmp_path / name).read_text(encoding="utf-8")
    with Image.open(tmp_path / "seen.png") as seen:
        assert seen.size == (4 * 282, 282)


@pytest.mark.parametrize(
    ("outputs", "words"),
    [
        (["--json", "-", "--csv", "-"], "- is to be written twice"),
        (["--show", "pictures/one.png"], "pictures/one.png is to be read, too"),
        (["--csv", "model.safetensors"], "model.safetensors is to be read, too"),
        (["--csv", "pictures"], "pictures: a folder stands where a file is to be written"),
    ],
)
def test_predict_overwrites_nothing_that_it_reads(tmp_path, outputs, words):
    training.save_model(nn.MLP((784, 10)), tmp_path / "model.safetensors")
    (tmp_path / "pictures").mkdir()
    Image.fromarray(data.load("digits").test.images[0]).save(tmp_path / "pictures/one.png")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.*")}
    result = command(tmp_path, "predict", "model.safetensors", "pictures", *outputs, cwd=tmp_path)
    assert result.returncode in (1, 2)
    assert words in result.stderr
    assert result.stderr.count("\n") == 1
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.*")} == before


def test_auto_says_in_one_line_what_it_took_and_how_to_get_the_other(tmp_path):
    result = command(tmp_path, "train", "--epochs", "1", "--out", tmp_path / "run")
    assert result.returncode == 0, result.stderr
    last = result.stderr.strip().splitlines()[-1]
    assert "embedded digits" in last
    assert "--data mnist" in last


def test_ctrl_c_saves_the_best_so_far(tmp_path):
    arguments = ["train", "--data", "digits", "--epochs", "100000", "--out", str(tmp_path / "run")]
    with subprocess.Popen(
        [sys.executable, "-m", "tinygrad_mnist", *arguments],
        stdout=subprocess.PIPE, text=True, env={**environment(tmp_path), "PYTHONUNBUFFERED": "1"},
    ) as process:  # fmt: skip
        for line in process.stdout:
            if line.startswith("epoch") and "  best" in line:
                process.send_signal(signal.SIGINT)
                break
        rest = process.stdout.read()
    assert process.returncode == 0
    assert "interrupted: kept epoch" in rest
    assert command(tmp_path, "evaluate", tmp_path / "run/model.safetensors", "--data", "digits").returncode == 0


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["train", "--epoch", "3"], 2, "No such option: --epoch"),
        (["train", "--epochs", "0"], 2, "--epochs"),
        (["train", "--layers", "784,x,10"], 2, "layer 'x' does not fit behind 784"),
        (["train", "--layers", "1x28x28,16c4,10"], 2, "an odd kernel such as 16c3"),
        (["train", "--preset", "huge"], 2, "'huge' is none of default"),
        (["train", "--augment", "turn=3"], 2, "'turn' is none of shift, rotate, scale, shear, elastic, sigma"),
        (["train", "--augment", "rotate=-5"], 2, "--augment: rotate=-5.0 must be a number from 0 on"),
        (["train", "--augment", ""], 2, "'' is not such as rotate=10,shift=1, nor none"),
        (["train", "--data", "digits", "--batch-norm", "--batch-size", "1"], 1, "would be alone in a batch of 1"),
        (["train", "--layers", "784,100000000000000000000000,10"], 2, "give 1 to 1,000,000 units"),
        (["train", "--augment", "rotate=x"], 2, "is not such as rotate=10,shift=1"),
        (["compare", "--layers", "784,x,10"], 2, "no list of numbers"),
        (["train", "--layers", "100,10"], 2, "must begin with 784"),
        (["train", "--activation", "rely"], 2, "'rely' is none of relu"),
        (["train", "--lr", "nan"], 2, "not a positive number"),
        (["fly"], 2, "No such command 'fly'"),
        (["train", "--optimizer", "adagrad"], 2, "'adagrad' is none of sgd"),
        (["train", "--optimizer", "adam", "--momentum", "0.5"], 2, "momentum is for the optimizer sgd"),
        (["train", "--patience", "0"], 2, "--patience"),
        (["train", "--clip-norm", "0"], 2, "not a positive number"),
        (["train", "--data", "nowhere"], 2, "nowhere: no folder or file of this name"),
        (["train", "--data", "digits", "--out", "file/run"], 1, "file"),
        (["train", "--data", "mnist"], 1, "--data digits"),
        (["evaluate", "none.safetensors"], 2, "none.safetensors: no such file"),
        (["evaluate", "."], 1, ".: a folder; give the model.safetensors in it"),
        (["evaluate", "file"], 1, "not a readable safetensors file"),
        (["predict", "MODEL", "none.png"], 2, "none.png: no such file"),
        (["predict", "MODEL", "file"], 1, "file: not a readable picture"),
        (["predict", "MODEL", "blank.png"], 1, "blank.png: no digit to be seen"),
        (["predict", "MODEL"], 2, "Missing argument"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_is_wrong_is_said_in_one_line(trained, tmp_path, arguments, code, words):
    (tmp_path / "file").write_text("not what you think")
    Image.new("L", (30, 30), 200).save(tmp_path / "blank.png")
    model = str(trained[0] / "model.safetensors")
    before = set(tmp_path.iterdir())
    result = command(tmp_path, *(model if a == "MODEL" else a for a in arguments), cwd=tmp_path)
    assert result.returncode == code
    message = result.stderr.strip().splitlines()
    assert message[-1].startswith("error: ")
    assert words in message[-1]
    assert "Traceback" not in result.stderr
    assert not [p for p in set(tmp_path.rglob("*")) - before if p.is_file()]


def test_ctrl_c_before_the_first_epoch_is_said(tmp_path):
    arguments = ["train", "--data", "digits", "--layers", "784,4000,4000,10", "--out", str(tmp_path / "run")]
    with subprocess.Popen(
        [sys.executable, "-m", "tinygrad_mnist", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**environment(tmp_path), "PYTHONUNBUFFERED": "1"},
    ) as process:
        process.stdout.readline()
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert errors.startswith("error: interrupted")
    assert "Traceback" not in errors


def test_a_model_of_other_layers_and_too_few_images_are_named(tmp_path):
    training.save_model(nn.MLP((5, 10)), tmp_path / "five.safetensors")
    result = command(tmp_path, "evaluate", tmp_path / "five.safetensors", "--data", "digits")
    assert result.returncode == 1
    assert "does not lead from 784 pixels to classes" in result.stderr
    (tmp_path / "run" / "history.json").mkdir(parents=True)
    result = command(tmp_path, "train", "--data", "digits", "--out", tmp_path / "run")
    assert result.returncode == 1
    assert result.stderr.strip().endswith("history.json: a folder stands where a file is to be written")
    assert not (tmp_path / "run" / "model.safetensors").exists()


@each("name", [command.__name__ for command in app.COMMANDS])
def test_help_is_80_columns_wide_and_calls_values_as_people_do(tmp_path, name):
    shown = command(tmp_path, name, "--help").stdout
    assert max(map(len, shown.splitlines())) <= 80
    assert not re.search("<[a-z ]+>|int range", shown)
    assert not re.search(r"\]\.[^.]", shown)
    summary = command(tmp_path, "--help").stdout.split(f"  {name} ")[1].splitlines()[0]
    assert summary.strip() in " ".join(shown.split())
    assert not summary.endswith("...")
    assert f"(tinygrad-mnist {name} --help says" in command(tmp_path, name, "--no-such-option").stderr


def test_help_is_what_no_arguments_give(tmp_path):
    plain, asked = command(tmp_path), process(tmp_path, "--help")
    assert plain.stdout == asked.stdout
    assert plain.returncode == asked.returncode == 0
    for name in ["train", "evaluate", "predict", "graph", "plot"]:
        assert name in asked.stdout


def test_the_version_is_the_packages(tmp_path):
    result = process(tmp_path, "--version")
    assert (result.returncode, result.stdout) == (0, f"tinygrad-mnist {tinygrad_mnist.__version__}\n")


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
def test_names_are_escaped_in_every_stream(trained, tmp_path, encoding):
    image = np.zeros((40, 40), np.uint8)
    image[8:32, 18:23] = 255
    names = ["\x1b[2Jred.png", "a\n7 (99.99 %).png", "none\x9b\u202e\udcff.png"]
    for name in names[:2]:
        Image.fromarray(image).save(tmp_path / name)
    result = subprocess.run(
        [sys.executable, "-m", "tinygrad_mnist", "predict", trained[0] / "model.safetensors", *names],
        capture_output=True, cwd=tmp_path, env=environment(tmp_path) | {"PYTHONIOENCODING": encoding},
    )  # fmt: skip
    said = result.stdout.decode(encoding).splitlines()
    assert [line.partition(": ")[0] for line in said[::2]] == [r"\x1b[2Jred.png", r"a\n7 (99.99 %).png"]
    assert result.stderr.decode(encoding).startswith(r"error: none\x9b\u202e\xff.png: ")
    assert len(result.stderr.splitlines()) == 1
    assert result.returncode == 2


def test_what_is_for_programs_is_utf8_in_every_stream():
    out = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    with contextlib.redirect_stdout(out):
        show.output("δ\udcff\n")
    assert out.buffer.getvalue() == "δ\\xff\n".encode()


def test_reports_of_files_with_any_name_are_written(tmp_path):
    program = 'def gradients(X, Y, W1, b1, W2, b2): raise ValueError("\\udc80")\n'
    for name in ("s.py", "\udcff.py"):
        (tmp_path / name).write_text(program)
        result = command(tmp_path, "grade", name, "--json", "r.json", "--html", "r.html", cwd=tmp_path)
        assert "Traceback" not in result.stderr
        json.loads((tmp_path / "r.json").read_bytes())
        (tmp_path / "r.html").read_text(encoding="utf-8")


def test_a_line_that_is_too_long_is_cut_in_its_middle(tmp_path):
    result = command(tmp_path, "grade", f"{'x' * 5000}.py")
    assert result.returncode == 1
    assert len(result.stderr) < 1300
    assert result.stderr.endswith("x.py: File name too long\n")
