"""T2's convolutional network in PyTorch: two convolutions with pooling, two layers behind them, Adam."""

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from tinygrad_mnist.frameworks import Lesson

lesson = Lesson("t2_cnn")
images = torch.from_numpy(lesson.x_train).view(-1, 1, 28, 28)
loader = DataLoader(TensorDataset(images, torch.from_numpy(lesson.y_train)), batch_size=64)

model = nn.Sequential(
    nn.Conv2d(1, 16, kernel_size=3, padding=1),
    nn.ReLU(),
    nn.MaxPool2d(2),
    nn.Conv2d(16, 32, kernel_size=3, padding=1),
    nn.ReLU(),
    nn.MaxPool2d(2),
    nn.Flatten(),
    nn.Linear(32 * 7 * 7, 128),
    nn.ReLU(),
    nn.Linear(128, 10),
)
for parameter, initial in zip(model.parameters(), lesson.weights):
    parameter.data = torch.from_numpy(initial)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
loss_function = nn.CrossEntropyLoss()

for epoch in range(lesson.epochs):
    for x, y in loader:
        optimizer.zero_grad()
        loss = loss_function(model(x), y)
        loss.backward()
        optimizer.step()
        lesson.step(loss.item())

with torch.no_grad():
    test = DataLoader(torch.from_numpy(lesson.x_test).view(-1, 1, 28, 28), batch_size=500)
    read = torch.cat([model(x).argmax(dim=1) for x in test])
accuracy = (read == torch.from_numpy(lesson.y_test)).float().mean().item()
lesson.done(accuracy, [parameter.numpy() for parameter in model.state_dict().values()])
