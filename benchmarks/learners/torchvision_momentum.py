# MNIST mit numpy (Daten ueber torchvision), SGD mit Momentum
import numpy as np
import torch
from torchvision import datasets, transforms

torch.manual_seed(0)
np.random.seed(0)

train_set = datasets.MNIST(root='./data', train=True, download=True, transform=transforms.ToTensor())
test_set = datasets.MNIST(root='./data', train=False, download=True, transform=transforms.ToTensor())

X_train = train_set.data.numpy().reshape(-1, 784) / 255.0
Y_train = train_set.targets.numpy()
X_test = test_set.data.numpy().reshape(-1, 784) / 255.0
Y_test = test_set.targets.numpy()

# Standardisieren
mean, std = 0.1307, 0.3081
X_train = (X_train - mean) / std
X_test = (X_test - mean) / std

HIDDEN = 128
LR = 0.01
MOMENTUM = 0.9
EPOCHS = 10
BATCH = 128


def relu(z):
    return np.maximum(0.0, z)


def softmax(z):
    z_exp = np.exp(z - z.max(axis=1)[:, None])
    return z_exp / z_exp.sum(axis=1)[:, None]


def forward(X, W1, b1, W2, b2):
    Z1 = np.dot(X, W1) + b1
    A1 = relu(Z1)
    Z2 = np.dot(A1, W2) + b2
    A2 = softmax(Z2)
    return Z1, A1, Z2, A2


def cross_entropy(A2, labels):
    return -np.mean(np.log(A2[np.arange(len(labels)), labels] + 1e-10))


def backward(X, labels, Z1, A1, A2, W2):
    m = X.shape[0]
    Y = np.eye(10)[labels]
    dZ2 = A2 - Y
    dW2 = np.dot(A1.T, dZ2) / m
    db2 = np.sum(dZ2, axis=0, keepdims=True) / m
    dA1 = np.dot(dZ2, W2.T)
    dZ1 = dA1 * (Z1 > 0)
    dW1 = np.dot(X.T, dZ1) / m
    db1 = np.sum(dZ1, axis=0, keepdims=True) / m
    return dW1, db1, dW2, db2


# Xavier/Glorot
grenze1 = np.sqrt(6 / (784 + HIDDEN))
grenze2 = np.sqrt(6 / (HIDDEN + 10))
W1 = np.random.uniform(-grenze1, grenze1, (784, HIDDEN))
b1 = np.zeros((1, HIDDEN))
W2 = np.random.uniform(-grenze2, grenze2, (HIDDEN, 10))
b2 = np.zeros((1, 10))

vW1 = np.zeros_like(W1)
vb1 = np.zeros_like(b1)
vW2 = np.zeros_like(W2)
vb2 = np.zeros_like(b2)

for epoch in range(EPOCHS):
    idx = np.random.permutation(X_train.shape[0])
    for i in range(0, X_train.shape[0], BATCH):
        Xb = X_train[idx[i:i + BATCH]]
        Yb = Y_train[idx[i:i + BATCH]]

        Z1, A1, Z2, A2 = forward(Xb, W1, b1, W2, b2)
        dW1, db1, dW2, db2 = backward(Xb, Yb, Z1, A1, A2, W2)

        vW1 = MOMENTUM * vW1 - LR * dW1
        vb1 = MOMENTUM * vb1 - LR * db1
        vW2 = MOMENTUM * vW2 - LR * dW2
        vb2 = MOMENTUM * vb2 - LR * db2

        W1 = W1 + vW1
        b1 = b1 + vb1
        W2 = W2 + vW2
        b2 = b2 + vb2

    loss = cross_entropy(forward(X_train, W1, b1, W2, b2)[3], Y_train)
    acc = np.mean(np.argmax(forward(X_test, W1, b1, W2, b2)[3], axis=1) == Y_test)
    print('Epoche %d: Verlust %.4f, Test %.2f %%' % (epoch + 1, loss, 100 * acc))
