"""tinygrad_mnist: an autograd engine to read in a sitting, with the hand derivation beside it.

Importing it imports NumPy alone.
"""

from tinygrad_mnist import checks, data, engine, graph, manual, nn, training
from tinygrad_mnist.checks import check_gradients
from tinygrad_mnist.engine import Tensor, grad, no_grad
from tinygrad_mnist.nn import cross_entropy, one_hot
from tinygrad_mnist.transforms import hessian, hvp, jacobian, jvp, vjp

__version__ = "0.1.0"

__all__ = [
    "Tensor",
    "check_gradients",
    "checks",
    "cross_entropy",
    "data",
    "engine",
    "grad",
    "graph",
    "hessian",
    "hvp",
    "jacobian",
    "jvp",
    "manual",
    "nn",
    "no_grad",
    "one_hot",
    "training",
    "vjp",
]
