"""Each pass does what its name says, and no program computes anything else after it."""

import numpy as np
import pytest

from tinygrad_mnist import Tensor, compile, nn
from tinygrad_mnist.compiler import passes
from tinygrad_mnist.compiler.capture import captured
from tinygrad_mnist.compiler.fusion import with_kernels
from tinygrad_mnist.compiler.kernels import Kernel
from tinygrad_mnist.compiler.listing import Listing
from tinygrad_mnist.compiler.memory import planned
from tinygrad_mnist.compiler.products import added_product, with_added_products
from tinygrad_mnist.compiler.writing import can_write

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(2, 6, 4)).astype(np.float32)


def functions(program):
    return [getattr(each.function, "__name__", each.function) for each in program.instructions]


def program_of(function, *arrays):
    return captured(function, arrays, {}).program


def test_what_nothing_needs_is_left_out_but_draws():
    def step(x):
        nn.random.generator().random(3)
        return np.exp(x) + 0 * len(np.log(x * x))

    assert functions(program_of(step, X)) == ["random", "exp", "multiply", "log", "add"]
    assert functions(passes.without_dead_code(program_of(step, X))) == ["random", "exp", "add"]


def test_what_is_computed_twice_is_computed_once_but_draws():
    def step(x):
        noise = [nn.random.generator().random(4) for _ in range(2)]
        return np.exp(x) * np.exp(x) + noise[0] - noise[1]

    found = passes.with_common_parts_once(program_of(step, X))
    assert functions(found).count("exp") == 1
    assert functions(found).count("random") == 2


def test_a_factor_of_one_is_no_factor_where_the_dtype_stays():
    def step(x):
        return x * 1 + 1.0 * x, (x > 0) * 1

    assert functions(passes.without_neutral_factors(program_of(step, X))) == ["add", "greater", "multiply"]


def test_softmax_is_taken_from_the_sum_that_log_softmax_has():
    def step(x):
        shifted = x - x.max(axis=1, keepdims=True)
        log_softmax = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
        return log_softmax, np.exp(log_softmax), np.exp(x - np.log(np.exp(x).sum(axis=1, keepdims=True)))

    program = program_of(step, X)
    found = passes.with_softmax_from_its_sum(program)
    assert functions(program).count("exp") == 4
    assert functions(found).count("exp") == 3, "without the maximum taken off exp(x) may overflow"
    assert functions(found).count("divide") == 1
    for mine, right in zip(compile(step)(X), step(X), strict=True):
        np.testing.assert_allclose(mine, right, rtol=1e-6)


@pytest.mark.parametrize("kept", [False, True])
def test_softmax_times_a_number_for_each_row_divides_rows_and_not_elements(kept):
    def step(x, g):
        shifted = x - x.max(axis=1, keepdims=True)
        softmax = np.exp(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)))
        return softmax * g, softmax if kept else softmax.shape

    g = Y[:, :1].copy()
    found = passes.with_softmax_from_its_sum(program_of(step, X, g))
    shapes = [each.output.shape for each in found.instructions if each.function is np.divide]
    assert shapes == ([X.shape] if kept else [g.shape])
    np.testing.assert_allclose(compile(step)(X, g)[0], step(X, g)[0], rtol=1e-6)


@pytest.mark.parametrize(
    ("rectified", "is_known"),
    [
        (lambda z: np.maximum(z, 0), True),
        (lambda z: np.maximum(z, 0.01 * z), True),
        (lambda z: np.maximum(1.0 * z, z), True),
        (lambda z: np.maximum(z, -0.5 * z), False),
        (lambda z: np.maximum(z, 2.0 * z), False),
        (lambda z: np.maximum(z, 0.01 * z * z), False),
        (lambda z: np.maximum(z, 1), False),
        (lambda z: np.minimum(z, 0), False),
    ],
)
def test_the_sign_of_what_is_rectified_is_that_of_its_argument(rectified, is_known):
    def step(x):
        z = np.exp(x) - 1
        return rectified(z), z > 0

    program = program_of(step, X)
    found = passes.with_signs_of_results(program)
    assert (found.instructions[-1].inputs != program.instructions[-1].inputs) is is_known
    x = np.float32([-1, -0.0, 0.0, 1, np.nan, np.inf, -1e-38, 1e-38])
    for mine, right in zip(compile(step, exact=True)(x), step(x), strict=True):
        np.testing.assert_array_equal(mine, right)


def test_decisions_come_first():
    def step(x):
        y = np.exp(x)
        return y if np.isnan(x).any() else -y

    found = passes.with_guards_first(program_of(step, X))
    assert functions(found) == ["isnan", "any", "exp", "negative"]


def test_a_mask_is_made_of_numbers_at_once():
    found = passes.with_masks_at_once(program_of(lambda x: (x > 0).astype(x.dtype) * x, X))
    assert functions(found) == ["greater as float32", "multiply"]


