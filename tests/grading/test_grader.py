"""What `grade` says about functions and files as learners write them."""

import json
import os
from itertools import combinations

import numpy as np
import pytest

from tests.each import each
from tests.grading.programs import CHANGED_COLUMNS, CHANGED_ROWS, COLUMNS, ROWS, compiled
from tests.grading.watching.runs import DATA, FUNCTIONS, PARAMETERS, reported
from tinygrad_mnist import Tensor, cross_entropy, grad, manual
from tinygrad_mnist.grading import GradeError, assert_gradients, grade


@pytest.mark.parametrize(("old", "new", "name"), CHANGED_ROWS)
def test_a_changed_line_is_named_in_rows(old, new, name):
    report = grade(compiled(ROWS, old, new))
    assert [finding.names for finding in report.findings] == [(name,)]
    assert not report.passed


def test_another_slope_at_the_kink_alone_is_a_remark():
    report = grade(compiled(ROWS, "* (z2 > 0)", "* (z2 >= 0)"))
    assert report.passed
    assert [remark.names for remark in report.remarks] == [("slope-kink",)]
    both = grade(compiled(ROWS, "* (z2 > 0)", "* (z2 >= 0) / m"))
    assert not both.passed
    assert both.findings


def test_where_a_wrong_gradient_has_no_difference_it_is_said_why():
    report = grade(compiled(ROWS, "d1.sum(axis=0)", "d1.sum()"))
    assert [str(p) for p in report.parameters if not p.right] == ["another shape"]
    report = grade(compiled(ROWS, "d1.sum(axis=0)", "np.nan * d1.sum(axis=0)"))
    assert [str(p) for p in report.parameters if not p.right] == ["not finite"]
    steps = f"W1, b1, W2, b2 = {PARAMETERS}\nfor step in range(20):\n"
    steps += "    dW1, db1, dW2, db2 = backward(X, Y, W1, b1, W2, b2)\n"
    steps += "    W1, b1, W2, b2 = W1 - 0.1 * dW1, b1 - 0.1 * db1, W2 - 0.1 * dW2, b2 - 0.1 * db2\n"
    report = reported(DATA + FUNCTIONS.replace("d1.sum(axis=0)", "d1.sum()") + steps)
    assert [str(p) for p in report.parameters if not p.right] == ["another shape"]


@pytest.mark.parametrize(("old", "new", "name"), CHANGED_COLUMNS)
def test_a_changed_line_is_named_in_columns(old, new, name):
    report = grade(compiled(COLUMNS, old, new), columns=True)
    assert [finding.names for finding in report.findings] == [(name,)]


def test_two_changed_lines_are_both_named():
    """A share of the pairs, in code that knows nothing of the catalogue; all 950 (TINYGRAD_MNIST_PAIRS=1) give 97 %."""
    share = float(os.environ.get("TINYGRAD_MNIST_PAIRS", "0.04"))
    rng = np.random.default_rng(0)
    tried = named = 0
    for (old, new, name), (other_old, other_new, other_name) in combinations(CHANGED_ROWS, 2):
        changed = ROWS.replace(old, new, 1)
        if rng.random() > share or name == other_name or old == other_old or other_old not in changed:
            continue
        report = grade(compiled(changed, other_old, other_new))
        tried += 1
        said = (*report.findings, *report.remarks)
        named += sorted(n for finding in said for n in finding.names) == sorted([name, other_name])
    assert tried > 20
    assert named >= 0.95 * tried


def softmax(z):
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def loops_over_examples(X, Y, W1, b1, W2, b2):
    total = [np.zeros_like(p) for p in (W1, b1, W2, b2)]
    for x, y in zip(X, Y):
        z = W1 @ x + b1
        a = np.where(z > 0, z, 0)
        d2 = softmax(W2 @ a + b2) - y
        d1 = (W2.T @ d2) * (z > 0)
        for t, g in zip(total, (np.outer(d1, x), d1, np.outer(d2, a), d2)):
            t += g / len(X)
    return total


