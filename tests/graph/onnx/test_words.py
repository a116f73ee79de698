"""Every operation of the table in ONNX's words, forward and backward, as onnxruntime computes them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.array_functions.test_array_functions import RECORDED
from tests.engine.cases import FUNCTIONS, TABLE, numbers
from tests.graph.onnx.running import agree, run
from tinygrad_mnist import Tensor, graph
from tinygrad_mnist.engine import OPS, GraphError, grad
from tinygrad_mnist.graph.onnx.words import WORDLESS, WORDS, table
from tinygrad_mnist.graph.recording import Recording
from tinygrad_mnist.graph.symbolic.traced import TRACING_OPS

Call = tuple[Callable[..., Any], tuple[Any, ...]]
LINES_AT_ONCE = 30


def several(calls: list[Call]) -> tuple[list[Tensor], list[Any]]:
    """Leaves for the inputs of several calls, and the results, each as a flat one."""
    leaves, results = [], []
    for call, arrays in calls:
        own = [Tensor(x.astype(np.float32), True, f"x{len(leaves) + i}") for i, x in enumerate(arrays)]
        with np.errstate(all="ignore"):
            out = call(*own)
        outs = out if isinstance(out, list | tuple) else [out]
        tensors = [x for x in outs if isinstance(x, Tensor) and x.requires_grad]
        if tensors and all(str(node.op) in WORDS for x in tensors for node in Recording(x).operations):
            leaves += own
            results += [x.reshape(-1) for x in tensors]
    return leaves, results


def check(calls: list[Call]) -> int:
    """Forward and backward of all calls, in one model each; how many results there were."""
    leaves, results = several(calls)
    if not results:
        return 0
    numbers = {x.name: x.numpy() for x in leaves}
    joined = np.concatenate(results)
    forward = run(graph.to_onnx(joined), **numbers)["output"]
    ends = np.cumsum([x.size for x in results])
    for got, wanted in zip(np.split(forward, ends[:-1]), results, strict=True):
        assert agree(got, wanted.numpy()), (got, wanted)
    used = [x for x in leaves if x in Recording(joined).operands]
    loss = (joined * np.cos(np.arange(joined.size)).astype(np.float32)).sum()
    backward = run(graph.to_onnx(loss, used), **numbers)
    for x, wanted in zip(used, grad(loss, used), strict=True):
        if np.isfinite(wanted.numpy()).all():
            assert agree(backward[f"d{x.name}"], wanted.numpy()), (x.name, backward[f"d{x.name}"], wanted)
    return len(results)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("name", TABLE)
def test_an_operation_and_its_gradients_agree_with_onnxruntime(name: str) -> None:
    function = FUNCTIONS[name]
    calls = [(lambda *xs, case=case: case.call(function, *xs), case.inputs) for case in TABLE[name].cases]
    assert check(calls) >= len(calls)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("first", range(0, len(RECORDED), LINES_AT_ONCE))
def test_lines_of_numpy_agree_where_the_standard_can_say_them(first: int) -> None:
    lines = [(line, numbers(*shapes)) for line, shapes in RECORDED[first : first + LINES_AT_ONCE]]
    assert check(lines)


@pytest.mark.parametrize("name", ["prod", "det"])
def test_a_rule_does_not_depend_on_the_numbers_that_were_recorded(name: str) -> None:
    functions = {"prod": lambda x: np.prod(x, axis=-1).sum(), "det": np.linalg.det}
    x = Tensor(np.arange(1.0, 10.0).reshape(3, 3) ** 2, True, "x")
    model = graph.to_onnx(functions[name](x), [x])
    with_zeros = Tensor(np.array([[0, 0, 0], [0, 1, 2], [2, 3, 4]], np.float32), True)
    (wanted,) = grad(functions[name](with_zeros), [with_zeros])
    assert agree(run(model, x=with_zeros.numpy())["dx"], wanted.numpy())


def test_masks_are_those_of_the_numbers_that_are_given() -> None:
    x = Tensor(np.array([1.0, 2.0, 3.0]), True, "x")
    model = graph.to_onnx((x.relu() * x.max()).sum(), [x])
    other = Tensor(np.array([-1.0, 2.0, 1.5], np.float32), True)
    (wanted,) = grad((other.relu() * other.max()).sum(), [other])
    assert agree(run(model, x=other.numpy())["dx"], wanted.numpy())


def test_the_gradient_of_unpooling_finds_its_places_anew() -> None:
    window = {"kernel": (2, 2), "stride": (2, 2)}
    images = numbers((1, 2, 4, 4))[0].astype(np.float32)

    def loss(x: Tensor) -> Tensor:
        pooled = FUNCTIONS["max_pool"](x, **window)
        (once,) = grad((pooled * pooled).sum(), [x], create_graph=True)
        return (once * once).sum()

    x = Tensor(images, True, "x")
    model = graph.to_onnx(loss(x), [x])
    turned = Tensor(images[..., ::-1, ::-1].copy(), True)
    (wanted,) = grad(loss(turned), [turned])
    assert agree(run(model, x=turned.numpy())["dx"], wanted.numpy())


def test_every_operation_is_written_or_said_to_be_left_out() -> None:
    own = {name for name, o in OPS.items() if str(o.module).startswith("tinygrad_mnist")}
    assert own <= WORDS.keys() | WORDLESS.keys()
    assert WORDS.keys() - own == TRACING_OPS - {"softmax", "outer"}
    assert not WORDS.keys() & WORDLESS.keys()


def test_the_docs_list_what_the_table_has() -> None:
    assert table() in (Path(__file__).parents[3] / "docs" / "onnx.md").read_text(encoding="utf-8")


def test_what_the_standard_lacks_is_refused_by_name() -> None:
    with pytest.raises(GraphError, match=r"^solve can't be written as ONNX: of the standard, it has no equations"):
        graph.to_onnx(np.linalg.inv(Tensor(np.eye(2), True)))


@pytest.mark.usefixtures("new_op")
def test_an_operation_of_ones_own_is_refused_by_name() -> None:
    from tinygrad_mnist.engine import op

    @op(lambda g, out, x: g * 3)
    def thrice(x):
        return x * 3

    with pytest.raises(GraphError, match=r'^thrice can\'t be written as ONNX: .* add one with @word\("thrice"\)'):
        graph.to_onnx(thrice(Tensor([1.0], True)))
