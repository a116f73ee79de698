"""Every operation of the table in ONNX's words, forward and backward, as onnxruntime computes them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.array_functions.test_array_functions import RECORDED
from tests.engine.cases import FUNCTIONS, TABLE, numbers
from tests.graph.onnx.running import GRADIENTS, RESULTS, agree, run
from tinygrad_mnist import Tensor, graph
from tinygrad_mnist.engine import OPS, GraphError, grad, ops
from tinygrad_mnist.graph.onnx.words import WORDLESS, WORDS, table
from tinygrad_mnist.graph.recording import Recording
from tinygrad_mnist.graph.symbolic.traced import TRACING_OPS

Call = tuple[Callable[..., Any], tuple[Any, ...]]

AT_ONCE = 30
"""How many calls are one program: less time goes into programs, and not yet much into long ones."""

SUM_OF_SUMMANDS_THAT_CANCEL = {"einsum[7]"}
"""0.04 out of summands of up to 2: of these it is right to 1e-7, of itself, which is then the largest, to 5e-6."""

OPERATIONS: dict[str, Call] = {
    f"{name}[{i}]": (partial(case.call, FUNCTIONS[name]), case.inputs)
    for name, entry in TABLE.items()
    for i, case in enumerate(entry.cases)
}
LINES: dict[str, Call] = {
    f"line {line.__code__.co_firstlineno} of test_array_functions, {i}": (line, numbers(*shapes))
    for i, (line, shapes) in enumerate(RECORDED)
}


def written(calls: dict[str, Call]) -> dict[str, tuple[list[Tensor], Tensor]]:
    """Leaves for the inputs of each call and the results in a row, of those that the standard can say."""
    found: dict[str, tuple[list[Tensor], Tensor]] = {}
    for name, (call, arrays) in calls.items():
        leaves = [Tensor(x.astype(np.float32), True, f"x{len(found)}_{i}") for i, x in enumerate(arrays)]
        with np.errstate(all="ignore"):
            out = call(*leaves)
        outs = out if isinstance(out, list | tuple) else [out]
        results = [x for x in outs if isinstance(x, Tensor) and x.requires_grad]
        if results and all(str(node.op) in WORDS for node in Recording(*results).operations):
            found[name] = leaves, ops.concatenate([x.reshape(-1) for x in results])
    return found


def disagreeing(calls: dict[str, Call], as_written: bool = True) -> Iterator[str]:
    """The calls whose results or gradients are others in onnxruntime, which runs one model of all for each of both."""
    cases = written(calls)
    if not cases:
        return
    joined = ops.concatenate([result for _, result in cases.values()])
    recorded = Recording(joined).operands
    leaves = [x for own, _ in cases.values() for x in own if x in recorded]
    given = {x.name: x.numpy() for x in leaves}
    forward = run(graph.to_onnx(joined), as_written, **given)["output"]
    loss = (joined * np.cos(np.arange(joined.size)).astype(np.float32)).sum()
    backward = run(graph.to_onnx(loss, leaves), as_written, **given)
    gradients = dict(zip(leaves, grad(loss, leaves), strict=True))
    ends = np.cumsum([result.size for _, result in cases.values()])
    for (name, (own, result)), got in zip(cases.items(), np.split(forward, ends[:-1]), strict=True):
        if not agree(got, result.numpy(), 1e-5 if name in SUM_OF_SUMMANDS_THAT_CANCEL else RESULTS):
            yield f"{name}: {got} and not {result.numpy()}"
        for x, wanted in ((x, gradients[x].numpy()) for x in own if x in gradients):
            if np.isfinite(wanted).all() and not agree(backward[f"d{x.name}"], wanted, GRADIENTS):
                yield f"the gradient of {name} by {x.name}: {backward[f'd{x.name}']} and not {wanted}"


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("calls", [OPERATIONS, LINES], ids=["operations", "lines of NumPy"])
def test_results_and_gradients_agree_with_onnxruntime(calls: dict[str, Call]) -> None:
    names = list(calls)
    parts = [{name: calls[name] for name in names[i : i + AT_ONCE]} for i in range(0, len(names), AT_ONCE)]
    assert [found for part in parts for found in disagreeing(part)] == []


def test_the_cube_of_one_number_is_not_fused_into_a_gelu_that_takes_none() -> None:
    assert list(disagreeing({"gelu[0]": OPERATIONS["gelu[0]"]}, as_written=False)) == []


def test_every_case_of_the_table_is_written() -> None:
    assert written(OPERATIONS).keys() == OPERATIONS.keys()


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
