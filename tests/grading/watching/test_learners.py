"""A sample of benchmarks/learners, graded as it stands: right programs pass, and mistakes have their names."""

import importlib.util
import random
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

BENCHMARK = Path(__file__).parents[3] / "benchmarks" / "grade_learners.py"

SAMPLE = 12


def benchmark():
    """The module, which is no part of a package."""
    spec = importlib.util.spec_from_file_location("grade_learners", BENCHMARK)
    module = importlib.util.module_from_spec(spec)
    sys.modules["grade_learners"] = module  # for its dataclass
    spec.loader.exec_module(module)
    return module


def test_right_programs_pass_and_mistakes_have_their_names():
    learners = benchmark()
    every = list(learners.submissions())
    right = [s for s in every if not s.names]
    rng = random.Random(12)
    sample = rng.sample(right, SAMPLE // 3) + rng.sample([s for s in every if s.names], 2 * SAMPLE // 3)
    with ThreadPoolExecutor(2) as pool:
        verdicts = [learners.judged(s, report) for s, (report, _) in zip(sample, pool.map(learners.graded, sample))]
    wanted = ["named" if s.names else "passed" for s in sample]
    assert verdicts == wanted, [(s.program, s.change, v) for s, v in zip(sample, verdicts)]
