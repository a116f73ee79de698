"""Times a compiled step, pass by pass, beside the eager one and whatever peers are installed (PyTorch, JAX).

    python benchmarks/compiled.py                    # four networks, with SGD and AdamW; a table for each
    python benchmarks/compiled.py --write            # … and docs/performance.md with its picture

One thread, float32, OpenBLAS on its own kernel. All take turns in rounds; what counts is the ratio to the step's
matrix products alone in the same round. Every one starts from the same weights and sees the same batches: the losses
after ten steps must agree to four digits.
"""

from __future__ import annotations

import os

os.environ |= dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
os.environ.pop("OPENBLAS_CORETYPE", None)
os.environ.pop("OPENBLAS_L2_SIZE", None)

import argparse
import importlib.metadata
import platform
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

if hasattr(os, "sched_setaffinity"):  # XLA's threads do not ask the variables
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})

import numpy as np

from tinygrad_mnist import Tensor, compile, cross_entropy, nn
from tinygrad_mnist.compiler.compiled import Compiled
from tinygrad_mnist.compiler.passes import passes_of
from tinygrad_mnist.jit import has_numba

NETWORKS = (((784, 128, 64, 10), 64), ((784, 10, 10), 128), ((784, 100, 100, 10), 64), ((784, 800, 10), 128))
SLOPE, BATCHES = 0.01, 32
LR = {"SGD": 0.05, "AdamW": 0.001}
PAGE = Path(__file__).parents[1] / "docs" / "performance.md"

ABOUT = """One thread, float32. All that stands in one table took turns in rounds of some milliseconds; figures are
medians, and compare within their table only. "The matrix products alone" are those of a step, into buffers that are
there already: what no program can do without."""

Step = Callable[[int], Any]


class Work:
    """A network's weights and batches, the same for all."""

    def __init__(self, sizes: tuple[int, ...], batch: int, optimizer: str = "SGD") -> None:
        rng = np.random.default_rng(0)
        self.sizes, self.batch, self.optimizer, self.lr = sizes, batch, optimizer, LR[optimizer]
        self.x = rng.random((BATCHES, batch, sizes[0]), dtype=np.float32)
        self.labels = rng.integers(0, sizes[-1], (BATCHES, batch))
        self.weights = [
            (rng.standard_normal(pair) * np.sqrt(2 / pair[0])).astype(np.float32) for pair in pairwise(sizes)
        ]
        self.biases = [np.zeros(size, np.float32) for size in sizes[1:]]


def products(work: Work) -> Step:
    """The matrix products of a step alone, into buffers: what no program can do without."""
    weights = work.weights
    values = [np.full((work.batch, size), 0.1, np.float32) for size in work.sizes]
    cotangents = [np.full((work.batch, size), 0.1, np.float32) for size in work.sizes]
    gradients = [np.empty_like(w) for w in weights]
    outs = [np.empty((work.batch, size), np.float32) for size in work.sizes]

    def step(k: int) -> None:
        values[0] = work.x[k % BATCHES]
        for i, w in enumerate(weights):
            np.matmul(values[i], w, out=outs[i + 1])
        for i in reversed(range(len(weights))):
            np.matmul(values[i].T, cotangents[i + 1], out=gradients[i])
            if i:
                np.matmul(cotangents[i + 1], weights[i].T, out=outs[i])

    return step


