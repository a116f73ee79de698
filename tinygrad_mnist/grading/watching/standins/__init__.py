"""What a program gets in place of data, packages, windows and the network that are not here.

`install(folder, count)` is called in the process that runs the program, before it: then MNIST is a few digits drawn
here, in the shape and type of whatever it is loaded with; a plot is nothing; and nothing outside is written.
"""

from tinygrad_mnist.grading.watching.standins.installing import COUNT, install

__all__ = ["COUNT", "install"]
