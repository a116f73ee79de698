"""T2 in PyTorch: 784 → 10 → 10, ReLU and softmax, gradient descent on all the images at once."""

import torch
from torch import nn

from tinygrad_mnist.frameworks import Lesson

lesson = Lesson("t2")
x, y = torch.from_numpy(lesson.x_train), torch.from_numpy(lesson.y_train)

model = nn.Sequential(nn.Linear(784, 10), nn.ReLU(), nn.Linear(10, 10))
for parameter, initial in zip(model.parameters(), lesson.weights):
    parameter.data = torch.from_numpy(initial)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
loss_function = nn.CrossEntropyLoss()

for epoch in range(lesson.epochs):
    optimizer.zero_grad()
    loss = loss_function(model(x), y)
    loss.backward()
    optimizer.step()
    lesson.step(loss.item())

with torch.no_grad():
    read = model(torch.from_numpy(lesson.x_test)).argmax(dim=1)
accuracy = (read == torch.from_numpy(lesson.y_test)).float().mean().item()
lesson.done(accuracy, [parameter.numpy() for parameter in model.state_dict().values()])
