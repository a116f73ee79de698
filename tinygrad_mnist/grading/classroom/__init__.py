"""A class of learners: every program graded in a process of its own, a page for each and one for all."""

from tinygrad_mnist.grading.classroom.class_report import ClassReport, Graded
from tinygrad_mnist.grading.classroom.grading_class import Limits, grade_class
from tinygrad_mnist.grading.classroom.isolation import Grader, Worker
from tinygrad_mnist.grading.classroom.points import Points
from tinygrad_mnist.grading.classroom.submissions import Submission, find_submission, find_submissions

__all__ = [
    "ClassReport",
    "Graded",
    "Grader",
    "Limits",
    "Points",
    "Submission",
    "Worker",
    "find_submission",
    "find_submissions",
    "grade_class",
]
