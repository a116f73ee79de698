import numpy as np

# https://www.kaggle.com/datasets/oddrationale/mnist-in-csv
print("loading...")
train = np.loadtxt("mnist_train.csv", delimiter=",", skiprows=1)
test = np.loadtxt("mnist_test.csv", delimiter=",", skiprows=1)

y = train[:, 0].astype(int)
X = train[:, 1:].T / 255
y_test = test[:, 0].astype(int)
X_test = test[:, 1:].T / 255

nx, m = X.shape
nh = 20
ny = 10

Y = np.zeros((ny, m))
Y[y, range(m)] = 1

W1 = np.random.randn(nh, nx) * 0.01
b1 = np.zeros((nh, 1))
W2 = np.random.randn(ny, nh) * 0.01
b2 = np.zeros((ny, 1))

learning_rate = 0.5


def forward(x):
    global Z1, A1, Z2, A2
    Z1 = np.dot(W1, x) + b1
    A1 = np.maximum(Z1, 0)
    Z2 = np.dot(W2, A1) + b2
    T = np.exp(Z2)
    A2 = T / T.sum(axis=0)
    return A2


def backward():
    global dW1, db1, dW2, db2
    dZ2 = A2 - Y
    dW2 = np.dot(dZ2, A1.T) / m
    db2 = np.sum(dZ2, axis=1, keepdims=True) / m
    dZ1 = np.dot(W2.T, dZ2) * (A1 > 0)
    dW1 = np.dot(dZ1, X.T) / m
    db1 = np.sum(dZ1, axis=1, keepdims=True) / m


def step():
    global W1, b1, W2, b2
    W1 -= learning_rate * dW1
    b1 -= learning_rate * db1
    W2 -= learning_rate * dW2
    b2 -= learning_rate * db2


def accuracy(x, labels):
    return 100 * np.mean(np.argmax(forward(x), axis=0) == labels)


for i in range(300):
    forward(X)
    backward()
    step()
    if i % 20 == 0:
        print(i, "train", accuracy(X, y), "test", accuracy(X_test, y_test))

print("done")
print("train", accuracy(X, y))
print("test", accuracy(X_test, y_test))
