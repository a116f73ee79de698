"""tinygrad_mnist: an autograd engine to read in a sitting, with the hand derivation beside it.

Importing it imports NumPy alone.
"""

from typing import TYPE_CHECKING, Any

from tinygrad_mnist import starting  # noqa: F401  # before what takes its time

# isort: split
from tinygrad_mnist import array_functions, engine, later, nn
from tinygrad_mnist.engine import Tensor, grad, no_grad
from tinygrad_mnist.engine.transforms import hessian, hvp, jacobian, jvp, vjp
from tinygrad_mnist.nn import cross_entropy, one_hot

if TYPE_CHECKING:
    from tinygrad_mnist import comparing, data, grading, graph, manual, sweeps, training
    from tinygrad_mnist.comparing import compare
    from tinygrad_mnist.compiler import CompileError, compile
    from tinygrad_mnist.gradcheck import GradientError, check_gradients
    from tinygrad_mnist.grading import grade

__version__ = "0.1.0"

__all__ = [
    "CompileError", "GradientError", "Tensor", "array_functions", "check_gradients", "compare", "comparing",
    "compile", "cross_entropy", "data", "engine", "grad", "grade", "grading", "graph", "hessian", "hvp", "jacobian",
    "jvp", "manual", "nn", "no_grad", "one_hot", "sweeps", "training", "vjp",
]  # fmt: skip

__getattr__, __dir__ = later.later(
    __name__,
    {
        "comparing": ("compare",),
        "compiler": ("CompileError", "compile"),
        "data": (),
        "gradcheck": ("GradientError", "check_gradients"),
        "grading": ("grade",),
        "graph": (),
        "manual": (),
        "sweeps": (),
        "training": (),
    },
)


def load_ipython_extension(shell: Any) -> None:
    """What `%load_ext tinygrad_mnist` does in a notebook: from then on `%%grade` grades a cell."""
    from tinygrad_mnist.grading import notebooks

    notebooks.load(shell)
