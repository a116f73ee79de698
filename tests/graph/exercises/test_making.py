"""An exercise of any graph: its forward pass is what was recorded, its steps are autograd's gradients."""

import numpy as np
import pytest

from tests.graph.exercises.cases import CASES, batch_norm, branches, embedding, filled_in, random, residual, rows
from tests.graph.graphs import every_case, recorded
from tests.graph.symbolic.test_source import random_expression
from tinygrad_mnist import Tensor, grad, graph
from tinygrad_mnist.engine import GraphError
from tinygrad_mnist.graph.recording import Recording
from tinygrad_mnist.graph.symbolic.names import named

EVERY_CASE = pytest.mark.parametrize("make", CASES, ids=lambda make: make.__name__)


@EVERY_CASE
def test_the_source_computes_the_loss_and_every_answer_is_autograds(make):
    loss = make()
    exercise = graph.exercise(loss)
    computed = filled_in(exercise)
    np.testing.assert_allclose(computed[exercise.loss], loss.item(), rtol=1e-5)
    description = graph.describe(loss)
    parameters = {named(v.name).numpy: description.node(v.key) for v in description.vertices if v.kind == "parameter"}
    gradients = dict(zip(parameters, grad(loss, parameters.values())))
    scale = max(np.abs(g.data).max() for g in gradients.values())
    assert {step.of for step in exercise.steps if step.of in exercise.data} == set(parameters)
    for name, right in gradients.items():
        np.testing.assert_allclose(computed[f"d{name}"], right.data, rtol=1e-4, atol=1e-5 * scale)
    assert all(exercise.check(**{step.name: computed[step.name] for step in exercise.steps}))
    assert f"{len(exercise.steps)} of {len(exercise.steps)} right" in str(exercise)


@EVERY_CASE
def test_a_gradient_is_what_the_loss_changes_by(make):
    """The key of every step, against the forward source with one number moved: no rule is asked."""
    exercise = graph.exercise(make())
    rng = np.random.default_rng(0)
    for step in exercise.steps:
        direction = rng.standard_normal(step.shape)
        ends = [loss_after(exercise, step.of, sign * 1e-5 * direction) for sign in (1, -1)]
        expected = (ends[0] - ends[1]) / 2e-5
        found = np.sum(exercise.solution(step.name).value * direction)
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-7, err_msg=step.name)


def loss_after(exercise, name, change):
    """The loss where one value of the forward pass is changed before anything uses it."""
    namespace = {"np": np}
    exec("\n".join(exercise.helpers), namespace)
    namespace.update(exercise.given)
    if name in namespace:
        namespace[name] = namespace[name] + change
    for line in exercise.forward:
        exec(line, namespace)
        if line.startswith(f"{name} = "):
            namespace[name] = namespace[name] + change
    return namespace[exercise.loss]


def check_solutions(loss):
    exercise = graph.exercise(loss)
    computed = filled_in(exercise)
    np.testing.assert_allclose(computed[exercise.loss], loss.item(), rtol=1e-6)
    for step in exercise.steps:
        assert exercise.check(step.name, computed[step.name]), step


@pytest.mark.parametrize("name", sorted({name for name, _ in every_case()}))
def test_every_operation_has_an_exercise(name):
    for loss, leaves in (recorded(*case) for case in every_case() if case[0] == name):
        check_solutions(loss + sum((x * x).sum() for x in leaves))


def test_random_expressions():
    for seed in range(40):
        rng = np.random.default_rng(seed)
        shapes = {"x": (3, 4), "v": (4,), "s": (), "c": (3, 1)}
        leaves = [Tensor(rng.standard_normal(shape), requires_grad=True, name=name) for name, shape in shapes.items()]
        value = random_expression(rng, int(rng.integers(2, 6)), leaves)
        check_solutions((value * value).sum() + sum(((x - 1) ** 2).sum() for x in leaves))


def test_operations_that_change_nothing_have_a_line_all_the_same():
    x = Tensor(random(3), requires_grad=True, name="x")
    for loss in ((x + 0).sum(), ((x * 1).exp() * 1).sum(), (x * x * x).sum(), np.concatenate([x, x * 2, x]).sum()):
        check_solutions(loss)


