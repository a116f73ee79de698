"""What is elementwise is one kernel, with the sums on its edges."""

import numpy as np

from tests.compiler.steps import program_of
from tinygrad_mnist import compile, nn
from tinygrad_mnist.compiler.kernels.kernel import Kernel
from tinygrad_mnist.compiler.passes.fusion import with_kernels

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(2, 6, 4)).astype(np.float32)


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
