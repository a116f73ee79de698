from tinygrad_mnist.nn.functional import *
