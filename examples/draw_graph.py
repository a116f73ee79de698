"""The graph of a small network and its loss, as text for Graphviz and, where `dot` is installed, as SVG."""

import shutil
import sys

import numpy as np

from tinygrad_mnist import Tensor, cross_entropy, graph, nn

model = nn.MLP((784, 16, 10))
X = Tensor(np.zeros((8, 784), np.float32), name="X")
loss = cross_entropy(model(X), np.arange(8))
loss.name = "loss"
picture = graph.draw(loss)

if len(sys.argv) > 1 and shutil.which("dot"):
    print(picture.render(outfile=sys.argv[1], cleanup=True))
else:
    print(picture.source)

names = {vertex.name for vertex in graph.describe(loss).vertices}
assert {"X", "W1", "b1", "W2", "b2"} <= names
