import numpy as np
import matplotlib.pyplot as plt

path = './mnist.npz'
data = np.load(path, allow_pickle=True)
x_train = data['x_train']
y_train = data['y_train']
x_test = data['x_test']
y_test = data['y_test']

X = x_train.reshape(x_train.shape[0], -1).T / 255.0
X_t = x_test.reshape(x_test.shape[0], -1).T / 255.0
Y = np.eye(10)[y_train].T

#hyperparameters
lr = 0.1
iters = 1000
n = 32

#weights
W1 = np.random.randn(n, 784) * np.sqrt(2/784)
W2 = np.random.randn(n, n) * np.sqrt(2/n)
W3 = np.random.randn(n, n) * np.sqrt(2/n)
W4 = np.random.randn(10, n) * np.sqrt(2/n)
b1 = np.zeros((n, 1))
b2 = np.zeros((n, 1))
b3 = np.zeros((n, 1))
b4 = np.zeros((10, 1))

def ReLU(x):
    return np.maximum(0, x)

def dReLU(x):
    return 1. * (x > 0)

def softmax(x):
    e = np.exp(x - np.max(x, axis=0))
    return e / np.sum(e, axis=0)

def feedforward(X):
    Z1 = np.dot(W1, X) + b1
    A1 = ReLU(Z1)
    Z2 = np.dot(W2, A1) + b2
    A2 = ReLU(Z2)
    Z3 = np.dot(W3, A2) + b3
    A3 = ReLU(Z3)
    Z4 = np.dot(W4, A3) + b4
    A4 = softmax(Z4)
    return Z1, A1, Z2, A2, Z3, A3, Z4, A4

def backprop(X, Y, Z1, A1, Z2, A2, Z3, A3, Z4, A4):
    m = X.shape[1]

    delta4 = A4 - Y
    dW4 = (1/m) * np.dot(delta4, A3.T)
    db4 = (1/m) * np.sum(delta4, axis=1, keepdims=True)

    delta3 = np.dot(W4.T, delta4) * dReLU(Z3)
    dW3 = (1/m) * np.dot(delta3, A2.T)
    db3 = (1/m) * np.sum(delta3, axis=1, keepdims=True)

    delta2 = np.dot(W3.T, delta3) * dReLU(Z2)
    dW2 = (1/m) * np.dot(delta2, A1.T)
    db2 = (1/m) * np.sum(delta2, axis=1, keepdims=True)

    delta1 = np.dot(W2.T, delta2) * dReLU(Z1)
    dW1 = (1/m) * np.dot(delta1, X.T)
    db1 = (1/m) * np.sum(delta1, axis=1, keepdims=True)

    return dW1, db1, dW2, db2, dW3, db3, dW4, db4

cost_history = []
for i in range(iters):
    Z1, A1, Z2, A2, Z3, A3, Z4, A4 = feedforward(X)
    cost = -np.mean(np.sum(Y * np.log(A4 + 1e-9), axis=0))
    cost_history.append(cost)
    dW1, db1, dW2, db2, dW3, db3, dW4, db4 = backprop(X, Y, Z1, A1, Z2, A2, Z3, A3, Z4, A4)

    W1 = W1 - lr * dW1
    b1 = b1 - lr * db1
    W2 = W2 - lr * dW2
    b2 = b2 - lr * db2
    W3 = W3 - lr * dW3
    b3 = b3 - lr * db3
    W4 = W4 - lr * dW4
    b4 = b4 - lr * db4

    if i % 100 == 0:
        pred = np.argmax(A4, axis=0)
        print('iter', i, 'cost', cost, 'acc', np.mean(pred == y_train))

pred = np.argmax(feedforward(X_t)[-1], axis=0)
print('test acc', np.mean(pred == y_test))
plt.plot(cost_history)
plt.show()
