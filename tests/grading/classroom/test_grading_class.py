"""A class is graded whatever one of its programs does, and goes on where it was."""

import sys
import time
from pathlib import Path

import pytest

from tests.grading.classroom.programs import HOSTILE, ROWS, WRONG, hand_in
from tinygrad_mnist.grading import GradeError
from tinygrad_mnist.grading.calling.sealed import marked
from tinygrad_mnist.grading.classroom import Limits, find_submissions, grade_class
from tinygrad_mnist.grading.classroom.storage import Kept, Storage

SMALL = Limits(memory=2**30, jobs=2)


def graded(folder, tmp_path, keep=None, version="1", again=False, limits=SMALL, **settings):
    found = find_submissions([folder], tmp_path / "unpacked")
    return {
        g.submission.page: g for g in grade_class(found, version, keep=keep, again=again, limits=limits, **settings)
    }


@pytest.mark.skipif(sys.platform == "win32", reason="programs for POSIX")
def test_hostile_programs_stop_no_one_else(tmp_path):
    folder = hand_in(tmp_path / "class", right=ROWS, wrong=WRONG, **HOSTILE)
    before = {p: p.read_bytes() for p in folder.iterdir()}
    results = graded(folder, tmp_path, time_limit=6.0)
    assert set(results) == {"right", "wrong", *HOSTILE}
    assert results["right"].report.passed
    assert results["wrong"].report.findings[0].names == ("slope-missing",)
    for name in HOSTILE:
        assert results[name].report.problems, name
        assert not results[name].report.passed
    assert results["hangs"].report.problems[0].kind == "time"
    assert results["kills_its_parent"].report.problems[0].kind == "cheating"
    assert {p: p.read_bytes() for p in folder.iterdir()} == before


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="told by /proc")
def test_what_a_program_left_running_is_ended(tmp_path, monkeypatch):
    monkeypatch.setenv("OF_THIS_TEST", str(tmp_path))  # other tests leave processes meanwhile
    graded(hand_in(tmp_path / "class", a=HOSTILE["leaves_a_process"]), tmp_path)
    time.sleep(0.1)
    assert not [*marked(str(tmp_path).encode())]


def test_what_is_done_is_not_graded_again(tmp_path):
    folder, keep = hand_in(tmp_path / "class", a=ROWS, b=WRONG), tmp_path / "out"
    first = graded(folder, tmp_path, keep)
    stamps = {p.name: p.stat().st_mtime_ns for p in (keep / "results").iterdir()}
    assert set(stamps) == {"a.json", "b.json"}
    second = graded(folder, tmp_path, keep)
    assert {p.name: p.stat().st_mtime_ns for p in (keep / "results").iterdir()} == stamps
    assert [g.report for g in second.values()] == [first[page].report for page in second]

    hand_in(folder, a=WRONG)
    assert graded(folder, tmp_path, keep)["a"].report.findings[0].names == ("slope-missing",)
    assert (keep / "results" / "b.json").stat().st_mtime_ns == stamps["b.json"]


def test_another_version_or_setting_or_again_grades_again(tmp_path):
    folder, keep = hand_in(tmp_path / "class", a=ROWS), tmp_path / "out"
    graded(folder, tmp_path, keep)
    for changed in ({"version": "2"}, {"version": "2", "depth": 3}, {"version": "2", "depth": 3, "again": True}):
        stamp = (keep / "results" / "a.json").stat().st_mtime_ns
        graded(folder, tmp_path, keep, **changed)
        assert (keep / "results" / "a.json").stat().st_mtime_ns > stamp, changed


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"key": 1}', "null", "[" * 100_000])
def test_a_damaged_result_is_as_if_it_were_not_there(tmp_path, damage):
    found = find_submissions([hand_in(tmp_path / "class", a=ROWS)], tmp_path / "unpacked")
    storage = Storage(tmp_path / "out", {}, "1", found)
    storage.write(found[0], Kept(attempts=1))
    assert storage.read(found[0]) == Kept(attempts=1)
    (tmp_path / "out" / "results" / "a.json").write_text(damage)
    assert storage.read(found[0]) == Kept()


def test_what_was_graded_before_it_was_stopped_is_kept(tmp_path):
    folder, keep = hand_in(tmp_path / "class", a=ROWS, b=ROWS, c=HOSTILE["hangs"]), tmp_path / "out"
    found = find_submissions([folder], tmp_path / "unpacked")
    running = grade_class(found, "1", keep=keep, limits=SMALL)
    first, second = next(running), next(running)
    running.close()  # as Ctrl-C does
    storage = Storage(keep, {}, "1", found)
    assert storage.read(first.submission).report == first.report
    assert storage.read(second.submission).report == second.report
    (third,) = [s for s in found if s.page == "c"]
    assert storage.read(third) == Kept()


def test_what_ended_the_grader_twice_is_not_run_a_third_time(tmp_path):
    folder, keep = hand_in(tmp_path / "class", a=ROWS), tmp_path / "out"
    found = find_submissions([folder], tmp_path / "unpacked")
    storage = Storage(keep, {}, "1", found)
    storage.write(found[0], Kept(attempts=2))
    (result,) = grade_class(found, "1", keep=keep, limits=SMALL)
    assert [p.kind for p in result.report.problems] == ["crash"]
    storage.write(found[0], Kept(attempts=1))
    (result,) = grade_class(found, "1", keep=keep, limits=SMALL)
    assert result.report.passed


def test_settings_reach_the_grader(tmp_path):
    folder = hand_in(tmp_path / "class", a=ROWS)
    assert "columns" in graded(folder, tmp_path, columns=True)["a"].report.settings
    with pytest.raises(GradeError, match="swish"):
        graded(folder, tmp_path, activation="swish")


def test_a_submission_without_a_program_has_a_report_too(tmp_path):
    folder = hand_in(tmp_path / "class", a=ROWS)
    (folder / "empty").mkdir()
    result = graded(folder, tmp_path)["empty"]
    assert not result.is_judged
    assert result.report.problems[0].kind == "file"
