import numpy as np
import tensorflow as tf   # only for the data

SLOPE = 0.2

(train_images, train_labels), (test_images, test_labels) = tf.keras.datasets.mnist.load_data()
X_train = train_images.reshape(train_images.shape[0], 784).T / 255.0
X_test = test_images.reshape(test_images.shape[0], 784).T / 255.0


def one_hot(Y):
    one_hot_Y = np.zeros((10, Y.size))
    one_hot_Y[Y, np.arange(Y.size)] = 1
    return one_hot_Y


def leaky_relu(Z):
    return np.where(Z > 0, Z, SLOPE * Z)


def leaky_relu_deriv(Z):
    dZ = np.ones_like(Z)
    dZ[Z <= 0] = SLOPE
    return dZ


def softmax(Z):
    expZ = np.exp(Z - np.max(Z, axis=0, keepdims=True))
    return expZ / np.sum(expZ, axis=0, keepdims=True)


def init_params():
    W1 = np.random.randn(32, 784) * np.sqrt(2 / 784)
    b1 = np.zeros((32, 1))
    W2 = np.random.randn(32, 32) * np.sqrt(2 / 32)
    b2 = np.zeros((32, 1))
    W3 = np.random.randn(10, 32) * np.sqrt(2 / 32)
    b3 = np.zeros((10, 1))
    return W1, b1, W2, b2, W3, b3


def forward_prop(W1, b1, W2, b2, W3, b3, X):
    Z1 = W1.dot(X) + b1
    A1 = leaky_relu(Z1)
    Z2 = W2.dot(A1) + b2
    A2 = leaky_relu(Z2)
    Z3 = W3.dot(A2) + b3
    A3 = softmax(Z3)
    return Z1, A1, Z2, A2, Z3, A3


def backward_prop(Z1, A1, Z2, A2, Z3, A3, W2, W3, X, Y):
    m = Y.size
    dZ3 = A3 - one_hot(Y)
    dW3 = dZ3.dot(A2.T) / m
    db3 = np.sum(dZ3, axis=1, keepdims=True) / m
    dZ2 = W3.T.dot(dZ3) * leaky_relu_deriv(Z2)
    dW2 = dZ2.dot(A1.T) / m
    db2 = np.sum(dZ2, axis=1, keepdims=True) / m
    dZ1 = W2.T.dot(dZ2) * leaky_relu_deriv(Z1)
    dW1 = dZ1.dot(X.T) / m
    db1 = np.sum(dZ1, axis=1, keepdims=True) / m
    return dW1, db1, dW2, db2, dW3, db3


def update_params(params, grads, alpha):
    return [p - alpha * g for p, g in zip(params, grads)]


def get_accuracy(A3, Y):
    return np.sum(np.argmax(A3, 0) == Y) / Y.size


def gradient_descent(X, Y, alpha, iterations):
    params = init_params()
    for i in range(iterations):
        Z1, A1, Z2, A2, Z3, A3 = forward_prop(*params, X)
        grads = backward_prop(Z1, A1, Z2, A2, Z3, A3, params[2], params[4], X, Y)
        params = update_params(params, grads, alpha)
        if i % 10 == 0:
            print("Iteration:", i, "Accuracy:", get_accuracy(A3, Y))
    return params


np.random.seed(7)
params = gradient_descent(X_train, train_labels, 0.2, 500)
print("Test accuracy:", get_accuracy(forward_prop(*params, X_test)[-1], test_labels))
