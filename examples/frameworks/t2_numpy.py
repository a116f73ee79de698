"""T2 by hand in NumPy: 784 → 10 → 10, ReLU and softmax, gradient descent on all the images at once."""

import numpy as np

from tinygrad_mnist.frameworks import Lesson

lesson = Lesson("t2")
X, Y, m = lesson.x_train.T, np.eye(10, dtype=np.float32)[:, lesson.y_train], len(lesson.y_train)
W1, b1, W2, b2 = (initial if initial.ndim == 2 else initial[:, None] for initial in lesson.weights)


def forward(X):
    Z1 = W1 @ X + b1
    A1 = np.maximum(Z1, 0)
    Z2 = W2 @ A1 + b2
    return Z1, A1, Z2 - Z2.max(axis=0)


for epoch in range(lesson.epochs):
    Z1, A1, Z2 = forward(X)
    e = np.exp(Z2)
    total = e.sum(axis=0)
    loss = np.mean(np.log(total) - (Y * Z2).sum(axis=0))
    dZ2 = e / total - Y
    dZ1 = W2.T @ dZ2 * (Z1 > 0)
    dW1, db1 = dZ1 @ X.T / m, dZ1.sum(axis=1, keepdims=True) / m
    dW2, db2 = dZ2 @ A1.T / m, dZ2.sum(axis=1, keepdims=True) / m
    W1 -= 0.1 * dW1
    b1 -= 0.1 * db1
    W2 -= 0.1 * dW2
    b2 -= 0.1 * db2
    lesson.step(loss)

*_, Z2 = forward(lesson.x_test.T)
lesson.done((Z2.argmax(axis=0) == lesson.y_test).mean(), [W1, b1[:, 0], W2, b2[:, 0]])
