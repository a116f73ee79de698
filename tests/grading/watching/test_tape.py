"""The record of a program: what each value was, what it was made of, and what was updated."""

import numpy as np
import pytest

from tests.each import each
from tests.grading.watching.runs import DATA, named, recorded, reported, watched
from tinygrad_mnist.grading.watching.tape import Enough, Tape


def test_a_value_is_known_by_what_made_it():
    tape, scope = recorded("x = np.arange(3.0)\nw = np.ones(3)\ny = x * w\n\nz = np.sum(y)")
    (x,), (w,), (y,), (z,) = (named(tape, name) for name in "xwyz")
    assert (x.op, y.op, z.op) == ("arange", "*", "sum")
    assert y.operands == (x, w)
    assert z.operands == (y,)
    assert [n.line for n in (x, w, y, z)] == [1, 2, 3, 5]
    assert y.value is scope["y"]
    assert np.array_equal(y.function(x.value, w.value), y.value)


UPDATES = {
    "a name": "w = np.ones(2)\nfor i in range(2):\n    w = w - 0.1 * np.ones(2)",
    "in place": "w = np.ones(2)\nfor i in range(2):\n    w -= 0.1 * np.ones(2)",
    "an attribute": "class A: w = np.ones(2)\nA.w = A.w * 1\nfor i in range(2):\n    A.w = A.w - 0.1",
    "a dict": "p = {'w': np.ones(2)}\nfor i in range(2):\n    p['w'] = p['w'] - 0.1 * np.ones(2)",
    "a list that is made anew": "ws = [np.ones(2)]\nfor i in range(2):\n    ws = [w - 0.1 * np.ones(2) for w in ws]",
    "a number": "b = np.float64(1.0)\nfor i in range(2):\n    b = b - np.float64(0.1)",
    "through a function": "def step(w): return w - 0.1\nw = np.ones(2)\nfor i in range(2):\n    w = step(w)",
    "out=": "w = np.ones(2)\nfor i in range(2):\n    w = np.subtract(w, 0.1 * np.ones(2))",
}


@each("kind", UPDATES)
def test_what_gets_a_new_value_from_its_old_one_is_updated(kind):
    updates = recorded(UPDATES[kind])[0].updates
    assert any(one.new is other.old for one in updates for other in updates), "no two in a row"
    for update in updates[-2:]:
        assert np.shape(update.old.value) == np.shape(update.new.value)


@each("line", ["w = np.zeros(2)", "v = w - 1", "w = np.exp(w)"])
def test_what_is_replaced_by_something_else_is_not(line):
    assert not recorded(f"w = np.ones(2)\n{line}")[0].updates


def test_a_name_of_another_scope_is_another_name():
    tape, _ = recorded("def f():\n    w = np.ones(2)\n    return w\ndef g(a):\n    w = a - 1\n    return w\ng(f())")
    assert not tape.updates


def test_functions_are_entered_with_their_arguments():
    tape, _ = recorded("def f(x, *, k=2): return x * k\nf(3)\nf(4, k=5)")
    assert [(name, line, arguments) for _, name, line, arguments in tape.entered] == [
        ("f", 1, {"x": 3, "k": 2}), ("f", 1, {"x": 4, "k": 5})
    ]  # fmt: skip


def test_what_raises_is_kept_with_what_it_was_given():
    run = watched("import numpy as np\na = np.ones((2, 3))\nb = np.ones((2, 3))\nc = a @ b")
    assert isinstance(run.error, ValueError)
    assert (run.tape.failed.op, run.tape.failed.line) == ("@", 4)
    assert [o.name for o in run.tape.failed.operands] == ["a", "b"]


def test_a_function_that_is_called_for_each_element_is_one_operation():
    tape, _ = recorded("f = np.vectorize(lambda v: v * 2 + 1)\na = np.arange(50.0)\nb = f(a)")
    assert len(tape.nodes) < 5
    assert named(tape, "b")[0].operands == (named(tape, "a")[0],)


@pytest.mark.parametrize(
    "loop", ["while True: pass", "for i in iter(int, 1): pass", "def f():\n    while True: f2()\ndef f2(): pass\nf()"]
)
def test_a_program_that_does_not_end_is_ended(loop):
    run = watched(loop, seconds=0.2)
    assert run.error is None
    tape = Tape(seconds=-1)
    with pytest.raises(Enough):
        tape.tick()


def test_what_is_changed_in_place_may_be_a_view_of_all_of_another_array():
    found = reported(f"""{DATA}
X = X[0:12]
for k in range(6):
    X -= X.mean()
W = rng.normal(size=(6, 4))
for epoch in range(10):
    e = np.exp(X @ W)
    W = W - 0.1 * X.T @ ((e / e.sum(axis=1, keepdims=True) - Y) / 12)
""")
    assert found.passed, found
