#!/usr/bin/env python3
# three layer perceptron 784-100-100-10
import numpy as np
import time

with np.load('mnist.npz') as f:
    x_train, y_train = f['x_train'], f['y_train']
    x_test, y_test = f['x_test'], f['y_test']

X = x_train.reshape(len(x_train), 784) / 255
T = np.zeros((len(y_train), 10))
T[np.arange(len(y_train)), y_train] = 1
X_test = x_test.reshape(len(x_test), 784) / 255

np.random.seed(0)
scale = 0.1
W1 = scale * np.random.randn(784, 100)
b1 = np.zeros(100)
W2 = scale * np.random.randn(100, 100)
b2 = np.zeros(100)
W3 = scale * np.random.randn(100, 10)
b3 = np.zeros(10)

def run(x):
    z1 = x @ W1 + b1
    a1 = 1 / (1 + np.exp(-z1))
    z2 = a1 @ W2 + b2
    a2 = 1 / (1 + np.exp(-z2))
    z3 = a2 @ W3 + b3
    ez = np.exp(z3)
    a3 = ez / np.sum(ez, axis=1, keepdims=True)
    return z1, a1, z2, a2, z3, a3

def gradients(x, t):
    n = x.shape[0]
    z1, a1, z2, a2, z3, a3 = run(x)
    loss = -np.sum(t * np.log(a3)) / n

    d3 = a3 - t
    dW3 = a2.T @ d3 / n
    db3 = np.sum(d3, axis=0) / n

    e2 = d3 @ W3.T
    d2 = e2 * a2 * (1 - a2)
    dW2 = a1.T @ d2 / n
    db2 = np.sum(d2, axis=0) / n

    e1 = d2 @ W2.T
    d1 = e1 * a1 * (1 - a1)
    dW1 = x.T @ d1 / n
    db1 = np.sum(d1, axis=0) / n
    return loss, dW1, db1, dW2, db2, dW3, db3

lr = 0.5
batch_size = 100
t0 = time.time()
for epoch in range(40):
    perm = np.random.permutation(len(X))
    for s in range(0, len(X), batch_size):
        rows = perm[s:s+batch_size]
        loss, dW1, db1, dW2, db2, dW3, db3 = gradients(X[rows], T[rows])
        W1 = W1 - lr * dW1
        b1 = b1 - lr * db1
        W2 = W2 - lr * dW2
        b2 = b2 - lr * db2
        W3 = W3 - lr * dW3
        b3 = b3 - lr * db3
    hits = np.argmax(run(X_test)[-1], axis=1) == y_test
    print('%3d  loss %.4f  test %.2f%%  %.0fs' % (epoch, loss, 100 * hits.mean(), time.time() - t0))
