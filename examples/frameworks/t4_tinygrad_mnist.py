"""T4 as tensor expressions: any layer_sizes, ReLU and softmax, gradient descent in batches of 256."""

from tinygrad_mnist import Tensor, cross_entropy, nn
from tinygrad_mnist.frameworks import Lesson

lesson = Lesson("t4")
parameters = [Tensor(initial, requires_grad=True) for initial in lesson.weights]  # as deep and wide as they are


def network(a):
    *hidden, (W, b) = zip(parameters[::2], parameters[1::2])
    for W_l, b_l in hidden:
        a = (a @ W_l.T + b_l).relu()
    return a @ W.T + b


for epoch in range(lesson.epochs):
    for i in range(0, len(lesson.x_train), 256):
        loss = cross_entropy(network(lesson.x_train[i : i + 256]), lesson.y_train[i : i + 256])
        loss.backward()
        for p in parameters:
            p.data -= 0.01 * p.grad.data
            p.grad = None
        lesson.step(loss.item())

lesson.done(nn.accuracy(network(lesson.x_test), lesson.y_test), [p.numpy() for p in parameters])
