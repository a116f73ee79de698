"""The backprop you would have written: the source of a network's gradients, printed, run, and compared."""

import numpy as np

from tinygrad_mnist import Tensor, cross_entropy, data, grad, graph, nn, one_hot

digits = data.load("digits")
X, labels = digits.train.inputs()[:64].astype(np.float64), digits.train.labels[:64]

model = nn.MLP((784, 30, 10), activation="relu", dtype=np.float64)
loss = cross_entropy(model(Tensor(X, name="X")), labels)

source = graph.to_numpy(loss, model.parameters())
print(source)

module = {}
exec(source, module)
by_hand = module["loss_and_gradients"](X, one_hot(labels, 10), *(p.numpy() for p in model.parameters()))
by_autograd = [loss, *grad(loss, model.parameters())]

for name, found, expected in zip(["loss", "dW1", "db1", "dW2", "db2"], by_hand, by_autograd):
    difference = np.abs(found - expected.numpy()).max() / np.abs(expected.numpy()).max()
    print(f"{name:4} {expected.shape!s:10} relative difference {difference:.1e}")
    assert difference < 1e-12
