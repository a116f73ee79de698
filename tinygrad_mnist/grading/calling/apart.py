"""The program `apart.py INPUTS RESULTS`: a learner's file examined in a process of its own."""

import importlib
import sys
from pathlib import Path

HERE = Path(__file__).parent


def run(inputs: str, results: str) -> None:
    """As `runner.main`; this folder alone is imported: all of the package would take longer than the run."""
    sys.path[0] = str(HERE.parent)
    runner = importlib.import_module(f"{HERE.name}.runner")
    runner.main(Path(inputs), Path(results))


if __name__ == "__main__":
    run(*sys.argv[1:])
