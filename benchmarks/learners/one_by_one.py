# My first neural network. One picture at a time, no batches.
# data: https://pjreddie.com/projects/mnist-in-csv/
import numpy as np

inputs = 784
hidden = 32
outputs = 10
rate = 0.05
epochs = 5

data_file = open("mnist_dataset/mnist_train.csv", "r")
data_list = data_file.readlines()
data_file.close()


def relu(x):
    return np.maximum(x, 0)


def relu_prime(x):
    return np.where(x > 0, 1.0, 0.0)


def softmax(x):
    e = np.exp(x - np.max(x))
    return e / np.sum(e)


W1 = np.random.normal(0.0, pow(inputs, -0.5), (hidden, inputs))
b1 = np.zeros(hidden)
W2 = np.random.normal(0.0, pow(hidden, -0.5), (outputs, hidden))
b2 = np.zeros(outputs)

for e in range(epochs):
    running_loss = 0
    for i, record in enumerate(data_list):
        all_values = record.strip().split(",")
        x = np.asarray(all_values[1:], dtype=float) / 255.0
        target = np.zeros(outputs)
        target[int(all_values[0])] = 1.0

        # forward
        z1 = np.dot(W1, x) + b1
        h = relu(z1)
        z2 = np.dot(W2, h) + b2
        p = softmax(z2)
        running_loss += -np.sum(target * np.log(p + 1e-9))

        # backward
        dz2 = p - target
        dW2 = np.outer(dz2, h)
        db2 = dz2
        dh = np.dot(W2.T, dz2)
        dz1 = dh * relu_prime(z1)
        dW1 = np.outer(dz1, x)
        db1 = dz1

        # learn
        W2 -= rate * dW2
        b2 -= rate * db2
        W1 -= rate * dW1
        b1 -= rate * db1

        if i % 1000 == 999:
            print("epoch", e, "image", i + 1, "loss", running_loss / 1000)
            running_loss = 0

test_file = open("mnist_dataset/mnist_test.csv", "r")
test_list = test_file.readlines()
test_file.close()

scorecard = []
for record in test_list:
    all_values = record.split(",")
    x = np.asarray(all_values[1:], dtype=float) / 255.0
    answer = np.argmax(np.dot(W2, relu(np.dot(W1, x) + b1)) + b2)
    scorecard.append(1 if answer == int(all_values[0]) else 0)
print("performance =", sum(scorecard) / len(scorecard))
