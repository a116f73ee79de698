"""A sample of benchmarks/learners, graded as it stands: right programs pass, and mistakes have their names."""

import importlib.util
import random
import sys
from functools import cache
from pathlib import Path

import pytest

BENCHMARK = Path(__file__).parents[3] / "benchmarks" / "grade_learners.py"

RIGHT, WRONG = 4, 8
"""How many of each are in the sample."""


@cache
def benchmark():
    """The module, which is no part of a package."""
    spec = importlib.util.spec_from_file_location("grade_learners", BENCHMARK)
    module = importlib.util.module_from_spec(spec)
    sys.modules["grade_learners"] = module  # for its dataclass
    spec.loader.exec_module(module)
    return module


@cache
def sample():
    every = list(benchmark().submissions())
    rng = random.Random(12)
    right, wrong = ([s for s in every if bool(s.names) is kind] for kind in (False, True))
    return rng.sample(right, RIGHT) + rng.sample(wrong, WRONG)


@pytest.mark.parametrize("number", range(RIGHT + WRONG))
def test_right_programs_pass_and_mistakes_have_their_names(number):
    submission = sample()[number]
    report, _ = benchmark().graded(submission)
    verdict = "named" if submission.names else "passed"
    assert benchmark().judged(submission, report) == verdict, f"{submission.program}: {submission.change}\n{report}"