def test_it_reads_like_the_ninja_exercise():
    exercise = graph.exercise(rows())
    assert [line.partition("  # ")[0] for line in exercise.forward] == [
        "m = X.shape[0]",
        "z1 = X @ W1.T + b1",
        "a1 = np.maximum(z1, 0.01 * z1)",
        "z2 = a1 @ W2.T + b2",
        "log_y_hat = log_softmax(z2)",
        "loss = -(log_y_hat * y).sum() / m",
        "y_hat = np.exp(log_y_hat)",
    ]
    assert {step.name: step.lines[-1].partition("  # ")[0] for step in exercise.steps} == {
        "dlog_y_hat": "dlog_y_hat = -y / m",
        "dz2": "dz2 = (y_hat - y) / m",
        "dW2": "dW2 = dz2.T @ a1",
        "db2": "db2 = dz2.sum(axis=0)",
        "da1": "da1 = dz2 @ W2",
        "dz1": "dz1 = da1 * np.where(z1 > 0, 1.0, 0.01)",
        "dW1": "dW1 = dz1.T @ X",
        "db1": "db1 = dz1.sum(axis=0)",
    }
    assert list(exercise.data) == ["X", "y", "W1", "b1", "W2", "b2"]


def test_hints_grow_and_the_last_one_stays():
    exercise = graph.exercise(residual())
    hints = [str(exercise.hint("dh")) for _ in range(5)]
    assert hints[0].startswith("dh, hint 1 of 4: dh has the shape of h, (8, 5)")
    second = " ".join(hints[1].split())
    assert "h is used in 2 places, and dh is the sum of what comes back along each" in second
    assert "from dt1" in second
    assert "other factor, V, transposed" in " ".join(hints[2].split())
    assert "The formula: ∂" in hints[3]
    assert hints[4] == hints[3]
    assert all(len(line) <= 80 for hint in hints for line in hint.splitlines())
    rows_exercise = graph.exercise(rows())
    words = [rows_exercise.hint("db2").text for _ in range(3)][2]
    assert "b2 was added to all 8 rows, so its gradient is the sum over the 8 rows" in words
    assert rows_exercise.hint("dz2").number == 1


def test_equal_values_of_different_nodes_keep_gradients_of_their_own():
    exercise = graph.exercise(embedding())
    twice = [line for line in exercise.forward if "np.exp(t1)" in line]
    assert len(twice) == 2
    assert len({line.partition(" = ")[0] for line in twice}) == 2


def test_wrt_asks_for_some_and_may_ask_for_what_has_no_line():
    loss = rows()
    z1 = next(x for x in Recording(loss).operations if str(x.op) == "leaky_relu").inputs[0]
    product = z1.inputs[0]
    assert [step.name for step in graph.exercise(loss, wrt=[z1]).steps] == ["dlog_y_hat", "dz2", "da1", "dz1"]
    exercise = graph.exercise(loss, wrt=[product])
    assert exercise.steps[-1].lines == [f"{exercise.steps[-1].name} = dz1  # (8, 5)"]
    computed = filled_in(exercise)
    assert all(exercise.check(step.name, computed[step.name]) for step in exercise.steps)


def test_a_graph_s_arrays_and_names_are_left_alone():
    loss = branches()
    before = [(x.name, x.data.copy()) for x in Recording(loss).nodes]
    graph.exercise(loss)
    for node, (name, array) in zip(Recording(loss).nodes, before):
        assert node.name == name
        np.testing.assert_array_equal(node.data, array)


def test_a_bias_before_a_normalisation_has_a_gradient_of_rounding_alone():
    exercise = graph.exercise(batch_norm())
    assert np.abs(exercise.solution("db1").value).max() < 1e-12
    assert exercise.check("db1", np.zeros(5))
    assert not exercise.check("db1", np.full(5, 1e-3))


def test_what_no_exercise_can_be_made_of():
    x = Tensor(random(3), requires_grad=True, name="x")
    other = Tensor(random(3), requires_grad=True, name="other")
    with pytest.raises(GraphError, match="not a scalar"):
        graph.exercise(x * 2)
    with pytest.raises(GraphError, match="no graph"):
        graph.exercise(x.detach().sum())
    with pytest.raises(GraphError, match=r"does not depend on .*other"):
        graph.exercise((x * 2).sum(), wrt=[other])
    with pytest.raises(ValueError, match="wrt is empty"):
        graph.exercise((x * 2).sum(), wrt=[])
    with pytest.raises(TypeError, match="must be a tensor, not float"):
        graph.exercise(1.0)
    with pytest.raises(TypeError, match="list of tensors"):
        graph.exercise((x * 2).sum(), wrt=x)


def test_an_operation_without_source_is_named(new_op):
    other = [2]
    twice = new_op(lambda g, out, x: 2 * g, name="twice")(lambda x: other[0] * x)
    x = Tensor(random(3), requires_grad=True, name="x")
    with pytest.raises(GraphError, match="twice has no NumPy source"):
        graph.exercise(twice(x).sum())
