import numpy as np
import matplotlib.pyplot as plt
from tensorflow.keras.datasets import mnist


class NeuralNetwork:
    """Two layer fully connected network: input -> ReLU -> softmax"""

    def __init__(self, input_size, hidden_size, output_size, learning_rate=0.1):
        self.W1 = np.random.randn(input_size, hidden_size) * np.sqrt(2.0 / input_size)
        self.b1 = np.zeros((1, hidden_size))
        self.W2 = np.random.randn(hidden_size, output_size) * np.sqrt(2.0 / hidden_size)
        self.b2 = np.zeros((1, output_size))
        self.learning_rate = learning_rate
        self.history = []

    def relu(self, x):
        return np.maximum(0, x)

    def relu_derivative(self, x):
        return (x > 0).astype(float)

    def softmax(self, x):
        exp_x = np.exp(x - np.max(x, axis=1, keepdims=True))
        return exp_x / np.sum(exp_x, axis=1, keepdims=True)

    def forward(self, X):
        self.z1 = np.dot(X, self.W1) + self.b1
        self.a1 = self.relu(self.z1)
        self.z2 = np.dot(self.a1, self.W2) + self.b2
        self.a2 = self.softmax(self.z2)
        return self.a2

    def compute_loss(self, y_true, y_pred):
        m = y_true.shape[0]
        return -np.sum(y_true * np.log(y_pred + 1e-8)) / m

    def backward(self, X, y_true):
        m = X.shape[0]

        # output layer
        dz2 = self.a2 - y_true
        dW2 = np.dot(self.a1.T, dz2) / m
        db2 = np.sum(dz2, axis=0, keepdims=True) / m

        # hidden layer
        da1 = np.dot(dz2, self.W2.T)
        dz1 = da1 * self.relu_derivative(self.z1)
        dW1 = np.dot(X.T, dz1) / m
        db1 = np.sum(dz1, axis=0, keepdims=True) / m

        # gradient descent
        self.W2 -= self.learning_rate * dW2
        self.b2 -= self.learning_rate * db2
        self.W1 -= self.learning_rate * dW1
        self.b1 -= self.learning_rate * db1

    def train(self, X, y, epochs=20, batch_size=64):
        for epoch in range(epochs):
            perm = np.random.permutation(X.shape[0])
            X_shuffled, y_shuffled = X[perm], y[perm]
            epoch_loss = 0
            batches = 0
            for i in range(0, X.shape[0], batch_size):
                X_batch = X_shuffled[i:i + batch_size]
                y_batch = y_shuffled[i:i + batch_size]
                y_pred = self.forward(X_batch)
                epoch_loss += self.compute_loss(y_batch, y_pred)
                batches += 1
                self.backward(X_batch, y_batch)
            self.history.append(epoch_loss / batches)
            print(f"Epoch {epoch + 1}/{epochs}, Loss: {self.history[-1]:.4f}")

    def predict(self, X):
        return np.argmax(self.forward(X), axis=1)


if __name__ == "__main__":
    (X_train, y_train), (X_test, y_test) = mnist.load_data()
    X_train = X_train.reshape(-1, 28 * 28).astype("float32") / 255.0
    X_test = X_test.reshape(-1, 28 * 28).astype("float32") / 255.0
    y_train_onehot = np.eye(10)[y_train]

    np.random.seed(42)
    nn = NeuralNetwork(784, 64, 10)
    nn.train(X_train, y_train_onehot, epochs=20, batch_size=64)

    accuracy = np.mean(nn.predict(X_test) == y_test)
    print(f"Test accuracy: {accuracy * 100:.2f}%")

    plt.plot(nn.history)
    plt.xlabel("epoch")
    plt.ylabel("loss")
    plt.show()
