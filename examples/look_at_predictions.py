"""Train for a second, then look: what is read and misread, what the neurons look for, what an answer hangs on.

Draws pictures of the embedded digits into a temporary folder.
"""

import tempfile
from pathlib import Path

from tinygrad_mnist import cross_entropy, data, nn, no_grad, plots

digits = data.load("digits")
train, test = digits.train, digits.test
model = nn.MLP((784, 32, 10), "relu", seed=0)
for epoch in range(10):
    for x, y in data.batches(train.inputs(), train.labels, batch_size=32, seed=0, epoch=epoch):
        cross_entropy(model(x), y).backward()
        for p in [*model.weights, *model.biases]:
            p.data -= 0.1 * p.grad.data
            p.grad = None

with no_grad():
    probabilities = model(test.inputs()).softmax().numpy()
right = (probabilities.argmax(axis=1) == test.labels).mean()
print(f"{100 * right:.1f} % of {len(test)} digits, written by people it has never read, are read correctly")
assert right > 0.8

pictures = {
    "predictions": plots.predictions(test.images[:60], test.labels[:60], probabilities[:60]),
    "mistakes": plots.worst_mistakes(test.images, test.labels, probabilities),
    "first-layer": plots.first_layer(model.weights[0].numpy()),
    "saliency": plots.saliency(model, test[:10].inputs(), test.labels[:10]),
}
folder = Path(tempfile.mkdtemp(prefix="tinygrad-mnist-"))
for name, picture in pictures.items():
    picture.savefig(folder / f"{name}.png")
print(f"drawn: {', '.join(pictures)} in {folder}")
