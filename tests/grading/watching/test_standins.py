"""Programs get their data, packages, windows and answers, whatever is here; and change nothing."""

import json
import subprocess
import sys

import pytest

from tests.grading.watching.loaders import LOADERS, PROGRAMS

RUNNER = """
import json, sys, traceback
from pathlib import Path
programs, results, write = json.load(open(sys.argv[1])), {}, open
sys.argv = ["program.py"]
import numpy as np
from tinygrad_mnist.grading.watching import standins
standins.install(Path(sys.path[0]))
for name, (program, true) in programs.items():
    scope = {"np": np, "used": standins.used, "__name__": "__main__"}
    try:
        exec(compile(program, name, "exec"), scope)
        results[name] = "" if eval(true, scope) else f"not true: {true}"
    except BaseException:
        results[name] = traceback.format_exc(limit=-3)
write_to = write("results.json", "w")
json.dump(results, write_to)
write_to.close()
"""


def run(folder, programs):
    """What became of each program, all in one process: an empty text where all is well."""
    given = folder / "programs.json"
    given.write_text(json.dumps(programs), encoding="utf-8")
    (folder / "runner.py").write_text(RUNNER, encoding="utf-8")
    ended = subprocess.run(
        [sys.executable, "-B", "runner.py", str(given)], cwd=folder, capture_output=True, timeout=120, check=False
    )
    assert ended.returncode == 0, ended.stderr.decode()
    return json.loads((folder / "results.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    return run(tmp_path_factory.mktemp("programs"), LOADERS | PROGRAMS)


@pytest.mark.parametrize("name", LOADERS)
def test_data_is_loaded_as_it_is_from_its_source(results, name):
    assert not results[name], results[name]


@pytest.mark.parametrize("name", PROGRAMS)
def test_nothing_outside_stops_a_program_or_is_changed_by_it(results, name):
    assert not results[name], results[name]
