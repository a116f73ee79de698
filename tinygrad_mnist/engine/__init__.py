"""The engine: a Tensor that records operations, and the walks over what it recorded.

Read it in this order: `node` (what is recorded), `primitive` (how an operation is declared, and what it does when it is
called), `ops` (every rule), `autodiff` (the chain rule over a graph), `tensor` (the face that users see).
"""

from tinygrad_mnist.engine import ops
from tinygrad_mnist.engine.autodiff import grad, propagate, toposort
from tinygrad_mnist.engine.errors import GraphError, MutationError
from tinygrad_mnist.engine.node import Node, no_grad
from tinygrad_mnist.engine.primitive import OPS, Op, op
from tinygrad_mnist.engine.tensor import Tensor
