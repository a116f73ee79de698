"""Programs watched in the process of the tests: they make their own data, so that nothing needs a stand-in."""

import sys
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from tinygrad_mnist.grading.watching import reading, running
from tinygrad_mnist.grading.watching.recorder import Recorder
from tinygrad_mnist.grading.watching.rewriting import RECORDER, SCOPE, rewrite
from tinygrad_mnist.grading.watching.source import Source
from tinygrad_mnist.grading.watching.tape import Tape

DIGITS = np.ones((1, 28, 28)), np.zeros(1, int)


class Known:
    """One image, which is no digit of these tests."""

    known = DIGITS


DATA = """
import numpy as np

rng = np.random.default_rng(3)
X, labels = rng.random((12, 6)), rng.permutation(np.arange(12) % 4)
Y = np.eye(4)[labels]
"""

FUNCTIONS = """
def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)

def backward(X, Y, W1, b1, W2, b2):
    m = len(X)
    a1 = np.maximum(X @ W1 + b1, 0)
    y = softmax(a1 @ W2 + b2)
    d2 = y - Y
    dW2 = a1.T @ d2 / m
    db2 = d2.sum(axis=0) / m
    d1 = d2 @ W2.T * (a1 > 0)
    dW1 = X.T @ d1 / m
    db1 = d1.sum(axis=0) / m
    return dW1, db1, dW2, db2
"""

PARAMETERS = "rng.normal(size=(6, 5)), rng.normal(size=5), rng.normal(size=(5, 4)), rng.normal(size=4)"


@contextmanager
def _as_it_was():
    """What a watched program leaves in the interpreter is taken back."""
    main, finders = sys.modules["__main__"], list(sys.meta_path)
    try:
        yield
    finally:
        sys.modules["__main__"], sys.meta_path[:] = main, finders


def watched(text, seconds=20.0):
    """The run of a program."""
    with _as_it_was():
        return running.watch(Source("mine.py", text), "mine.py", Path("nowhere"), seconds)


def reported(text):
    """The report on a program, which is no file."""
    with _as_it_was():
        return reading.report(running.watch(Source("mine.py", text), "mine.py", Path("nowhere"), 20.0), Known)


def recorded(text):
    """The tape of a text, and the names that it left."""
    tape = Tape()
    scope = {"np": np, RECORDER: Recorder(tape), SCOPE: 0}
    exec(rewrite(text, "mine.py"), scope)
    return tape, scope


def named(tape, name):
    """The nodes that a program called so, in their order."""
    return [node for node in tape.nodes if name in node.names]
