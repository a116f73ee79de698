"""Programs as learners write them, each right and with ten mistakes, graded as they stand: what is passed, and named.

    python benchmarks/grade_learners.py [--only NAME …] [--sample N] [--show]

The programs lie in benchmarks/learners, each with a JSON file of its mistakes.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tinygrad_mnist.grading import Report, grade

LEARNERS = Path(__file__).parent / "learners"


@dataclass(frozen=True)
class Submission:
    """A program, or one with a mistake: the names that are true of it, and the quantity that it is in."""

    program: str
    suffix: str
    text: str
    names: tuple[str, ...] = ()
    where: str = ""
    change: str = ""


def submissions(only: Sequence[str] = ()) -> Iterator[Submission]:
    """Every program as it is, and with each of its mistakes."""
    for saved in sorted(LEARNERS.glob("*.json")):
        if only and saved.stem not in only:
            continue
        path = next(p for p in LEARNERS.glob(f"{saved.stem}.*") if p.suffix in (".py", ".ipynb"))
        text = path.read_text(encoding="utf-8")
        yield Submission(saved.stem, path.suffix, text)
        for mistake in json.loads(saved.read_text(encoding="utf-8"))["mistakes"]:
            changed = _changed(text, path.suffix, mistake["replace"], mistake["with"])
            change = f"{mistake['replace']}  →  {mistake['with']}"
            yield Submission(saved.stem, path.suffix, changed, tuple(mistake["names"]), mistake["where"], change)


def _changed(text: str, suffix: str, old: str, new: str) -> str:
    """A program with one piece of its text replaced; in a notebook, in one cell."""
    if suffix == ".py":
        if text.count(old) != 1:
            raise ValueError(f"{old!r} occurs {text.count(old)} times")
        return text.replace(old, new)
    notebook: dict[str, Any] = json.loads(text)
    found = 0
    for cell in notebook["cells"]:
        source = "".join(cell["source"])
        found += source.count(old)
        cell["source"] = source.replace(old, new)
    if found != 1:
        raise ValueError(f"{old!r} occurs {found} times")
    return json.dumps(notebook)


def graded(submission: Submission) -> tuple[Report, float]:
    """The report on it, and the seconds that it took."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"{submission.program}{submission.suffix}")
        path.write_text(submission.text, encoding="utf-8")
        began = time.perf_counter()
        return grade(path), time.perf_counter() - began


def judged(submission: Submission, report: Report) -> str:
    """ "passed" or "named" where it is as it should be; "failed", "missed", "unnamed" or "wrongly named" where not."""
    if not submission.names:
        return "passed" if report.passed else "failed"
    if report.passed:
        return "missed"
    found = {name for finding in report.findings for name in finding.names}
    if not found:
        return "unnamed"
    return "named" if found & set(submission.names) else "wrongly named"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="*", default=())
    parser.add_argument("--sample", type=int)
    parser.add_argument("--show", action="store_true", help="the report of each that is not as it should be")
    options = parser.parse_args()
    every = list(submissions(options.only))
    if options.sample:
        every = random.Random(0).sample(every, options.sample)
    counts: dict[str, int] = {}
    longest = 0.0
    with ThreadPoolExecutor(2) as pool:
        for submission, (report, seconds) in zip(every, pool.map(graded, every), strict=True):
            verdict = judged(submission, report)
            counts[verdict] = counts.get(verdict, 0) + 1
            longest = max(longest, seconds)
            if verdict not in ("passed", "named") or seconds > 5:
                found = [name for finding in report.findings for name in finding.names]
                wanted = (
                    f" wanted {', '.join(submission.names)}; got {', '.join(found) or 'none'}"
                    if submission.names
                    else ""
                )
                print(
                    f"{submission.program}: {verdict} {seconds:.1f} s{wanted}  {submission.change[:110]!r}", flush=True
                )
                if options.show:
                    print(report)
    right, wrong = (sum(bool(s.names) is kind for s in every) for kind in (False, True))
    print(f"{counts.get('passed', 0)} of {right} right programs passed")
    print(f"{counts.get('named', 0)} of {wrong} mistakes named, {counts.get('wrongly named', 0)} wrongly named")
    print(f"the longest took {longest:.1f} s")
    sys.exit(counts.get("passed", 0) < right)


if __name__ == "__main__":
    main()
