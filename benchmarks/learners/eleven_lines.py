import sys
import numpy as np
from keras.datasets import mnist

(x_train, y_train), (x_test, y_test) = mnist.load_data()

images, labels = (x_train[0:1000].reshape(1000, 28 * 28) / 255, y_train[0:1000])
one_hot_labels = np.zeros((len(labels), 10))
for i, l in enumerate(labels):
    one_hot_labels[i][l] = 1
labels = one_hot_labels

def sigmoid(x):
    return 1 / (1 + np.exp(-x))

# x is already the output of the sigmoid
def sigmoid_deriv(x):
    return x * (1 - x)

np.random.seed(1)
alpha = 0.005
hidden_size = 40

# randomly initialize our weights with mean 0
syn0 = 0.2 * np.random.random((784, hidden_size)) - 0.1
syn1 = 0.2 * np.random.random((hidden_size, 10)) - 0.1

for j in range(5000):
    # feed forward through layers 0, 1, and 2
    l0 = images
    l1 = sigmoid(np.dot(l0, syn0))
    l2 = sigmoid(np.dot(l1, syn1))

    # how much did we miss the target value?
    l2_error = labels - l2
    if j % 100 == 0:
        sys.stdout.write("\rI:" + str(j) + " Error:" + str(np.sum(l2_error ** 2) / 2))

    l2_delta = l2_error * sigmoid_deriv(l2)
    # how much did each l1 value contribute to the l2 error?
    l1_error = l2_delta.dot(syn1.T)
    l1_delta = l1_error * sigmoid_deriv(l1)

    syn1 += alpha * l1.T.dot(l2_delta)
    syn0 += alpha * l0.T.dot(l1_delta)

print()
test_images = x_test.reshape(len(x_test), 28 * 28) / 255
out = sigmoid(np.dot(sigmoid(np.dot(test_images, syn0)), syn1))
print("Test-Acc:", np.mean(np.argmax(out, axis=1) == y_test))
