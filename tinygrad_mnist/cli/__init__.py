"""The command line: arguments and printing, no logic."""

from tinygrad_mnist.cli.main import main

__all__ = ["main"]
