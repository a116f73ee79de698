"""The command line: arguments and printing, no logic."""

from tinygrad_mnist.cli.app import main

__all__ = ["main"]
