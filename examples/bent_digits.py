"""New digits of old ones: as they are, shifted, turned, scaled, slanted, bent, and all at once.

Takes the embedded digits, or `python examples/bent_digits.py FOLDER` with MNIST in it; draws bent_digits.png
into a temporary folder.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np

from tinygrad_mnist import data, plots
from tinygrad_mnist.data.augment import Distortion

ten = data.load(sys.argv[1] if len(sys.argv) > 1 else "digits").train[:10].inputs()
distortions = {
    "as it is": Distortion(),
    "shifted": Distortion(shift=4),
    "turned": Distortion(rotate=30),
    "scaled": Distortion(scale=0.4),
    "slanted": Distortion(shear=30),
    "bent": Distortion(elastic=34, sigma=4),
    "all at once": Distortion(shift=2, rotate=12, scale=0.15, shear=12, elastic=34, sigma=4),
}
rng = np.random.default_rng(0)
lines = {name: distort(ten, rng) for name, distort in distortions.items()}
for name, line in lines.items():
    change = np.abs(line - ten).mean()
    print(f"{name:12} changes a pixel by {change:.3f} on average, from {line.min():.2f} to {line.max():.2f}")

assert np.array_equal(lines["as it is"], ten)
assert all(0 <= line.min() <= line.max() <= 1 for line in lines.values())
assert all(np.abs(line - ten).mean() > 0.02 for name, line in lines.items() if name != "as it is")

names = np.array([[name, *[""] * 9] for name in lines])
path = Path(tempfile.mkdtemp(prefix="tinygrad-mnist-"), "bent_digits.png")
plots.digits(np.concatenate(list(lines.values())), names.ravel()).savefig(path)
print(f"drawn: {path}")
