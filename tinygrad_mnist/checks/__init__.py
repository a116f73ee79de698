"""Judges of gradients."""

from tinygrad_mnist.checks.candidates import bench
from tinygrad_mnist.checks.compare import TOLERANCES, ColumnMLP, compare
from tinygrad_mnist.checks.comparison import Comparison
from tinygrad_mnist.checks.comparison_views import page
from tinygrad_mnist.checks.gradcheck import GradientError, check_gradients
from tinygrad_mnist.checks.grader import DEEPEST, GradeError, assert_gradients, diagnose, grade
from tinygrad_mnist.checks.mistakes import MISTAKES, Mistake
from tinygrad_mnist.checks.report import Finding, Parameter, Problem, Report

__all__ = [
    "DEEPEST",
    "MISTAKES",
    "TOLERANCES",
    "ColumnMLP",
    "Comparison",
    "Finding",
    "GradeError",
    "GradientError",
    "Mistake",
    "Parameter",
    "Problem",
    "Report",
    "assert_gradients",
    "bench",
    "check_gradients",
    "compare",
    "diagnose",
    "grade",
    "page",
]