def loops_over_everything(X, Y, W1, b1, W2, b2):
    dW1, db1, dW2, db2 = (np.zeros_like(p) for p in (W1, b1, W2, b2))
    for x, y in zip(X, Y):
        z = W1 @ x + b1
        a = np.maximum(z, 0)
        d2 = softmax(W2 @ a + b2) - y
        for k in range(len(d2)):
            db2[k] += d2[k] / len(X)
            for j in range(len(a)):
                dW2[k, j] += d2[k] * a[j] / len(X)
        for j in range(len(a)):
            d1 = sum(W2[k, j] * d2[k] for k in range(len(d2))) if z[j] > 0 else 0.0
            db1[j] += d1 / len(X)
            for i in range(len(x)):
                dW1[j, i] += d1 * x[i] / len(X)
    return dW1, db1, dW2, db2


def einsum(X, Y, W1, b1, W2, b2):
    z = np.einsum("mi,oi->mo", X, W1) + b1
    a = z * (z > 0)
    d2 = (softmax(np.einsum("mi,oi->mo", a, W2) + b2) - Y) / len(X)
    d1 = np.einsum("mo,oi->mi", d2, W2) * np.sign(a)
    return (
        np.einsum("mo,mi->oi", d1, X), np.einsum("mo->o", d1), np.einsum("mo,mi->oi", d2, a), np.einsum("mo->o", d2)
    )  # fmt: skip


def in_place_on_its_own(X, Y, W1, b1, W2, b2):
    z = X @ W1.T
    z += b1
    a = z.copy()
    a[a < 0] = 0
    d2 = softmax(a @ W2.T + b2)
    d2 -= Y
    d2 /= len(X)
    d1 = d2 @ W2
    d1[z <= 0] = 0
    return d1.T @ X, d1.sum(0), d2.T @ a, d2.sum(0)


def float32_inside(X, Y, W1, b1, W2, b2):
    X, Y, W1, b1, W2, b2 = (np.asarray(p, np.float32) for p in (X, Y, W1, b1, W2, b2))
    z = X @ W1.T + b1
    a = np.maximum(z, 0)
    d2 = (softmax(a @ W2.T + b2) - Y) / np.float32(len(X))
    d1 = (d2 @ W2) * (z > 0)
    assert d1.dtype == np.float32
    return d1.T @ X, d1.sum(axis=0), d2.T @ a, d2.sum(axis=0)


def a_dict(X, Y, W1, b1, W2, b2):
    names = ("dW1", "db1", "dW2", "db2")
    return {"loss": 0.0, **dict(zip(names, in_place_on_its_own(X, Y, W1, b1, W2, b2)))}


def a_list_with_kept_axes(X, Y, W1, b1, W2, b2):
    dW1, db1, dW2, db2 = in_place_on_its_own(X, Y, W1, b1, W2, b2)
    return [dW1, db1[None, :], dW2, db2[None, :]]


def any_depth(X, Y, *parameters):
    W, b = parameters[::2], parameters[1::2]
    a = [X]
    for w, c in zip(W, b):
        a.append(np.maximum(a[-1] @ w.T + c, 0) if w is not W[-1] else softmax(a[-1] @ w.T + c))
    d, found = (a[-1] - Y) / len(X), []
    for l in reversed(range(len(W))):
        found[:0] = [d.T @ a[l], d.sum(axis=0)]
        d = (d @ W[l]) * (a[l] > 0)
    return found


def extra_options(X, Y, W1, b1, W2, b2, lr=0.1, verbose=False):
    return in_place_on_its_own(X, Y, W1, b1, W2, b2)


