"""The program `apart.py`: a learner's file examined in a process of its own, which reads its task from stdin."""

import importlib
import sys
from pathlib import Path

HERE = Path(__file__).parent


def run() -> None:
    """As `runner.main`; this folder alone is imported: all of the package would take longer than the run."""
    sys.path[0] = str(HERE.parent)
    importlib.import_module(f"{HERE.name}.runner").main()


if __name__ == "__main__":
    run()
