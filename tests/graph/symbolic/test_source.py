"""The NumPy source: it reads like backprop by hand, and executed it gives autograd's numbers."""

import ast
import math
import re
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest

from tests.each import each
from tests.engine.cases import FUNCTIONS, TABLE
from tinygrad_mnist import Tensor, cross_entropy, grad, graph, nn, one_hot
from tinygrad_mnist.array_functions.elementwise import RULES
from tinygrad_mnist.engine import GraphError, ops


def execute(source, *arguments):
    namespace = {}
    exec(compile(source, "source", "exec"), namespace)
    return namespace["loss_and_gradients"](*arguments)


def check(loss, wrt, *arguments):
    """Run the source and compare every number with autograd's; returns the source."""
    wrt = list(wrt)
    source = graph.to_numpy(loss, wrt)
    unused = len(arguments) - len(ast.parse(source).body[-1].args.args)  # data that cancelled, and come first
    results = execute(source, *arguments[unused:])
    for found, expected in zip(results, [loss, *grad(loss, wrt)], strict=True):
        assert np.shape(found) == expected.shape
        assert np.asarray(found).dtype == np.float64
        size = np.abs(expected.data).max(initial=0)
        np.testing.assert_allclose(found, expected.data, rtol=1e-12, atol=1e-12 * size)
    return source


def body(source):
    """The lines of the function, comments and docstring left out."""
    function = ast.parse(source).body[-1]
    return [ast.unparse(statement) for statement in function.body[1:]]


def network(activation="leaky_relu", batch=8):
    rng = np.random.default_rng(0)
    model = nn.MLP((20, 16, 10), activation, dtype=np.float64)
    for p in model.parameters():
        p.data = rng.standard_normal(p.shape) * 0.3
    X, labels = Tensor(rng.standard_normal((batch, 20)), name="X"), np.arange(batch) % 10
    loss = cross_entropy(model(X), labels)
    return model, loss, [X.data, one_hot(labels, 10, np.float64), *(p.data for p in model.parameters())]


BACKPROP = [
    "m = X.shape[0]",
    "z1 = X @ W1.T + b1",
    "a1 = np.maximum(z1, 0.01 * z1)",
    "z2 = a1 @ W2.T + b2",
    "log_y_hat = log_softmax(z2)",
    "loss = -(log_y_hat * y).sum() / m",
    "y_hat = np.exp(log_y_hat)",
    "delta2 = (y_hat - y) / m",
    "dW2 = delta2.T @ a1",
    "db2 = delta2.sum(axis=0)",
    "delta1 = delta2 @ W2 * np.where(z1 > 0, 1.0, 0.01)",
    "dW1 = delta1.T @ X",
    "db1 = delta1.sum(axis=0)",
    "return (loss, dW1, db1, dW2, db2)",
]


def test_the_mlp_reads_like_backprop_by_hand():
    model, loss, arguments = network()
    source = check(loss, model.parameters(), *arguments)
    assert body(source) == BACKPROP
    assert "delta1 = (delta2 @ W2) * np.where(z1 > 0, 1.0, 0.01)  # (8, 16)" in source
    assert "    Each row of y must sum to 1." in source
    assert source.count("def ") == 2


def test_it_holds_for_another_number_of_examples():
    model, loss, _ = network()
    source = graph.to_numpy(loss, model.parameters())
    _, larger, arguments = network(batch=13)
    np.testing.assert_allclose(execute(source, *arguments)[0], larger.item(), rtol=1e-12)


@pytest.mark.parametrize("training", [True, False])
def test_a_batch_norm_holds_for_another_number_of_examples(training):
    layers = nn.Linear(6, 5, dtype=np.float64), nn.BatchNorm1d(5, dtype=np.float64), nn.ReLU()
    model = nn.Sequential(*layers, nn.Linear(5, 3, dtype=np.float64)).train(training)

    def loss(m):
        X, labels = np.random.default_rng(m).standard_normal((m, 6)), np.arange(m) % 3
        return cross_entropy(model(Tensor(X, name="X")), labels), X, one_hot(labels, 3)

    source = graph.to_numpy(loss(8)[0], model.parameters())
    other, X, Y = loss(13)
    mean = {} if training else {"x_1_running_mean": model[1].running_mean.data}
    namespace = {}
    exec(source, namespace)
    names = {
        "W1": "0.weight",
        "b1": "0.bias",
        "gamma1": "1.weight",
        "beta1": "1.bias",
        "W2": "3.weight",
        "b2": "3.bias",
    }
    state = model.state_dict()
    _, *found = namespace["loss_and_gradients"](X=X, y=Y, **mean, **{n: state[path] for n, path in names.items()})
    for gradient, expected in zip(found, grad(other, model.parameters())):
        np.testing.assert_allclose(gradient, expected.data, rtol=1e-9, atol=1e-12)


