"""Graphs as pictures: a scalar expression with its values, and a network with its backward pass beside it.

`python visualize_graph.py FOLDER` writes them as SVG; without a folder their texts are counted.
"""

import sys
from pathlib import Path

import numpy as np

from tinygrad_mnist import Tensor, cross_entropy, graph, nn

a = Tensor(-4.0, requires_grad=True, name="a")
b = Tensor(2.0, requires_grad=True, name="b")
c = a + b
d = (a * b + b**3) / c
d.name = "d"

model = nn.MLP((784, 16, 10))
X = Tensor(np.zeros((8, 784), np.float32), name="X")
loss = cross_entropy(model(X), np.arange(8))
loss.name = "loss"

pictures = {
    "scalar": graph.draw(d, backward=True, values=True),
    "network": graph.draw(loss),
    "backward": graph.draw(loss, backward=True),
    "layers": graph.draw(loss, backward=True, depth=0),
    "one_weight": graph.draw(loss, wrt=[model.weights[1]], backward=True),
}
for name, picture in pictures.items():
    if len(sys.argv) > 1:
        print(picture.render(outfile=Path(sys.argv[1], f"{name}.svg"), cleanup=True))
    else:
        print(f"{name}: {len(picture.source.splitlines())} lines of DOT")

print(graph.mermaid(d))

assert "∂loss/∂W2" in pictures["backward"].source
assert "Σ over axis 0" in pictures["backward"].source
assert "W1" not in pictures["one_weight"].source
names = [step.node.name for step in graph.play(d)]
assert names[0] == "d"  # the backward pass begins at the output
