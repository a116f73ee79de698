"""Every operation in the table: its values, its gradients to second order, its dtypes."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.each import each
from tests.engine.cases import ENGINE, FUNCTIONS, TABLE, Array, Case, Entry
from tinygrad_mnist import check_gradients
from tinygrad_mnist.engine import Tensor, toposort
from tinygrad_mnist.engine.autodiff import unbroadcast

CASES = [(name, entry, case) for name, entry in TABLE.items() for case in entry.cases]
EVERY_CASE = each(("name", "entry", "case"), CASES)


def outputs(result: Any) -> list[Any]:
    return result if isinstance(result, list) else [result]


def leaves(case: Case, dtype: Any = np.float64) -> list[Tensor]:
    return [Tensor(x, requires_grad=True, dtype=dtype) for x in case.inputs]


def test_the_table_has_every_operation_and_no_other() -> None:
    assert TABLE.keys() == FUNCTIONS.keys()


def test_the_cases_record_every_primitive() -> None:
    recorded = {
        node.op
        for name, entry in TABLE.items()
        for case in entry.cases
        for out in outputs(case.call(FUNCTIONS[name], *leaves(case)))
        for node in toposort(out)
    }
    assert recorded == set(ENGINE.values())


@EVERY_CASE
def test_derivatives_of_first_and_second_order_are_those_of_the_values(name: str, entry: Entry, case: Case) -> None:
    def fn(*inputs: Any) -> Any:
        return case.call(FUNCTIONS[name], *inputs)

    check_gradients(fn, case.inputs, order=2, complex_step=entry.analytic, name=name)


@EVERY_CASE
def test_values_on_arrays_and_on_tensors_are_those_of_the_plain_formula(name: str, entry: Entry, case: Case) -> None:
    expected = outputs(case.call(entry.reference, *case.inputs))
    on_arrays = outputs(case.call(FUNCTIONS[name], *case.inputs))
    on_tensors = outputs(case.call(FUNCTIONS[name], *leaves(case)))
    for value, array, tensor in zip(expected, on_arrays, on_tensors, strict=True):
        assert isinstance(array, np.ndarray | np.generic)
        assert isinstance(tensor, Tensor)
        assert np.shape(value) == array.shape == tensor.shape
        np.testing.assert_allclose(array, value, rtol=1e-14, atol=1e-15)
        np.testing.assert_array_equal(tensor.data, array)


@EVERY_CASE
@each("dtype", [np.float32, np.float16])
@each("create_graph", [False, True])
def test_values_and_gradients_keep_the_precision_of_the_inputs(
    name: str, entry: Entry, case: Case, dtype: Any, create_graph: bool
) -> None:
    inputs = leaves(case, dtype)
    low = [np.array(x, dtype) for x in case.inputs]
    for out, value in zip(
        outputs(case.call(FUNCTIONS[name], *inputs)), outputs(case.call(entry.reference, *low)), strict=True
    ):
        # what the case itself brings in float64 widens the result, by NumPy's own rule
        assert out.dtype == value.dtype
        out.backward(np.ones(out.shape), create_graph=create_graph)
    for x in inputs:
        assert x.grad.dtype == dtype
        assert x.grad.shape == x.shape


@EVERY_CASE
def test_the_rule_of_each_primitive_can_be_unbroadcast_to_its_input_and_does_not_widen(
    name: str, entry: Entry, case: Case
) -> None:
    for out in outputs(case.call(FUNCTIONS[name], *leaves(case, np.float32))):
        for node in toposort(out):
            g: Array = np.ones(node.shape, node.dtype)
            for position, x in enumerate(node.inputs):
                rule = node.op.rules(len(node.inputs))[position]
                if rule is None or not getattr(x, "requires_grad", False):
                    continue
                share = rule(g, node.data, *node.values, **node.params)
                assert unbroadcast(share, x.shape).shape == x.shape
                assert share.dtype == node.dtype
