"""A learner's backprop judged: which of its lines is wrong, and which mistake it is."""

from tinygrad_mnist.grading.catalogue import MISTAKES
from tinygrad_mnist.grading.grader import assert_gradients, diagnose, grade
from tinygrad_mnist.grading.mistakes import Mistake
from tinygrad_mnist.grading.probes import probes_for
from tinygrad_mnist.grading.report import Finding, Parameter, Problem, Report
from tinygrad_mnist.grading.runner import DEEPEST
from tinygrad_mnist.grading.settings import GradeError

__all__ = [
    "DEEPEST", "MISTAKES", "Finding", "GradeError", "Mistake", "Parameter", "Problem", "Report", "assert_gradients",
    "diagnose", "grade", "probes_for",
]  # fmt: skip
