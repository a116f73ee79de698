import gzip
import math
import struct

import numpy as np

DATA_DIR = "data/mnist/"


def read_images(filename):
    with gzip.open(DATA_DIR + filename, "rb") as f:
        magic, count, rows, cols = struct.unpack(">IIII", f.read(16))
        pixels = np.frombuffer(f.read(), dtype=np.uint8)
    return pixels.reshape(count, rows * cols)


def read_labels(filename):
    with gzip.open(DATA_DIR + filename, "rb") as f:
        magic, count = struct.unpack(">II", f.read(8))
        return np.frombuffer(f.read(), dtype=np.uint8)


def convert_to_one_hot(Y, C):
    Y = np.eye(C)[Y.reshape(-1)].T
    return Y


def random_mini_batches(X, Y, mini_batch_size, seed):
    np.random.seed(seed)
    m = X.shape[1]
    permutation = list(np.random.permutation(m))
    shuffled_X = X[:, permutation]
    shuffled_Y = Y[:, permutation]
    mini_batches = []
    for k in range(math.floor(m / mini_batch_size)):
        mini_batch_X = shuffled_X[:, k * mini_batch_size:(k + 1) * mini_batch_size]
        mini_batch_Y = shuffled_Y[:, k * mini_batch_size:(k + 1) * mini_batch_size]
        mini_batches.append((mini_batch_X, mini_batch_Y))
    return mini_batches


def initialize_parameters(n_x, n_h, n_y):
    np.random.seed(3)
    W1 = np.random.randn(n_h, n_x) / np.sqrt(n_x)
    b1 = np.zeros((n_h, 1))
    W2 = np.random.randn(n_y, n_h) / np.sqrt(n_h)
    b2 = np.zeros((n_y, 1))
    parameters = {"W1": W1, "b1": b1, "W2": W2, "b2": b2}
    return parameters


def softmax(Z):
    t = np.exp(Z - np.max(Z, axis=0, keepdims=True))
    return t / np.sum(t, axis=0, keepdims=True)


def forward_propagation(X, parameters):
    W1, b1, W2, b2 = parameters["W1"], parameters["b1"], parameters["W2"], parameters["b2"]
    Z1 = np.dot(W1, X) + b1
    A1 = np.maximum(0, Z1)
    Z2 = np.dot(W2, A1) + b2
    A2 = softmax(Z2)
    cache = (Z1, A1, W1, b1, Z2, A2, W2, b2)
    return A2, cache


def compute_cost_with_regularization(A2, Y, parameters, lambd):
    m = Y.shape[1]
    W1 = parameters["W1"]
    W2 = parameters["W2"]
    cross_entropy_cost = -1. / m * np.sum(np.multiply(Y, np.log(A2 + 1e-8)))
    L2_regularization_cost = lambd / (2 * m) * (np.sum(np.square(W1)) + np.sum(np.square(W2)))
    return cross_entropy_cost + L2_regularization_cost


def backward_propagation_with_regularization(X, Y, cache, lambd):
    m = X.shape[1]
    (Z1, A1, W1, b1, Z2, A2, W2, b2) = cache

    dZ2 = A2 - Y
    dW2 = 1. / m * np.dot(dZ2, A1.T) + lambd / m * W2
    db2 = 1. / m * np.sum(dZ2, axis=1, keepdims=True)

    dA1 = np.dot(W2.T, dZ2)
    dZ1 = np.multiply(dA1, np.int64(A1 > 0))
    dW1 = 1. / m * np.dot(dZ1, X.T) + lambd / m * W1
    db1 = 1. / m * np.sum(dZ1, axis=1, keepdims=True)

    gradients = {"dW2": dW2, "db2": db2, "dW1": dW1, "db1": db1}
    return gradients


def update_parameters(parameters, grads, learning_rate):
    n = len(parameters) // 2
    for k in range(n):
        parameters["W" + str(k + 1)] = parameters["W" + str(k + 1)] - learning_rate * grads["dW" + str(k + 1)]
        parameters["b" + str(k + 1)] = parameters["b" + str(k + 1)] - learning_rate * grads["db" + str(k + 1)]
    return parameters


def model(X, Y, learning_rate=0.3, num_epochs=25, mini_batch_size=256, lambd=0.7, print_cost=True):
    parameters = initialize_parameters(X.shape[0], 64, 10)
    seed = 10
    costs = []
    for i in range(num_epochs):
        seed = seed + 1
        cost_total = 0
        minibatches = random_mini_batches(X, Y, mini_batch_size, seed)
        for (minibatch_X, minibatch_Y) in minibatches:
            A2, cache = forward_propagation(minibatch_X, parameters)
            cost_total += compute_cost_with_regularization(A2, minibatch_Y, parameters, lambd)
            grads = backward_propagation_with_regularization(minibatch_X, minibatch_Y, cache, lambd)
            parameters = update_parameters(parameters, grads, learning_rate)
        costs.append(cost_total / len(minibatches))
        if print_cost:
            print("Cost after epoch %i: %f" % (i, costs[-1]))
    return parameters


def predict(X, parameters):
    A2, _ = forward_propagation(X, parameters)
    return np.argmax(A2, axis=0)


if __name__ == "__main__":
    X_train = read_images("train-images-idx3-ubyte.gz").T / 255.
    y_train = read_labels("train-labels-idx1-ubyte.gz")
    X_test = read_images("t10k-images-idx3-ubyte.gz").T / 255.
    y_test = read_labels("t10k-labels-idx1-ubyte.gz")
    print("number of training examples = " + str(X_train.shape[1]))

    parameters = model(X_train, convert_to_one_hot(y_train, 10))
    print("Train accuracy:", np.mean(predict(X_train, parameters) == y_train))
    print("Test accuracy:", np.mean(predict(X_test, parameters) == y_test))
