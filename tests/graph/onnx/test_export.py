"""A program as a file: what its values are called, what goes in and comes out, and for which numbers of examples."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest

from tests.graph.onnx.running import GRADIENTS, agree, run, shapes
from tinygrad_mnist import Tensor, graph, nn
from tinygrad_mnist.engine import GraphError, grad, ops

ROWS = np.random.default_rng(0).standard_normal((40, 6)).astype(np.float32)
LABELS = np.eye(3, dtype=np.float32)[np.arange(40) % 3]


def weights() -> list[Tensor]:
    rng = np.random.default_rng(1)
    sizes = {"W1": (6, 5), "b1": (5,), "W2": (5, 3), "b2": (3,)}
    return [Tensor(rng.standard_normal(s).astype(np.float32), True, name) for name, s in sizes.items()]


def network(examples: int, parameters: list[Tensor]) -> Tensor:
    W1, b1, W2, b2 = parameters
    return (Tensor(ROWS[:examples]) @ W1 + b1).tanh() @ W2 + b2


def loss_of(examples: int, parameters: list[Tensor]) -> Tensor:
    labels = Tensor(LABELS[:examples], name="y")
    loss = -(labels * network(examples, parameters).log_softmax()).sum() / examples
    loss.name = "loss"
    return loss


def named(model: Any) -> set[str]:
    return {name for node in model.graph.node for name in node.output}


def test_values_are_called_as_in_every_reading() -> None:
    model = graph.to_onnx(loss_of(5, weights()), backward=True)
    assert shapes(model.graph.input) == {"y": ["m", 3], "X": ["m", 6]}
    assert [x.name for x in model.graph.output] == ["loss", "dW1", "db1", "dW2", "db2"]
    assert {x.name for x in model.graph.initializer} >= {"W1", "b1", "W2", "b2"}
    assert named(model) >= {"z1", "a1", "z2", "log ŷ", "δ1", "δ2", "da1"}


def test_a_learners_names_are_nobody_elses() -> None:
    c, m, add = (Tensor(np.float32(x), True, name) for name, x in [("c", 2), ("m", 3), ("add", 5)])
    model = graph.to_onnx(((c + 1.5) * m + add) * 0.5, backward=True)
    assert list(shapes(model.graph.input)) == ["c", "m", "add"]
    assert agree(run(model, c=np.float32(4), m=np.float32(3), add=np.float32(1))["dm"], np.float32(2.75))


def test_the_backward_pass_is_there_when_it_is_asked_for() -> None:
    parameters = weights()
    loss = loss_of(5, parameters)
    assert "δ1" not in named(graph.to_onnx(loss))
    model = graph.to_onnx(loss, [parameters[2]])
    assert [x.name for x in model.graph.output] == ["loss", "dW2"]
    assert "δ2" in named(model)
    assert "δ1" not in named(model)


def test_parameters_are_inputs_where_there_is_nothing_else() -> None:
    w = Tensor([1.0, 2.0], True, "w")
    model = graph.to_onnx((w * w).sum(), [w])
    assert agree(run(model, w=np.float32([3, 4]))["dw"], np.float32([6, 8]))


def test_inputs_may_be_said() -> None:
    parameters = weights()
    model = graph.to_onnx(network(5, parameters), inputs=[parameters[0]])
    assert shapes(model.graph.input) == {"W1": [6, 5]}
    assert agree(run(model, W1=parameters[0].numpy())["z2"], network(5, parameters).numpy())
    x, y = Tensor(ROWS[:5, :3], True, "X"), Tensor(LABELS[:5], name="y")  # of which the loss makes a tensor of its own
    assert list(shapes(graph.to_onnx(nn.cross_entropy(x, y), inputs=[y, x]).graph.input)) == ["y", "X"]
    with pytest.raises(GraphError, match="is no leaf of the program"):
        graph.to_onnx(network(5, parameters), inputs=[Tensor([1.0])])


@pytest.mark.parametrize("recorded", [2, 5])
def test_a_forward_pass_recorded_once_is_right_for_any_number_of_examples(recorded: int) -> None:
    parameters = weights()
    model = graph.to_onnx(network(recorded, parameters))
    assert shapes(model.graph.input) == {"X": ["m", 6]}
    for m in (1, 5, 40):
        assert agree(run(model, X=ROWS[:m])["z2"], network(m, parameters).numpy())


@pytest.mark.parametrize("recorded", [4, 5, 6])  # 5 and 6 are lengths of the weights, too
def test_the_mean_over_examples_is_known_from_one_recording(recorded: int) -> None:
    parameters = weights()
    model = graph.to_onnx(loss_of(recorded, parameters), backward=True)
    assert shapes(model.graph.input) == {"y": ["m", 3], "X": ["m", 6]}
    for m in (1, 4, 7):
        loss = loss_of(m, parameters)
        found = run(model, X=ROWS[:m], y=LABELS[:m])
        assert agree(found["loss"], loss.numpy())
        for parameter, wanted in zip(parameters, grad(loss, parameters), strict=True):
            assert agree(found[f"d{parameter.name}"], wanted.numpy(), GRADIENTS)


def test_a_number_that_may_be_another_length_keeps_it_as_recorded() -> None:
    model = graph.to_onnx(loss_of(3, weights()), backward=True)  # a mean over three examples, or three classes
    assert shapes(model.graph.input)["X"] == [3, 6]
    parts = graph.to_onnx(loss_of(5, weights()) / 5, backward=True)  # of a fifth of a batch, or its examples once more
    assert shapes(parts.graph.input)["X"] == [5, 6]


@pytest.mark.parametrize("recorded", [3, 4, 8])
def test_a_network_over_images_is_known_from_one_recording(recorded: int) -> None:
    nn.manual_seed(0)
    model = nn.network(nn.parse_layers("1x8x8,8c3,mp2,4c3,ap2,10"), "relu", batch_norm=True).eval()
    images = np.random.default_rng(0).random((9, 1, 8, 8), np.float32)
    exported = graph.to_onnx(model(Tensor(images[:recorded], True, "X")))
    assert shapes(exported.graph.input) == {"X": ["m" if recorded != 4 else 4, 1, 8, 8]}  # ap2 divides by 4, too
    if recorded != 4:
        assert agree(next(iter(run(exported, X=images).values())), model(images).numpy())


@pytest.mark.parametrize("number", [5, 10, 4, 0.2, 0.4, 0.1, 0.25, 5**0.5, 5**-0.5])
def test_doubtful_numbers(number: float) -> None:
    x = Tensor(ROWS[:5], True, "X")
    assert shapes(graph.to_onnx((x * number).exp()).graph.input)["X"] == [5, 6]
    assert shapes(graph.to_onnx((x * 1.7).exp()).graph.input)["X"] == ["m", 6]


def test_two_recordings_tell_what_depends_on_the_number_of_examples() -> None:
    parameters = weights()
    model = graph.to_onnx(loss_of(2, parameters), backward=True, other=loss_of(3, parameters))
    for m in (1, 2, 5, 40):
        loss = loss_of(m, parameters)
        found = run(model, X=ROWS[:m], y=LABELS[:m])
        assert agree(found["loss"], loss.numpy())
        for parameter, wanted in zip(parameters, grad(loss, parameters), strict=True):
            assert agree(found[f"d{parameter.name}"], wanted.numpy(), GRADIENTS)


CHANGING = {
    "reshaped": lambda x: x.reshape(-1, 2) * 2,
    "reshaped to rows": lambda x: x.reshape(len(x) * 2, 3).sum(axis=1).reshape(len(x), 2),
    "turned": lambda x: x.T.reshape(len(x), 6),
    "mean": lambda x: (x - x.mean(axis=0)) / len(x),
    "root": lambda x: x / len(x) ** 0.5,
    "broadcast": lambda x: x[0].broadcast_to((len(x), 6)) * x,
    "flipped": lambda x: x[::-1] + np.flip(x, 1),
    "part": lambda x: x[:, 1:4] * x[:, [3, 0, 3]],
    "last": lambda x: x[-1] * x[1],
    "joined": lambda x: np.concatenate([x, x * 2]) @ np.ones((6, 2), np.float32),
    "attention": lambda x: (x @ x.T).softmax() @ x,
    "squares": lambda x: (x @ x.T).reshape(-1) / len(x) ** 2,
    "repeated squares": lambda x: (x @ x.T).reshape(-1)[0].broadcast_to((2 * len(x) ** 2, 1)).sum(axis=1),
    "einsum": lambda x: np.einsum("ij,kj->ik", x, x),
    "cumulated": lambda x: np.cumprod(x, axis=1) + np.cumsum(x, axis=0),
    "filled": lambda x: x * Tensor(np.full((len(x), 1), 0.5, np.float32)),
    "a part, from the front": lambda x: x[: len(x)].T,
}


@pytest.mark.parametrize("name", CHANGING)
def test_what_depends_on_the_number_of_examples_is_computed_from_the_data(name: str) -> None:
    def value(m: int) -> Any:
        x = Tensor(ROWS[:m], True, "X")
        return x, CHANGING[name](x)

    model = graph.to_onnx(value(2)[1], other=value(3)[1])
    for m in (2, 5, 7):
        assert agree(run(model, X=ROWS[:m])["output"], value(m)[1].numpy())


LED_BACK = {
    "columns by their numbers": lambda x: x[:, [4, 0, -1, 1, 1]],
    "columns by a table of numbers": lambda x: x[:, [[4, 0], [1, 1]]],
    "every other column": lambda x: x[:, ::2] * x[:, 5::-2],
    "cut after padding": lambda x: np.pad(x, ((0, 0), (1, 1)))[:, 1:-1] ** 2,
    "summed by einsum": lambda x: np.einsum("ij,ik->ij", x, x),
    "a product of one": lambda x: np.prod(x.reshape(-1, 6, 1), axis=2),
}


@pytest.mark.parametrize("name", LED_BACK)
def test_gradients_are_right_for_any_number_of_examples(name: str) -> None:
    def loss(m: int) -> Any:
        x = Tensor(ROWS[:m], True, "X")
        return x, (LED_BACK[name](x) ** 2).sum() / m

    (x, first), (_, second) = loss(2), loss(3)
    model = graph.to_onnx(first, [x], inputs=[x], other=second)
    for m in (1, 7):
        x, wanted = loss(m)
        assert agree(run(model, X=ROWS[:m])["dX"], grad(wanted, [x])[0].numpy(), GRADIENTS)


def test_the_shortest_of_several_lengths_is_the_number_of_examples() -> None:
    def value(m: int) -> Tensor:
        double, single = Tensor(ROWS[: 2 * m], True, "double"), Tensor(ROWS[:m], True, "single")
        return (double.reshape(m, 12).sum(axis=1) + single[:, 0]) / (2 * m)

    model = graph.to_onnx(value(3), other=value(7))
    assert shapes(model.graph.input) == {"double": ["2*m", 6], "single": ["m", 6]}
    assert agree(run(model, double=ROWS[:10], single=ROWS[:5])["output"], value(5).numpy())


def test_what_can_not_be_told_by_a_multiple_is_refused() -> None:
    def spread(m: int) -> Tensor:
        return Tensor(ROWS[:m], True, "X").var(axis=0, ddof=1)

    with pytest.raises(GraphError, match=r"^div depends on the number of examples .*: 4 for 5 of them, and 8 for 9"):
        graph.to_onnx(spread(5), other=spread(9))


IN_DOUBT = {
    "the last one is some other": lambda x: x[4],
    "a half": lambda x: x[: len(x) // 2],
    "unrolled": lambda x: sum(row * row for row in x),
    "sorted": lambda x: np.sort(x, axis=0),
    "median": lambda x: np.median(x),
    "an array of the number": lambda x: x * np.float32(len(x)),
    "a shape": lambda x: x.sum(axis=0).broadcast_to((len(x), 6)),
    "labels": lambda x: x[np.arange(len(x)), [0, 1, 2, 0, 1]],
}


@pytest.mark.parametrize("name", IN_DOUBT)
def test_what_leaves_doubt_keeps_the_shapes_of_its_recording(name: str) -> None:
    value = IN_DOUBT[name](Tensor(ROWS[:5], True, "X"))
    model = graph.to_onnx(value)
    assert shapes(model.graph.input)["X"] == [5, 6]
    assert agree(run(model, X=ROWS[:5])["output"], value.numpy())


def test_another_program_is_refused() -> None:
    parameters = weights()
    x = Tensor(ROWS[:3], True, "X")
    with pytest.raises(GraphError, match="the other recording is of another program"):
        graph.to_onnx(network(2, parameters), other=x.exp())


def test_constants_that_differ_are_refused() -> None:
    def weighted(m: int) -> Tensor:
        return Tensor(ROWS[:m], True, "X") * np.arange(m)[:, None]

    with pytest.raises(GraphError, match=r"a constant of shape \(2, 1\) is another one in the other recording"):
        graph.to_onnx(weighted(2), other=weighted(3))


def test_labels_become_an_input_as_one_hot_rows() -> None:
    def loss(m: int) -> Tensor:
        return nn.cross_entropy(Tensor(ROWS[:m], True, "X"), np.arange(m) % 6)

    model = graph.to_onnx(loss(2), other=loss(3))
    (labels,) = shapes(model.graph.input).keys() - {"X"}
    one_hot = np.eye(6, dtype=np.float32)[np.arange(7) % 6]
    assert agree(run(model, X=ROWS[:7], **{labels: one_hot})["output"], loss(7).numpy())


def test_what_has_no_graph_is_refused() -> None:
    with pytest.raises(GraphError, match="no graph"):
        graph.to_onnx(Tensor([1.0]))
    with pytest.raises(TypeError, match="the output must be a tensor"):
        graph.to_onnx(1.0)
    with pytest.raises(GraphError, match="not a scalar"):
        graph.to_onnx(ops.exp(Tensor([1.0, 2.0], True)), backward=True)


def test_without_the_package_a_line_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ModuleNotFoundError, match=r'not installed: pip install "tinygrad-mnist\[onnx\]"'):
        graph.to_onnx(ops.exp(Tensor([1.0], True)))
