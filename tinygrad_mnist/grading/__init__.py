"""A learner's backprop judged: which of its lines is wrong, and which mistake it is."""

from tinygrad_mnist.grading.candidates import bench
from tinygrad_mnist.grading.grader import DEEPEST, GradeError, assert_gradients, diagnose, grade
from tinygrad_mnist.grading.mistakes import MISTAKES, Mistake
from tinygrad_mnist.grading.report import Finding, Parameter, Problem, Report

__all__ = [
    "DEEPEST", "MISTAKES", "Finding", "GradeError", "Mistake", "Parameter", "Problem", "Report", "assert_gradients",
    "bench", "diagnose", "grade",
]  # fmt: skip
