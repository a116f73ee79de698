"""
Two layer network on MNIST, mini-batches, learning rate decay.

usage: python mnist_numpy.py --epochs 30
"""
import argparse
import time

import numpy as np
from sklearn.datasets import fetch_openml


def load_mnist():
    mnist = fetch_openml("mnist_784", version=1, as_frame=False, parser="liac-arff")
    X = mnist.data.astype(np.float64) / 255.0
    y = mnist.target.astype(np.int64)
    return X[:60000], y[:60000], X[60000:], y[60000:]


def one_hot(labels, n_classes=10):
    Y = np.zeros((labels.shape[0], n_classes))
    Y[np.arange(labels.shape[0]), labels] = 1.0
    return Y


def init_params(sizes, rng):
    n_in, n_hidden, n_out = sizes
    W1 = rng.normal(0.0, np.sqrt(2.0 / n_in), size=(n_in, n_hidden))
    b1 = np.zeros(n_hidden)
    W2 = rng.normal(0.0, np.sqrt(2.0 / n_hidden), size=(n_hidden, n_out))
    b2 = np.zeros(n_out)
    return [W1, b1, W2, b2]


def softmax(z):
    z = z - z.max(axis=1, keepdims=True)
    e = np.exp(z)
    return e / e.sum(axis=1, keepdims=True)


def forward(params, x):
    W1, b1, W2, b2 = params
    z1 = x @ W1 + b1
    a1 = np.where(z1 > 0, z1, 0)
    z2 = a1 @ W2 + b2
    return z1, a1, softmax(z2)


def loss(probs, Y):
    return -np.mean(np.sum(Y * np.log(np.maximum(probs, 1e-12)), axis=1))


def backward(params, x, Y, cache):
    """Gradients of the mean cross entropy."""
    z1, a1, probs = cache
    W2 = params[2]
    d2 = (probs - Y) / len(x)
    dW2 = a1.T @ d2
    db2 = d2.sum(axis=0)
    d1 = (d2 @ W2.T) * np.where(z1 > 0, 1, 0)
    dW1 = x.T @ d1
    db1 = d1.sum(axis=0)
    return [dW1, db1, dW2, db2]


def accuracy(params, X, y):
    return np.mean(forward(params, X)[2].argmax(axis=1) == y)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--hidden", type=int, default=100)
    parser.add_argument("--batch-size", type=int, default=50)
    parser.add_argument("--lr", type=float, default=0.2)
    parser.add_argument("--decay", type=float, default=0.95)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    rng = np.random.default_rng(args.seed)
    X_train, y_train, X_test, y_test = load_mnist()
    Y_train = one_hot(y_train)
    params = init_params([X_train.shape[1], args.hidden, 10], rng)

    lr = args.lr
    for epoch in range(args.epochs):
        tic = time.perf_counter()
        order = rng.permutation(len(X_train))
        total = 0.0
        for start in range(0, len(order), args.batch_size):
            idx = order[start : start + args.batch_size]
            x, Y = X_train[idx], Y_train[idx]
            cache = forward(params, x)
            total += loss(cache[2], Y) * len(idx)
            grads = backward(params, x, Y, cache)
            for p, g in zip(params, grads):
                p -= lr * g
        lr *= args.decay
        print(
            f"epoch {epoch + 1:3d}/{args.epochs}  lr {lr:.4f}  loss {total / len(order):.4f}  "
            f"test {accuracy(params, X_test, y_test):.4f}  ({time.perf_counter() - tic:.1f} s)"
        )


if __name__ == "__main__":
    main()
