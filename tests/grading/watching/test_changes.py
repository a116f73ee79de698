"""What is changed in place: its former value is kept, and what shares its memory is a new value too."""

import numpy as np

from tests.each import each
from tests.grading.watching.runs import DATA, named, recorded, reported
from tinygrad_mnist.grading.watching.graph import FILLED

CHANGES = {
    "+=": "a += 1",
    "*= of a name for the same": "b = a\nb *= 2",
    "[]=": "a[0] = 9",
    "[] +=": "a[1] += 5",
    "a view": "b = a[1:]\nb -= 3",
    "a view of a view": "b = a.reshape(1, -1)[0]\nb[0] = 7",
    "out=": "np.add(a, 4, out=a)",
    "fill": "a.fill(0)",
    "copyto": "np.copyto(a, a + 1)",
    "at": "np.add.at(a, [0, 0], 1)",
    "sort": "a[0] = 9\na.sort()",
    "a row of a loop": "for row in a.reshape(3, 1):\n    row += 1",
    "in a function": "def f(p):\n    p -= 0.5\nf(a)",
    "an attribute": "class A: pass\no = A()\no.w = a\no.w += 2",
    "an item": "d = {'w': a}\nd['w'] += 2",
}


@each("change", CHANGES)
def test_what_is_changed_in_place_keeps_what_it_was(change):
    tape, scope = recorded(f"a = np.arange(3.0)\ny = a * 2\n{CHANGES[change]}\nz = a * 1")
    (y,), (z,) = named(tape, "y"), named(tape, "z")
    assert np.array_equal(y.operands[0].value, [0, 1, 2])
    assert np.array_equal(y.value, [0, 2, 4])
    after = z.operands[0]
    assert after is not y.operands[0]
    assert np.array_equal(after.value, scope["a"])
    assert not np.array_equal(after.value, [0, 1, 2])


def test_a_view_sees_the_change_of_its_array_as_a_new_value():
    tape, _ = recorded("a = np.zeros((2, 2))\nv = a[0]\ny = v + 1\na += 5\nz = v + 1")
    (y,), (z,) = named(tape, "y"), named(tape, "z")
    assert np.array_equal(y.operands[0].value, [0, 0])
    assert np.array_equal(z.operands[0].value, [5, 5])
    assert z.operands[0].changes is y.operands[0]


def test_a_part_of_an_array_that_was_not_changed_stays_the_same_value():
    tape, _ = recorded("a = np.zeros((2, 2))\nv = a[0]\ny = v + 1\na[1] += 5\nz = v + 1")
    assert named(tape, "y")[0].operands[0] is named(tape, "z")[0].operands[0]


def test_a_view_is_looked_at_anew_when_it_is_used_and_not_at_every_change():
    """Else a loop over windows would cost the square of their number."""
    made = "a = np.zeros((9, 9))\nviews = [a[i] for i in range(9)]\n"
    changed = "for i in range(81):\n    a[i // 9, i % 9] = i\n"
    tape, scope = recorded(f"{made}{changed}y = views[8] + 1")
    assert len(tape.nodes) < 120
    (y,) = named(tape, "y")
    assert np.array_equal(y.operands[0].value, scope["a"][8])
    changes = {n for n in tape.nodes if n.op in ("[]=", FILLED)}
    assert changes & {*y.operands[0].operands}, "it depends on what changed it"


def test_what_a_line_stores_part_after_part_is_one_operation_until_something_looks():
    text = "x = np.arange(4.0)\ny = np.zeros((4, 2))\nfor i in range(4):\n    y[i] = x[i] * 2\n"
    tape, scope = recorded(f"{text}z = y + 1\nfor i in range(4):\n    y[i, 0] = x[i]\nw = y + 0")
    filled = [n for n in tape.nodes if n.op == FILLED]
    (z,), (w,) = named(tape, "z"), named(tape, "w")
    assert [*z.operands, *w.operands] == filled
    assert np.array_equal(filled[0].value, [[0, 0], [2, 2], [4, 4], [6, 6]]), "as it was before the second loop"
    assert np.array_equal(filled[1].value, scope["y"])
    assert all(o.index < n.index for n in tape.nodes for o in n.operands)
    assert np.array_equal(filled[1].function(filled[0].value, *filled[1].arguments[1:2], scope["x"]), scope["y"])


def test_an_array_that_is_looked_at_in_the_loop_is_recorded_at_each_store():
    tape, _ = recorded("y = np.zeros(4)\nfor i in range(1, 4):\n    y[i] = y[i - 1] + 1\nz = y + 0")
    assert sum(n.op == "[]=" for n in tape.nodes) == 3


def test_an_array_may_be_filled_while_it_is_asked_whether_a_training_was_seen():
    found = reported(f"""{DATA}
W, seen = rng.normal(size=(6, 4)), np.zeros(4)
for epoch in range(10):
    norms = np.zeros(12)
    for i in range(12):
        seen += Y[i]
        norms[i] = np.sum(X[i] ** 2)
    e = np.exp(X @ W)
    d = (e / e.sum(axis=1, keepdims=True) - Y) / 12
    W = W - 0.1 * X.T @ d
""")
    assert found.passed, found
