"""Autograd beside the hand derivation, quantity by quantity."""

from tinygrad_mnist.comparing.pairing import TOLERANCES, ColumnMLP, compare
from tinygrad_mnist.comparing.rows import Comparison
from tinygrad_mnist.comparing.views import page

__all__ = ["TOLERANCES", "ColumnMLP", "Comparison", "compare", "page"]
