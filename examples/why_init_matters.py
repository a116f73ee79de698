"""Why standard-normal weights fail at 784 inputs: four of five tanh are flat, and the softmax is sure of its guesses.

A neuron adds up 784 products. With weights of variance 1 the sum has a standard deviation of √(784 · mean of x²), near
9 for digits; the tanh of that is ±1, where it is flat and no gradient passes. Through the few that are not flat comes a
gradient that large weights have made large. Xavier's weights have the variance 2 / (in + out), and none of this.
"""

import tempfile
from pathlib import Path

import numpy as np

from tinygrad_mnist import Tensor, data, nn, plots, training

digits = data.load("digits").train[:500]
x, labels = digits.inputs(), digits.labels

inits = ("standard_normal", "xavier", "he")
models = {init: nn.MLP((784, 100, 100, 100, 10), "tanh", init=init, seed=0) for init in inits}
layers = {init: training.layer_signals(model, x, labels) for init, model in models.items()}

print("                 layer    spread of a    flat    |∂L/∂z|: median, largest")
for init, found in layers.items():
    for layer in found:
        sizes = np.abs(layer.gradients)
        flat = "" if layer.flat is None else f"{100 * layer.flat:.0f} %"
        gradients = f"{np.median(sizes):.0e}, {sizes.max():.0e}"
        print(f"{init:16} {layer.name:8} {layer.values.std():11.2f}  {flat:>6}    {gradients}")

certainty = {init: Tensor(found[-1].values).softmax().numpy().max(axis=1).mean() for init, found in layers.items()}
print("untrained, and this sure of its guesses:", {init: f"{100 * share:.0f} %" for init, share in certainty.items()})

saturated, healthy = layers["standard_normal"], layers["xavier"]
assert all(layer.flat > 0.75 for layer in saturated[:-1])
assert all(layer.flat < 0.01 for layer in healthy[:-1])
assert certainty["standard_normal"] > 0.9
assert certainty["xavier"] < 0.3
# most neurons of the first layer hear next to nothing of the error, a few far too much
sizes, usual = np.abs(saturated[0].gradients), np.abs(healthy[0].gradients)
assert np.median(sizes) < np.median(usual) / 10
assert sizes.max() > 10 * usual.max()

path = Path(tempfile.mkdtemp(prefix="tinygrad-mnist-"), "why_init_matters.png")
plots.signals(models, x, labels).savefig(path)
print(f"drawn: {path}")
