# Second version of my network: cross-entropy cost, better initial weights, L2 regularization, 2 hidden layers.
import gzip
import pickle
import random

import numpy as np


class QuadraticCost:
    @staticmethod
    def fn(a, y):
        return 0.5 * np.linalg.norm(a - y) ** 2

    @staticmethod
    def delta(z, a, y):
        return (a - y) * sigmoid_prime(z)


class CrossEntropyCost:
    @staticmethod
    def fn(a, y):
        return np.sum(np.nan_to_num(-y * np.log(a) - (1 - y) * np.log(1 - a)))

    @staticmethod
    def delta(z, a, y):
        # sigmoid'(z) cancels
        return a - y


class Network:
    def __init__(self, sizes, cost=CrossEntropyCost):
        self.sizes = sizes
        self.num_layers = len(sizes)
        self.cost = cost
        self.weights = []
        self.biases = []
        for n_in, n_out in zip(sizes[:-1], sizes[1:]):
            self.weights.append(np.random.randn(n_out, n_in) / np.sqrt(n_in))
            self.biases.append(np.random.randn(n_out, 1))

    def feedforward(self, a):
        for b, w in zip(self.biases, self.weights):
            a = sigmoid(w @ a + b)
        return a

    def SGD(self, training_data, epochs, mini_batch_size, eta, lmbda=0.0, evaluation_data=None):
        n = len(training_data)
        for j in range(epochs):
            random.shuffle(training_data)
            mini_batches = [training_data[k:k + mini_batch_size] for k in range(0, n, mini_batch_size)]
            for mini_batch in mini_batches:
                self.update_mini_batch(mini_batch, eta, lmbda, n)
            print("Epoch %s: cost %.4f" % (j, self.total_cost(training_data, lmbda)))
            if evaluation_data is not None:
                print("   accuracy %d / %d" % (self.accuracy(evaluation_data), len(evaluation_data)))

    def update_mini_batch(self, mini_batch, eta, lmbda, n):
        nabla_b = [np.zeros(b.shape) for b in self.biases]
        nabla_w = [np.zeros(w.shape) for w in self.weights]
        for x, y in mini_batch:
            delta_nabla_b, delta_nabla_w = self.backprop(x, y)
            nabla_b = [nb + dnb for nb, dnb in zip(nabla_b, delta_nabla_b)]
            nabla_w = [nw + dnw for nw, dnw in zip(nabla_w, delta_nabla_w)]
        m = len(mini_batch)
        self.weights = [(1 - eta * lmbda / n) * w - eta / m * nw for w, nw in zip(self.weights, nabla_w)]
        self.biases = [b - eta / m * nb for b, nb in zip(self.biases, nabla_b)]

    def backprop(self, x, y):
        nabla_b = [None] * len(self.biases)
        nabla_w = [None] * len(self.weights)
        activation = x
        activations = [x]
        zs = []
        for b, w in zip(self.biases, self.weights):
            z = w @ activation + b
            zs.append(z)
            activation = sigmoid(z)
            activations.append(activation)

        delta = self.cost.delta(zs[-1], activations[-1], y)
        nabla_b[-1] = delta
        nabla_w[-1] = delta @ activations[-2].T
        for l in range(2, self.num_layers):
            z = zs[-l]
            delta = (self.weights[-l + 1].T @ delta) * sigmoid_prime(z)
            nabla_b[-l] = delta
            nabla_w[-l] = delta @ activations[-l - 1].T
        return nabla_b, nabla_w

    def total_cost(self, data, lmbda):
        cost = 0.0
        for x, y in data:
            cost += self.cost.fn(self.feedforward(x), y) / len(data)
        cost += 0.5 * (lmbda / len(data)) * sum(np.linalg.norm(w) ** 2 for w in self.weights)
        return cost

    def accuracy(self, data):
        return sum(int(np.argmax(self.feedforward(x)) == y) for x, y in data)


def sigmoid(z):
    return 1.0 / (1.0 + np.exp(-z))


def sigmoid_prime(z):
    s = sigmoid(z)
    return s * (1 - s)


def one_hot(j):
    v = np.zeros((10, 1))
    v[j] = 1.0
    return v


def load_data_wrapper(filename="mnist.pkl.gz"):
    f = gzip.open(filename, "rb")
    u = pickle._Unpickler(f)
    u.encoding = "latin1"
    train, valid, test = u.load()
    f.close()
    training_data = list(zip([x.reshape(784, 1) for x in train[0]], [one_hot(y) for y in train[1]]))
    validation_data = list(zip([x.reshape(784, 1) for x in valid[0]], valid[1]))
    test_data = list(zip([x.reshape(784, 1) for x in test[0]], test[1]))
    return training_data, validation_data, test_data


if __name__ == "__main__":
    training_data, validation_data, test_data = load_data_wrapper()
    net = Network([784, 16, 16, 10], cost=CrossEntropyCost)
    net.SGD(training_data, 30, 10, 0.5, lmbda=5.0, evaluation_data=validation_data)