def the_softmax_jacobian(X, Y, W1, b1, W2, b2):
    z = X @ W1.T + b1
    a = np.maximum(z, 0)
    shifted = a @ W2.T + b2
    shifted = shifted - shifted.max(axis=1, keepdims=True)
    log_y = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    y = np.exp(log_y)
    g = -Y / len(X)
    d2 = g - y * g.sum(axis=1, keepdims=True)
    d1 = d2 @ W2 * (z > 0)
    return d1.T @ X, d1.sum(axis=0), d2.T @ a, d2.sum(axis=0)


def autograd(X, Y, W1, b1, W2, b2):
    leaves = [Tensor(p, requires_grad=True) for p in (W1, b1, W2, b2)]
    W1, b1, W2, b2 = leaves
    loss = cross_entropy((Tensor(X) @ W1.T + b1).relu() @ W2.T + b2, Y)
    return [g.numpy() for g in grad(loss, leaves)]


def lists_of_lists(X, Y, W1, b1, W2, b2):
    return [g.tolist() for g in in_place_on_its_own(X, Y, W1, b1, W2, b2)]


STYLES = [
    loops_over_examples, loops_over_everything, einsum, in_place_on_its_own, float32_inside, a_dict,
    a_list_with_kept_axes, any_depth, extra_options, the_softmax_jacobian, autograd, lists_of_lists,
]  # fmt: skip


@pytest.mark.parametrize("style", STYLES, ids=lambda f: f.__name__)
def test_right_code_passes_in_whatever_style(style):
    report = grade(style)
    assert report.passed, str(report)
    assert not report.findings
    assert_gradients(style)


@pytest.mark.parametrize("l2", [0.0, 0.1])
@pytest.mark.parametrize("activation", ["relu", "leaky_relu"])
def test_the_books_own_formulas_pass_in_every_convention(activation, l2):
    f = manual.ACTIVATIONS[activation]

    def columns(X, Y, *parameters):
        W, b = parameters[::2], parameters[1::2]
        found = manual.columns.backward(manual.columns.forward(X, W, b, f), Y, W, f, l2)
        return ordered(found)

    def rows(X, Y, *parameters):
        W, b = parameters[::2], parameters[1::2]
        return ordered(manual.rows.backward(manual.rows.forward(X, W, b, f), np.eye(len(b[-1]))[Y], W, f, l2))

    def in_out(X, Y, *parameters):
        W, b = [w.T for w in parameters[::2]], parameters[1::2]
        found = ordered(manual.rows.backward(manual.rows.forward(X, W, b, f), Y, W, f, l2))
        return [g.T if g.ndim == 2 else g for g in found]

    def ordered(found):
        return [g for l in sorted(found.dW) for g in (found.dW[l], found.db[l])]

    for depth in (1, 2, 4):
        assert_gradients(columns, columns=True, activation=activation, l2=l2, depth=depth)
        assert_gradients(rows, labels="integers", activation=activation, l2=l2, depth=depth)
        assert_gradients(in_out, weights_in_out=True, activation=activation, l2=l2, depth=depth)


def test_small_l2_is_not_lost_in_the_tolerance():
    forgotten = grade(in_place_on_its_own, l2=1e-3)
    assert [f.names for f in forgotten.findings] == [("decay-missing",)]
    assert forgotten.findings[0].where == ("∂L/∂W in every layer",)


def test_gradients_that_are_right_for_another_activation_are_no_mistake_of_the_derivation():
    program = ROWS.replace("np.maximum(z, 0)", "np.where(z > 0, z, 0.01 * z)")
    for z in ("z1", "z2"):
        program = program.replace(f"* ({z} > 0)", f"* np.where({z} > 0, 1, 0.01)")
    report = grade(compiled(program), activation="relu")
    assert [p.kind for p in report.problems] == ["settings"]
    assert "right for leaky_relu" in report.problems[0].message
    assert grade(compiled(program), activation="leaky_relu").passed


