"""`compile`: a step as a program that is planned once and then replayed."""

from tinygrad_mnist.compiler.compiled import compile as compile
from tinygrad_mnist.compiler.errors import CompileError as CompileError
