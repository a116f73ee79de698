"""Judges of gradients."""

from tinygrad_mnist.checks.compare import TOLERANCES, ColumnMLP, compare
from tinygrad_mnist.checks.comparison import Comparison
from tinygrad_mnist.checks.comparison_views import page
from tinygrad_mnist.checks.gradcheck import GradientError, check_gradients

__all__ = ["TOLERANCES", "ColumnMLP", "Comparison", "GradientError", "check_gradients", "compare", "page"]