def test_a_number_that_may_be_another_length_stays_a_number():
    model, loss, arguments = network(batch=16)
    source = check(loss, model.parameters(), *arguments)
    assert "m = 16  # X.shape[0], or a length of W1, b1, W2\n" in source


@each("activation", nn.mlp.ACTIVATIONS)
def test_every_activation_of_the_mlp(activation):
    model, loss, arguments = network(activation)
    check(loss, model.parameters(), *arguments)


def test_ruff_finds_nothing_to_say():
    model, loss, _ = network("gelu")
    source = graph.to_numpy(loss, model.parameters())
    ruff = [sys.executable, "-m", "ruff"]
    options = ["--isolated", "--line-length=120", "-"]
    checked = subprocess.run(
        [*ruff, "check", "--select=E,F,W,I", *options], input=source, capture_output=True, text=True
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
    formatted = subprocess.run([*ruff, "format", *options], input=source, capture_output=True, text=True)
    assert formatted.stdout == source


@each("name", sorted(TABLE.keys() - {"unpool"}))  # max_pool calls it on its way back
def test_every_operation_gives_the_numbers_of_autograd(name):
    for case in TABLE[name].cases:
        inputs = [Tensor(x, requires_grad=True, name=f"x{i}") for i, x in enumerate(case.inputs)]
        out = case.call(FUNCTIONS[name], *inputs)
        first = out[0] if isinstance(out, list) else out
        weights = Tensor(np.linspace(0.5, 1.5, first.size).reshape(first.shape), name="u")
        source = check((first * weights).sum(), inputs, weights.data, *case.inputs)
        assert_nothing_is_computed_twice_or_in_vain(source)


@each("function", [*RULES, np.linalg.solve, np.linalg.det, np.linalg.cholesky])
def test_numpys_own_functions_are_called_by_their_names(function):
    x, y = np.linspace(0.3, 0.8, 9).reshape(3, 3) + np.eye(3) / 9, np.linspace(0.9, 0.2, 9).reshape(3, 3)
    beyond = {np.arccosh: 1.0, np.linalg.cholesky: np.eye(3)}.get(function, 0.0)
    arrays = [x + beyond, y][: 2 if function is np.linalg.solve else getattr(function, "nin", 1)]
    inputs = [Tensor(a, requires_grad=True, name=f"x{i}") for i, a in enumerate(arrays)]
    source = check((function(*inputs) ** 2).sum(), inputs, *arrays)
    assert f".{function.__name__}(" in source


def assert_nothing_is_computed_twice_or_in_vain(source):
    function = ast.parse(source).body[-1]
    calculations = Counter()
    for statement in function.body[1:]:
        for node in ast.walk(statement):
            if isinstance(node, ast.BinOp | ast.Call | ast.Compare) and not _is_constant(node):
                calculations[ast.unparse(node)] += 1
    assert max(calculations.values(), default=0) <= 1, calculations.most_common(3)
    assigned = [s.targets[0].id for s in function.body if isinstance(s, ast.Assign)]
    used = {n.id for n in ast.walk(function) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
    assert len(set(assigned)) == len(assigned)
    assert set(assigned) <= used


def _is_constant(node):
    """A literal array: np.array([…]) and its like."""
    return not any(isinstance(n, ast.Name) and n.id != "np" for n in ast.walk(node))


@each("activation", nn.mlp.ACTIVATIONS)
def test_nothing_is_computed_twice_or_in_vain(activation):
    model, loss, _ = network(activation)
    assert_nothing_is_computed_twice_or_in_vain(graph.to_numpy(loss, model.parameters()))
    assert_nothing_is_computed_twice_or_in_vain(graph.to_numpy(loss, [model.weights[0]]))


def test_the_expression_of_micrograd():
    a, b = (Tensor(v, requires_grad=True, name=n, dtype=np.float64) for n, v in (("a", -4.0), ("b", 2.0)))
    c, d = a + b, a * b + b**3
    c += c + 1
    c += 1 + c + (-a)
    d += d * 2 + (b + a).relu()
    d += 3 * d + (b - a).relu()
    f = (c - d) ** 2
    g = f / 2.0 + 10.0 / f
    g.name = "g"
    source = check(g, [a, b], a.data, b.data)
    assert source.endswith("    return g, da, db\n")
    assert abs(execute(source, a.data, b.data)[1] - 138.8338192419825) < 1e-9


def test_second_derivatives():
    x = Tensor(np.array([0.3, -1.2]), requires_grad=True, name="x")
    (slope,) = grad((x.tanh() * x.exp()).sum(), [x], create_graph=True)
    check((slope * slope).sum(), [x], x.data)


def test_regressions():
    rng = np.random.default_rng(0)
    X, t = Tensor(rng.standard_normal((50, 3)), name="X"), Tensor(rng.standard_normal(50), name="t")
    w = Tensor(rng.standard_normal(3), requires_grad=True, name="w")
    b = Tensor(np.array(0.1), requires_grad=True, name="b")
    loss = ((X @ w + b - t) ** 2).mean() + 0.5 * 0.1 * (w * w).sum()
    assert body(check(loss, [w, b], X.data, t.data, w.data, b.data)) == [
        "m = X.shape[0]",
        "t1 = X @ w + b - t",
        "loss = (t1 ** 2).sum() / m + 0.05 * (w ** 2).sum()",
        "t2 = 2 * t1 / m",
        "dw = 0.1 * w + X.T @ t2",
        "db = t2.sum()",
        "return (loss, dw, db)",
    ]


def test_a_mean_over_all_elements():
    rng = np.random.default_rng(0)
    model = nn.MLP((5, 4, 3), "tanh", dtype=np.float64)
    X, t = Tensor(rng.standard_normal((7, 5)), name="X"), Tensor(rng.standard_normal((7, 3)), name="t")
    loss = ((model(X) - t) ** 2).mean()
    source = check(loss, model.parameters(), X.data, t.data, *(p.data for p in model.parameters()))
    assert body(source)[0] == "n = t.size"
    assert "delta2 = 2 * t1 / n" in body(source)


def test_an_operation_of_ones_own_is_differentiated(new_op):
    cube = new_op(lambda g, out, x: g * 3 * x**2, name="cube")(lambda x: x**3)
    x = Tensor(np.array([1.0, 2.0]), requires_grad=True, name="x")
    (gradient,) = graph.explain(cube(x).sum(), [x]).sections[2].equations
    assert gradient.right.text == "3 · x^2"
    assert "def cube(x):\n    return x ** 3\n" in check(cube(x).sum(), [x], x.data)


FACTOR = 3.0


def halved(x: float) -> float:
    return x / 2


def test_operations_of_ones_own_bring_what_they_need(new_op):
    @new_op(lambda g, out, x, k, turns=1: g * k * np.cos(k * x) * FACTOR / 2)
    def wave(x: float, /, k: float = 2.0, *, turns: int = 1) -> float:
        """A wave."""
        return halved(FACTOR * np.sin(k * x)) + 0 * math.pi

    x = Tensor(np.array([1.0, 2.0]), requires_grad=True, name="wave")  # as the function
    source = check(wave(x, k=0.5).sum(), [x], x.data)
    assert "    import math\n" in source
    assert "k=0.5" in source

    cosh = new_op(lambda g, out, x: g * np.sinh(x), name="my cosh")(np.cosh)
    assert "my_cosh = np.cosh" in check(cosh(x).sum(), [x], x.data)


def test_an_operation_that_can_not_be_written_down_is_named(new_op, tmp_path):
    tensors = [np.ones(2)]
    changed = tmp_path / "changed.py"
    changed.write_text("(\n", encoding="utf-8")
    other = new_op(lambda g, out, x: g, name="other")(lambda x: x + tensors[0])
    hidden = new_op(lambda g, out, x: g, name="hidden")(eval("lambda x: 2 * x"))
    stale = new_op(lambda g, out, x: g, name="stale")(eval(compile("lambda x: 2 * x", changed, "eval")))
    x = Tensor(np.array([1.0, 2.0]), requires_grad=True, name="x")
    with pytest.raises(GraphError, match=r"other has no NumPy source \(it needs tensors, list\): write its forward as"):
        graph.to_numpy(other(x).sum(), [x])
    with pytest.raises(GraphError, match="hidden has no NumPy source"):
        graph.to_numpy(hidden(x).sum(), [x])
    with pytest.raises(GraphError, match=r"stale has no NumPy source \(its lines are not to be found\)"):
        graph.to_numpy(stale(x).sum(), [x])


@each(
    "pool",
    [
        nn.MaxPool2d(2), nn.MaxPool2d(3, 2, 1, ceil_mode=True), nn.MaxPool2d(2, 1, dilation=2), nn.AvgPool2d(2),
        nn.AvgPool2d(3, 2, 1, ceil_mode=True), nn.AvgPool2d(3, 2, 1, count_include_pad=False), nn.AdaptiveAvgPool2d(3),
        nn.ConvTranspose2d(2, 2, 3, stride=2, output_padding=1, dtype=np.float64),
        nn.Conv2d(2, 4, 3, groups=2, dtype=np.float64),
    ],
)  # fmt: skip
def test_networks_over_images_have_source(pool):
    nn.manual_seed(0)
    convolution = nn.Conv2d(1, 2, 3, dtype=np.float64)
    model = nn.Sequential(convolution, nn.Tanh(), pool)
    images = np.random.default_rng(0).standard_normal((3, 1, 9, 9))
    x = Tensor(images, name="X", requires_grad=True)  # so that what is computed from it alone is recorded
    loss = (model(x) ** 2).sum()
    x.requires_grad = False
    as_used = [*pool.parameters(), *convolution.parameters()]
    check(loss, model.parameters(), images, *(p.data for p in as_used))


def test_numbers_that_a_rewrite_would_make_of_nan_are_left_alone():
    x = Tensor(np.array([0.0, 1.0]), requires_grad=True, name="x")
    with np.errstate(invalid="ignore"):
        loss = ((x / x) * x).sum()
        source = graph.to_numpy(loss, [x])
        assert np.isnan(execute(source, x.data)[1][0])
        assert np.isnan(grad(loss, [x])[0].data[0])


def test_long_index_arrays_are_told_apart():
    x = Tensor(np.arange(2000.0), requires_grad=True, name="x")
    first = np.arange(2000)
    second = first.copy()
    second[1000] = 0
    check((x[first] * x[second]).sum(), [x], x.data)


FUNCTIONS_OF_ONE = [
    "neg",
    "exp",
    "sin",
    "tanh",
    "sigmoid",
    "softplus",
    "relu",
    "leaky_relu",
    "elu",
    "abs",
    "silu",
    "gelu",
]


def random_expression(rng, depth, leaves):
    """Any expression of the leaves, over most families of operations."""
    if depth == 0 or rng.random() < 0.1:
        return leaves[rng.integers(len(leaves))]
    a = random_expression(rng, depth - 1, leaves)
    kind = rng.integers(12)
    if kind < 3:
        return getattr(ops, str(rng.choice(FUNCTIONS_OF_ONE)))(a)
    if kind == 3:
        return a * float(rng.integers(-3, 4)) + float(rng.integers(-2, 3))
    if kind < 8 and a.ndim:
        axis, keepdims = int(rng.integers(a.ndim)), bool(rng.integers(2))
        reductions = [a.sum(axis, keepdims), a.mean(axis, keepdims), a.max(axis, keepdims), a.log_softmax(axis)]
        return [*reductions, a.softmax(axis), a.T, a.T @ a][rng.integers(7)]
    b = random_expression(rng, depth - 1, leaves)
    b = b if broadcast(a, b) else b.sum()
    return [a + b, a - b, a * b, a / (b * b + 1), ops.where(a > 0, a, b), ops.maximum(a, b)][rng.integers(6)]


def broadcast(a, b):
    try:
        return np.broadcast_shapes(a.shape, b.shape)
    except ValueError:
        return None


@pytest.mark.parametrize("order", [1, 2])
def test_random_expressions(order):
    for seed in range(40 // order):
        rng = np.random.default_rng(seed)
        shapes = {"x": (3, 4), "v": (4,), "s": (), "c": (3, 1)}
        leaves = [Tensor(rng.standard_normal(shape), requires_grad=True, name=n) for n, shape in shapes.items()]
        value = random_expression(rng, int(rng.integers(2, 6)), leaves)
        loss = (value * value).sum() + sum(((x - 1) ** 2).sum() for x in leaves)
        if order == 2:
            loss = sum((g * g).sum() for g in grad(loss, leaves, create_graph=True))
        source = graph.to_numpy(loss, leaves)
        assert_nothing_is_computed_twice_or_in_vain(source)
        results = execute(source, *(x.data for x in leaves))
        for found, expected in zip(results, [loss, *grad(loss, leaves)], strict=True):
            np.testing.assert_allclose(found, expected.data, rtol=1e-9, atol=1e-9 * np.abs(expected.data).max())
        assert "∂L/∂x" in graph.explain(loss, leaves).text()


@pytest.mark.parametrize("length", [30, 300])
def test_long_chains(length):
    x, y = (Tensor(np.array([0.5, 1.001]), requires_grad=True, name=name) for name in "xy")
    t = x
    for _ in range(length):
        t = t * y - (t * 0.01).sin()
    source = check(t.sum(), [x, y], x.data, y.data)
    assert max(map(len, source.splitlines())) <= 120


@each(
    "expression",
    [
        lambda a: a.relu().sum(),
        lambda a: -(a.abs() * 2).mean(),
        lambda a: a.clip(-1, 1).sum(),
        lambda a: a.max(),
        lambda a: (a * 0).sum() + a[0],
        lambda a: a.sum() * 3 - a.sum() * 3 + a[1],
        lambda a: (a / (a - 0.5)).elu().leaky_relu(0.3).sum(),
        lambda a: a.reshape(1, 3).broadcast_to((4, 3)).sum(),
        lambda a: (1 - a.sigmoid()).log().sum(),
        lambda a: (a - a.minimum(0.5)).sum(),
        lambda a: (a - a.maximum(2 * a)).sum(),
        lambda a: (a.minimum(0.5) - a.maximum(-1)).sum(),
        lambda a: (a.exp() + a[np.array([2, 0, 1])]).sum(),
    ],
)
def test_what_a_gradient_may_come_to(expression):
    a = Tensor(np.array([1.0, -2.0, 0.0]), requires_grad=True, name="a")
    check(expression(a), [a], a.data)


@each("order", [[0, 1, 2], [2, 1, 0], [1, 2, 0]])
def test_gradients_of_one_value_are_computed_before_they_are_named(order):
    rng = np.random.default_rng(0)
    a, b, c = (Tensor(rng.normal(size=2), requires_grad=True, name=name) for name in "abc")
    wanted = [[a, b, c][i] for i in order]
    source = check(((a + b + c) ** 2).sum(), wanted, a.data, b.data, c.data)
    first, *others = re.findall(r"    d\w = (.*?)(?:  #|$)", source, re.M)
    assert not first.startswith("d")
    assert {*others} == {f"d{wanted[0].name}"}


def test_intermediate_tensors_have_gradients_too():
    a = Tensor(np.ones((2, 3)), requires_grad=True, name="a")
    h = a * 2
    h.name = "h"
    source = check((h.exp() * h).sum(), [h, a], a.data)
    assert source.endswith("return loss, dh, da\n")


def test_names_become_identifiers_of_their_own():
    names = [
        "<script>",
        "a b",
        "class",
        "np",
        "m",
        "1st",
        "",
        "log_softmax",
        "loss",
        "ŷ",
        "x₁",
        "ﬁ",
        "fi",
        "日本",
        "w",
        "w",
        "dw",
    ]
    inputs = [Tensor(np.array([1.5, 2.0]), requires_grad=True, name=name) for name in names]
    total = inputs[0].log_softmax()
    for x in inputs[1:]:
        total = total * x
    check(total.mean(), inputs, *(x.data for x in inputs))


def test_arrays_with_nan_and_without_elements():
    a = Tensor(np.array([[1.0, np.nan], [np.inf, 2.0]]), requires_grad=True, name="a")
    b = Tensor(np.zeros((0, 2)), requires_grad=True, name="b")
    with np.errstate(invalid="ignore"):
        check((a.relu() * a).sum(), [a], a.data)
    check((b @ a.detach()).tanh().sum(), [b], np.ones((2, 2)), b.data)


def test_what_has_no_gradient_is_said():
    x = Tensor(np.ones(2), requires_grad=True, name="x")
    with pytest.raises(GraphError, match="is not a scalar"):
        graph.to_numpy(x * 2, [x])
    with pytest.raises(GraphError, match="no graph"):
        graph.to_numpy(x.detach().sum(), [x])
