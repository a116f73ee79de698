from tinygrad_mnist.engine import *
from tinygrad_mnist.nn.functional import cross_entropy, one_hot
