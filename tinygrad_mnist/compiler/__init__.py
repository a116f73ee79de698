"""`compile`: a step as a program that is planned once and then replayed."""

from tinygrad_mnist.compiler.compiled import Compiled
from tinygrad_mnist.compiler.tracing import CompileError as CompileError

compile = Compiled
