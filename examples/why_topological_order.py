"""Why a backward pass needs topological order: b = a + a, c = b + b, in the engine's order and in a naive one.

A first autograd often passes gradients on by recursion, as soon as a share has come: the node adds it to its
gradient, and sends its gradient to its inputs. Where a node is used twice, as b is, the first share is sent on twice,
alone and again as a part of the sum, and ∂c/∂a comes out as 6. In topological order b waits for both of its shares.
"""

import sys

import numpy as np

from tinygrad_mnist import Tensor, grad, graph

a = Tensor(np.array(3.0), requires_grad=True, name="a")
b = a + a
c = b + b
b.name, c.name = "b", "c"

gradients = {a: 0.0, b: 0.0, c: 0.0}
sends = []


def naive_backward(node, share):
    gradients[node] = gradients[node] + share
    if node.op:
        for x, vjp in zip(node.inputs, node.op.vjps):
            onward = vjp(gradients[node], node.data, *node.values)
            sends.append(graph.Send(node, x, onward))
            naive_backward(x, onward)


naive_backward(c, np.array(1.0))
(right,) = grad(c, [a])
print(f"naive order: ∂c/∂a = {gradients[a]:g}; topological order: ∂c/∂a = {right:g}")

runs = {"Naive: send on at once": sends, "Topological: wait for every share": graph.engine_order(c)}
print(graph.compare_orders(c, runs, sys.argv[1] if len(sys.argv) > 1 else "why_topological_order.html"))

assert gradients[a] == 6
assert right.item() == 4
