"""`%%grade` on a cell: which earlier cells it takes along, what is shown, and that the cell runs."""

import subprocess
import sys
from types import SimpleNamespace

import pytest

import tinygrad_mnist
from tests.each import each
from tinygrad_mnist.grading.notebooks import needed_cells

IMPORT = "import numpy as np"
SOFTMAX = """def softmax(z):
    e = np.exp(z - z.max(axis=0, keepdims=True))
    return e / e.sum(axis=0, keepdims=True)"""
GRADIENTS = """%%grade
def gradients(X, Y, W1, b1, W2, b2):
    m = X.shape[1]
    z1 = W1 @ X + b1
    a1 = np.maximum(z1, 0)
    d2 = (softmax(W2 @ a1 + b2) - Y) / m
    d1 = (W2.T @ d2) * (z1 > 0)
    return d1 @ X.T, d1.sum(axis=1, keepdims=True), d2 @ a1.T, d2.sum(axis=1, keepdims=True)"""
DATA = """rng = np.random.default_rng(0)
X, Y = rng.random((30, 20)), np.eye(10)[rng.integers(0, 10, 20)].T
W1, b1 = rng.normal(size=(8, 30)), np.zeros((8, 1))
W2, b2 = rng.normal(size=(10, 8)), np.zeros((10, 1))"""
TRAINING = """%%grade
for step in range(100):
    z1 = W1 @ X + b1
    a1 = np.maximum(z1, 0)
    dz2 = (softmax(W2 @ a1 + b2) - Y) / 20
    dW2 = dz2 @ a1.T
    db2 = dz2.sum(axis=1, keepdims=True)
    dz1 = (W2.T @ dz2) * (z1 > 0)
    dW1 = dz1 @ X.T
    db1 = dz1.sum(axis=1, keepdims=True)
    W1, b1, W2, b2 = W1 - 0.1 * dW1, b1 - 0.1 * db1, W2 - 0.1 * dW2, b2 - 0.1 * db2"""


def without_the_slope(cell):
    return cell.replace(" * (z1 > 0)", "")


class Shell:
    """What the magic needs of IPython's shell, without IPython."""

    def __init__(self, mine=()):
        self.user_ns = dict(mine)
        self.history_manager = SimpleNamespace(input_hist_raw=[""])
        self.magics = {}
        self.shown = []
        self.ran = []
        self.display_pub = SimpleNamespace(publish=self.shown.append)

    def register_magic_function(self, function, magic_kind, magic_name):
        self.magics[f"%%{magic_name}"] = function
        assert magic_kind == "cell"

    def run_cell(self, code):
        self.ran.append(code)

    def enter(self, *cells):
        for cell in cells:
            self.history_manager.input_hist_raw.append(cell)
            magic, _, rest = cell.partition("\n")
            name, _, line = magic.partition(" ")
            if name in self.magics:
                self.magics[name](line, rest)


@pytest.fixture
def shell():
    made = Shell({"size": 8})
    tinygrad_mnist.load_ipython_extension(made)
    return made


def test_a_cell_is_graded_with_what_it_needs_shown_and_run(shell):
    shell.enter(IMPORT, SOFTMAX, GRADIENTS)
    (shown,) = shell.shown
    assert shown["text/plain"].startswith("cell 3: columns, W @ X + b")
    assert shown["text/plain"].endswith("all 4 gradients are right")
    assert "all 4 gradients are right</span>" in shown["text/html"]
    assert shell.ran == [GRADIENTS.removeprefix("%%grade\n")]


def test_a_mistake_is_named_at_the_line_of_the_cell_and_mended_in_the_next(shell):
    shell.enter(IMPORT, SOFTMAX, DATA, without_the_slope(TRAINING), "print(W1.mean())", TRAINING)
    wrong, right = (shown["text/plain"] for shown in shell.shown)
    assert "δ(1): activation's derivative missing" in wrong
    assert "cell 4, line 8: dz1 = (W2.T @ dz2)" in wrong
    assert right.endswith("all 4 gradients are right")


def test_settings_stand_on_the_line_as_in_python(shell):
    shell.enter(
        IMPORT, SOFTMAX, without_the_slope(GRADIENTS).replace("%%grade", "%%grade columns=True, depth=size // 4")
    )
    assert "2 of 4 gradients are wrong" in shell.shown[0]["text/plain"]
    with pytest.raises(tinygrad_mnist.grading.GradeError, match="swish"):
        shell.enter(GRADIENTS.replace("%%grade", "%%grade activation='swish'"))


def test_what_the_cell_lacks_is_said_with_its_own_line(shell):
    shell.enter(IMPORT, GRADIENTS)
    assert "cell 2, line 6" in shell.shown[0]["text/plain"]
    assert "name 'softmax' is not defined" in shell.shown[0]["text/plain"]


@each(
    ("cell", "earlier", "taken"),
    [
        ("f(1)", ["def f(x): return g(x)", "def g(x): return 1", "h = 2"], [0, 1]),
        ("f(1)", ["def f(x): return 1", "def f(x): return 2"], [1]),  # the latest
        ("print(X)", ["X, y = load()", "X, y = X / 255, y + 1", "X, y = X / 255., y + 1"], [0, 2]),
        ("W = W - dW", ["W = dW = 0", "for i in (1, 2):\n    W = W - 2 * dW"], [0]),  # an earlier version of it
        ("print(p)", ["q = 1", "p = {}", "p['W1'] = q", "p.clear()", "p.clear"], [0, 1, 2, 3]),
        ("def f(m):\n    n = m\n    return n + k", ["m = n = 1", "%matplotlib inline\nk = 1"], [1]),
        ("class A(B):\n    x = 1\n    def f(self): return self.y + x", ["x = 0", "class B: pass", "y = 1"], [0, 1]),
        ("X", ["X = 1", "X = = 2", "%%bash\nX=3"], [0]),
        ("print(len([]))", ["print = 1"], []),
    ],
)  # fmt: skip
def test_the_cells_that_define_what_is_needed_are_taken(cell, earlier, taken):
    assert sorted(needed_cells(cell, earlier)) == taken


def test_it_works_in_ipython():
    pytest.importorskip("IPython")
    cells = ["%load_ext tinygrad_mnist", IMPORT, SOFTMAX, f"{GRADIENTS}\nx = 3", "print(x, gradients)"]
    program = f"""
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
for cell in {cells!r}:
    assert shell.run_cell(cell, store_history=True).success
"""
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, encoding="utf-8")
    assert result.returncode == 0, result.stderr
    assert "cell 4: columns, W @ X + b" in result.stdout
    assert "all 4 gradients are right" in result.stdout
    assert "3 <function gradients" in result.stdout