@pytest.mark.parametrize(
    ("f", "slope", "name"),
    [
        ("np.tanh(z)", "* (1 - np.tanh({0}) ** 2)", "tanh"),
        ("1 / (1 + np.exp(-z))", "/ (2 + np.exp({0}) + np.exp(-{0}))", "sigmoid"),
        ("np.where(z > 0, z, 0.2 * z)", "* np.where({0} > 0, 1, 0.2)", "leaky_relu with a slope of 0.2"),
    ],
)
def test_another_usual_activation_than_asked_is_recognized(f, slope, name):
    program = ROWS.replace("np.maximum(z, 0)", f)
    for z in ("z1", "z2"):
        program = program.replace(f"* ({z} > 0)", slope.format(z))
    report = grade(compiled(program), activation="relu")
    assert [p.message for p in report.problems] == [f"every gradient is right for {name}, but relu was asked"]
    assert not report.findings


def test_a_small_number_that_is_added_is_nearly_right():
    report = grade(lambda *arguments: [g + 1e-4 * np.abs(g).max() for g in einsum(*arguments)])
    assert not report.passed
    assert "off by less than a thousandth" in report.findings[0].what


def test_what_is_wrong_only_with_large_logits_is_not_called_nearly_right():
    program = COLUMNS.replace("d3 = y - Y", "d3 = np.where(z3 > 500, 0, y - Y)")
    report = grade(compiled(program), columns=True)
    assert "it is wrong only on networks with large logits or logits far apart" in report.findings[0].what
    assert "thousandth" not in str(report)


def test_a_wrong_forward_pass_sends_the_learner_there():
    program = COLUMNS.replace("W1 @ X", "W1 @ (X - X.mean())")
    report = grade(compiled(program), columns=True)
    assert [f.names for f in report.findings] == [()] * len(report.findings)
    assert report.findings[0].where == ("∂L/∂W(3)",)
    assert "the forward pass that leads to it" in report.findings[0].hint
    assert "first wrong quantity" not in str(report)


@pytest.mark.parametrize(("program", "settings"), [(COLUMNS, {"columns": False}), (ROWS, {"columns": True})])
def test_another_convention_than_asked_is_recognized(program, settings):
    report = grade(compiled(program), **settings)
    assert report.problems[0].kind == "settings"
    assert ("columns" if program is COLUMNS else "rows") in report.problems[0].message.split("but runs with")[1]
    assert report.problems[0].message.endswith(f"--{'columns' if program is COLUMNS else 'rows'} --labels one-hot")
    assert not report.findings


def test_numbers_that_differ_from_call_to_call_are_said_and_not_diagnosed(tmp_path):
    dropout = "    a1 = relu(z1) * (np.random.random(z1.shape) < 0.8)\n"
    path = tmp_path / "dropout.py"
    path.write_text(ROWS.replace("    a1 = relu(z1)\n", dropout))
    for report in (grade(path), grade(compiled(path.read_text()))):
        assert [p.kind for p in report.problems] == ["varies"]
        assert "called twice with the same arguments" in report.problems[0].message
        assert not report.findings
        assert not report.passed


def test_one_wrong_gradient_is_told_in_the_singular():
    report = grade(lambda *arguments: [g * (1 + (i == 0)) for i, g in enumerate(einsum(*arguments))])
    assert report.verdict == "1 of 4 gradients is wrong"


@each(
    ("order", "names"),
    [((0, 2, 1, 3), "dW1, dW2, db1, db2"), ((2, 3, 0, 1), "dW2, db2, dW1, db1"), ((2, 0, 3, 1), "dW2, dW1, db2, db1")],
)
def test_the_order_of_what_is_returned_is_recognized(order, names):
    report = grade(lambda *arguments: [einsum(*arguments)[i] for i in order])
    assert report.passed
    assert report.notes == (f"it returns {names}, and was judged in this order",)


def test_another_order_is_recognized_beside_a_mistake():
    def gradients(*arguments):
        dW1, db1, dW2, db2 = einsum(*arguments)
        return dW1, dW2, db1.sum(), db2.sum()

    (finding,) = grade(gradients).findings
    assert finding.where == ("∂L/∂b in every layer",)
    assert "summed over every axis" in finding.what


