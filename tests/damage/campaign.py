"""Thousands of damaged files through the command line.

    python -m tests.damage.campaign 6700 [--seed 14] [--only KIND [--number N]] [--processes] [--all FILE]

Each case runs in a process that is forked from one in which all is imported, under a limit of memory and of time; a
process ends with the first case that hangs or crashes, and the next goes on behind it. What is printed are the cases
that did not end in a result or in one line, each with the arguments that make it again.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import multiprocessing
import os
import re
import resource
import shutil
import struct
import sys
import tempfile
import time
import traceback
import zipfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

from tests.cli.running import command, process
from tests.damage.kinds import KINDS, good_files, words_of
from tests.damage.ways import as_no_plain_file, pick

BATCH = 40
HANGS, SLOW = 90.0, 30.0
"""Seconds after which a case is ended, and those it may take: a shared machine is slow at times."""

LARGEST = 1_500 << 20
"""Bytes of memory in use at most."""

GUARD = 4 << 30
"""Bytes of address space beyond what the process has, so that nothing takes the machine's memory away."""

LONGEST = 1400


@dataclass(frozen=True)
class Case:
    kind: str
    number: int
    seed: int

    def __str__(self) -> str:
        return f"--only '{self.kind}' --number {self.number} --seed {self.seed}"


@dataclass(frozen=True)
class Outcome:
    case: Case
    faults: tuple[str, ...]
    code: int | None = None
    said: str = ""
    arguments: tuple[str, ...] = ()


