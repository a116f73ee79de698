"""Real processes of `train`, killed and interrupted at any moment until they are done: TINYGRAD_MNIST_KILLS=40 of each.

The same in copies of one prepared process, within seconds, is in test_folder.py.
"""

import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter

import pytest

from tests.cli.running import environment
from tests.training.test_folder import FILES, check_together, record
from tinygrad_mnist import data

KILLS = int(os.environ.get("TINYGRAD_MNIST_KILLS", "0"))
RUN = ["--data", "digits", "--layers", "784,24,10", "--epochs", "5", "--optimizer", "adam", "--schedule", "one_cycle"]
RUN += ["--batch-size", "16"]
DIGITS = data.load("digits")


def started(tmp_path, folder, *more):
    """A run that has begun; what it says goes into a file, which can be looked at meanwhile."""
    (tmp_path / "said").write_text("")
    with (tmp_path / "said").open("a") as said, (tmp_path / "complained").open("w") as complained:
        return subprocess.Popen(
            [sys.executable, "-u", "-m", "tinygrad_mnist", "train", *RUN, "--out", folder, *more],
            stdout=said, stderr=complained, env=environment(tmp_path),
        )  # fmt: skip


def ended(process, tmp_path):
    """Its exit code, and what it said."""
    code = process.wait(120)
    return code, (tmp_path / "said").read_text(), (tmp_path / "complained").read_text()


def wait_for_the_last_epoch(process, tmp_path):
    while process.poll() is None and "epoch 5/5" not in (tmp_path / "said").read_text():
        time.sleep(0.01)


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name[0] != "."} if folder.is_dir() else {}


def table(folder):
    """history.csv without the seconds."""
    return [line.rpartition(",")[0] for line in (folder / "history.csv").read_text().splitlines()]


def check_message(code, out, errors, folder, before):
    """One line or none, and what is in it is true."""
    complaints = [line for line in errors.splitlines() if line.startswith("error: ")]
    if code < 0 or "init_import_site" in errors:  # Python itself was still starting
        assert (out, contents(folder)) == ("", before)
        assert "tinygrad_mnist" not in errors
        return
    assert "Traceback" not in out + errors
    assert len(complaints) == (code != 0), (code, out, errors)
    if complaints and "nothing was saved" in complaints[0]:
        assert contents(folder) in (before, {})  # an earlier run may have been moved aside
    if code == 0:
        assert f"saved {folder / 'model.safetensors'}" in out
        assert sorted(contents(folder)) == FILES


@pytest.mark.skipif(not KILLS, reason="takes minutes: TINYGRAD_MNIST_KILLS=40 for so many kills and signals")
@pytest.mark.parametrize("how", [[signal.SIGKILL], [signal.SIGINT, signal.SIGTERM]], ids=["killed", "interrupted"])
def test_real_processes_stopped_at_any_moment_leave_what_belongs_together_and_end_alike(tmp_path, how, capsys):
    straight = tmp_path / "straight"
    begin = time.monotonic()
    code, out, errors = ended(started(tmp_path, straight), tmp_path)
    duration = time.monotonic() - begin
    assert sorted(contents(straight)) == FILES, out + errors
    ended(started(tmp_path, tmp_path / "earlier", "--epochs", "1"), tmp_path)
    earlier = contents(tmp_path / "earlier")
    chance, stops, late, runs, found = random.Random(14), 0, 0, 0, Counter()
    while stops < KILLS:
        runs += 1
        folder, resume = tmp_path / f"run{runs}", False
        has_earlier = runs % 3 == 0
        if has_earlier:
            shutil.copytree(tmp_path / "earlier", folder)
        while True:
            more = ["--checkpoint-steps", str(chance.choice([1, 5]))] if chance.random() < 0.7 else []
            before = contents(folder)
            process = started(tmp_path, folder, *more, *(["--resume"] if resume else []))
            is_late = chance.random() < 0.5
            if is_late:  # its end takes less than a second from there
                wait_for_the_last_epoch(process, tmp_path)
            time.sleep(chance.uniform(0, 0.3 if is_late else duration))
            stopped = process.poll() is None and stops < KILLS
            if stopped:
                process.send_signal(how[stops % len(how)])
                stops += 1
                late += is_late
            code, out, errors = ended(process, tmp_path)
            if how[0] != signal.SIGKILL or not stopped:
                check_message(code, out, errors, folder, before)
            there = contents(folder)
            if earlier.items() <= there.items():  # not yet moved aside
                resume = False
            else:
                if has_earlier:
                    assert contents(tmp_path / f"run{runs}-1") == earlier
                check_together(folder, DIGITS)
                resume = "checkpoint.safetensors" in there
            found[", ".join(sorted(re.sub(r"\.\w+$", "", name) for name in there)) or "nothing"] += 1
            if code == 0 and not record(folder)["interrupted"]:
                break
        assert contents(folder)["model.safetensors"] == contents(straight)["model.safetensors"]
        assert record(folder) == record(straight)
        assert table(folder) == table(straight)
    with capsys.disabled():
        print(f"\n{stops} times stopped in {runs} runs, {late} of them after the last epoch; found then: {dict(found)}")
