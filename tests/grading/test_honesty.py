"""What is taken for cheating, and what is not."""

from tests.each import each
from tests.grading.programs import ROWS
from tinygrad_mnist.grading import grade
from tinygrad_mnist.grading.honesty import suspicions, suspicions_of_file

CHEATS = {
    "torch, the tensor's own backward": """
import torch
def gradients(X, Y, W1):
    W = torch.tensor(W1, requires_grad=True)
    loss(W).backward()
    return W.grad.numpy()
""",
    "torch.autograd.grad, by another name": """
from torch.autograd import grad as derive
def gradients(X, Y, W1):
    return derive(loss(W1), W1)
""",
    "GradientTape in a function that is called": """
import tensorflow as tf
def helper(W):
    with tf.GradientTape() as tape:
        return tape.gradient(loss(W), W)
def gradients(X, Y, W1):
    return helper(W1)
""",
    "jax, prepared outside": """
import jax
derivative = jax.grad(lambda W: (W ** 2).sum())
def gradients(X, Y, W1):
    return derivative(W1)
""",
    "jax, the function itself": """
from jax import grad
gradients = grad(loss, argnums=(2, 3))
""",
    "autograd": """
import autograd.numpy as np
from autograd import elementwise_grad
def gradients(X, Y, W1):
    return elementwise_grad(loss)(W1)
""",
    "this package": """
from tinygrad_mnist import Tensor
def gradients(X, Y, W1):
    return Tensor(W1)
""",
    "this package's formulas, imported in a string": """
def gradients(X, Y, W1):
    manual = __import__("tinygrad_mnist").manual
    return manual.rows.backward(W1)
""",
    "frames": """
import sys
def gradients(X, Y, W1):
    return sys._getframe(1).f_locals["correct"]
""",
    "frames by getattr": """
import inspect
def gradients(X, Y, W1):
    return getattr(inspect, "stack")()
""",
    "objects": "from gc import get_objects\ndef gradients(X):\n    return get_objects()",
    "ctypes": "import ctypes",
    "NumPy patched": "import numpy as np\nnp.allclose = lambda *a, **k: True",
    "NumPy patched by setattr": "import numpy\nsetattr(numpy.linalg, 'norm', lambda *a: 0)",
    "a verdict printed": "print(f'all {6} gradients are right')",
    "a result written": "open('/autograder/results/results.json', 'w').write('{}')",
    "its process ended": "import os\nos._exit(0)",
    "its parent ended": "from os import kill, getppid\nkill(getppid(), 9)",
}

HONEST = {
    "a program of one's own": ROWS,
    "data from a framework": """
from tensorflow.keras.datasets import mnist
from tinygrad_mnist import data
import torch, torchvision
(X, Y), _ = mnist.load_data()
X = torchvision.datasets.MNIST(".").data.numpy()
def gradients(X, Y, W1):
    train, test = data.load_mnist()
    return X.T @ Y
""",
    "by hand in torch": """
import torch
def gradients(X, Y, W1):
    with torch.no_grad():
        return torch.matmul(X.T, Y)
""",
    "compared with a framework outside": """
import numpy as np
import torch
def gradients(X, Y, W1):
    return X.T @ Y
def check_gradients(X, Y, W1):
    W = torch.tensor(W1, requires_grad=True)
    loss(W).backward()
    return np.allclose(W.grad, gradients(X, Y, W1))
""",
    "methods called backward and grad": """
class Layer:
    def backward(self, delta):
        self.grad = delta.sum()
        return self.grad
def gradients(X, Y, W1):
    layer = Layer()
    layer.backward(X)
    return layer.grad
""",
    "what old programs do": """
import sys, os, gc, inspect
import numpy as np
np.bool = bool
np.random.seed(0)
np.set_printoptions(precision=3)
os.environ["OMP_NUM_THREADS"] = "1"
sys.stdout = open("log.txt", "w")
gc.collect()
print("accuracy", inspect.getsource(np.sum), "gradients are fine")
""",
    "gradients that parameters of one's own keep": """
from tensorflow.keras.datasets import mnist
import numpy as np
class Parameter:
    def __init__(self, data):
        self.data, self.grad = data, np.zeros_like(data)
def gradients(X, Y, W1):
    p = Parameter(W1)
    p.grad += X.T @ Y
    return p.grad
""",
    "calls of nothing": "setattr()\ndelattr(*names)",
    "no Python": "def (",
}


@each("name", CHEATS)
def test_a_cheat_is_seen_and_said_in_words(name):
    problems = suspicions(CHEATS[name], ["gradients"])
    assert problems
    for problem in problems:
        assert problem.kind == "cheating"
        assert problem.message.startswith("line ")
        assert "it " in problem.message


@each("name", HONEST)
def test_what_is_honest_is_not_accused(name):
    assert suspicions(HONEST[name], ["gradients"]) == []
    assert suspicions(HONEST[name]) == []


def test_without_names_functions_that_compute_gradients_are_read():
    training = "import torch\ndef train(W):\n    loss(W).backward()\n    return W.grad\n"
    assert suspicions(training)
    assert suspicions("import torch\nfor epoch in range(3):\n    loss(W).backward()\n")
    assert not suspicions(training.replace("train", "compare_with_torch"))


def test_a_method_is_found_by_its_name():
    program = "import torch\nclass Net:\n    def backward(self, X):\n        return torch.autograd.grad(X, X)\n"
    assert suspicions(program, ["Net.backward"])
    assert not suspicions(program, ["Net.forward"])


def test_a_notebook_is_read_without_its_magics(tmp_path):
    path = tmp_path / "a.ipynb"
    path.write_text(
        '{"cells": [{"cell_type": "markdown", "source": ["os._exit"]},'
        ' {"cell_type": "code", "source": ["%matplotlib inline\\n", "import os\\n", "os._exit(0)"]}]}'
    )
    (problem,) = suspicions_of_file(path)
    assert problem.message.startswith("cell 2, line 3, 'os._exit(0)': it ends its process")
    path.write_text("no JSON")
    assert suspicions_of_file(path) == []


def write(tmp_path, text):
    path = tmp_path / "learner.py"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_right_backprop_that_cheats_does_not_pass(tmp_path):
    report = grade(write(tmp_path, ROWS.replace("m = X.shape[0]", "m = X.shape[0]; import sys; sys._getframe()")))
    assert all(p.right for p in report.parameters)
    assert [p.kind for p in report.problems] == ["cheating"]
    assert not report.passed


def test_numpy_changed_where_no_reader_sees_it_is_seen_afterwards(tmp_path):
    hidden = ROWS + "\nvars(np)['all' + 'close'] = lambda *a, **k: True\n"
    (problem,) = grade(write(tmp_path, hidden)).problems
    assert problem.kind == "cheating"
    assert "np.allclose" in problem.message


FORGED = """
import json, os
open("../results.json", "w").write(json.dumps({"depth": 2, "outcomes": [], "printed": ""}))
getattr(os, "_ex" + "it")(0)
"""


def test_a_result_of_its_own_is_none(tmp_path):
    report = grade(write(tmp_path, FORGED))
    assert not report.passed
    assert [p.kind for p in report.problems] == ["crash"]


def test_a_result_in_the_right_place_lacks_the_seal(tmp_path):
    import json

    from tinygrad_mnist.grading.calling.problems import before_it_ran
    from tinygrad_mnist.grading.calling.sealed import _read

    path = tmp_path / "results.json"
    path.write_text(json.dumps({"depth": 2, "outcomes": []}))
    problem = before_it_ran(_read(path, "a seal", 0), "learner.py", "gradients")
    assert problem.kind == "cheating"
