import numpy as np
from keras.datasets import mnist
from keras.utils import to_categorical
import matplotlib.pyplot as plt

# data
(train_images, train_labels), (test_images, test_labels) = mnist.load_data()
x_train = train_images.reshape((60000, 28 * 28)).astype("float64") / 255
x_test = test_images.reshape((10000, 28 * 28)).astype("float64") / 255
y_train = to_categorical(train_labels)
y_test = to_categorical(test_labels)

# parameters
n_inputs, n_hidden1, n_hidden2, n_outputs = 784, 64, 64, 10
w1 = np.random.randn(n_inputs, n_hidden1) * np.sqrt(2 / n_inputs)
b1 = np.zeros((1, n_hidden1))
w2 = np.random.randn(n_hidden1, n_hidden2) * np.sqrt(2 / n_hidden1)
b2 = np.zeros((1, n_hidden2))
w3 = np.random.randn(n_hidden2, n_outputs) * np.sqrt(2 / n_hidden2)
b3 = np.zeros((1, n_outputs))

lr = 0.05
epochs = 20
batch_size = 128
losses = []

for epoch in range(epochs):
    p = np.random.permutation(len(x_train))
    x_train, y_train = x_train[p], y_train[p]
    epoch_loss = []
    for i in range(0, len(x_train), batch_size):
        x = x_train[i:i+batch_size]
        y = y_train[i:i+batch_size]

        # forward
        z1 = x @ w1 + b1
        a1 = np.maximum(z1, 0)
        z2 = a1 @ w2 + b2
        a2 = np.maximum(z2, 0)
        z3 = a2 @ w3 + b3
        exps = np.exp(z3 - np.max(z3, axis=1, keepdims=True))
        out = exps / np.sum(exps, axis=1, keepdims=True)

        epoch_loss.append(np.mean(-np.sum(y * np.log(out + 1e-15), axis=1)))

        # backward
        dz3 = (out - y) / len(x)
        dw3 = a2.T @ dz3
        db3 = dz3.sum(axis=0, keepdims=True)
        da2 = dz3 @ w3.T
        dz2 = da2 * (z2 > 0)
        dw2 = a1.T @ dz2
        db2 = dz2.sum(axis=0, keepdims=True)
        da1 = dz2 @ w2.T
        dz1 = da1 * (z1 > 0)
        dw1 = x.T @ dz1
        db1 = dz1.sum(axis=0, keepdims=True)

        # sgd
        w1 -= lr * dw1
        b1 -= lr * db1
        w2 -= lr * dw2
        b2 -= lr * db2
        w3 -= lr * dw3
        b3 -= lr * db3

    losses.append(np.mean(epoch_loss))
    print(f"epoch {epoch+1}: loss = {losses[-1]:.4f}")

a1 = np.maximum(x_test @ w1 + b1, 0)
a2 = np.maximum(a1 @ w2 + b2, 0)
scores = a2 @ w3 + b3
print("test accuracy:", np.mean(scores.argmax(axis=1) == test_labels))

plt.plot(losses)
plt.savefig("loss.png")
np.savez("weights.npz", w1=w1, b1=b1, w2=w2, b2=b2, w3=w3, b3=b3)
