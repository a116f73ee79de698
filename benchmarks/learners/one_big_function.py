import numpy as np
from keras.datasets import mnist


def train(hidden=100, lr=0.3, epochs=15, batch=100):
    (x_train, y_train), (x_test, y_test) = mnist.load_data()
    x_train = x_train.reshape(-1, 784) / 255
    x_test = x_test.reshape(-1, 784) / 255
    t_train = np.identity(10)[y_train]
    n = len(x_train)

    w1 = np.random.randn(784, hidden) * 0.05
    b1 = np.zeros(hidden)
    w2 = np.random.randn(hidden, 10) * 0.05
    b2 = np.zeros(10)

    for epoch in range(epochs):
        mix = np.random.permutation(n)
        loss_sum = 0
        right = 0
        for j in range(n // batch):
            pick = mix[j * batch:(j + 1) * batch]
            x = x_train[pick]
            t = t_train[pick]

            # forward
            h_in = np.matmul(x, w1) + b1
            h_out = h_in.copy()
            h_out[h_out < 0] = 0
            o_in = np.matmul(h_out, w2) + b2
            o_in -= np.max(o_in, axis=1, keepdims=True)
            o_out = np.exp(o_in)
            o_out /= np.sum(o_out, axis=1, keepdims=True)

            loss_sum += -np.sum(t * np.log(o_out + 1e-10)) / batch
            right += np.sum(o_out.argmax(axis=1) == t.argmax(axis=1))

            # backward
            d_o = (o_out - t) / batch
            g_w2 = np.matmul(h_out.T, d_o)
            g_b2 = np.sum(d_o, axis=0)
            d_h = np.matmul(d_o, w2.T)
            d_h[h_in < 0] = 0
            g_w1 = np.matmul(x.T, d_h)
            g_b1 = np.sum(d_h, axis=0)

            w2 = w2 - lr * g_w2
            b2 = b2 - lr * g_b2
            w1 = w1 - lr * g_w1
            b1 = b1 - lr * g_b1

        h = np.maximum(np.matmul(x_test, w1) + b1, 0)
        test_right = np.sum(np.argmax(np.matmul(h, w2) + b2, axis=1) == y_test)
        print(f"{epoch}: loss {loss_sum / (n // batch):.4f}, train {right / n:.4f}, test {test_right / len(x_test):.4f}")

    return w1, b1, w2, b2


train()
