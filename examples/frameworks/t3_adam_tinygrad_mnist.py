"""T3's network with layers: batch normalization, clipped gradients, Adam."""

from tinygrad_mnist import cross_entropy, nn
from tinygrad_mnist.frameworks import Lesson

lesson = Lesson("t3_adam")
model = nn.Sequential(nn.Linear(784, 10, bias=False), nn.BatchNorm1d(10), nn.ReLU(), nn.Linear(10, 10))
for parameter, initial in zip(model.parameters(), lesson.weights):
    parameter.data = initial
optimizer = nn.Adam(model.parameters(), lr=1e-3)

for epoch in range(lesson.epochs):
    for i in range(0, len(lesson.x_train), 128):
        loss = cross_entropy(model(lesson.x_train[i : i + 128]), lesson.y_train[i : i + 128])
        optimizer.zero_grad()
        loss.backward()
        nn.clip_grad_norm_(model.parameters(), max_norm=1.0)
        optimizer.step()
        lesson.step(loss.item())

model.eval()
lesson.done(nn.accuracy(model(lesson.x_test), lesson.y_test), [p.numpy() for p in model.parameters()])
