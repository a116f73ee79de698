"""Models as expressions of tensors: losses, initialisation, the multilayer perceptron, optimizers."""

from tinygrad_mnist.nn.functional import accuracy, cross_entropy, one_hot
from tinygrad_mnist.nn.init import INITIALISERS
from tinygrad_mnist.nn.mlp import ACTIVATIONS, MLP
from tinygrad_mnist.nn.module import Module
from tinygrad_mnist.nn.optim import SGD, Adam, AdamW, Optimizer, RMSprop

__all__ = [
    "ACTIVATIONS",
    "INITIALISERS",
    "MLP",
    "SGD",
    "Adam",
    "AdamW",
    "Module",
    "Optimizer",
    "RMSprop",
    "accuracy",
    "cross_entropy",
    "one_hot",
]
