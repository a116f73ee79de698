"""MNIST classifier in NumPy: ReLU + dropout, softmax, Adam."""
from dataclasses import dataclass
from typing import Dict, List

import numpy as np
from tensorflow import keras
from tqdm import tqdm


@dataclass
class Config:
    hidden: int = 128
    epochs: int = 15
    batch_size: int = 128
    lr: float = 1e-3
    keep_prob: float = 0.8
    seed: int = 1234


class Adam:
    def __init__(self, params: Dict[str, np.ndarray], lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
        self.params = params
        self.lr, self.beta1, self.beta2, self.eps = lr, beta1, beta2, eps
        self.m = {k: np.zeros_like(v) for k, v in params.items()}
        self.v = {k: np.zeros_like(v) for k, v in params.items()}
        self.t = 0

    def step(self, grads: Dict[str, np.ndarray]) -> None:
        self.t += 1
        for k, g in grads.items():
            self.m[k] = self.beta1 * self.m[k] + (1 - self.beta1) * g
            self.v[k] = self.beta2 * self.v[k] + (1 - self.beta2) * g ** 2
            m_hat = self.m[k] / (1 - self.beta1 ** self.t)
            v_hat = self.v[k] / (1 - self.beta2 ** self.t)
            self.params[k] -= self.lr * m_hat / (np.sqrt(v_hat) + self.eps)


class Classifier:
    def __init__(self, cfg: Config):
        self.cfg = cfg
        self.rng = np.random.default_rng(cfg.seed)
        self.params = {
            "W1": self.rng.standard_normal((784, cfg.hidden)) * np.sqrt(2.0 / 784),
            "b1": np.zeros((1, cfg.hidden)),
            "W2": self.rng.standard_normal((cfg.hidden, 10)) * np.sqrt(2.0 / cfg.hidden),
            "b2": np.zeros((1, 10)),
        }
        self.opt = Adam(self.params, lr=cfg.lr)

    def forward(self, x: np.ndarray, train: bool = False) -> np.ndarray:
        p = self.params
        self.x = x
        self.z1 = x @ p["W1"] + p["b1"]
        self.h1 = np.maximum(self.z1, 0.0)
        if train:
            self.mask = (self.rng.random(self.h1.shape) < self.cfg.keep_prob) / self.cfg.keep_prob
            self.h1 = self.h1 * self.mask
        logits = self.h1 @ p["W2"] + p["b2"]
        logits = logits - logits.max(axis=1, keepdims=True)
        e = np.exp(logits)
        self.probs = e / e.sum(axis=1, keepdims=True)
        return self.probs

    def loss(self, y: np.ndarray) -> float:
        return float(-np.log(self.probs[np.arange(len(y)), y] + 1e-12).mean())

    def backward(self, y: np.ndarray) -> Dict[str, np.ndarray]:
        n = len(y)
        dlogits = self.probs.copy()
        dlogits[np.arange(n), y] -= 1
        dlogits /= n
        grads = {}
        grads["W2"] = self.h1.T @ dlogits
        grads["b2"] = dlogits.sum(axis=0, keepdims=True)
        dh1 = dlogits @ self.params["W2"].T
        dh1 = dh1 * self.mask
        dz1 = dh1 * (self.z1 > 0)
        grads["W1"] = self.x.T @ dz1
        grads["b1"] = dz1.sum(axis=0, keepdims=True)
        return grads

    def fit(self, x: np.ndarray, y: np.ndarray) -> List[float]:
        losses = []
        for epoch in range(self.cfg.epochs):
            order = self.rng.permutation(len(x))
            bar = tqdm(range(0, len(x), self.cfg.batch_size), desc=f"epoch {epoch + 1}")
            for i in bar:
                idx = order[i:i + self.cfg.batch_size]
                self.forward(x[idx], train=True)
                losses.append(self.loss(y[idx]))
                self.opt.step(self.backward(y[idx]))
                bar.set_postfix(loss=losses[-1])
        return losses

    def score(self, x: np.ndarray, y: np.ndarray) -> float:
        return float((self.forward(x).argmax(axis=1) == y).mean())


def main():
    (x_train, y_train), (x_test, y_test) = keras.datasets.mnist.load_data()
    x_train = x_train.reshape(len(x_train), -1) / 255.0
    x_test = x_test.reshape(len(x_test), -1) / 255.0
    model = Classifier(Config())
    model.fit(x_train, y_train)
    print("train", model.score(x_train, y_train))
    print("test", model.score(x_test, y_test))


if __name__ == "__main__":
    main()
