"""What a class hands in: right, wrong, and hostile."""

from tests.grading import programs

ROWS = programs.ROWS

WRONG = ROWS.replace("* (z1 > 0)", "")
"""Without relu's derivative in δ(1)."""

TRAINS = """
import numpy as np

rng = np.random.default_rng(3)
x, y = rng.random((12, 6)), np.eye(4)[np.arange(12) % 4]
w1, c1, w2, c2 = rng.normal(size=(6, 5)), np.zeros(5), rng.normal(size=(5, 4)), np.zeros(4)
for step in range(30):
    a1 = 1 / (1 + np.exp(-(x @ w1 + c1)))
    a2 = 1 / (1 + np.exp(-(a1 @ w2 + c2)))
    e2 = (a2 - y) * a2 * (1 - a2) / len(x)
    e1 = e2 @ w2.T * a1 * (1 - a1)
    gw2, gc2, gw1, gc1 = a1.T @ e2, e2.sum(axis=0), x.T @ e1, e1.sum(axis=0)
    w1 -= gw1; c1 -= gc1; w2 -= gw2; c2 -= gc2
"""
"""One that trains, and calls biases and their gradients as few do."""

HOSTILE = {
    "hangs": "import threading\nwhile True: threading.Event().wait(0.05)",  # which takes no processor time
    "eats_memory": "kept = []\nwhile True: kept.append(bytearray(20_000_000))",
    "deletes_its_folder": (
        "import pathlib, shutil\nshutil.rmtree(pathlib.Path(__file__).parent, ignore_errors=True)\n"
        "shutil.rmtree('.', ignore_errors=True)"
    ),
    "kills_its_parent": "import os, signal\nos.kill(os.getppid(), signal.SIGKILL)",
    "kills_its_group": "import os, signal\nos.killpg(0, signal.SIGKILL)",
    "closes_everything": "import os\nos.closerange(0, 100)\nraise SystemExit",
    "writes_garbage": """
import os
for fd in range(20):
    try:
        os.write(fd, b'{}\\n' * 1000)
    except OSError:
        pass
raise SystemExit
""",
    "leaves_a_process": """
import os, time
if os.fork() == 0:
    os.setsid()
    while True:
        time.sleep(0.1)
os._exit(0)
""",
}
"""Programs that are not to stop the others."""


def hand_in(folder, **programs):
    """A folder with a file for each."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in programs.items():
        (folder / f"{name}.py").write_text(text, encoding="utf-8")
    return folder
