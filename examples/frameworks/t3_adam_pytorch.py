"""T3's network in PyTorch with what a framework brings: batch normalization, clipped gradients, Adam."""

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from tinygrad_mnist.frameworks import Lesson

lesson = Lesson("t3_adam")
train = TensorDataset(torch.from_numpy(lesson.x_train), torch.from_numpy(lesson.y_train))
loader = DataLoader(train, batch_size=128)

model = nn.Sequential(nn.Linear(784, 10, bias=False), nn.BatchNorm1d(10), nn.ReLU(), nn.Linear(10, 10))
for parameter, initial in zip(model.parameters(), lesson.weights):
    parameter.data = torch.from_numpy(initial)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
loss_function = nn.CrossEntropyLoss()

for epoch in range(lesson.epochs):
    for x, y in loader:
        optimizer.zero_grad()
        loss = loss_function(model(x), y)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), max_norm=1.0)
        optimizer.step()
        lesson.step(loss.item())

model.eval()
with torch.no_grad():
    read = model(torch.from_numpy(lesson.x_test)).argmax(dim=1)
accuracy = (read == torch.from_numpy(lesson.y_test)).float().mean().item()
lesson.done(accuracy, [parameter.detach().numpy() for parameter in model.parameters()])
