"""The engine in a page says what the engine says, wherever the two have the same operation."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np

from tests.each import each
from tests.engine.cases import FUNCTIONS, TABLE, Case
from tinygrad_mnist import Tensor, cross_entropy

PATH = Path(__file__).parents[2] / "examples" / "engine_in_a_page.py"
_spec = importlib.util.spec_from_file_location("engine_in_a_page", PATH)
assert _spec
assert _spec.loader
page: Any = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(page)

OPERATIONS = [name for name, value in vars(page).items() if hasattr(value, "vjps")]


def is_shared(name: str, case: Case) -> bool:
    """Whether the page's operation takes such a call: it has no parameters, and multiplies matrices alone."""
    if name == "matmul" and any(x.ndim != 2 for x in case.inputs):
        return False
    try:
        case.call(getattr(page, name), *case.inputs)
    except TypeError as error:
        return "unexpected keyword argument" not in str(error)
    return True


SHARED = [(name, case) for name in OPERATIONS for case in TABLE[name].cases if is_shared(name, case)]


def test_it_is_a_page_of_a_dozen_operations_that_share_cases_with_the_engines() -> None:
    assert len(PATH.read_text(encoding="utf-8").splitlines()) < 100
    assert len(OPERATIONS) >= 12
    assert {name for name, _ in SHARED} == set(OPERATIONS)


@each(("name", "case"), SHARED)
def test_values_and_gradients_are_the_engines(name: str, case: Case) -> None:
    leaves, inputs = zip(*[(page.Tensor(x), Tensor(x, requires_grad=True)) for x in case.inputs], strict=True)
    out, expected = case.call(getattr(page, name), *leaves), case.call(FUNCTIONS[name], *inputs)
    page.backward(out)
    expected.backward(np.ones(expected.shape))
    np.testing.assert_allclose(out.data, expected.data, rtol=1e-14, atol=1e-15)
    for leaf, x in zip(leaves, inputs, strict=True):
        np.testing.assert_allclose(leaf.grad, x.grad.data, rtol=1e-12, atol=1e-14)


def test_a_network_has_the_gradients_that_the_engine_finds() -> None:
    rng = np.random.default_rng(0)
    X, labels = rng.normal(size=(5, 4)), np.array([0, 1, 2, 1, 0])
    arrays = [rng.normal(size=shape) for shape in [(6, 4), (6,), (3, 6), (3,)]]
    W1, b1, W2, b2 = theirs = [page.Tensor(a) for a in arrays]
    z = page.relu(page.Tensor(X) @ W1.T + b1) @ W2.T + b2
    page.backward(-page.sum(page.log_softmax(z) * np.eye(3)[labels]) / 5)
    V1, c1, V2, c2 = ours = [Tensor(a, requires_grad=True) for a in arrays]
    cross_entropy((X @ V1.T + c1).relu() @ V2.T + c2, labels).backward()
    for p, q in zip(theirs, ours, strict=True):
        np.testing.assert_allclose(p.grad, q.grad.data, rtol=1e-12, atol=1e-15)
