"""docs/ops.md is what its program prints, and has every operation."""

import re
import subprocess
import sys
from pathlib import Path

from tests.engine.cases import ENGINE
from tinygrad_mnist.nn import patches, special

ROOT = Path(__file__).parents[3]


def test_the_table_is_not_stale_and_complete():
    program = [sys.executable, str(ROOT / "docs" / "ops_table.py")]
    printed = subprocess.run(program, capture_output=True, check=True, cwd=ROOT, env={"PYTHONPATH": str(ROOT)}).stdout
    table = (ROOT / "docs" / "ops.md").read_text(encoding="utf-8")
    assert printed.decode() == table, "write it again: python docs/ops_table.py > docs/ops.md"
    assert set(re.findall(r"^\| (\w+) \|", table, re.M)) - {"operation"} == {
        name.strip("_") for name in ENGINE.keys() - patches.FUNCTIONS.keys() - special.FUNCTIONS.keys()
    }
