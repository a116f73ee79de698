from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given

from tests.each import each
from tests.engine.strategies import networks, steady
from tinygrad_mnist import GradientError, check_gradients
from tinygrad_mnist.engine import Tensor, ops

X = np.array([[0.3, -0.8, 1.1], [-0.4, 0.9, 0.6]])
Y = np.array([[0.7, 0.2, -0.5], [1.2, -0.6, 0.8]])
Declare = Callable[..., Any]


@steady
@given(drawn=networks())
def test_right_gradients_pass_to_third_order_and_by_complex_steps(drawn: Any) -> None:
    function, inputs = drawn
    check_gradients(function, inputs, order=3, complex_step=True)


@pytest.mark.parametrize("factor", [1.01, 0.99, -1.0, 0.0, 1.00001])
def test_a_rule_wrong_by_a_percent_or_less_or_by_its_sign_fails(new_op: Declare, factor: float) -> None:
    @new_op(lambda g, out, x, y: g * y, lambda g, out, x, y: factor * g * x)
    def times(x: Any, y: Any, /) -> Any:
        return x * y

    with pytest.raises(GradientError, match=r"times: .* order 1 for input 1, y \(2, 3\)"):
        check_gradients(times, [X, Y], order=1)


@pytest.mark.parametrize("element", [(0, 0), (1, 2)])
def test_a_rule_wrong_in_one_element_fails(new_op: Declare, element: tuple[int, int]) -> None:
    def rule(g: Any, out: Any, x: Any) -> Any:
        slip = np.ones(x.shape)
        slip[element] = 1.01
        return g * out * slip

    @new_op(rule)
    def power_of_e(x: Any, /) -> Any:
        return np.exp(x)

    with pytest.raises(GradientError):
        check_gradients(power_of_e, [X], order=1)


def test_a_missing_transposition_fails(new_op: Declare) -> None:
    @new_op(lambda g, out, x, y: g @ y, lambda g, out, x, y: x.T @ g)
    def product(x: Any, y: Any, /) -> Any:
        return x @ y

    with pytest.raises(GradientError, match=r"product: .* order 1 for input 0, x \(3, 3\)"):
        check_gradients(product, [X.T @ Y, Y.T @ X], order=1)


@pytest.mark.parametrize("size", [1e-9, 1e-100, 1e100])
@pytest.mark.parametrize("factor", [2.0, 0.5, 1.01])
def test_a_tiny_or_huge_gradient_wrong_by_a_factor_fails(new_op: Declare, size: float, factor: float) -> None:
    @new_op(lambda g, out, x: g * (size * factor))
    def scale(x: Any, /) -> Any:
        return x * size

    with pytest.raises(GradientError):
        check_gradients(scale, [X], order=1)


def test_a_tiny_gradient_beside_a_large_value_wrong_by_a_factor_fails(new_op: Declare) -> None:
    @new_op(lambda g, out, x: g * 2e-9)
    def nearly_one(x: Any, /) -> Any:
        return 1 + x * 1e-9

    with pytest.raises(GradientError):
        check_gradients(nearly_one, [X], order=1)


def test_a_rule_right_to_first_order_and_wrong_to_second_fails_at_the_second(new_op: Declare) -> None:
    @new_op(lambda g, out, x: g * np.exp(x.data if isinstance(x, Tensor) else x))
    def detached_exp(x: Any, /) -> Any:
        return np.exp(x)

    check_gradients(detached_exp, [X], order=1)
    with pytest.raises(GradientError, match=r"detached_exp: .* order 2 for input 0"):
        check_gradients(detached_exp, [X])


def test_a_function_that_loses_the_graph_fails() -> None:
    with pytest.raises(GradientError, match="0 by the rules"):
        check_gradients(lambda x: Tensor(x.numpy()) * 2, [X])


