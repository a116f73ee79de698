"""What the presets reach: runs them with `tinygrad-mnist train`, and writes docs/results.md.

    python benchmarks/results.py FOLDER              every preset on the MNIST in FOLDER
    python benchmarks/results.py FOLDER tiny cnn     these presets
    python benchmarks/results.py --scheduler tcp://10.0.0.1:8786 FOLDER    on a Dask cluster, as many runs at once
    python benchmarks/results.py                     prints the page that the kept runs make

A run is kept as a row of docs/results/PRESET.json: accuracies, wall-clock seconds of the whole program, its peak
memory, and the recipe that it followed. The first seed is 0; presets that take under a minute get five seeds, those
under five minutes three.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_mnist import cluster
from tinygrad_mnist.files import prepare_folder, write_atomically
from tinygrad_mnist.frameworks.running import unpinned
from tinygrad_mnist.jit import has_numba
from tinygrad_mnist.training import PRESETS, Recipe

DOCS = Path(__file__).parents[1] / "docs"
ROWS, TRIED, PAGE = DOCS / "results", DOCS / "results" / "tried", DOCS / "results.md"

MARKS = {
    "tiny": (94.0, "84 to 89: the tutorials"),
    "default": (98.2, "97 to 98: Keras in the tutorials"),
    "t4": (98.1, "87: tutorial T4"),
    "wide": (98.5, "98.4: Simard et al. 2003"),
    "dropout": (98.9, "98.94: Srivastava et al. 2014, table 2"),
    "elastic": (99.3, "99.3: Simard et al. 2003"),
    "cnn": (99.3, "99.2: Nielsen, chapter 6"),
    "cnn-best": (99.6, "99.60: Nielsen, chapter 6"),
    "tiny+": (95.0, "84 to 89: the tutorials"),
    "default+": (99.0, "97 to 98: Keras in the tutorials"),
    "dropout+": (99.0, "98.94, digits not bent: Srivastava et al. 2014, table 2"),
    "elastic+": (99.5, "99.3: Simard et al. 2003"),
    "cnn-best+": (99.65, "99.60: Nielsen, chapter 6"),
}
"""What each preset must reach on the test images, in per cent, and what was published for such a network."""


@dataclass
class Row:
    """One run: accuracies as shares, seconds of the whole program, its peak memory in MB, the machine, the recipe."""

    seed: int
    test_accuracy: float
    validation_accuracy: float
    epochs: int
    seconds: float
    memory: float
    machine: str
    recipe: dict[str, Any]


def command(preset: str, seed: int | str) -> list[str]:
    return ["train", "--preset", preset, "--seed", f"{seed}"]


def measured(preset: str, seed: int, data: str) -> Row:
    with tempfile.TemporaryDirectory() as out:
        start = time.perf_counter()
        arguments = [*command(preset, seed), "--data", data, "--out", out]
        process = subprocess.Popen([sys.executable, "-m", "tinygrad_mnist", *arguments], env=unpinned())
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        if status:
            raise SystemExit(f"{preset}, seed {seed}: the run failed")
        facts = json.loads((Path(out) / "history.json").read_text())
    best = facts["epochs"][facts["best_epoch"] - 1]
    kilobytes = usage.ru_maxrss / (1024 if sys.platform == "darwin" else 1)
    return Row(
        seed, facts["test_accuracy"], best["validation_accuracy"], len(facts["epochs"]),
        round(seconds, 1), round(kilobytes / 1024), machine(), PRESETS[preset].as_dict(),
    )  # fmt: skip


def machine() -> str:
    parts = [f"{os.cpu_count()} cores", f"Python {platform.python_version()}", f"NumPy {np.__version__}"]
    return ", ".join([*parts, *([f"numba {version('numba')}"] if has_numba() else [])])


def seeds(first: Row) -> range:
    """As many as its time allows."""
    return range(5 if first.seconds < 60 else 3 if first.seconds < 300 else 1)


def run(presets: Iterable[str], data: str, pool: Executor) -> None:
    """Every preset's first seed, then as many others as its time allows; the page is written after each run."""
    rows: dict[str, list[Row]] = {preset: [] for preset in presets}
    running = {pool.submit(measured, preset, 0, data): preset for preset in rows}
    while running:
        for future in wait(running, return_when=FIRST_COMPLETED).done:
            preset, row = running.pop(future), future.result()
            rows[preset].append(row)
            keep(preset, sorted(rows[preset], key=lambda row: row.seed))
            PAGE.write_text(page())
            if row.seed == 0:
                running |= {pool.submit(measured, preset, seed, data): preset for seed in seeds(row)[1:]}


@contextmanager
def pool(scheduler: str | None) -> Iterator[Executor]:
    """What runs them: this machine, one after the other, or a cluster, as many at once as it has threads."""
    if scheduler is None:
        with ThreadPoolExecutor(1) as here:
            yield here
    else:
        with cluster.connected(scheduler) as client, client.get_executor(pure=False) as there:
            yield there


