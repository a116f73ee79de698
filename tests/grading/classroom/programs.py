"""What a class hands in: right, wrong, and hostile."""

from tests.grading import programs

ROWS = programs.ROWS

WRONG = ROWS.replace("* (z1 > 0)", "")
"""Without relu's derivative in δ(1)."""

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
