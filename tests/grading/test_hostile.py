"""What a learner's file does to the grader: it has its verdict, in a line, and nothing of it goes on."""

import os
import sys
import time

import pytest

from tinygrad_mnist.grading import Problem, Report, grade
from tinygrad_mnist.grading.calling import sealed
from tinygrad_mnist.grading.report import LONGEST

STARTS_PROCESSES = True
"""Processes themselves are tested here: none is forked from another."""

NEEDS_LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/proc tells what was left")
PASSES = "def gradients(X, Y, W1, b1, W2, b2): "

WRONG_RESULTS = {
    "a pipe": os.mkfifo,
    "endless": lambda path: path.symlink_to("/dev/zero"),
    "a folder": os.mkdir,
    "no JSON": lambda path: path.write_bytes(b"PK\x03\x04"),
    "empty": lambda path: path.write_bytes(b""),
    "deep": lambda path: path.write_text("[" * 10**5),
    "large": lambda path: (path.touch(), os.truncate(path, 65 * 2**20)),
}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
@pytest.mark.parametrize("name", WRONG_RESULTS)
def test_results_are_read_from_a_plain_file_within_a_bound(tmp_path, name):
    WRONG_RESULTS[name](tmp_path / "results")
    assert list(sealed._read(tmp_path / "results", "seal", 3)) == ["crash"]


def program(tmp_path, source):
    path = tmp_path / "theirs.py"
    path.write_text(source)
    return path


LONG = {
    "a long message": PASSES + "raise RuntimeError('x' * 10**7)",
    "a message that can't be read": (
        "class Mine(Exception):\n    def __str__(self): raise ValueError\n" + PASSES + "raise Mine"
    ),
    "a long name": PASSES + "raise type('x' * 10**6, (Exception,), {})('short')",
    "escapes": PASSES + "raise RuntimeError('\\x1b[2J\\x1b[Hall 4 gradients are right \\u202e \\ud800')",
}


@pytest.mark.parametrize("name", LONG)
def test_messages_are_short_and_move_no_cursor(tmp_path, name):
    report = grade(program(tmp_path, LONG[name]), function="gradients")
    assert not report.passed
    shown = str(report)
    assert len(shown) < 3 * LONGEST
    assert all(c.isprintable() or c == "\n" for c in shown)
    shown.encode()


def test_what_comes_from_strangers_is_plain_wherever_it_stands():
    report = Report("\x1b[1m.py", "rows\x07", problems=(Problem("file", "\x9b" + "y" * 5000),), notes=("\x00",))
    assert (report.subject, report.settings, report.notes) == ("\\x1b[1m.py", "rows\\x07", ("\\x00",))
    assert report.problems[0].message == "\\x9b" + "y" * (LONGEST - 6) + " …"
    assert Report.from_dict(report.to_dict()) == report


LEAVING = """
import os, subprocess, sys
{how}
open({told!r}, "w").write(str(left))
{then}
"""
LEFT = {
    "a process": "left = subprocess.Popen(['sleep', '600']).pid",
    "one in a session of its own": "left = subprocess.Popen(['sleep', '600'], start_new_session=True).pid",
}


@NEEDS_LINUX
@pytest.mark.parametrize("then", ["raise ValueError", "while True: pass", "os._exit(0)"])
@pytest.mark.parametrize("how", LEFT)
def test_what_it_leaves_is_ended_with_it(tmp_path, how, then):
    source = LEAVING.format(how=LEFT[how], told=str(tmp_path / "left"), then=then)
    answer = sealed.run([sys.executable, "-c", source], None, 1.0)
    assert ("time" in answer) is (then == "while True: pass")
    left = int((tmp_path / "left").read_text())
    until = time.monotonic() + 10
    while os.path.exists(f"/proc/{left}/exe") and time.monotonic() < until:
        time.sleep(0.01)
    assert not os.path.exists(f"/proc/{left}/exe")


BOUNDED = """
import resource, sys
sys.path.insert(0, {root!r})
from tinygrad_mnist.grading.calling.sealed import answer
def work(task):
    return {{name: resource.getrlimit(getattr(resource, name)) for name in task}}
answer(work)
"""


def test_memory_files_and_time_are_bounded_for_good():
    resource = pytest.importorskip("resource")
    wanted = sealed.limits(1 << 30, 2.0)
    root = os.path.dirname(os.path.dirname(os.path.dirname(__file__)))
    command = [sys.executable, "-c", BOUNDED.format(root=root)]
    got = sealed.run(command, list(wanted), 20.0, memory=1 << 30)
    assert got["RLIMIT_AS"] == [1 << 30] * 2
    assert got["RLIMIT_FSIZE"] == [sealed.LARGEST_FILE] * 2
    assert got["RLIMIT_CPU"] == [241] * 2
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != sealed.LARGEST_FILE


RIGHT = """
import numpy as np
def gradients(X, Y, W1, b1, W2, b2):
    z1 = X @ W1.T + b1
    a1 = np.maximum(z1, 0)
    z2 = a1 @ W2.T + b2
    e = np.exp(z2 - z2.max(axis=1, keepdims=True))
    d2 = (e / e.sum(axis=1, keepdims=True) - Y) / len(X)
    d1 = d2 @ W2 * (z1 > 0)
    return d1.T @ X, d1.sum(axis=0), d2.T @ a1, d2.sum(axis=0)
"""
BROUGHT = {
    "a star": ("from tinygrad_mnist import *\n", "line 1: it imports tinygrad_mnist"),
    "in a string": ("exec('import tinygrad_' + 'mnist')\n", "it imports tinygrad_mnist"),
    "a file beside it": ("import helper\n", "helper.py:2: it imports tinygrad_mnist"),
    "a framework": ("try:\n    import torch\nexcept ImportError:\n    pass\n", "it imports torch"),
    "nothing": ("import json\n", ""),
}


@pytest.mark.parametrize("name", BROUGHT)
def test_what_has_gradients_ready_is_named_beside_a_right_verdict(tmp_path, name):
    first, words = BROUGHT[name]
    (tmp_path / "helper.py").write_text("import numpy\nfrom tinygrad_mnist.manual import rows\n")
    report = grade(program(tmp_path, first + RIGHT), function="gradients")
    assert report.passed
    found = [note for note in report.notes if "gradients ready" in note]
    assert len(found) == bool(words)
    assert all(words in note for note in found), found
