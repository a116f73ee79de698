"""`tinygrad-mnist compare` as a person runs it."""

import json
import sys

import pytest

from tests.cli.running import command, environment, process
from tinygrad_mnist import manual
from tinygrad_mnist.cli import main

SMALL = ["compare", "--data", "digits", "--layers", "784,8,10", "--batch-size", "9"]


def test_both_conventions_agree_and_are_written_down(tmp_path):
    html, numbers = tmp_path / "page.html", tmp_path / "numbers.json"
    result = command(tmp_path, *SMALL, "--l2", "0.01", "--html", html, "--json", numbers)
    assert result.returncode == 0, result.stderr
    assert result.stdout.count("All 11 rows agree") == 2
    assert "9 examples as rows, float64, λ = 0.01" in result.stdout
    assert "9 examples as columns, float64, λ = 0.01" in result.stdout
    assert all(len(line) <= 80 for line in result.stdout.splitlines() if not line.startswith("saved"))
    assert "\x1b" not in result.stdout
    report = json.loads(numbers.read_text())
    assert report["passed"] is True
    assert [c["convention"] for c in report["comparisons"]] == ["rows", "columns"]
    assert html.read_text().startswith("<!doctype html>")


def test_the_numbers_go_to_stdout_alone_for_programs(tmp_path):
    page = tmp_path / "page.html"
    result = command(tmp_path, *SMALL, "--json", "-", "--html", page, cwd=tmp_path)
    assert result.returncode == 0
    assert json.loads(result.stdout)["passed"] is True
    assert page.exists()
    assert [p.name for p in tmp_path.iterdir()] == ["page.html"]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("convention", ["rows", "columns"])
def test_real_mnist_in_one_convention(mnist_folder, tmp_path, convention, dtype):
    given = ["--data", mnist_folder, "--activation", "relu", "--dtype", dtype, f"--{convention}"]
    result = command(tmp_path, "compare", *given)
    assert result.returncode == 0, result.stderr
    assert f"64 examples as {convention}, {dtype}\n" in result.stdout
    assert result.stdout.count("All 16 rows agree") == 1


def test_one_example_is_told_in_the_singular(tmp_path):
    result = command(tmp_path, "compare", "--data", "digits", "--layers", "784,10", "--batch-size", "1")
    assert result.returncode == 0
    assert result.stdout.count("1 example as ") == 2


def test_a_damaged_formula_is_exit_code_1(monkeypatch, capsys):
    def damaged(*arguments):
        back = original(*arguments)
        back.db[1] = -back.db[1]
        return back

    original = manual.rows.backward
    monkeypatch.setattr(manual.rows, "backward", damaged)
    monkeypatch.setattr(sys, "argv", ["tinygrad-mnist", *SMALL])
    with pytest.raises(SystemExit) as exit:
        main()
    assert exit.value.code == 1
    assert "1 of 11 rows differs, the first is ∂L/∂b(1)" in capsys.readouterr().out


def test_an_encoding_without_greek_is_no_reason_to_fail(tmp_path, monkeypatch):
    monkeypatch.setattr(
        "tests.cli.running.environment", lambda path: {**environment(path), "PYTHONIOENCODING": "ascii"}
    )
    result = process(tmp_path, *SMALL)
    assert result.returncode == 0
    assert result.stdout.count("All 11 rows agree") == 2


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--activation", "gelu"], 2, "'gelu' has no hand derivation; these have: relu, leaky_relu"),
        (["--dtype", "float16"], 2, "'float16' is none of float64, float32"),
        (["--l2", "-1"], 2, "-1.0 is not a number from 0 on"),
        (["--l2", "nan"], 2, "nan is not"),
        (["--layers", "100,10"], 2, "must begin with 784"),
        (["--batch-size", "0"], 2, "--batch-size"),
        (["--batch-size", "1501"], 1, "a batch of 1,501 is more than its 1,500 training images"),
        (["--html", "folder"], 1, "folder: a folder stands where a file is to be written"),
        (["--json", "file/numbers.json"], 1, "file"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_is_wrong_is_said_in_one_line(tmp_path, arguments, code, words):
    (tmp_path / "file").write_text("a file")
    (tmp_path / "folder").mkdir()
    result = command(tmp_path, *SMALL, *arguments, cwd=tmp_path)
    assert result.returncode == code
    assert result.stdout == ""
    (message,) = result.stderr.strip().splitlines()
    assert message.startswith("error: ")
    assert words in message
    assert {p.name for p in tmp_path.iterdir()} == {"file", "folder"}
