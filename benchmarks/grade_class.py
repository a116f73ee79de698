"""A class of two hundred graded, with four programs that would stop it: how long it takes, and who has a page.

    python benchmarks/grade_class.py [--learners N] [--jobs N]

The submissions are those of `grade_learners.py`. A second run of the same command follows, which only reads what was kept.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from grade_learners import Submission, submissions

HOSTILE = {
    "hangs": "while True: pass\n",
    "eats_memory": "kept = []\nwhile True: kept.append(bytearray(20_000_000))\n",
    "deletes_its_folder": "import pathlib, shutil\nshutil.rmtree(pathlib.Path(__file__).parent, ignore_errors=True)\n"
    "shutil.rmtree('.', ignore_errors=True)\n",
    "kills_its_parent": "import os, signal\nos.kill(os.getppid(), signal.SIGKILL)\nwhile True: pass\n",
}


def hand_in(folder: Path, learners: int) -> dict[str, Submission]:
    """So many submissions in a folder, right ones and mistakes, each once before any twice; by the name of the page."""
    every = list(submissions())
    random.Random(0).shuffle(every)
    handed = {}
    for number in range(learners):
        submission = every[number % len(every)]
        name = f"{number:03}_{submission.program}"
        (folder / f"{name}{submission.suffix}").write_text(submission.text, encoding="utf-8")
        handed[name] = submission
    for name, text in HOSTILE.items():
        (folder / f"{name}.py").write_text(text, encoding="utf-8")
    return handed


def run(folder: Path, pages: Path, jobs: int) -> float:
    """The seconds that the command takes."""
    command = [sys.executable, "-m", "tinygrad_mnist", "grade", folder, "--html", pages, "--csv", pages / "table.csv"]
    began = time.perf_counter()
    ended = subprocess.run([*command, "--jobs", str(jobs)], capture_output=True, text=True, check=False)
    if ended.returncode:
        print(ended.stdout[-2000:], ended.stderr[-2000:])
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--learners", type=int, default=200)
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder, pages = Path(temporary, "class"), Path(temporary, "pages")
        folder.mkdir()
        handed = hand_in(folder, options.learners)
        before = {path.name: path.read_bytes() for path in folder.iterdir()}
        print(f"{len(handed)} learners and {len(HOSTILE)} others: {run(folder, pages, options.jobs):.0f} s")
        print(f"the same command again: {run(folder, pages, options.jobs):.1f} s")
        missing = sorted(name for name in [*handed, *HOSTILE] if not (pages / f"{name}.html").is_file())
        unjudged = sorted(name for name in handed if "not run to its end" in _page(pages / f"{name}.html"))
        print(f"without a page: {', '.join(missing) or 'none'}; not run to their end: {', '.join(unjudged) or 'none'}")
        kept = {path.name: path.read_bytes() for path in folder.iterdir()}
        print(f"what was handed in is {'as it was' if kept == before else 'no longer as it was'}")
    sys.exit(bool(missing or unjudged or kept != before))


def _page(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else ""


if __name__ == "__main__":
    main()
