"""How comparisons are shown: lines of 80 columns, and Markdown."""

from __future__ import annotations

import platform
import textwrap
from collections.abc import Iterator, Sequence

import numpy as np

from tinygrad_mnist.frameworks.pairing import DIGITS, Comparison, Row, shown_digits
from tinygrad_mnist.frameworks.running import BACKENDS, OURS
from tinygrad_mnist.training import percent

COLUMNS = (
    ("", "<24"), ("test", ">8"), ("s/epoch", ">8"), ("times", ">6"), ("memory", ">8"), ("lines", ">5"),
    ("digits", ">6"), ("in all", ">6"),
)  # fmt: skip
"""Of a table: what they are called, and how they are aligned."""


def head(comparison: Comparison) -> str:
    """The tutorial and its network."""
    return f"{comparison.task.tutorial}: {comparison.task.title}"


def cells(comparison: Comparison, row: Row) -> list[str]:
    """A framework's line of the table."""
    memory = f"{row.found.memory / 1e6:,.0f} MB" if row.found.memory else "–"
    agreed = [comparison.digits(row, comparison.compared), comparison.digits(row)]
    return [
        row.framework.version,
        percent(row.found.accuracy),
        f"{row.seconds:.3g}",
        f"{comparison.times(row):.2g}",
        memory,
        str(row.lines),
        *("" if row.framework is OURS else shown_digits(number) for number in agreed),
    ]


def facts(comparison: Comparison) -> Iterator[str]:
    """Whether the losses agree, and of each framework whose losses don't, where they part and why."""
    steps = f"the {comparison.compared:,} steps" + (" of an epoch" if comparison.task.batch else "")
    same = [row.framework.title for row in comparison.rows[1:] if not row.parting]
    if same:
        yield f"{', '.join(same)}: the losses of {steps} agree with ours in {DIGITS} digits and more"
    for row in comparison.rows:
        if row.parting:
            yield f"{row.framework.title}: the losses {row.parting}"


def lines(comparison: Comparison) -> str:
    """A table and what there is to say, 80 columns wide."""
    table = [[name for name, _ in COLUMNS], *(cells(comparison, row) for row in comparison.rows)]
    text = [" ".join(f"{cell:{align}}" for cell, (_, align) in zip(line, COLUMNS, strict=True)) for line in table]
    said = [textwrap.fill(fact, 80, initial_indent="  ", subsequent_indent="    ") for fact in facts(comparison)]
    return "\n".join(["", head(comparison), *(line.rstrip() for line in text), *said])


def verdict(comparisons: Sequence[Comparison]) -> str:
    """Whether all compute the same, in a sentence."""
    pairs = [(c, row) for c in comparisons for row in c.rows[1:]]
    parted = [(c, row) for c, row in pairs if row.parting]
    wrong = [
        f"{c.task.name} in {row.framework.title}" for c, row in parted if row.parting and not row.parting.is_explained
    ]
    if wrong:
        return f"not the same: {', '.join(wrong)}"
    if not pairs:
        return "there is no other framework to compare with"
    explained = f", {len(parted)} part for a reason that is known" if parted else ""
    return f"{len(pairs) - len(parted)} of {len(pairs)} agree with ours in {DIGITS} digits{explained}"


def machine() -> str:
    """What a run was made with."""
    return f"Python {platform.python_version()}, NumPy {np.__version__}"


def markdown(comparisons: Sequence[Comparison], data: str, call: str, picture: str | None) -> str:
    """The tables as a document; picture: where it is, seen from there."""
    text = [
        "# The tutorials' networks in other frameworks\n",
        f"Written by `{call}`: {data}; {verdict(comparisons)}.\n",
        INTRODUCTION.format(digits=DIGITS),
    ]
    if picture:
        text.append(f"![Differences of the losses, times, memory and lines of code]({picture})\n")
    for comparison in comparisons:
        programs = " · ".join(_link(row, comparison) for row in comparison.rows)
        text += [
            f"## {head(comparison)}\n",
            f"{programs}\n",
            _row([name for name, _ in COLUMNS]),
            "|---|" + "---:|" * 7,
        ]
        text += [_row(cells(comparison, row)) for row in comparison.rows]
        text += ["", *(f"- {fact}" for fact in facts(comparison)), ""]
    text += [CONVENTIONS.format(backends=", ".join(BACKENDS)), f"Made with {machine()}."]
    return "\n".join(text) + "\n"


def _link(row: Row, comparison: Comparison) -> str:
    name = row.framework.program(comparison.task).name
    return f"[{name}](../examples/frameworks/{name})"


def _row(line: Sequence[str]) -> str:
    return f"| {' | '.join(line)} |"


INTRODUCTION = """\
Each program of [examples/frameworks](../examples/frameworks) is what users of its framework would write, and runs alone:
`python examples/frameworks/t3_pytorch.py`. From a `Lesson` it gets the same first weights, and the same images in the same
order; the last batch of an epoch is smaller. Every program is a process of its own with one thread, and they take turns after each
epoch, so that only one of them computes at a time.

- **test**: accuracy on the test images after the last epoch.
- **s/epoch**: processor seconds of an epoch, the median of all but the first, in which some compile; in T2's first network an
  epoch is one step. **times**: beside ours, in this run; that is what to compare, as seconds are the machine's.
- **memory**: the most that the process has had, with the images (188 MB of MNIST's training images in float32).
- **lines**: of code, without blank lines, comments and docstrings.
- **digits**: in so many digits the worst loss of an epoch agrees with ours; **in all**: of all epochs. Below {digits} in the first
  epoch the programs run again, in float64 and shorter, to find the first step and the parameter where they part, and why.
"""

CONVENTIONS = """\
## Where frameworks differ

- A dense layer's weights are (out, in) here and in PyTorch, (in, out) in Keras; a convolution's (out, in, height, width), and
  (height, width, in, out). Keras keeps channels last, so that a flattened image has another order.
- Adam: ε is 1e-8 here and in PyTorch, 1e-7 in Keras unless said otherwise. And it stands elsewhere: Keras adds it to √v, which is
  smaller than √v̂ = √(v / (1 - β₂ᵗ)) by a factor of 32 in the first step; where gradients are small, as in a convolutional
  network's dense layer, that is another training.
- RMSprop: PyTorch and we add ε outside the root, Keras within it; Keras' decay is 0.9, PyTorch's α 0.99.
- Clipping to a norm: PyTorch and we divide by the norm + 1e-6, Keras by the norm.
- Batch normalization: Keras' momentum 0.99 is PyTorch's and our 0.01, where the default is 0.1; ε is 1e-3, and 1e-5 here.
  PyTorch and we keep the running variance with n - 1, Keras with n.
- The loss that Keras reports on the way is the mean over the epoch so far; here every batch's own is compared.

Keras runs on the first that is installed of {backends}, or on what KERAS_BACKEND names.
"""
