import numpy as np
from sklearn.datasets import fetch_openml
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import OneHotEncoder


class MultiLayerPerceptron:
    def __init__(self, n_hidden=100, lr=0.05, momentum=0.9, lam=1e-3, epochs=30, batch_size=50, random_state=None):
        self.n_hidden = n_hidden
        self.lr = lr
        self.momentum = momentum
        self.lam = lam
        self.epochs = epochs
        self.batch_size = batch_size
        self.rng = np.random.RandomState(random_state)

    def _init_weights(self, n_features, n_classes):
        self.W1 = self.rng.normal(0, 1 / np.sqrt(n_features), (n_features, self.n_hidden))
        self.b1 = np.zeros((1, self.n_hidden))
        self.W2 = self.rng.normal(0, 1 / np.sqrt(self.n_hidden), (self.n_hidden, n_classes))
        self.b2 = np.zeros((1, n_classes))
        self.vW1 = np.zeros_like(self.W1)
        self.vb1 = np.zeros_like(self.b1)
        self.vW2 = np.zeros_like(self.W2)
        self.vb2 = np.zeros_like(self.b2)

    def _sigmoid(self, z):
        return 1.0 / (1.0 + np.exp(-np.clip(z, -250, 250)))

    def _sigmoid_grad(self, z):
        s = self._sigmoid(z)
        return s * (1.0 - s)

    def _softmax(self, z):
        z = z - np.max(z, axis=1, keepdims=True)
        return np.exp(z) / np.sum(np.exp(z), axis=1, keepdims=True)

    def _forward(self, X):
        z1 = X.dot(self.W1) + self.b1
        a1 = self._sigmoid(z1)
        z2 = a1.dot(self.W2) + self.b2
        a2 = self._softmax(z2)
        return z1, a1, z2, a2

    def _cost(self, y_enc, output):
        cross_entropy = -np.mean(np.sum(y_enc * np.log(output + 1e-10), axis=1))
        penalty = self.lam / 2 * (np.sum(self.W1 ** 2) + np.sum(self.W2 ** 2))
        return cross_entropy + penalty

    def _backward(self, X, y_enc, z1, a1, a2):
        n = X.shape[0]
        sigma2 = a2 - y_enc
        grad_W2 = a1.T.dot(sigma2) / n
        grad_b2 = np.sum(sigma2, axis=0, keepdims=True) / n
        sigma1 = sigma2.dot(self.W2.T) * self._sigmoid_grad(z1)
        grad_W1 = X.T.dot(sigma1) / n
        grad_b1 = np.sum(sigma1, axis=0, keepdims=True) / n
        # regularization
        grad_W1 += self.lam * self.W1
        grad_W2 += self.lam * self.W2
        return grad_W1, grad_b1, grad_W2, grad_b2

    def _update(self, grad_W1, grad_b1, grad_W2, grad_b2):
        self.vW1 = self.momentum * self.vW1 + self.lr * grad_W1
        self.vb1 = self.momentum * self.vb1 + self.lr * grad_b1
        self.vW2 = self.momentum * self.vW2 + self.lr * grad_W2
        self.vb2 = self.momentum * self.vb2 + self.lr * grad_b2
        self.W1 -= self.vW1
        self.b1 -= self.vb1
        self.W2 -= self.vW2
        self.b2 -= self.vb2

    def fit(self, X, y_enc):
        self._init_weights(X.shape[1], y_enc.shape[1])
        self.cost_ = []
        for epoch in range(self.epochs):
            indices = self.rng.permutation(X.shape[0])
            for start in range(0, X.shape[0], self.batch_size):
                rows = indices[start:start + self.batch_size]
                z1, a1, z2, a2 = self._forward(X[rows])
                self.cost_.append(self._cost(y_enc[rows], a2))
                self._update(*self._backward(X[rows], y_enc[rows], z1, a1, a2))
            print("Epoch: %d/%d | Cost %.3f" % (epoch + 1, self.epochs, self.cost_[-1]))
        return self

    def predict(self, X):
        return np.argmax(self._forward(X)[2], axis=1)


X, y = fetch_openml("mnist_784", version=1, return_X_y=True, as_frame=False)
X = ((X / 255.0) - 0.5) * 2
y = y.astype(int)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=10000, random_state=123, stratify=y)

y_train_enc = OneHotEncoder(sparse_output=False).fit_transform(y_train.reshape(-1, 1))

mlp = MultiLayerPerceptron(random_state=1)
mlp.fit(X_train, y_train_enc)
print("Train accuracy: %.2f%%" % (100 * np.mean(mlp.predict(X_train) == y_train)))
print("Test accuracy: %.2f%%" % (100 * np.mean(mlp.predict(X_test) == y_test)))
