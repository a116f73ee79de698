"""`tinygrad-mnist grade` of a class, as a teacher runs it."""

import csv
import json
import os
import signal
import subprocess
import sys
import time

import pytest

from tests.cli.running import command, environment
from tests.grading.classroom.programs import HOSTILE, ROWS, TRAINS, WRONG, hand_in


def test_a_folder_gets_pages_a_table_and_exit_code_0(tmp_path):
    folder = hand_in(tmp_path / "class", ada_12345_work=ROWS, bob_23456_work=WRONG)
    pages, table = tmp_path / "pages", tmp_path / "table.csv"
    result = command(tmp_path, "grade", folder, "--html", pages, "--csv", table, "--points", "12")
    assert result.returncode == 0, result.stderr
    assert [line.split()[:3] for line in result.stdout.splitlines()[:3]] == [
        ["learner", "passed", "points"], ["ada", "yes", "12/12"], ["bob", "no", "8/12"]
    ]  # fmt: skip
    assert "1 of 2 passed" in result.stdout
    lines = [line for line in result.stdout.splitlines() if not line.endswith("index.html")]
    assert all(len(line) <= 80 for line in lines)
    assert {p.name for p in pages.iterdir()} == {"ada.html", "bob.html", "index.html", "results"}
    assert "activation&#x27;s derivative missing" in (pages / "bob.html").read_text(encoding="utf-8")
    with table.open(encoding="utf-8-sig", newline="") as file:
        assert [(row["learner"], row["points"]) for row in csv.DictReader(file)] == [("ada", "12"), ("bob", "8")]


def test_pages_of_a_class_are_not_lost_to_one_of_its_learners_or_to_another_class(tmp_path):
    folder, pages = hand_in(tmp_path / "class", ada=ROWS, bob=WRONG), tmp_path / "pages"
    assert command(tmp_path, "grade", folder, "--html", pages).returncode == 0
    before = {path: path.read_bytes() for path in pages.rglob("*.*")}
    other = hand_in(tmp_path / "other", cyd=ROWS)
    for arguments in ([folder / "ada.py"], [other], [other / "cyd.py"]):
        result = command(tmp_path, "grade", *arguments, "--html", pages)
        assert (result.returncode, result.stdout) == (2, "")
        (line,) = result.stderr.splitlines()
        assert "has the pages of others" in line
        assert {path: path.read_bytes() for path in pages.rglob("*.*")} == before
    assert command(tmp_path, "grade", folder / "ada.py", folder / "bob.py", "--html", pages).returncode == 0
    (folder / "bob.py").unlink()
    assert command(tmp_path, "grade", folder, "--html", pages).returncode == 0


def test_a_class_has_a_folder_of_pages_and_no_page(tmp_path):
    folder = hand_in(tmp_path / "class", ada=ROWS)
    result = command(tmp_path, "grade", folder / "ada.py", "--points", "10", "--html", tmp_path / "ada.html")
    assert result.returncode == 2
    assert "are a folder" in result.stderr
    assert not (tmp_path / "ada.html").exists()


def test_points_are_for_the_textbooks_gradients_whatever_they_are_called(tmp_path):
    folder = hand_in(tmp_path / "class", ada=TRAINS)
    result = command(tmp_path, "grade", folder, "--points", "dW1=2,db1=1,dW2=2,db2=1")
    assert result.returncode == 0, result.stderr
    assert (result.stdout.splitlines()[1].split(), result.stderr) == (["ada", "yes", "6/6"], "")
    hand_in(
        folder,
        bob=TRAINS.replace("1 / (1 + np.exp(-(x @ w1 + c1)))", "np.sin(x @ w1 + c1)").replace(
            "a1 * (1 - a1)", "np.cos(x @ w1 + c1)"
        ),
    )  # which no textbook has
    result = command(tmp_path, "grade", folder, "--points", "dW1=2,db1=1,dW2=2,db2=1")
    assert result.stdout.splitlines()[2].split() == ["bob", "yes", "6/6"]
    (folder / "bob.py").unlink()
    result = command(tmp_path, "grade", folder, "--points", "dW1=2,dW9=1")
    assert result.stdout.splitlines()[1].split() == ["ada", "yes", "2/3"]
    assert result.stderr == "no program has dW9, which --points names: nobody has its points\n"


