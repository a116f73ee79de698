"""T4 in PyTorch: any layer_sizes, ReLU and softmax, gradient descent in batches of 256."""

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from tinygrad_mnist.frameworks import Lesson

lesson = Lesson("t4")
train = TensorDataset(torch.from_numpy(lesson.x_train), torch.from_numpy(lesson.y_train))
loader = DataLoader(train, batch_size=256)


class Network(nn.Module):
    def __init__(self, layer_sizes):
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(*pair) for pair in zip(layer_sizes, layer_sizes[1:]))

    def forward(self, x):
        *hidden, last = self.layers
        for layer in hidden:
            x = torch.relu(layer(x))
        return last(x)


model = Network([784, 100, 100, 10])
for parameter, initial in zip(model.parameters(), lesson.weights):
    parameter.data = torch.from_numpy(initial)
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
loss_function = nn.CrossEntropyLoss()

for epoch in range(lesson.epochs):
    for x, y in loader:
        optimizer.zero_grad()
        loss = loss_function(model(x), y)
        loss.backward()
        optimizer.step()
        lesson.step(loss.item())

with torch.no_grad():
    read = model(torch.from_numpy(lesson.x_test)).argmax(dim=1)
accuracy = (read == torch.from_numpy(lesson.y_test)).float().mean().item()
lesson.done(accuracy, [parameter.numpy() for parameter in model.state_dict().values()])
