"""Numbers that leave the graph: refused where nobody said that one is meant, and easy to read where somebody did."""

import array
import math
import sys
from math import exp
from math import sqrt as root

import numpy as np
import pytest

from tests.each import each
from tinygrad_mnist import Tensor, hessian, jacobian, no_grad, vjp

KNOWS_CALLS = sys.version_info >= (3, 11)  # Python 3.10 does not say where a call stands


@pytest.fixture
def x():
    return Tensor([1.0, 2.0], requires_grad=True)


def element_by_element(x):
    out = np.zeros(2)
    for i in range(2):
        out[i] = x[i] * x[i]


def into_a_matrix(x):
    np.zeros((2, 2))[0, 1] = x.sum()


def added_in_place(x):
    out = np.zeros(2)
    out[0] += x.sum()


def into_the_flat_elements(x):
    np.zeros(2).flat[0] = x.sum()


def over_several_lines(x):
    return 2 * math.sin(
        x[0]
        * 2
    )  # fmt: skip


STORED = [element_by_element, into_a_matrix, added_in_place, into_the_flat_elements]
CALLED = [
    over_several_lines,
    lambda x: np.zeros(2).fill(x.sum()),
    lambda x: np.fromiter(x, float),
    lambda x: np.fromiter((v * v for v in x), dtype=float, count=2),
    lambda x: math.exp(x.sum()),
    lambda x: exp(x.sum()),
    lambda x: root(x.sum()),
    lambda x: [math.log(v) for v in x],
    lambda x: math.pow(x[0], 2),
    lambda x: math.fsum([x[0], x[1]]),
    lambda x: math.hypot(1.0, x[0]),
    lambda x: array.array("d", [x[0]]),
    lambda x: array.array("d").append(x[0]),
]
CONVERTED = [
    lambda x: np.full(3, x.sum()),
    lambda x: np.array([x[0], x[1]]),
    lambda x: np.array([0.0, x[1]], float),
    lambda x: np.zeros(2).put(0, x.sum()),
    lambda x: np.put(np.zeros(2), 0, x.sum()),
    lambda x: np.copyto(np.zeros(2), x.sum()),
]


@each("program", [*STORED, *(CALLED if KNOWS_CALLS else []), *CONVERTED])
def test_what_takes_a_number_without_a_word_is_refused(x, program):
    with pytest.raises((TypeError, ValueError)) as caught:  # NumPy makes a ValueError of what an element raises
        program(x)
    told = [caught.value, caught.value.__cause__]
    if program not in (into_the_flat_elements, *CONVERTED):
        assert any("np.stack" in str(error) and "unnamed ()" in str(error) for error in told)


@each("program", [p for p in (*STORED, *CALLED) if p is not added_in_place])
def test_without_a_gradient_nothing_is_refused(x, program):
    program(x.detach())
    with no_grad():
        program(x)


@each(
    "read",
    [
        lambda loss: float(loss),
        lambda loss: float(f"{loss:.4f}"),
        lambda loss: float(f"{float(loss):.3f}"),
        lambda loss: float("%.4f" % loss),  # noqa: UP031
        lambda loss: float("{:.2f}".format(loss)),  # noqa: UP032
        lambda loss: int(loss),
        lambda loss: loss.item(),
        lambda loss: sum(map(float, [loss])),
        lambda loss: sum(float(part) for part in [loss]),
        lambda loss: sorted(map(float, [loss, 2 * loss]))[0],
        lambda loss: np.array([float(loss)])[0],
        lambda loss: np.mean([float(loss)]),
        lambda loss: round(float(loss), 3),
        lambda loss: math.log(math.exp(float(loss))),
        lambda loss: math.log(math.exp(loss.item())),
        lambda loss: min([loss, 2 * loss], key=float).item(),
        lambda loss: math.floor(loss),
        lambda loss: loss.item() if math.isfinite(loss) and not math.isnan(loss) else 0,
    ],
)
def test_the_number_of_a_loss_is_easily_read(x, read):
    assert read((x * x).sum()) == pytest.approx(5)


def test_losses_are_collected_in_lists_and_arrays(x):
    losses, history = [], np.zeros(3)
    for epoch in range(3):
        loss = (x * x).sum()
        losses.append(float(loss))
        history[epoch] = loss.item()
        loss.backward()
    assert losses == history.tolist() == [5, 5, 5]


@each("transform", [jacobian, hessian, vjp])
def test_no_number_leaves_a_function_while_it_is_differentiated(transform):
    def scaled_by_a_number(v):
        return (float(v.sum()) * v).sum()

    def scaled_by_what_is_said_to_be_one(v):
        return (v.sum().item() * v).sum()

    with pytest.raises(TypeError, match=r"t\.item\(\)"):
        transform(scaled_by_a_number, np.array([1.0, 2.0]))
    transform(scaled_by_what_is_said_to_be_one, np.array([1.0, 2.0]))
    assert float(Tensor([3.0], requires_grad=True)) == 3  # it is over, the error notwithstanding