@pytest.mark.parametrize("order", [1, 2])
def test_a_gradient_that_is_not_a_number_fails(order: int) -> None:
    with np.errstate(all="ignore"), pytest.raises(GradientError, match="nan"):
        check_gradients(ops.sqrt, [-np.abs(X)], order=order)


def test_the_complex_step_catches_what_rounding_hides_from_differences(new_op: Declare) -> None:
    @new_op(lambda g, out, x: g * 2e-9)
    def hidden(x: Any, /) -> Any:
        return 1e3 + x * 1e-9

    check_gradients(hidden, [X], order=1)
    with pytest.raises(GradientError, match="complex step"):
        check_gradients(hidden, [X], order=1, complex_step=True)


def test_the_message_is_one_line_with_function_input_order_and_both_numbers(new_op: Declare) -> None:
    @new_op(lambda g, out, x: 3 * g)
    def double(x: Any, /) -> Any:
        return 2 * x

    with pytest.raises(GradientError) as caught:
        check_gradients(double, [Tensor(X, name="W1")])
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith("double: ")
    for part in ("order 1", "input 0", "W1", "(2, 3)", "central differences", "scaled error", "allowed"):
        assert part in message
    by_rules, by_numbers = map(float, re.findall(r"(\S+) by ", message))
    assert by_rules / by_numbers == pytest.approx(1.5)
    assert isinstance(caught.value, AssertionError)


def test_a_function_without_a_name_is_called_after_its_operation_and_a_given_name_goes_first(new_op: Declare) -> None:
    @new_op(lambda g, out, x: 3 * g)
    def double(x: Any, /) -> Any:
        return 2 * x

    with pytest.raises(GradientError, match=r"^double: .* input 0, weights"):
        check_gradients(lambda weights: double(weights), [X])
    with pytest.raises(GradientError, match=r"^layer one: "):
        check_gradients(double, [X], name="layer one")


@each("size", [1e-150, 1e-8, 1e8, 1e150])
@each("fn", [lambda x: x, lambda x: x * 3, lambda x: x / x.sum(), ops.abs, lambda x: (x**2) ** 0.5])
def test_inputs_and_outputs_of_any_size_pass(fn: Any, size: float) -> None:
    check_gradients(fn, [np.abs(X) * size], order=1)


@each("size", [1e-100, 1e-9, 1e9, 1e100])
def test_a_large_or_small_factor_on_the_output_passes(size: float) -> None:
    check_gradients(lambda x, y: (x * y).sin() * size, [X, Y], complex_step=True)


def test_several_outputs_ignored_inputs_and_constant_functions_are_checked() -> None:
    check_gradients(lambda x, y: [x * y, x.sum()], [X, Y])
    check_gradients(lambda x, y: x.exp(), [X, Y])
    check_gradients(lambda x: Tensor(np.ones(2)), [X])
    check_gradients(ops.add, [np.zeros((0, 3)), np.zeros(3)])
    check_gradients(ops.mul, [2, [1, 2, 3]])


def test_a_wrong_second_output_fails(new_op: Declare) -> None:
    @new_op(lambda g, out, x: 3 * g)
    def double(x: Any, /) -> Any:
        return 2 * x

    with pytest.raises(GradientError):
        check_gradients(lambda x: [x * x, double(x)], [X])


def test_inputs_are_left_as_they_were() -> None:
    w = Tensor(X.astype(np.float32), requires_grad=True, name="W")
    check_gradients(ops.exp, [w])
    assert w.grad is None
    np.testing.assert_array_equal(w.data, X.astype(np.float32))


def test_the_same_seed_gives_the_same_numbers_and_another_seed_others(new_op: Declare) -> None:
    @new_op(lambda g, out, x: 3 * g)
    def double(x: Any, /) -> Any:
        return 2 * x

    def message(seed: int) -> str:
        with pytest.raises(GradientError) as caught:
            check_gradients(double, [X], seed=seed)
        return str(caught.value)

    assert message(1) == message(1) != message(2)