def cases(count: int, seed: int, only: str | None = None) -> list[Case]:
    """So many cases, of each kind a share by its weight, the kinds in turn; of a bomb, three."""
    kinds = {name: kind.weight for name, kind in KINDS.items() if only in (None, name)}
    total = max(1, sum(kinds.values()))
    counts = {name: -(-count * weight // total) if weight else min(3, count) for name, weight in kinds.items()}
    found = [Case(name, i, seed) for name, many in counts.items() for i in range(many)]
    return sorted(found, key=lambda case: case.number / counts[case.kind])


def prepared(case: Case, folder: Path, good: Path) -> list[str]:
    """Make the damaged file and what lies around it; the arguments of a command that reads it."""
    rng = np.random.default_rng([case.seed, sorted(KINDS).index(case.kind), case.number])
    kind = KINDS[case.kind]
    inside, out = folder / "in", folder / "out"
    file = inside / pick(rng, kind.names)
    for made in (out, file.parent):
        made.mkdir(parents=True)
    for name, content in kind.around(good).items():
        (inside / name).write_bytes(content)
    if file.name == "unpack.zip":
        unpack(kind.make(rng, good), inside)
    elif rng.integers(20) == 0:
        found = good / file.name
        as_no_plain_file(rng, file, found.read_bytes() if found.is_file() else kind.make(rng, good))
    else:
        file.write_bytes(kind.make(rng, good))
    return words_of(pick(rng, kind.commands), good, file=file, folder=inside, out=out)


def unpack(content: bytes, folder: Path) -> None:
    """What can be unpacked; an archive damaged here is only a way to make odd folders."""
    path = folder.with_name("unpack.zip")
    path.write_bytes(content)
    try:
        with zipfile.ZipFile(path) as archive:
            for info in archive.infolist()[:200]:
                try:
                    inside = archive.read(info)
                    to = folder / info.filename
                    if folder in Path(os.path.abspath(to)).parents and len(inside) < 1 << 20:
                        to.parent.mkdir(parents=True, exist_ok=True)
                        to.write_bytes(inside)
                except Exception:
                    continue
    except Exception:
        (folder / "x.png").write_bytes(content)


def judged(case: Case, folder: Path, good: Path, in_process: bool) -> Outcome:
    arguments = prepared(case, folder, good)
    peak_reset()
    os.ftruncate(2, 0)
    start = time.process_time()
    try:
        result = (command if in_process else process)(folder, *arguments)
    except BaseException:
        return Outcome(case, ("traceback",), None, traceback.format_exc()[:9000], tuple(arguments))
    faults = list(faults_of(result, arguments[0]))
    if beside := os.pread(2, 2000, 0):
        faults.append(f"written past Python: {beside!r}")
    if time.process_time() - start > SLOW:
        faults.append(f"slow: {time.process_time() - start:.0f} s")
    if peak() > LARGEST:
        faults.append(f"memory: {peak() >> 20} MiB")
    left = [p.name for p in folder.rglob(".*") if p.name not in (".lock", ".", "..") and p.is_file()]
    if left:
        faults.append(f"left behind: {left[:3]}")
    said = (result.stdout[-700:] + result.stderr)[-3000:]
    return Outcome(case, tuple(faults), result.returncode, said, tuple(arguments))


def faults_of(result: Any, name: str) -> Iterator[str]:
    """What is not as it should be in what was said."""
    said, complained = result.stdout, result.stderr
    if result.returncode not in (0, 1, 2):
        yield f"exit code {result.returncode}"
    if "Traceback (most" in said + complained:
        yield "traceback"
    if re.search(r"\w+Warning\b", complained):
        yield "warning"
    lines = complained.splitlines()
    errors = [line for line in lines if line.startswith("error: ")]
    if result.returncode and not errors and not (name in ("grade", "compare") and said):
        yield "no line says why"
    if len(errors) > 1 and name != "predict":
        yield "several lines"
    if errors and lines[-1] != errors[-1]:
        yield "the error is not the last line"
    for line in lines + said.splitlines():
        if not line.replace("\t", "").isprintable():
            yield f"not printable: {line[:200]!r}"
        if line.startswith("error: ") and len(line) > LONGEST:
            yield f"{len(line)} characters"
    for line in errors:
        if len(line) < 25 or line.endswith(("error: ", "None")) or line.startswith("error: interrupted"):
            yield "says nothing"
    if re.search(r"\bnan\b", said) and name in ("evaluate", "predict"):
        yield "nan"
    if re.search(r"0x[0-9a-f]{6,}>", said + complained):
        yield "an object's address"


def peak_reset() -> None:
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def peak() -> int:
    """The most memory in use since `peak_reset`."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(found[1]) * 1024 if found else 0


def as_others() -> None:
    """Files that nobody may read can't be read by root either: the process gives up what root has before others."""
    system, header, held = ctypes.CDLL(None), struct.pack("<II", 0x20080522, 0), ctypes.create_string_buffer(24)
    system.capget(ctypes.create_string_buffer(header, 8), held)
    effective, *rest = struct.unpack("<6I", held.raw)
    system.capset(ctypes.create_string_buffer(header, 8), struct.pack("<6I", effective & ~0b110, *rest))


def work(batch: Sequence[Case], top: Path, good: Path, pipe: Connection, in_process: bool) -> None:
    """Run the cases of a batch one after another, and send what became of each."""
    size = int(re.search(r"VmSize:\s+(\d+) kB", Path("/proc/self/status").read_text())[1]) * 1024
    resource.setrlimit(resource.RLIMIT_AS, (size + GUARD, size + GUARD))
    as_others()
    os.dup2(os.open(top, os.O_TMPFILE | os.O_RDWR | os.O_APPEND), 2)  # what decoders write themselves
    for case in batch:
        folder = Path(tempfile.mkdtemp(dir=top))
        outcome = judged(case, folder, good, in_process)
        shutil.rmtree(folder, ignore_errors=True)
        pipe.send(outcome)
    pipe.close()
    os._exit(0)


def campaign(todo: Sequence[Case], in_process: bool = True, jobs: int = 1) -> Iterator[Outcome]:
    """What becomes of each case."""
    context = multiprocessing.get_context("fork")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        top, good = Path(name, "cases"), Path(name, "good")
        good_files(good)
        top.mkdir()
        left = list(todo)
        while left:
            batch, left = left[:BATCH], left[BATCH:]
            ours, theirs = context.Pipe(duplex=False)
            child = context.Process(target=work, args=(batch, top, good, theirs, in_process))
            child.start()
            theirs.close()
            for place, case in enumerate(batch):
                fault = ""
                try:
                    fault = "" if ours.poll(HANGS) else f"hangs: more than {HANGS:g} s"
                    if not fault:
                        yield ours.recv()
                except EOFError:
                    child.join(5)
                    fault = f"the process ended with {child.exitcode}"
                if fault:
                    yield Outcome(case, (fault,))
                    child.kill()
                    left = [*batch[place + 1 :], *left]
                    break
            child.join()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("count", type=int, nargs="?", default=6700)
    parser.add_argument("--seed", type=int, default=14)
    parser.add_argument("--only", choices=KINDS)
    parser.add_argument("--number", type=int)
    parser.add_argument("--processes", action="store_true", help="each in a process of its own, as a person calls it")
    parser.add_argument("--all", type=Path, help="write every outcome into this file, a line each")
    arguments = parser.parse_args()
    todo = cases(arguments.count, arguments.seed, arguments.only)
    if arguments.number is not None:
        todo = [Case(arguments.only, arguments.number, arguments.seed)]
    start, ends, faulty = time.monotonic(), Counter(), 0
    with arguments.all.open("w") if arguments.all else nullcontext() as record:
        for outcome in campaign(todo, not arguments.processes):
            ends[outcome.case.kind, {0: "read", None: "ended"}.get(outcome.code, "refused")] += 1
            faulty += bool(outcome.faults)
            if record:
                print(json.dumps({**vars(outcome), "case": str(outcome.case)}), file=record, flush=True)
            if outcome.faults or arguments.number is not None:
                print(f"{outcome.case}: {'; '.join(outcome.faults) or 'as it should be'}")
                print(f"  {' '.join(outcome.arguments)!r}\n  {outcome.said.strip()[-2500:]!r}", flush=True)
    for kind in KINDS:
        counts = {end: ends[kind, end] for end in ("read", "refused", "ended") if ends[kind, end]}
        if counts:
            print(f"{kind:16}", "  ".join(f"{end} {count}" for end, count in counts.items()))
    print(f"{len(todo):,} damaged files, {faulty} faults, {time.monotonic() - start:.0f} s")
    sys.exit(faulty > 0)


if __name__ == "__main__":
    main()
