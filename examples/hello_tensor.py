"""A first expression and its gradient: y = Σ (a·b + b²), so ∂y/∂a = b and ∂y/∂b = a + 2b."""

import numpy as np

from tinygrad_mnist import Tensor

a = Tensor([1.0, 2.0, 3.0], requires_grad=True, name="a")
b = Tensor([4.0, 5.0, 6.0], requires_grad=True, name="b")

y = (a * b + b**2).sum()
y.backward()

print(y)
print("∂y/∂a =", a.grad.numpy())
print("∂y/∂b =", b.grad.numpy())

np.testing.assert_allclose(a.grad.numpy(), b.numpy())
np.testing.assert_allclose(b.grad.numpy(), a.numpy() + 2 * b.numpy())
