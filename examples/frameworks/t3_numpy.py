"""T3 by hand in NumPy: 784 → 10 → 10, ReLU and softmax, gradient descent in batches of 128."""

import numpy as np

from tinygrad_mnist.frameworks import Lesson

lesson = Lesson("t3")
W1, b1, W2, b2 = (initial if initial.ndim == 2 else initial[:, None] for initial in lesson.weights)


def forward(X):
    Z1 = W1 @ X + b1
    A1 = np.maximum(Z1, 0)
    Z2 = W2 @ A1 + b2
    return Z1, A1, Z2 - Z2.max(axis=0)


for epoch in range(lesson.epochs):
    for i in range(0, len(lesson.x_train), 128):
        X, labels = lesson.x_train[i : i + 128].T, lesson.y_train[i : i + 128]
        Y, m = np.eye(10, dtype=np.float32)[:, labels], len(labels)
        Z1, A1, Z2 = forward(X)
        e = np.exp(Z2)
        total = e.sum(axis=0)
        loss = np.mean(np.log(total) - (Y * Z2).sum(axis=0))
        dZ2 = e / total - Y
        dZ1 = W2.T @ dZ2 * (Z1 > 0)
        dW1, db1 = dZ1 @ X.T / m, dZ1.sum(axis=1, keepdims=True) / m
        dW2, db2 = dZ2 @ A1.T / m, dZ2.sum(axis=1, keepdims=True) / m
        W1 -= 0.01 * dW1
        b1 -= 0.01 * db1
        W2 -= 0.01 * dW2
        b2 -= 0.01 * db2
        lesson.step(loss)

*_, Z2 = forward(lesson.x_test.T)
lesson.done((Z2.argmax(axis=0) == lesson.y_test).mean(), [W1, b1[:, 0], W2, b2[:, 0]])
