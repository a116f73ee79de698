"""A class of learners graded by the command line: the seconds that it takes, and that everyone has a page.

    python benchmarks/grade_class.py [--count 200] [--jobs N] [--keep FOLDER]

The programs are those of benchmarks/learners, right and with their mistakes; among them is one that hangs, one that
takes all memory, one that deletes its folder and one that kills its parent. Exit code 1: someone else has no page.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from benchmarks.grade_learners import submissions  # noqa: E402

HOSTILE = {
    "hangs": "while True: pass",
    "takes_all_memory": "kept = []\nwhile True: kept.append(bytearray(50_000_000))",
    "deletes_its_folder": "import pathlib, shutil\nshutil.rmtree(pathlib.Path(__file__).parent, ignore_errors=True)",
    "kills_its_parent": "import os, signal\nos.kill(os.getppid(), signal.SIGKILL)\nwhile True: pass",
}


def hand_in(folder: Path, count: int) -> list[str]:
    """So many programs, the hostile among them, as learning platforms name them: name_id_file. Returns the names."""
    every = list(submissions())
    chosen = [
        every[number * 7 % len(every)] for number in range(count - len(HOSTILE))
    ]  # mistakes of one stand together
    programs = {f"learner{number:03}": (c.suffix, c.text) for number, c in enumerate(chosen)}
    programs |= {name: (".py", text) for name, text in HOSTILE.items()}
    for number, (name, (suffix, text)) in enumerate(programs.items()):
        (folder / f"{name}_{10000 + number}_program{suffix}").write_text(text, encoding="utf-8")
    return list(programs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=8)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--keep", type=Path, help="where the pages stay")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder, pages = Path(temporary, "submissions"), options.keep or Path(temporary, "pages")
        folder.mkdir()
        names = hand_in(folder, options.count)
        command = [sys.executable, "-m", "tinygrad_mnist", "grade", str(folder), "--html", str(pages), "--again"]
        command += ["--jobs", str(options.jobs), "--csv", str(Path(temporary, "table.csv")), "--points", "10"]
        began = time.perf_counter()
        done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False, cwd=HERE.parent)
        seconds = time.perf_counter() - began
        without = [name for name in names if not (pages / f"{name}.html").is_file()]
        took = [json.loads(path.read_bytes())["seconds"] for path in (pages / "results").glob("*.json")]
    print("".join(done.stdout.splitlines(keepends=True)[-10:]), done.stderr, sep="")
    print(f"{len(names)} submissions in {seconds:.0f} s, {options.jobs} at once; {sum(took):.0f} s of grading in all")
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(f"{used.ru_utime + used.ru_stime:.0f} s of processor time: what counts where others use the machine too")
    print(f"the longest took {max(took):.1f} s; without a page: {', '.join(without) or 'none'}")
    sys.exit(bool(done.returncode or set(without) - set(HOSTILE)))


if __name__ == "__main__":
    main()