def test_gradescope_has_its_results(tmp_path):
    folder, results = hand_in(tmp_path / "submission", work=WRONG), tmp_path / "results.json"
    result = command(tmp_path, "grade", folder, "--gradescope", results)
    assert result.returncode == 0, result.stderr
    content = json.loads(results.read_text(encoding="utf-8"))
    assert [(t["name"], t["score"], t["max_score"]) for t in content["tests"]][:2] == [("dW1", 0, 1), ("db1", 0, 1)]
    assert "activation's derivative missing" in content["output"]
    hand_in(folder, helper="a_part_of_it = 1")
    assert command(tmp_path, "grade", folder, "--gradescope", results).returncode == 0
    assert json.loads(results.read_text(encoding="utf-8"))["tests"] == content["tests"]
    result = command(tmp_path, "grade", folder / "work.py", folder / "helper.py", "--gradescope", results)
    assert result.returncode == 2


def test_wrong_usage_has_exit_code_2_and_one_line(tmp_path):
    folder = hand_in(tmp_path / "class", ada=ROWS)
    for arguments in (
        [tmp_path / "none"], [folder, "--points", "many"], [folder, "--json", "-"], [folder, "--jobs", "0"],
        [folder, "--activation", "swish"], [folder / "ada.py", tmp_path / "no.py"],
    ):  # fmt: skip
        result = command(tmp_path, "grade", *arguments)
        assert result.returncode == 2, arguments
        assert len(result.stderr.splitlines()) == 1, result.stderr


def test_what_can_not_be_graded_has_exit_code_1(tmp_path):
    folder = hand_in(tmp_path / "class", ada=ROWS)
    for name in ("bob", "fay", "gus"):
        (folder / name).mkdir()
    (folder / "fay" / "fay.py").symlink_to(folder / "ada.py")
    (folder / "gus" / "gus.zip").write_text("no archive")
    (folder / "cyd.ipynb").write_text('{"cells": 3')
    (folder / "dan.py").write_text("# Größe\n" + ROWS, encoding="latin-1")
    (folder / "eve.py").symlink_to("nowhere.py")
    (folder / "index.txt").symlink_to("nowhere.txt")
    result = command(tmp_path, "grade", folder, "--csv", tmp_path / "table.csv")
    assert result.returncode == 1
    assert "there is no .py or .ipynb in it" in result.stdout
    with (tmp_path / "table.csv").open(encoding="utf-8-sig", newline="") as file:
        said = {row["learner"]: row["mistakes"] for row in csv.DictReader(file)}
    assert said == {
        "ada": "", "bob": "there is no .py or .ipynb in it", "fay": "there is no .py or .ipynb in it",
        "cyd": "cyd.ipynb is no notebook: it is not the JSON that Jupyter writes",
        "dan": "dan.py is no text that Python reads: save it as UTF-8",
        "eve": "eve.py is a link: put the file itself there",
        "gus": "gus.zip can't be unpacked: File is not a zip file",
    }  # fmt: skip


@pytest.mark.parametrize(("name", "code"), [("bob.ipynb", 1), ("bob.py", 0)])
def test_what_can_not_be_read_has_exit_code_1_and_what_is_wrong_has_not(tmp_path, name, code):
    folder = hand_in(tmp_path / "class", ada=ROWS)
    (folder / name).write_text("{")
    assert command(tmp_path, "grade", folder).returncode == code


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is of POSIX")
def test_it_goes_on_after_a_kill(tmp_path):
    folder = hand_in(tmp_path / "class", ada=ROWS, bob=WRONG, cyd=HOSTILE["hangs"])
    pages = tmp_path / "pages"
    arguments = ["grade", str(folder), "--html", str(pages), "--time-limit", "5", "--jobs", "1"]
    running = subprocess.Popen(
        [sys.executable, "-m", "tinygrad_mnist", *arguments], env=environment(tmp_path), start_new_session=True
    )
    until = time.monotonic() + 60
    while not (pages / "bob.html").exists() and time.monotonic() < until:
        time.sleep(0.05)
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    stamp = (pages / "results" / "ada.json").stat().st_mtime_ns
    result = command(tmp_path, *arguments)
    assert result.returncode == 0, result.stderr
    assert (pages / "results" / "ada.json").stat().st_mtime_ns == stamp
    assert {p.name for p in pages.glob("*.html")} == {"ada.html", "bob.html", "cyd.html", "index.html"}
    assert "1 of 3 passed" in result.stdout