def test_numbers_in_no_order_are_said_to_be_anothers():
    report = grade(lambda *arguments: [einsum(*arguments)[i] for i in (2, 1, 0, 3)])
    assert "it holds the numbers of db1" in " ".join(finding.what for finding in report.findings)


def test_arguments_are_told_apart_by_their_names():
    def data_last(w_1, bias1, w_2, bias2, inputs, y_true):
        return einsum(inputs, y_true, w_1, bias1, w_2, bias2)

    def weights_first(X, Y, W1, W2, b1, b2):
        return einsum(X, Y, W1, b1, W2, b2)

    def without_names(p, q, r, s, t, u):
        return einsum(p, q, r, s, t, u)

    assert all(grade(function).passed for function in (data_last, weights_first, without_names))


def test_biases_of_one_row_are_recognized():
    def gradients(X, Y, W1, b1, W2, b2):
        b1, b2 = b1.copy(), b2.copy()
        dW1, db1, dW2, db2 = einsum(X, Y, W1, b1[0], W2, b2[0])
        b1 -= np.reshape(db1, (1, -1))
        return dW1, np.reshape(db1, (1, -1)), dW2, np.reshape(db2, (1, -1))

    report = grade(gradients)
    assert report.passed
    assert "biases (1, out)" in report.settings


def test_the_convention_is_found_where_it_is_not_said():
    report = grade(compiled(COLUMNS))
    assert report.passed
    assert report.settings.startswith("columns, W @ X + b, one-hot labels")


def test_what_is_right_but_for_nan_is_not_called_wrong():
    def gradients(X, Y, W1, b1, W2, b2):
        a = np.maximum(X @ W1.T + b1, 0)
        z = a @ W2.T + b2
        e = np.exp(z - z.max())
        d2 = (e / e.sum(axis=1, keepdims=True) - Y) / len(X)
        d1 = d2 @ W2 * (a > 0)
        return d1.T @ X, d1.sum(axis=0), d2.T @ a, d2.sum(axis=0)

    report = grade(gradients)
    assert not report.passed
    assert {p.verdict for p in report.parameters} == {"NaN"}
    assert report.verdict == "4 of 4 gradients are NaN or infinite on some networks, else right"
    assert "maximum of the whole array" in report.findings[0].what


def test_what_was_not_computed_is_not_called_wrong():
    def gradients(X, Y, W1, b1, W2, b2):
        raise NotImplementedError("later")

    report = grade(gradients)
    assert {p.verdict for p in report.parameters} == {"none"}
    assert report.verdict == "4 of 4 gradients are not computed, so not judged"


def test_zeros_are_not_taken_for_a_sum_that_rounds_to_zero():
    def gradients(*arguments):
        dW1, db1, dW2, db2 = einsum(*arguments)
        return dW1, 0 * db1, dW2, 0 * db2

    findings = grade(gradients).findings
    assert [finding.names for finding in findings] == [(), ()]
    assert all("zero everywhere: is the bias left out?" in finding.what for finding in findings)


@pytest.mark.parametrize("factor", [1e-4, 1e-9])
def test_a_small_multiple_is_not_zero(factor):
    def gradients(*arguments):
        dW1, db1, dW2, db2 = einsum(*arguments)
        return factor * dW1, db1, dW2, db2

    (finding,) = grade(gradients).findings
    assert finding.what == f"a constant times what it should be ({factor:g})"


@pytest.mark.parametrize("m", [100, 60000])
def test_a_constant_for_m_is_said_with_its_number(m):
    (finding,) = grade(compiled(ROWS, "m = X.shape[0]", f"m = {m}")).findings
    assert finding.what == f"divided not by m, but by a constant ({m})"


def test_a_constant_for_m_is_not_negative():
    program = ROWS.replace("d3 = y - Y", "d3 = Y - y")
    names = [finding.names for finding in grade(compiled(program, "m = X.shape[0]", "m = 100")).findings]
    assert names == [("error-sign",), ("error-constant",)]


