"""A small convolutional network on real digits: layers, Adam, a cosine schedule, dropout."""

from tinygrad_mnist import data, nn, no_grad

digits = data.load("digits")
X, Y = digits.train.inputs(), digits.train.labels  # rows of 784 pixels, and labels

nn.manual_seed(0)
model = nn.Sequential(
    nn.Unflatten(1, (1, 28, 28)),
    nn.Conv2d(1, 8, kernel_size=3, padding=1),
    nn.ReLU(),
    nn.MaxPool2d(4),
    nn.Conv2d(8, 16, kernel_size=3, padding=1),
    nn.BatchNorm2d(16),
    nn.ReLU(),
    nn.Flatten(),
    nn.Dropout(0.2),
    nn.Linear(16 * 7 * 7, 10),
)
print(model.summary((32, 784)))

EPOCHS = 6
optimizer = nn.Adam(model.parameters(), lr=3e-3)
schedule = nn.schedules.CosineAnnealingLR(optimizer, T_max=EPOCHS)
for epoch in range(1, EPOCHS + 1):
    model.train()
    for x, y in data.batches(X, Y, batch_size=32, seed=0, epoch=epoch):
        loss = nn.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    schedule.step()
    model.eval()
    with no_grad():
        score = nn.accuracy(model(digits.test.inputs()), digits.test.labels)
    print(f"epoch {epoch}: loss {loss:.4f}, {score:.1%} of {len(digits.test)} unseen digits read rightly")

assert score > 0.91
