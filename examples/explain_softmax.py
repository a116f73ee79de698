"""Why δ(L) = (ŷ − y)/m: the rules of softmax and cross-entropy, run on names, cancel to it by themselves."""

import numpy as np

from tinygrad_mnist import Tensor, graph, one_hot

rng = np.random.default_rng(0)
z = Tensor(rng.standard_normal((8, 10)), requires_grad=True, name="z")
y = Tensor(one_hot(rng.integers(0, 10, 8), 10), name="y")

loss = -(z.log_softmax(axis=-1) * y).sum(axis=-1).mean()
explanation = graph.explain(loss, [z])
print(explanation)

(result,) = explanation.sections[2].equations
assert result.left.text == "δ = ∂L/∂z"
assert result.right.text == "(ŷ − y) / m"

# the same from the naive expression, where y is divided by ŷ and multiplied by it again
naive = -(z.softmax().log() * y).sum() / 8
(result,) = graph.explain(naive, [z]).sections[2].equations
assert result.right.text == "(ŷ − y) / m"