def test_a_mistake_is_named_with_another_activation_than_asked():
    def gradients(X, Y, W1, b1, W2, b2):
        a = np.tanh(X @ W1.T + b1)
        d2 = (softmax(a @ W2.T + b2) - Y) / len(X)
        d1 = d2 @ W2 * (1 - a**2) / len(X)
        return d1.T @ X, d1.sum(axis=0), d2.T @ a, d2.sum(axis=0)

    asked, other = grade(gradients, activation="tanh"), grade(gradients, activation="relu")
    assert other.findings == asked.findings
    assert other.findings[0].names == ("weight-mean-twice", "bias-mean-twice")
    assert [p.message for p in other.problems] == ["all that is wrong for tanh is named here, but relu was asked"]


def test_ten_classes_may_be_written_in():
    assert grade(lambda X, y, *parameters: einsum(X, np.eye(10)[y], *parameters), labels="integers", depth=2).passed


def test_a_finding_stays_when_another_network_raises():
    def gradients(X, y, W1, b1, W2, b2):
        Y = np.eye(y.max() + 1)[y]
        dW1, db1, dW2, db2 = einsum(X, Y, W1, b1, W2, b2)
        return dW1, db1, 3 * dW2, db2

    report = grade(gradients, labels="integers")
    (remark,) = report.remarks
    assert not report.problems
    assert "without an example of the last class stops it: ValueError" in remark.what
    assert "not Y.max() + 1" in remark.explanation
    assert report.findings[0].what == "a constant times what it should be (3)"


def test_a_function_written_in_a_test_shows_its_own_line():
    def gradients(X, Y, W1, b1, W2, b2):
        raise RuntimeError("not yet")

    report = grade(gradients)
    assert report.problems[0].kind == "exception"
    assert "'raise RuntimeError(\"not yet\")': RuntimeError: not yet" in report.problems[0].message
    assert not report.passed


def test_assert_gradients_says_in_plain_text_what_is_wrong():
    with pytest.raises(AssertionError, match="activation's derivative missing") as error:
        assert_gradients(compiled(ROWS, "* (z1 > 0)", ""))
    text = str(error.value)
    assert "it should be  δ(1) = δ(2) W(2) ⊙ f'(z(1))" in text
    assert all(len(line) <= 80 for line in text.splitlines())


@each(
    "settings",
    [
        {"activation": "swish"}, {"labels": "words"}, {"l2": -1.0}, {"l2": float("nan")}, {"depth": 0}, {"depth": 99},
        {"columns": True, "weights_in_out": True},
    ],
)  # fmt: skip
def test_settings_that_do_not_exist_are_an_error(settings):
    with pytest.raises(GradeError):
        grade(einsum, **settings)


def write(tmp_path, program, name="my_backprop.py"):
    path = tmp_path / name
    path.write_text(program, encoding="utf-8")
    return path


@pytest.mark.usefixtures("started")
def test_a_file_is_graded_in_a_process_of_its_own(tmp_path):
    path = write(tmp_path, ROWS.replace("* (z1 > 0)", "").replace("d3.sum(axis=0)", "d3.sum()"))
    report = grade(path)
    assert [f.names for f in report.findings] == [("bias-all-axes",), ("slope-missing",)]
    parsed = json.loads(report.to_json())
    assert parsed["passed"] is False
    assert [p["right"] for p in parsed["parameters"]] == [False, False, True, True, True, False]
    assert grade(write(tmp_path, ROWS)).passed


HEAD = "import numpy as np\ndef gradients(X, Y, W1, b1, W2, b2):\n    "


