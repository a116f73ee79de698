"""Which value on a program's way back stands for which derivative: by numbers, by names, or by what it leads to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from tinygrad_mnist.grading.watching.differences import wrong
from tinygrad_mnist.grading.watching.general import Reading
from tinygrad_mnist.grading.watching.graph import Node, depending, in_order, made_of, names_of
from tinygrad_mnist.grading.watching.multiples import multiple
from tinygrad_mnist.grading.watching.naming import IN_FULL, likeness


def counterparts(reading: Reading, values: Sequence[Node]) -> dict[Node, Node]:
    """For the parameters, and for those of the named forward values that have one, the value on the way back.

    values: in the order of the program.
    """
    step = reading.step
    found = {step.before[l]: g.node for l, g in reading.computed.items()}
    way_back = _named_on_the_way_back(reading, list(found.values()))
    waiting = [v for v in reversed(values) if v not in found and reading.expected[v].any()]
    meant = {b: v for v in waiting for b in way_back if _likeness(b, v) == IN_FULL}
    for fits in (_by_numbers, _by_name):
        pairs = [(v, b) for v in waiting for b in way_back if fits(b, v, reading) and meant.get(b, v) is v]
        for value, back in sorted(pairs, key=lambda pair: -_likeness(pair[1], pair[0])):
            if value not in found and back not in found.values():
                found[value] = back
    return {**dict(_by_what_it_leads_to(reading, way_back, waiting, found)), **found}


def _named_on_the_way_back(reading: Reading, gradients: Sequence[Node]) -> list[Node]:
    step = reading.step
    learned = step.by_labels & step.by_parameters
    made = made_of(gradients, set(step.before.values())) & learned - set(gradients)
    return in_order(n for n in made if names_of(n) and np.size(n.value) > 2)


def _by_numbers(back: Node, value: Node, reading: Reading) -> bool:
    return multiple(back.value, reading.expected[value]) is not None


def _by_name(back: Node, value: Node, reading: Reading) -> bool:
    alike = _likeness(back, value)
    return alike == IN_FULL or (alike > 1 and not _is_derivative(back, reading))


def _is_derivative(back: Node, reading: Reading) -> bool:
    return any(multiple(back.value, e) is not None for e in reading.expected.values() if e.size == np.size(back.value))


def _likeness(back: Node, value: Node) -> int:
    return max((likeness(b, v) for b in names_of(back) for v in names_of(value)), default=0)


def _by_what_it_leads_to(
    reading: Reading, way_back: Sequence[Node], waiting: Sequence[Node], found: dict[Node, Node]
) -> Iterator[tuple[Node, Node]]:
    """The first value, of its size, that depends on every parameter whose gradient a wrong value leads to."""
    step = reading.step
    start = set(step.before.values())
    wrong_ways = [
        (made_of([g.node], start), depending(step.forward, {step.before[l]}.__contains__)) for l, g in wrong(reading)
    ]
    left = [v for v in reversed(waiting) if v not in found]
    for back in reversed([b for b in way_back if b not in set(found.values()) and not _is_derivative(b, reading)]):
        led_to = [made_with_it for behind, made_with_it in wrong_ways if back in behind]
        of_size = [v for v in left if v.shape == back.shape and all(v in made_with_it for made_with_it in led_to)]
        if led_to and of_size:
            chosen = max(of_size, key=lambda v: (_likeness(back, v), -v.index))
            left.remove(chosen)
            yield chosen, back
