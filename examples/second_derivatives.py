"""Newton's method in three lines: the backward pass is a graph too, so it can be differentiated again."""

import numpy as np

from tinygrad_mnist import Tensor, grad, hessian


def rosenbrock(x):
    return (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2


x = np.array([-1.2, 1.0])
for step in range(8):
    leaf = Tensor(x, requires_grad=True)
    (slope,) = grad(rosenbrock(leaf), [leaf])
    curvature = hessian(rosenbrock, x)
    x = x - np.linalg.solve(curvature.numpy(), slope.numpy())
    print(f"step {step}: x = {x}")

np.testing.assert_allclose(x, [1, 1])
