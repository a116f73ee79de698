"""A program finds its own modules as it would where its author starts it."""

import pytest

from tests.grading.programs import graded

LAYER = """
import numpy as np

class Dense:
    def __init__(self, n_in, n_out):
        self.W, self.b = np.random.randn(n_in, n_out) * 0.05, np.zeros(n_out)

    def forward(self, X):
        self.X = X
        return X @ self.W + self.b

    def backward(self, d, rate):
        dW, db = self.X.T @ d, DB
        self.W -= rate * dW
        self.b -= rate * db
"""

TRAINING = """
import numpy as np

X, labels = np.random.rand(64, 784), np.arange(64) % 10
layer = Dense(784, 10)
for epoch in range(10):
    e = np.exp(layer.forward(X))
    layer.backward((e / e.sum(axis=1, keepdims=True) - np.eye(10)[labels]) / 64, 0.1)
"""

CURVES = """
import numpy as np

def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)
"""

WAYS = {
    "the package that it lies in, by its whole name": ("", "from src.layers.dense import Dense", "layers/dense.py"),
    "the package that it lies in, by a dot": ("", "from .layers.dense import Dense", "layers/dense.py"),
    "a relative folder that it adds": (
        "import sys\nsys.path.append('../lib')",
        "from dense import Dense",
        "../lib/dense.py",
    ),
    "a folder that it works out": (
        "import os, sys\nsys.path.insert(0, os.path.join(os.path.dirname(__file__), '..'))",
        "from lib.dense import Dense",
        "../lib/dense.py",
    ),
    "a folder above": ("", "from dense import Dense", "../dense.py"),
    "a package above": ("", "from layers.dense import Dense", "../layers/dense.py"),
    "a package's own file": ("", "from layers import Dense", "layers/__init__.py"),
    "a name in other capitals": ("", "from Dense import Dense", "dense.py"),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("gradient", ["d.sum(axis=0)", "d.sum()"])
def test_own_modules_are_found_and_read(tmp_path, way, gradient):
    before, imported, place = WAYS[way]
    folder = tmp_path / "src"
    file = (folder / place).resolve()
    file.parent.mkdir(parents=True, exist_ok=True)
    folder.mkdir(exist_ok=True)
    file.write_text(LAYER.replace("DB", gradient), encoding="utf-8")
    report = graded(folder, f"{before}\n{imported}\n{TRAINING}")
    assert report.passed == (gradient == "d.sum(axis=0)"), str(report)
    if not report.passed:
        assert report.findings[0].places[0].startswith(f"{file.name}, line "), str(report)


def test_a_file_of_functions_is_called_with_its_package(tmp_path):
    folder = tmp_path / "nets"
    folder.mkdir()
    (folder / "curves.py").write_text(CURVES, encoding="utf-8")
    text = """
from .curves import softmax

def gradients(X, Y, W1, b1):
    d = (softmax(X @ W1 + b1) - Y) / len(X)
    return X.T @ d, d.sum(axis=0)
"""
    assert graded(folder, text).passed


def test_what_is_installed_goes_before_a_folder_of_its_name(tmp_path):
    (tmp_path / "json").mkdir()
    (tmp_path / "json" / "tools.py").write_text("", encoding="utf-8")
    text = "import json\njson.dumps([])\n" + LAYER.replace("DB", "d.sum(axis=0)") + TRAINING
    assert graded(tmp_path, text).passed


@pytest.mark.parametrize(
    "line", ["import nowhere_at_all", "from nowhere_at_all import Network", "from nowhere_at_all import *"]
)
def test_a_module_that_is_nowhere_is_named(tmp_path, line):
    report = graded(tmp_path, f"import numpy as np\n{line}\nclass Mine(Network):\n    pass\n")
    (problem,) = report.problems
    assert problem.kind == "exception"
    assert "No module named 'nowhere_at_all'" in problem.message
