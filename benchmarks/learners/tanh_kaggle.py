import pandas as pd
import numpy as np

# Kaggle digit recognizer: train.csv has the label in the first column
df = pd.read_csv("input/train.csv")
labels = df["label"].values
images = df.drop("label", axis=1).values.astype(np.float64)

images = (images - 127.5) / 127.5

n_val = len(images) // 10
x_val, t_val = images[:n_val], labels[:n_val]
x_train, t_train = images[n_val:], labels[n_val:]


def to_categorical(t):
    out = np.zeros((len(t), 10))
    for i, c in enumerate(t):
        out[i, c] = 1
    return out


d_train = to_categorical(t_train)

N_IN, N_HID, N_OUT = 784, 50, 10
rng = np.random.default_rng(3)
w_h = rng.uniform(-1, 1, (N_IN, N_HID)) / np.sqrt(N_IN)
b_h = np.zeros(N_HID)
w_o = rng.uniform(-1, 1, (N_HID, N_OUT)) / np.sqrt(N_HID)
b_o = np.zeros(N_OUT)


def tanh_deriv(h):
    return 1.0 - h ** 2


def predict(x):
    net_h = x.dot(w_h) + b_h
    h = np.tanh(net_h)
    net_o = h.dot(w_o) + b_o
    e = np.exp(net_o - net_o.max(axis=1).reshape(-1, 1))
    out = e / e.sum(axis=1).reshape(-1, 1)
    return net_h, h, net_o, out


eta = 0.05
batch = 100
for epoch in range(25):
    idx = rng.permutation(len(x_train))
    for k in range(0, len(idx), batch):
        x = x_train[idx[k:k + batch]]
        d = d_train[idx[k:k + batch]]
        n = len(x)

        net_h, h, net_o, out = predict(x)

        delta_o = (out - d) / n
        grad_w_o = h.T.dot(delta_o)
        grad_b_o = delta_o.sum(axis=0)

        delta_h = delta_o.dot(w_o.T) * tanh_deriv(h)
        grad_w_h = x.T.dot(delta_h)
        grad_b_h = delta_h.sum(axis=0)

        w_o = w_o - eta * grad_w_o
        b_o = b_o - eta * grad_b_o
        w_h = w_h - eta * grad_w_h
        b_h = b_h - eta * grad_b_h

    acc = (predict(x_val)[3].argmax(axis=1) == t_val).mean()
    print("epoch %2d  validation accuracy %.3f" % (epoch, acc))

# submission
test = pd.read_csv("input/test.csv").values.astype(np.float64)
pred = predict((test - 127.5) / 127.5)[3].argmax(axis=1)
pd.DataFrame({"ImageId": np.arange(1, len(pred) + 1), "Label": pred}).to_csv("submission.csv", index=False)
