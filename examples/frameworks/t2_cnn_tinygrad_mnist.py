"""T2's convolutional network: two convolutions with pooling, two layers behind them, Adam."""

import numpy as np

from tinygrad_mnist import cross_entropy, nn, no_grad
from tinygrad_mnist.frameworks import Lesson

lesson = Lesson("t2_cnn")
images = lesson.x_train.reshape(-1, 1, 28, 28)
model = nn.network("1x28x28,16c3,mp2,32c3,mp2,128,10", "relu")
for parameter, initial in zip(model.parameters(), lesson.weights):
    parameter.data = initial
optimizer = nn.Adam(model.parameters(), lr=1e-3)

for epoch in range(lesson.epochs):
    for i in range(0, len(images), 64):
        loss = cross_entropy(model(images[i : i + 64]), lesson.y_train[i : i + 64])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        lesson.step(loss.item())

with no_grad():
    batches = np.split(lesson.x_test.reshape(-1, 1, 28, 28), range(500, len(lesson.x_test), 500))
    read = np.concatenate([model(x).numpy().argmax(axis=1) for x in batches])
lesson.done((read == lesson.y_test).mean(), [p.numpy() for p in model.parameters()])