def keep(preset: str, rows: list[Row]) -> None:
    prepare_folder(ROWS)
    text = json.dumps([asdict(row) for row in rows], indent=1)
    write_atomically(ROWS / f"{preset}.json", text.encode() + b"\n")


def rows_of(preset: str, folder: Path = ROWS) -> list[Row]:
    path = folder / f"{preset}.json"
    return [Row(**row) for row in json.loads(path.read_text())] if path.exists() else []


def page() -> str:
    lines = [
        "# What the presets reach\n",
        "Written by `python benchmarks/results.py FOLDER`; every row is repeated by the command below it. The recipes",
        "were chosen on 6,000 of the 60,000 training images, which also choose the epoch of a run; the 10,000 test",
        "images are scored once, at the end. Accuracies in per cent: the mean over the seeds, ± their standard",
        "deviation.\n",
        "| preset | network | test | must reach | published | seeds | epochs | time of a run | memory |",
        "|---|---|---|---|---|---|---|---|---|",
        *(table_row(preset, rows) for preset in MARKS if (rows := rows_of(preset))),
        "\n```sh",
        *(f"tinygrad-mnist {' '.join(command(preset, 'SEED'))} --data FOLDER" for preset in MARKS if rows_of(preset)),
        "```\n",
        "Time is that of the whole program, reading and scoring included; wide layers and convolutions take two cores.",
        "Those with a + have the network of the one without, and the time that it took before steps were compiled.",
        "Made with",
        f"{' and '.join(sorted(machines()))}. On one machine with the same versions a run repeats bit for bit; other",
        "rounding, by another BLAS or another order of a sum in this project, changes a run as another seed does.\n",
        "## Run by run\n",
        "| preset | seed | test | validation | seconds | memory (MB) |",
        "|---|---|---|---|---|---|",
        *(run_row(preset, row) for preset in MARKS for row in rows_of(preset)),
        "\n## The recipes\n",
        f"Each is the default one, `{Recipe()!r}`, but for:\n",
        *(f"- **{preset}**: {recipe_text(rows[0])}" for preset in MARKS if (rows := rows_of(preset))),
        "\n## Tried before\n",
        "Recipes that were run to the end, scored on the test images too, and then given up for those above:\n",
        *(f"- {preset}, {tried(row)}" for preset in MARKS for row in rows_of(preset, TRIED)),
    ]
    return "\n".join(lines) + "\n"


def machines() -> set[str]:
    return {row.machine for preset in MARKS for row in rows_of(preset)}


def table_row(preset: str, rows: list[Row]) -> str:
    tests = [100 * row.test_accuracy for row in rows]
    spread = f" ± {statistics.stdev(tests):.2f}" if len(rows) > 1 else ""
    mark, published = MARKS[preset]
    mean = statistics.mean(tests)
    verdict = "" if mean >= mark else " (missed)"
    seconds, memory = statistics.mean(row.seconds for row in rows), max(row.memory for row in rows)
    layers = "-".join(map(str, rows[0].recipe["layers"]))
    return (
        f"| {preset} | {layers} | **{mean:.2f}**{spread} | {mark}{verdict} | {published} | {len(rows)} "
        f"| {rows[0].epochs} | {duration(seconds)} | {memory:,.0f} MB |"
    )


def duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"


def run_row(preset: str, row: Row) -> str:
    return (
        f"| {preset} | {row.seed} | {100 * row.test_accuracy:.2f} | {100 * row.validation_accuracy:.2f} "
        f"| {row.seconds:.0f} | {row.memory:,.0f} |"
    )


def tried(row: Row) -> str:
    return f"{100 * row.test_accuracy:.2f} in {duration(row.seconds)}: {recipe_text(row)}"


def recipe_text(row: Row) -> str:
    """What of a row's recipe is not as in the default one."""
    recipe, default = Recipe(**row.recipe), Recipe()
    count = sum(p.size for p in recipe.make_model(0).parameters())
    changes = [
        f"{field.name}={value!r}"
        for field in fields(Recipe)
        if (value := getattr(recipe, field.name)) != getattr(default, field.name)
    ]
    return f"{count:,} parameters" + (f"; `{', '.join(changes)}`" if changes else "")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", help="with MNIST, and on a cluster the same on all of its machines")
    parser.add_argument("presets", nargs="*", metavar="preset", help=", ".join(MARKS))
    parser.add_argument("--scheduler", help="of a Dask cluster")
    options = parser.parse_args()
    if unknown := set(options.presets) - MARKS.keys():
        parser.error(f"no preset {', '.join(sorted(unknown))}: they are {', '.join(MARKS)}")
    if not options.folder:
        print(page(), end="")
    else:
        with pool(options.scheduler) as runs:
            run(options.presets or MARKS, options.folder, runs)
