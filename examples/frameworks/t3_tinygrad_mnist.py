"""T3 as tensor expressions: 784 → 10 → 10, ReLU and softmax, gradient descent in batches of 128."""

from tinygrad_mnist import Tensor, cross_entropy, nn
from tinygrad_mnist.frameworks import Lesson

lesson = Lesson("t3")
W1, b1, W2, b2 = parameters = [Tensor(initial, requires_grad=True) for initial in lesson.weights]


def network(x):
    return (x @ W1.T + b1).relu() @ W2.T + b2


for epoch in range(lesson.epochs):
    for i in range(0, len(lesson.x_train), 128):
        loss = cross_entropy(network(lesson.x_train[i : i + 128]), lesson.y_train[i : i + 128])
        loss.backward()
        for p in parameters:
            p.data -= 0.01 * p.grad.data
            p.grad = None
        lesson.step(loss.item())

lesson.done(nn.accuracy(network(lesson.x_test), lesson.y_test), [p.numpy() for p in parameters])
