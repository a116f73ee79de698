"""A learner's backprop judged: which of its lines is wrong, and which mistake it is."""

from typing import TYPE_CHECKING

from tinygrad_mnist.later import later

if TYPE_CHECKING:
    from tinygrad_mnist.grading.calling.signatures import DEEPEST
    from tinygrad_mnist.grading.grader import assert_gradients, diagnose, grade
    from tinygrad_mnist.grading.report import Finding, Parameter, Problem, Report
    from tinygrad_mnist.grading.settings import GradeError
    from tinygrad_mnist.grading.textbook.catalogue import MISTAKES
    from tinygrad_mnist.grading.textbook.mistakes import Mistake
    from tinygrad_mnist.grading.textbook.probes import probes_for

__all__ = [
    "DEEPEST", "MISTAKES", "Finding", "GradeError", "Mistake", "Parameter", "Problem", "Report", "assert_gradients",
    "diagnose", "grade", "probes_for",
]  # fmt: skip

__getattr__, __dir__ = later(
    __name__,
    {
        "calling.signatures": ("DEEPEST",),
        "grader": ("assert_gradients", "diagnose", "grade"),
        "report": ("Finding", "Parameter", "Problem", "Report"),
        "settings": ("GradeError",),
        "textbook.catalogue": ("MISTAKES",),
        "textbook.mistakes": ("Mistake",),
        "textbook.probes": ("probes_for",),
    },
)
