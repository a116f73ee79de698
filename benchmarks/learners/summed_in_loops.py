import random
import struct

import numpy as np


def read_idx(filename):
    with open(filename, 'rb') as f:
        zero, data_type, dims = struct.unpack('>HBB', f.read(4))
        shape = tuple(struct.unpack('>I', f.read(4))[0] for d in range(dims))
        return np.frombuffer(f.read(), dtype=np.uint8).reshape(shape)


X = read_idx('train-images.idx3-ubyte').reshape(-1, 784) / 255.0
y = read_idx('train-labels.idx1-ubyte')
X_test = read_idx('t10k-images.idx3-ubyte').reshape(-1, 784) / 255.0
y_test = read_idx('t10k-labels.idx1-ubyte')

HIDDEN = 24
W1 = np.random.randn(HIDDEN, 784) * 0.05
b1 = np.zeros(HIDDEN)
W2 = np.random.randn(10, HIDDEN) * 0.05
b2 = np.zeros(10)


def forward(x):
    z1 = W1 @ x + b1
    a1 = np.tanh(z1)
    z2 = W2 @ a1 + b2
    exps = np.exp(z2 - np.max(z2))
    return z1, a1, z2, exps / exps.sum()


def backprop(batch):
    """Average gradient over the indices in batch, one example after the other."""
    dW1 = np.zeros(W1.shape)
    db1 = np.zeros(b1.shape)
    dW2 = np.zeros(W2.shape)
    db2 = np.zeros(b2.shape)
    loss = 0
    for i in batch:
        x = X[i]
        target = np.zeros(10)
        target[y[i]] = 1
        z1, a1, z2, out = forward(x)
        loss -= np.log(out[y[i]])

        delta2 = out - target
        dW2 += np.outer(delta2, a1)
        db2 += delta2

        delta1 = np.dot(W2.T, delta2) * (1 - np.tanh(z1) ** 2)
        dW1 += np.outer(delta1, x)
        db1 += delta1
    n = len(batch)
    return loss / n, dW1 / n, db1 / n, dW2 / n, db2 / n


def accuracy():
    right = 0
    for i in range(len(X_test)):
        if np.argmax(forward(X_test[i])[3]) == y_test[i]:
            right += 1
    return right / len(X_test)


learning_rate = 0.3
indices = list(range(len(X)))
for epoch in range(10):
    random.shuffle(indices)
    for start in range(0, len(indices), 20):
        loss, dW1, db1, dW2, db2 = backprop(indices[start:start + 20])
        W1 -= learning_rate * dW1
        b1 -= learning_rate * db1
        W2 -= learning_rate * dW2
        b2 -= learning_rate * db2
    print('Epoch', epoch, 'last loss', loss, 'accuracy', accuracy())
