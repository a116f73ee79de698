"""`tutorials` as a person runs it."""

import re
import signal
import subprocess
import sys
from dataclasses import replace

import pytest
import typer

from tests.cli.running import command, environment
from tests.cli.test_train import message_of
from tinygrad_mnist import data
from tinygrad_mnist.cli import tutorials as cli
from tinygrad_mnist.tutorials import session as tutorials
from tinygrad_mnist.tutorials.session import PLAIN, Row

QUICK = PLAIN.changed(layers=(784, 10, 10), epochs=1)


@pytest.fixture
def one_quick_row(monkeypatch):
    """T4's simple network, a short recipe, and data that count as MNIST; what is given changes the row."""

    def prepare(name="other", **changes):
        tutorial = tutorials.read("T4")
        row = replace(tutorial.rows[0], **{"recipe": QUICK, **changes})
        monkeypatch.setattr(tutorials, "read", lambda id: replace(tutorial, rows=(row,)))
        digits = replace(data.load("digits"), name=name)
        monkeypatch.setattr(data, "load", lambda source, say: digits)

    return prepare


def run(**given):
    cli.tutorials(**{"names": ["T4"], "source": "folder/of/mine", "seed": 0, "markdown": None, **given})


def test_it_prints_plain_lines_row_by_row(tmp_path):
    result = command(tmp_path, "tutorials", "t3", "T3", "--data", "digits", "--markdown", "tables.md", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    lines = result.stdout.splitlines()
    assert lines[:3] == [
        "digits: 1,350 images to train on, 297 to test", "", "T3  784-10-10, ReLU, softmax, 10 epochs"
    ]  # fmt: skip
    assert lines[3].split() == ["network", "reported", "as", "written", "better", "s"]
    assert re.fullmatch(r"from scratch +784-10-10 +89 % +\d\d\.\d\d % +\d\d\.\d\d % +\d+\.\d", lines[4])
    assert re.fullmatch(r"  gradients = hand-derived formulas: \de-1\d; training images: \d\d.\d\d %", lines[5])
    assert re.fullmatch(r"  validation on the way:( \d+\.\d){10} %", lines[6])
    assert re.fullmatch(r"TensorFlow +784-128-64-10 +97 % +– +\d\d\.\d\d % +\d+\.\d", lines[7])
    assert [line.split("  ")[0] for line in lines[8:11]] == ["Adam", "clipping", "batch norm"]
    assert re.fullmatch(r"\d+ s; what was reported is for MNIST; these digits are too few for a few epochs", lines[12])
    assert all(len(line) <= 80 for line in lines)
    assert not any(c in result.stdout for c in "\x1b\r━")
    text = (tmp_path / "tables.md").read_text(encoding="utf-8")
    assert text.startswith(
        "# The five tutorials, run\n\nWritten by `tinygrad-mnist tutorials T3 --data digits --seed 0`: digits, "
    )
    assert f"| TensorFlow | 784-128-64-10 | 97 % | – | {lines[7].split('–')[1].split('%')[0].strip()} % |" in text


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["T7"], 2, "there is no tutorial T7; there are T0, T1, T2, T3, T4"),
        (["T1", "--data", "nowhere"], 2, "nowhere: no folder or file of this name"),
        (["T1", "--data", "digits", "--markdown", "/dev/null"], 1, "/dev/null: a device stands where a file"),
        (["T1", "--seed", "-1"], 2, "--seed"),
    ],
)
def test_what_can_not_be_done_is_said(tmp_path, arguments, code, words):
    assert words in message_of(command(tmp_path, "tutorials", *arguments), code)


def test_what_is_done_stays_when_interrupted(tmp_path):
    with subprocess.Popen(
        [sys.executable, "-m", "tinygrad_mnist", "tutorials", "T4", "--data", "digits", "--markdown", "tables.md"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path,
        env={**environment(tmp_path), "PYTHONUNBUFFERED": "1"},
    ) as process:  # fmt: skip
        for line in process.stdout:
            if line.startswith("simple"):
                process.send_signal(signal.SIGINT)
                break
        process.stdout.read()
        error = process.stderr.read()
    assert process.returncode == 1
    assert error == "error: interrupted; the rows above are done\n"
    assert not list(tmp_path.iterdir())


def test_a_beaten_accuracy_is_marked(one_quick_row, tmp_path, capsys):
    one_quick_row(reported=0.05)
    run(markdown=tmp_path / "tables.md")
    printed = capsys.readouterr().out
    assert re.search(r"5 % .* % ✓ ", printed)
    assert "every reported accuracy is beaten (1)" in printed
    text = (tmp_path / "tables.md").read_text(encoding="utf-8")
    assert text.startswith(
        "# The five tutorials, run\n\nWritten by `tinygrad-mnist tutorials T4 --data FOLDER --seed 0`: other, "
    )


def test_what_is_missed_is_named(one_quick_row, capsys):
    one_quick_row(reported=0.999)
    run()
    printed = capsys.readouterr().out
    assert re.search(r"100 % .* % ✗ ", printed)
    assert re.search(r"not beaten: T4 simple \(\d+\.\d\d %\)", printed)


def test_nothing_reported_is_nothing_beaten(one_quick_row, capsys):
    one_quick_row(reported=None)
    run()
    assert "no accuracy is reported to beat" in capsys.readouterr().out


def test_gradients_that_are_not_those_by_hand_end_with_1(one_quick_row, capsys):
    right = tutorials.read("T4").rows[0].as_written

    def by_hand(X, Y, *parameters):
        *others, db2 = right.by_hand(X, Y, *parameters)
        return *others, db2 + 1e-6

    one_quick_row(as_written=replace(right, by_hand=by_hand))
    with pytest.raises(typer.Exit) as exit:
        run()
    assert exit.value.exit_code == 1
    assert re.search(r"gradients differ from the hand-derived formulas: \de-0\d", capsys.readouterr().out)


def test_weights_that_became_nan_are_said(one_quick_row, monkeypatch, capsys):
    as_written = tutorials.read("T0").rows[0].as_written
    monkeypatch.setitem(as_written.train.__globals__, "ETA", 1e30)
    one_quick_row(as_written=as_written)
    run()
    assert "as written, weights became NaN or infinite" in capsys.readouterr().out


def test_rows_can_be_compared_by_choice(one_quick_row, monkeypatch, capsys):
    one_quick_row(recipe=(QUICK, QUICK.changed(lr=1e-9)), as_written=None)
    run()
    assert "chosen of 2 on the validation images: lr 0.1, batches of 64, init he" in capsys.readouterr().out
    assert Row("x", QUICK).recipes == (QUICK,)