@pytest.mark.parametrize(
    ("program", "kind", "words"),
    [
        ("def gradients(X, Y:\n", "syntax", "my_backprop.py:1"),
        ("import nothing_of_this_name\n", "exception", "my_backprop.py:1, 'import nothing_of_this_name'"),
        ("def other(X): pass\n", "missing", "no function gradients in my_backprop.py; it has other"),
        ("gradients = 3\n", "missing", "no function gradients"),
        ("def gradients(X, Y): pass\n", "signature", "takes 2 arguments"),
        ("def gradients(X, Y, W1, b1, W2): pass\n", "signature", "takes 5 arguments"),
        (HEAD + "return W1 @ Y @ 'x'\n", "exception", "my_backprop.py:3"),
        (
            HEAD + "return helper(X)\ndef helper(x):\n    return 1 / 0\n",
            "exception",
            "my_backprop.py:5, 'return 1 / 0'",
        ),
        (HEAD + "pass\n", "unfinished", "it returns None"),
        (HEAD + "return None, None, None, None\n", "unfinished", "its return is missing"),
        (HEAD + "raise NotImplementedError\n", "unfinished", "NotImplementedError"),
        (HEAD + "return W1\n", "returned", "a single ndarray"),
        (HEAD + "return W1, b1\n", "returned", "2 values, where 4 are expected: dW1, db1, dW2, db2"),
        (HEAD + "return {'dW1': W1}\n", "returned", "a dict without db1, dW2, db2 (it has dW1)"),
        (HEAD + "return W1, None, W2, b2\n", "returned", "db1 as None"),
        (HEAD + "return W1, 'b', W2, b2\n", "returned", "db1 as a str"),
        (HEAD + "return W1, b1 * 1j, W2, b2\n", "returned", "db1 as an array of complex128"),
        (HEAD + "return W1, [[1, 2], [3]], W2, b2\n", "returned", "db1 as a list"),
        (HEAD + "return W1 * np.nan, b1, W2, b2\n", "nan", "NaN"),
        (HEAD + "W1 -= 1\n    return W1, b1, W2, b2\n", "changed", "in place: W1"),
        (HEAD + "import sys; sys.exit(3)\n", "exit", "sys.exit(3)"),
        ("import sys; sys.exit('bye')\n", "exit", "sys.exit(bye)"),
        ("import os; os._exit(7)\n", "crash", "exit code 7"),
        (HEAD + "input()\n", "exception", "EOFError"),
        (HEAD + "return gradients(X, Y, W1, b1, W2, b2)\n", "exception", "RecursionError"),
    ],
)
def test_what_goes_wrong_in_a_file_is_reported_for_what_it_is(tmp_path, program, kind, words):
    report = grade(write(tmp_path, program))
    assert not report.passed
    assert kind in [p.kind for p in report.problems]
    message = next(p.message for p in report.problems if p.kind == kind)
    assert words in message
    assert "runner.py" not in str(report)
    json.loads(report.to_json())


LOOP = "while True: pass\n"


@pytest.mark.parametrize("program", [LOOP, HEAD + LOOP, HEAD + "while True: print(1)\n"])
def test_an_endless_loop_is_stopped(tmp_path, program):
    report = grade(write(tmp_path, program), time_limit=1)
    assert [p.kind for p in report.problems] == ["time"]
    assert " second" in report.problems[0].message


def test_what_is_printed_is_a_note_and_no_mistake(tmp_path):
    program = ROWS.replace("m = X.shape[0]", "m = X.shape[0]; print('shape', X.shape)")
    report = grade(write(tmp_path, program))
    assert report.passed
    assert "it prints: 'shape" in report.notes[0]


def test_a_file_imports_what_lies_beside_it_and_is_not_run_as_a_program(tmp_path):
    write(tmp_path, ROWS, "mine.py")
    path = write(tmp_path, "from mine import gradients as g\nif __name__ == '__main__':\n    raise SystemExit\n")
    assert grade(path, function="g").passed
    assert grade(write(tmp_path, ROWS, "numpy.py")).passed


def test_a_file_that_is_not_there_is_said(tmp_path):
    assert grade(tmp_path / "no.py").problems[0].kind == "file"
