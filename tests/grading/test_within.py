"""Programs graded in this very process, as in a browser: the same verdict, and nothing of them is left."""

import argparse
import builtins
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.each import each
from tinygrad_mnist.grading import grade
from tinygrad_mnist.grading.calling import within

DEFINES = """
import numpy as np
def backward(X, Y, W1, b1, W2, b2):
    A1 = np.maximum(W1 @ X + b1, 0)
    Z2 = W2 @ A1 + b2
    e = np.exp(Z2 - Z2.max(0))
    d2 = e / e.sum(0) - Y
    d1 = (W2.T @ d2) * (A1 > 0)
    m = X.shape[1]
    return d1 @ X.T / m, d1.sum(1, keepdims=True) / m, d2 @ A1.T / m, d2.sum() / m
"""

TRAINS = """
import numpy as np, pandas as pd, builtins, os
data = np.array(pd.read_csv("train.csv"))
os.environ.setdefault("LEARNER", "1")
np.left_over = builtins.left_over = 1
Y, X = data[:64, 0], data[:64, 1:].T / 255
W = np.random.randn(10, 784) * 0.01
b = np.zeros((10, 1))
for i in range(20):
    Z = W @ X + b
    e = np.exp(Z - Z.max(0))
    A = e / e.sum(0)
    one_hot = np.eye(10)[Y].T
    loss = -np.mean(np.sum(one_hot * np.log(A + 1e-9), axis=0))
    dZ = A - one_hot
    dW = dZ @ X.T / 64
    db = np.sum(dZ) / 64
    W = W - 0.1 * dW
    b = b - 0.1 * db
"""


@pytest.fixture
def in_a_browser(monkeypatch):
    """As if there were no processes."""
    monkeypatch.setattr(sys, "platform", "emscripten")
    monkeypatch.setattr(subprocess, "Popen", lambda *a, **o: pytest.fail("a process was started"))


def state():
    """What a program, and what stands in for packages, change."""
    changed = [vars(owner) for owner in (np, np.random, builtins, os, os.path, socket, Path, argparse.ArgumentParser)]
    return (
        [{**namespace} for namespace in changed],
        {*sys.modules},
        [*sys.meta_path],
        [*sys.path],
        [*sys.argv],
        os.getcwd(),
    )


@each(
    "source, words",
    [
        (DEFINES, "∂L/∂b(2): summed over every axis"),
        (TRAINS, "summed over every axis"),
        ("def gradients(X): return nothing(X)", "signature"),
        ("import numpy as np\nnp.sum = max\nraise SystemExit(3)", ""),
        ("while True print(1)", "syntax"),
    ],
)
def test_a_program_is_graded_here_and_leaves_nothing(source, words, tmp_path, in_a_browser):
    (tmp_path / "learner.py").write_text(source, encoding="utf-8")
    grade(tmp_path / "learner.py")  # what is imported for the first time stays
    before = state()
    report = grade(tmp_path / "learner.py")
    assert words in str(report)
    assert not report.passed
    for was, now in zip(before, state(), strict=True):
        assert was == now
    assert Path(tmp_path / "learner.py").read_text(encoding="utf-8") == source


def test_who_traces_this_process_goes_on():
    def trace(*_):
        """As a debugger, or what measures coverage."""

    before = sys.gettrace()
    sys.settrace(trace)
    with within.unchanged():
        sys.settrace(None)
    found = sys.gettrace()
    sys.settrace(before)
    assert found is trace


def test_a_part_of_numpy_that_a_program_is_the_first_to_ask_for_is_there_for_the_next(monkeypatch):
    monkeypatch.delattr(np, "char")
    monkeypatch.delitem(sys.modules, "numpy.char")
    with within.unchanged():
        first = np.char
    assert np.char is first is sys.modules["numpy.char"]
