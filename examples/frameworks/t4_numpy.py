"""T4 by hand in NumPy: any layer_sizes, ReLU and softmax, gradient descent in batches of 256."""

import numpy as np

from tinygrad_mnist.frameworks import Lesson

lesson = Lesson("t4")
W = lesson.weights[::2]
b = [initial[:, None] for initial in lesson.weights[1::2]]


def forward(X):
    Z, A = [], [X]
    for W_l, b_l in zip(W, b):
        Z.append(W_l @ A[-1] + b_l)
        A.append(np.maximum(Z[-1], 0))
    return Z, A


for epoch in range(lesson.epochs):
    for i in range(0, len(lesson.x_train), 256):
        X, labels = lesson.x_train[i : i + 256].T, lesson.y_train[i : i + 256]
        Y, m = np.eye(10, dtype=np.float32)[:, labels], len(labels)
        Z, A = forward(X)
        logits = Z[-1] - Z[-1].max(axis=0)
        e = np.exp(logits)
        total = e.sum(axis=0)
        loss = np.mean(np.log(total) - (Y * logits).sum(axis=0))
        dZ = e / total - Y
        for l in reversed(range(len(W))):
            dW, db = dZ @ A[l].T / m, dZ.sum(axis=1, keepdims=True) / m
            if l > 0:
                dZ = W[l].T @ dZ * (Z[l - 1] > 0)
            W[l] -= 0.01 * dW
            b[l] -= 0.01 * db
        lesson.step(loss)

Z, _ = forward(lesson.x_test.T)
accuracy = (Z[-1].argmax(axis=0) == lesson.y_test).mean()
lesson.done(accuracy, [array for W_l, b_l in zip(W, b) for array in (W_l, b_l[:, 0])])