def test_numbers_are_given_to_numpy_as_arrays():
    def step(x, counts, rate):
        return rate * x, 0.5 * x, x / -4, np.maximum(x, -0.0), np.maximum(x, 0.0), np.float64(2) * x, counts + 1, x > 0

    program = program_of(step, X, np.arange(3), 0.1)
    found = passes.with_numbers_as_arrays(program)
    assert functions(found) == ["as_array", *functions(program)]
    assert sorted(map(repr, found.constants)) == ["-0.0", "0", "0.0", "0.5", "minus 4"], "2 is of another dtype"
    assert {each.dtype for each in found.constants} == {X.dtype}


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_numbers_in_arrays_change_no_bit(dtype):
    x = RNG.normal(size=(64, 5)).astype(dtype)
    x[0, :3] = 0.0, -0.0, np.nan

    def step(x, fast, slow):
        above = (x > 0.1).astype(x.dtype)
        return fast * x - slow * x, np.maximum(x, -0.0), np.maximum(0.1 * x, 0.0), x**2 / 3, 7 * above

    compiled = compile(step, fused=False)
    for rates in (0.1, 0.7), (0.3, 0.9), (1e-3, 3.0):
        for mine, right in zip(compiled(x, *rates), step(x, *rates), strict=True):
            assert mine.dtype == right.dtype
            assert mine.tobytes() == right.tobytes()
    assert compiled.source().count("as_array.fill(") == 2
    assert "np.multiply(_0_1, " in compiled.source()


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize(
    "update",
    [
        lambda w, x, d: w - 0.5 * (x.T @ d),
        lambda w, x, d: 0.9 * w + x.T @ d,
        lambda w, x, d: (x.T @ d) - w,
        lambda w, x, d: w + 2.0 * (d.T @ x).T,
    ],
)
def test_a_product_is_added_in_place(update, order):
    w = np.asarray(RNG.normal(size=(4, 4)), np.float32, order=order)
    weight = Tensor(w, requires_grad=True)

    @compile(fused=False)
    def step(x, d):
        weight.data = update(weight.data, x, d)
        return weight.data.sum()

    for _ in range(3):
        w = update(w, X, Y)
        step(X, Y)
        np.testing.assert_allclose(weight.data, w, rtol=1e-5)
    assert "sgemm" in step.source()
    assert "matmul" not in step.source()


def test_a_product_that_something_else_needs_is_no_part_of_a_sum():
    def step(w, x, d):
        product = x.T @ d
        return w - product, product

    assert added_product not in [
        each.function for each in with_added_products(program_of(step, X.T @ Y, X, Y)).instructions
    ]


def test_elementwise_chains_and_their_sums_are_one_kernel():
    def step(x, b):
        shifted = np.maximum(x + b, 0)
        e = np.exp(shifted - shifted.max(axis=-1, keepdims=True))
        return e / e.sum(axis=-1, keepdims=True), shifted.sum()

    found = with_kernels(program_of(step, X, Y[0]))
    (instruction,) = found.instructions
    assert isinstance(instruction.function, Kernel)
    assert instruction.function.stages == 3
    outs = [np.empty_like(value.like) for value in instruction.outputs]
    inputs = [{(6, 4): X, (4,): Y[0]}[value.shape] for value in instruction.inputs]
    instruction.function(*inputs, *outs)
    shifted = np.maximum(X + Y[0], 0)
    e = np.exp(shifted - shifted.max(axis=-1, keepdims=True))
    by_shape = {out.shape: out for out in outs}
    np.testing.assert_allclose(by_shape[6, 4], e / e.sum(axis=-1, keepdims=True), rtol=1e-5)
    np.testing.assert_allclose(by_shape[()], shifted.sum(), rtol=1e-5)


def test_a_long_sum_is_no_part_of_a_kernel():
    tall = np.ones((5000, 2), np.float32)
    found = with_kernels(program_of(lambda x: (x * 2).sum(axis=0), tall))
    assert len(found.instructions) == 2


def test_buffers_are_shared_and_states_renewed_in_place():
    weight = Tensor(np.ones((6, 4), np.float32), requires_grad=True, name="w")

    def step(x):
        y = x
        for _ in range(8):
            y = np.tanh(y @ x.T) @ x
        weight.data -= y
        return y.sum()

    program = program_of(step, X)
    (state,) = program.updates
    memory = planned(program, {state}, can_write)
    assert memory.homes[program.updates[state]] is state
    assert len(memory.buffers) == 2
    text = Listing([("captured", program)]).whole(memory)
    assert "in w" in text
    assert "captured · 34 instructions" in text


def test_adamw_moves_each_parameter_in_one_kernel():
    model = nn.Linear(4, 3)
    optimizer = nn.AdamW(model.parameters(), 0.01)

    @compile(fused=True)
    def step(x):
        loss = (model(x) ** 2).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    for _ in range(3):
        step(X)
    (plan,) = step.plans
    kernels = [each.function for each in plan.program.instructions if isinstance(each.function, Kernel)]
    roots = [sum(each.function is np.sqrt for each in kernel.steps) for kernel in kernels]
    assert sorted(roots, reverse=True)[:3] in ([1, 1], [1, 1, 0]), roots
