"""What a program gets in place of data, packages, windows and the network that are not here.

`install(folder, count)` is called in the process that runs the program, before it: then MNIST is a few digits drawn
here, in the shape and type of whatever it is loaded with; a plot is nothing; and nothing outside is written. `used`
holds the whole names of what was taken from such packages: "keras.datasets.mnist", "torch.nn.Linear", "jax.grad".
"""

from tinygrad_mnist.grading.standins.absorbing import used
from tinygrad_mnist.grading.standins.installing import install

__all__ = ["install", "used"]
