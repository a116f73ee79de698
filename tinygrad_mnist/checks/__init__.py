"""Judges of gradients."""

from tinygrad_mnist.checks.gradcheck import GradientError, check_gradients

__all__ = ["GradientError", "check_gradients"]
