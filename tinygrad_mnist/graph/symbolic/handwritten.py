"""What a learner writes out by hand, read as the operation that it is: a softmax, a sigmoid, a relu, labels.

`e = exp(z - z.max()); e / e.sum()` is a softmax, and once it is read as one, its rule gives what the books say. The
idioms stand in a table with an example each, and each is checked on the numbers: a program is read otherwise only
where its values stay what they are. `explain` reads a program so; what is to be run again (`to_numpy`) does not.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from tinygrad_mnist.engine import Node
from tinygrad_mnist.graph.recording import Recording
from tinygrad_mnist.graph.symbolic.idioms import activations, losses, softmax
from tinygrad_mnist.graph.symbolic.idioms.labels import read_labels
from tinygrad_mnist.graph.symbolic.idioms.rewriting import Pass

IDIOMS = (*softmax.IDIOMS, *activations.IDIOMS, *losses.IDIOMS)
PICKED = (losses.picked,)
"""What is read when all others have been: elements at each example's class, as products with labels."""


@dataclass
class Reading:
    """A program as it was read. output, wrt: the nodes of the program that was asked about, in the new one.

    shared: the relus that were written with np.maximum, which shares the gradient of a tie. guards: the numbers that
    keep a logarithm from zero.
    """

    output: Node
    wrt: list[Node]
    shared: list[Node] = field(default_factory=list)
    guards: list[float] = field(default_factory=list)


def read(output: Node, wrt: Iterable[Node], guarded: bool = True) -> Reading:
    """The program of an output with its idioms read. guarded: leave what guards a logarithm where it is."""
    wrt = list(wrt)
    shared: set[Node] = set()
    guards: list[float] = []
    for idioms in (IDIOMS, PICKED):
        recording = Recording(output)
        done = Pass(recording, set(wrt), idioms, guarded, read_labels(recording) if idioms is IDIOMS else {})
        output, wrt = done.of(output), [done.of(x) for x in wrt]
        shared = {done.of(x) for x in shared} | done.shared
        guards += done.guards
    return Reading(output, wrt, sorted(shared, key=lambda node: node.born), list(dict.fromkeys(guards)))
