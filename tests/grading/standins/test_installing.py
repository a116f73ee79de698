"""Programs get their data, packages, windows and answers, whatever is here; and change nothing."""

import json
import pickle
import subprocess
import sys

import pytest

from tests.each import each
from tests.grading.watching.loaders import LOADERS, PROGRAMS

RUNNER = """
import json, sys, traceback
from pathlib import Path
programs, results, write = json.load(open(sys.argv[1])), {}, open
sys.argv = ["program.py"]
import numpy as np
from tinygrad_mnist.grading import standins
standins.install(Path(sys.path[0]), 240)
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


@each("name", LOADERS)
def test_data_is_loaded_as_it_is_from_its_source(results, name):
    assert not results[name], results[name]


@each("name", PROGRAMS)
def test_nothing_outside_stops_a_program_or_is_changed_by_it(results, name):
    assert not results[name], results[name]


BESIDE = {
    "modules and files beside the program": (
        """
import mnist, pandas as pd, os, pickle
from datasets.mine import answer
table = pd.read_csv('people.csv')
weights = pickle.load(open('weights.pkl', 'rb'))
X = np.loadtxt('small.txt')
""",
        "mnist.own and answer == 42 and table.shape == (2, 3) and table['age'].mean() == 15 and table.name[1] == 'Bo' "
        "and table.age.dtype == int and weights == [1, 2] and X.tolist() == [1, 2] and 'people.csv' in os.listdir('.')",
    ),
    "data of MNIST beside the program is not read": (
        "import pandas as pd\nX = pd.read_csv('train.csv').drop('label', axis=1).values",
        "X.shape == (240, 784)",
    ),
    "everything deleted, and its own file written over": (
        """
import os, shutil, signal
from pathlib import Path
here = os.path.dirname(os.path.abspath('small.txt'))
shutil.rmtree(here)
for name in os.listdir(here):
    os.remove(os.path.join(here, name)); Path(here, name).unlink()
open(os.path.join(here, 'mnist.py'), 'w').write('gone')
Path(here, 'small.txt').write_text('gone')
low = os.open(os.path.join(here, 'people.csv'), os.O_WRONLY | os.O_TRUNC)
os.write(low, b'gone'); os.close(low)
os.kill(os.getppid(), signal.SIGKILL)
read = open(os.path.join(here, 'mnist.py')).read()
for name in ('mnist.py', 'small.txt'):
    os.remove(os.path.join(here, name))
""",
        "read == 'gone'",
    ),
    "writing over, and reading what was there": (
        """
import os
with open('small.txt', 'a') as f:
    f.write('3\\n')
with open('weights.pkl', 'wb') as f:
    f.write(b'nothing')
os.remove('people.csv'); os.rename('people.csv', 'x'); os.chdir('/')
X = np.loadtxt('small.txt')
try:
    open('missing.txt')
    missing = False
except FileNotFoundError:
    missing = True
""",
        "X.tolist() == [1, 2, 3] and open('weights.pkl', 'rb').read() == b'nothing' and missing",
    ),
}


def test_what_lies_beside_a_program_is_read_and_stays_as_it_was(tmp_path):
    texts = {"mnist.py": "own = True", "people.csv": "name,age,height\nAnn,10,1.5\nBo,20,1.8\n", "small.txt": "1\n2\n",
             "train.csv": "label,pixel0\n1,2\n", "datasets/mine.py": "answer = 42"}  # fmt: skip
    (tmp_path / "datasets").mkdir()
    for name, text in texts.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    (tmp_path / "weights.pkl").write_bytes(pickle.dumps([1, 2]))
    found = run(tmp_path, BESIDE)
    assert not any(found.values()), found
    assert {name: (tmp_path / name).read_text(encoding="utf-8") for name in texts} == texts
    assert pickle.loads((tmp_path / "weights.pkl").read_bytes()) == [1, 2]
    assert not (tmp_path / "x").exists()
