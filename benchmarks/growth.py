"""Shows that forward and backward take time and memory in proportion to the inputs, elements and operations.

For each size: microseconds of processor time and bytes for each of them, here and, where it is installed, in PyTorch;
micrograd beside the chain of operations, of a length that its recursion allows. Last, by what power of n time and
memory grow between the smallest and the largest: 1 is linear, 2 would be quadratic, and less than 1 is a cost that does
not grow, such as a call's. Memory is the peak of what Python and NumPy allocate, which does not see into PyTorch.
`--largest 1000` takes a second, without it minutes.
"""

import os

os.environ |= dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")

import argparse
import importlib
import math
import time
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_mnist import Tensor

REPEATS = 3
CHAIN = 800
"""Operations in a chain that micrograd can differentiate: Python allows a thousand calls within each other."""


def installed(name: str) -> Any:
    """A package, or None."""
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


torch, micrograd = installed("torch"), installed("micrograd.engine")


def leaf(array: Any) -> Any:
    """A tensor that learns, here."""
    return Tensor(array, requires_grad=True)


def torch_leaf(array: Any) -> Any:
    """The same in PyTorch."""
    return torch.tensor(array, requires_grad=True)


def joined(join: Callable[[Any], Any], leaf: Callable[[Any], Any], n: int) -> Any:
    """n small inputs as one."""
    return join([leaf(np.ones(3)) for _ in range(n)]).sum()


def with_a_zero(leaf: Callable[[Any], Any], n: int) -> Any:
    """The product of n numbers, one of them zero: the gradient is then no quotient."""
    numbers = np.ones(n)
    numbers[n // 2] = 0
    return leaf(numbers).prod()


def used_often(leaf: Callable[[Any], Any], n: int) -> Any:
    """One tensor in n terms of a sum."""
    x = leaf(np.ones(()))
    total = x
    for _ in range(n):
        total = total + x
    return total


def chain(x: Any, n: int) -> Any:
    """n operations, one after the other."""
    for _ in range(n):
        x = x * 1.0000001
    return x


SUBJECTS: dict[str, tuple[int, Callable[[int], Any], Callable[[int], Any]]] = {
    "concatenate, inputs": (
        100_000,
        lambda n: joined(np.concatenate, leaf, n),
        lambda n: joined(torch.cat, torch_leaf, n),
    ),
    "stack, inputs": (100_000, lambda n: joined(np.stack, leaf, n), lambda n: joined(torch.stack, torch_leaf, n)),
    "prod with a zero, elements": (1_000_000, lambda n: with_a_zero(leaf, n), lambda n: with_a_zero(torch_leaf, n)),
    "one tensor, uses": (300_000, lambda n: used_often(leaf, n), lambda n: used_often(torch_leaf, n)),
    "chain, operations": (
        1_000_000,
        lambda n: chain(leaf(np.ones(())), n),
        lambda n: chain(torch_leaf(np.ones(())), n),
    ),
}
"""By what is counted: how many at most, and the forward here and in PyTorch."""


def seconds(forward: Callable[[int], Any], n: int, repeats: int = REPEATS) -> float:
    """The least processor time of forward, backward, and letting go."""
    taken = []
    for _ in range(repeats):
        start = time.process_time()
        forward(n).backward()
        taken.append(time.process_time() - start)
    return min(taken)


def peak(forward: Callable[[int], Any], n: int) -> float:
    """The bytes that forward and backward hold at most."""
    tracemalloc.start()
    forward(n).backward()
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return most


def power(sizes: list[int], values: list[float]) -> float:
    """By what power of the size the values grow."""
    return math.log(values[-1] / values[0]) / math.log(sizes[-1] / sizes[0])


def report(title: str, largest: int, ours: Callable[[int], Any], theirs: Callable[[int], Any]) -> None:
    """Print what each of n costs, at three sizes."""
    sizes = [largest // 100, largest // 10, largest]
    times, peaks = [seconds(ours, n) for n in sizes], [peak(ours, n) for n in sizes]
    others = [seconds(theirs, n) for n in sizes] if torch else []
    print(f"{title:28} {'µs each':>9} {'bytes each':>11}" + (f" {'PyTorch, µs':>12}" if torch else ""))
    for i, n in enumerate(sizes):
        other = f" {1e6 * others[i] / n:12.2f}" if torch else ""
        print(f"{n:28,} {1e6 * times[i] / n:9.2f} {peaks[i] / n:11.0f}{other}")
    other = f" {power(sizes, others):12.2f}" if torch else ""
    print(f"{'power of n':>28} {power(sizes, times):9.2f} {power(sizes, peaks):11.2f}{other}")
    if micrograd and title.startswith("chain"):
        scalar = seconds(lambda n: chain(micrograd.Value(1.0), n), CHAIN, repeats=30) / CHAIN
        ratio = times[-1] / sizes[-1] / scalar
        print(f"micrograd, {CHAIN} operations: {1e6 * scalar:.2f} µs each; here {ratio:.1f} times that")
    print()


def main() -> None:
    """Print all, or up to a size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--largest", type=int, default=1_000_000, help="the most inputs, elements or operations")
    limit = max(100, parser.parse_args().largest)
    for title, (largest, ours, theirs) in SUBJECTS.items():
        report(title, min(largest, limit), ours, theirs)


if __name__ == "__main__":
    main()
