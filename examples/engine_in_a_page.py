"""The engine in a page: tensors that remember how they were computed, and the chain rule over what they remember.

Everything goes by the name that it has in tinygrad_mnist/engine, which adds speed, checks, words for what went wrong,
and gradients of gradients. docs/engine.md grows this page into that engine, one idea at a time.
"""

from functools import wraps

import numpy as np


class Tensor:
    """A value, and where it came from: the operation that made it, and its inputs."""

    def __init__(self, data, op=None, inputs=()):
        self.data, self.op, self.inputs = np.asarray(data, float), op, inputs
        self.grad = None


def op(*vjps):
    """Declare an operation: its forward on arrays and, for each input, the vjp that carries a cotangent back to it."""

    def declare(forward):
        @wraps(forward)
        def apply(*inputs):
            inputs = [x if isinstance(x, Tensor) else Tensor(x) for x in inputs]
            return Tensor(forward(*[x.data for x in inputs]), apply, inputs)

        apply.vjps = vjps
        return apply

    return declare


# a vjp takes g = ∂L/∂out, the result and the inputs, and gives ∂L/∂input
add = op(lambda g, out, x, y: g, lambda g, out, x, y: g)(np.add)
sub = op(lambda g, out, x, y: g, lambda g, out, x, y: -g)(np.subtract)
mul = op(lambda g, out, x, y: g * y, lambda g, out, x, y: g * x)(np.multiply)
div = op(lambda g, out, x, y: g / y, lambda g, out, x, y: -g * out / y)(np.divide)
matmul = op(lambda g, out, x, y: g @ y.T, lambda g, out, x, y: x.T @ g)(np.matmul)
neg = op(lambda g, out, x: -g)(np.negative)
exp = op(lambda g, out, x: g * out)(np.exp)
log = op(lambda g, out, x: g / x)(np.log)
tanh = op(lambda g, out, x: g * (1 - out**2))(np.tanh)
relu = op(lambda g, out, x: g * (x > 0))(lambda x: np.maximum(x, 0))
transpose = op(lambda g, out, x: g.T)(np.transpose)
sum = op(lambda g, out, x: np.broadcast_to(g, x.shape))(np.sum)
log_softmax = op(lambda g, out, x: g - np.exp(out) * g.sum(axis=-1, keepdims=True))(
    lambda x: x - np.log(np.exp(x).sum(axis=-1, keepdims=True))
)

Tensor.__add__, Tensor.__sub__, Tensor.__mul__, Tensor.__truediv__ = add, sub, mul, div
Tensor.__matmul__, Tensor.__neg__, Tensor.T = matmul, neg, property(transpose)


def toposort(output, order):
    """Append every node that the output depends on to the order, inputs before their users."""
    if output not in order:
        for x in output.inputs:
            toposort(x, order)
        order.append(output)
    return order


def unbroadcast(cotangent, shape):
    """The cotangent of a value before it was broadcast: summed over the axes along which it was repeated."""
    total = cotangent.sum(axis=tuple(range(cotangent.ndim - len(shape))))
    return total.sum(axis=tuple(i for i, n in enumerate(shape) if n == 1), keepdims=True)


def backward(output):
    """Add ∂output/∂leaf to the grad of every leaf: users take their turn before their inputs, and shares add up."""
    cotangents = {output: np.ones(output.data.shape)}
    for node in reversed(toposort(output, [])):
        g, values = cotangents.pop(node), [x.data for x in node.inputs]
        if not node.op:
            node.grad = g if node.grad is None else node.grad + g
            continue
        for x, vjp in zip(node.inputs, node.op.vjps):
            share = unbroadcast(vjp(g, node.data, *values), x.data.shape)
            cotangents[x] = cotangents.get(x, 0) + share


if __name__ == "__main__":  # two layers learn which arm of a spiral a point lies on
    rng = np.random.default_rng(0)
    radius, arm = np.tile(np.linspace(0.1, 1, 100), 3), np.repeat([0, 1, 2], 100)
    angle = 4 * radius + 2 * np.pi / 3 * arm
    X, y = Tensor(np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)), np.eye(3)[arm]
    W1, b1 = Tensor(rng.normal(size=(32, 2))), Tensor(np.zeros(32))
    W2, b2 = Tensor(rng.normal(size=(3, 32)) * 0.1), Tensor(np.zeros(3))
    for _ in range(500):
        z = relu(X @ W1.T + b1) @ W2.T + b2
        loss = -sum(log_softmax(z) * y) / len(y)  # cross-entropy
        backward(loss)
        for p in (W1, b1, W2, b2):
            p.data, p.grad = p.data - 1.0 * p.grad, None
    accuracy = (z.data.argmax(axis=1) == arm).mean()
    print(f"loss {loss.data:.3f}, accuracy {accuracy:.2f}")
    assert accuracy > 0.95