def ours(work: Work, wrap: Callable[..., Any] = lambda function: function) -> Step:
    """The step with tensors, as it is or wrapped by `compile`."""
    weights = [Tensor(w, requires_grad=True) for w in work.weights]
    biases = [Tensor(b, requires_grad=True) for b in work.biases]
    optimizer = getattr(nn, work.optimizer)(weights + biases, lr=work.lr)

    @wrap
    def update(x: Any, labels: Any) -> Tensor:
        for i, (w, b) in enumerate(zip(weights, biases, strict=True)):
            x = x @ w + b
            x = x.leaky_relu(SLOPE) if i < len(weights) - 1 else x
        loss = cross_entropy(x, labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    def step(k: int) -> Any:
        return update(work.x[k % BATCHES], work.labels[k % BATCHES]).item()

    step.compiled = update  # type: ignore[attr-defined]
    return step


def torch_eager(work: Work) -> Step:
    """The same in PyTorch, with its fused AdamW."""
    import torch

    torch.set_num_threads(1)
    layers: list[Any] = []
    for w, b in zip(work.weights, work.biases, strict=True):
        linear = torch.nn.Linear(*w.shape)
        linear.weight.data, linear.bias.data = torch.tensor(w.T.copy()), torch.tensor(b)
        layers += [linear, torch.nn.LeakyReLU(SLOPE)]
    model = torch.nn.Sequential(*layers[:-1])
    loss_of = torch.nn.CrossEntropyLoss()
    optimizer = getattr(torch.optim, work.optimizer)(model.parameters(), lr=work.lr, fused=True)
    x, labels = torch.tensor(work.x), torch.tensor(work.labels)

    def step(k: int) -> Any:
        optimizer.zero_grad()
        loss = loss_of(model(x[k % BATCHES]), labels[k % BATCHES])
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def jax_jit(work: Work) -> Step:
    """The same in JAX with Optax, compiled by XLA."""
    import jax
    import jax.numpy as jnp
    import optax  # type: ignore[import-not-found]

    rule = optax.sgd(work.lr) if work.optimizer == "SGD" else optax.adamw(work.lr, weight_decay=0.01)

    def loss_of(parameters: Any, x: Any, labels: Any) -> Any:
        for i, (w, b) in enumerate(parameters):
            x = x @ w + b
            x = jax.nn.leaky_relu(x, SLOPE) if i < len(parameters) - 1 else x
        return -jnp.mean(jax.nn.log_softmax(x)[jnp.arange(work.batch), labels])

    @jax.jit
    def update(state: Any, x: Any, labels: Any) -> Any:
        parameters, kept = state
        loss, gradients = jax.value_and_grad(loss_of)(parameters, x, labels)
        change, kept = rule.update(gradients, kept, parameters)
        return (optax.apply_updates(parameters, change), kept), loss

    parameters = [(jnp.array(w), jnp.array(b)) for w, b in zip(work.weights, work.biases, strict=True)]
    state = [(parameters, rule.init(parameters))]
    x, labels = [jnp.array(each) for each in work.x], [jnp.array(each) for each in work.labels]

    def step(k: int) -> Any:
        state[0], loss = jax.block_until_ready(update(state[0], x[k % BATCHES], labels[k % BATCHES]))
        return loss

    return step


PEERS: dict[str, Callable[[Work], Step]] = {
    "the matrix products alone": products,
    "eager": ours,
    "compiled, exact": lambda work: ours(work, lambda f: compile(f, exact=True)),
    "compiled, products added in place": lambda work: ours(work, lambda f: compile(f, fused=False)),
    **({"compiled, with kernels": lambda work: ours(work, compile)} if has_numba() else {}),
    "PyTorch": torch_eager,
    "JAX, jit": jax_jit,
}


def passes(work: Work) -> dict[str, Callable[[Work], Step]]:
    """The step after ever more passes of its plan."""
    every = passes_of(exact=False, fused=has_numba())

    def after(count: int) -> Callable[[Any], Compiled]:
        def wrap(function: Any) -> Compiled:
            wrapped = compile(function)
            wrapped._passes = every[:count]
            return wrapped

        return wrap

    found: dict[str, Callable[[Work], Step]] = {"the matrix products alone": products, "eager": ours}
    for count, name in enumerate(["captured", *(each.__name__.replace("_", " ") for each in every)]):
        found[f"{name}, again" if name in found else name] = partial(ours, wrap=after(count))
    return found


def timed(
    work: Work, peers: dict[str, Callable[[Work], Step]], rounds: int, steps: int
) -> dict[str, tuple[float, float, str]]:
    """Of each peer that is installed the median milliseconds of a step, and the median ratio to the products.

    And, in words, how many instructions its plan has and the memory that its values take, where it has one.
    """
    running: dict[str, Step] = {}
    losses: dict[str, float] = {}
    for name, make in peers.items():
        try:
            running[name] = make(work)
        except ImportError as missing:
            print(f"left out: {name} ({missing})", file=sys.stderr)
            continue
        for k in range(10):
            loss = running[name](k)
        if loss is not None:
            losses[name] = float(loss)
    if max(losses.values()) - min(losses.values()) > 1e-4 * max(losses.values()):
        print(f"the losses after ten steps differ: {losses}", file=sys.stderr)
    times: dict[str, list[float]] = {name: [] for name in running}
    for _ in range(rounds):
        for name, step in running.items():
            start = time.perf_counter()
            for k in range(steps):
                step(k)
            times[name].append((time.perf_counter() - start) / steps * 1e3)
    least = times["the matrix products alone"]
    ratio = {name: statistics.median(a / b for a, b in zip(each, least, strict=True)) for name, each in times.items()}
    return {name: (statistics.median(times[name]), ratio[name], _plan_of(step)) for name, step in running.items()}


def _plan_of(step: Any) -> str:
    compiled = getattr(step, "compiled", None)
    if not isinstance(compiled, Compiled):
        return ""
    bytes_shared, bytes_apart = compiled.memory()
    count = len(compiled.plans[-1].program.instructions)
    return f"{count} | {bytes_shared / 1e3:,.0f} of {bytes_apart / 1e3:,.0f} kB"


def table(title: str, found: dict[str, tuple[float, float, str]], column: str = "step") -> list[str]:
    """Lines of Markdown."""
    head = ["", f"## {title}", "", f"| {column} | ms | × products | instructions | buffers, of their values |"]
    rows = [f"| {name} | {ms:.3f} | {ratio:.2f} | {plan or ' | '} |" for name, (ms, ratio, plan) in found.items()]
    return [*head, "|---|---|---|---|---|", *rows]


def picture(found: dict[str, dict[str, tuple[float, float, str]]]) -> None:
    """Bars for each network: how many times as long as its matrix products a step takes."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 2.2 * ((len(found) + 1) // 2)), layout="constrained")
    for place, (title, times) in enumerate(found.items(), 1):
        ax = figure.add_subplot((len(found) + 1) // 2, 2, place)
        rows = sorted(((ratio, name) for name, (_, ratio, _) in times.items()), reverse=True)
        colors = ["#1f6f8b" if name.startswith("compiled") else "#b9c4cc" for _, name in rows]
        bars = ax.barh([name for _, name in rows], [ratio for ratio, _ in rows], color=colors)
        ax.bar_label(bars, fmt="%.2f", padding=2, fontsize=7)
        ax.set_title(title, fontsize=9, loc="left")
        ax.tick_params(labelsize=7)
        ax.margins(x=0.12)
        ax.spines[["top", "right"]].set_visible(False)
    with rc_context({"svg.fonttype": "none"}):
        figure.savefig(PAGE.with_suffix(".svg"), metadata={"Date": None})


def machine() -> str:
    """What it was measured on."""
    from threadpoolctl import threadpool_info

    kernels = sorted(
        {str(pool["architecture"]) for pool in threadpool_info() if pool.get("internal_api") == "openblas"}
    )
    names = ("numpy", "scipy", "numba", "torch", "jax", "optax")
    versions = [f"{name} {importlib.metadata.version(name)}" for name in names if _is_installed(name)]
    python = f"Python {platform.python_version()}"
    return f"{platform.machine()}, OpenBLAS {', '.join(kernels)}; {python}, {', '.join(versions)}"


def _is_installed(name: str) -> bool:
    try:
        importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def main() -> None:
    """Time, print, and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15, help="how often each takes its turn")
    parser.add_argument("--steps", type=int, default=60, help="how many steps in a turn")
    parser.add_argument("--write", action="store_true", help="write docs/performance.md")
    options = parser.parse_args()
    every = {}
    for optimizer in LR:
        for sizes, batch in NETWORKS:
            title = f"{'-'.join(map(str, sizes))}, batches of {batch}, {optimizer}"
            every[title] = timed(Work(sizes, batch, optimizer), PEERS, options.rounds, options.steps)
            print("\n".join(table(title, every[title])))
    sizes, batch = NETWORKS[0]
    work = Work(sizes, batch)
    steps = table(
        f"Pass by pass: {'-'.join(map(str, sizes))}, batches of {batch}, SGD",
        timed(work, passes(work), options.rounds, options.steps),
        "after",
    )
    print("\n".join(steps))
    if options.write:
        head = f"# How fast a step is\n\nBy `python benchmarks/compiled.py --write`, on {machine()}.\n\n{ABOUT}"
        lines = [line for title, found in every.items() for line in table(title, found)]
        shown = ["", "![How many times as long as its matrix products a step takes](performance.svg)"]
        PAGE.write_text("\n".join([head, *shown, *lines, *steps, ""]), encoding="utf-8")
        picture(every)


if __name__ == "__main__":
    main()
