"""The formulas as text give the right numbers in each of the three conventions."""

import re

import numpy as np

from tests.each import each
from tinygrad_mnist import manual
from tinygrad_mnist.manual import notation


def product(formula, arrays):
    """The matrix product that a formula begins with, such as W(2)ᵀ δ(2)."""
    (left, k, left_turned), (right, l, right_turned) = re.findall(r"(W|a|δ)\((\d)\)(ᵀ?)", formula)[:2]
    a, b = arrays[left][int(k)], arrays[right][int(l)]
    return (a.T if left_turned else a) @ (b.T if right_turned else b)


@each(
    ("written", "columns", "in_out"),
    [(notation.COLUMNS, True, False), (notation.ROWS, False, False), (notation.ROWS_IN_OUT, False, True)],
)
def test_the_products_are_those_of_the_derivation_in_columns(written, columns, in_out):
    rng = np.random.default_rng(0)
    W, b = [rng.standard_normal(s) for s in ((4, 5), (3, 4))], [np.zeros((4, 1)), np.zeros((3, 1))]
    run = manual.columns.forward(rng.standard_normal((5, 7)), W, b)
    back = manual.columns.backward(run, np.eye(3)[[0, 1, 2, 0, 1, 2, 0]].T, W)

    def turned(array, turn):
        return array.T if turn else array

    arrays = {
        "W": {l: turned(w, in_out) for l, w in enumerate(W, 1)},
        "a": {l: turned(a, not columns) for l, a in run.a.items()},
        "δ": {l: turned(d, not columns) for l, d in back.delta.items()},
    }
    for l in (1, 2):
        formulas = written.formulas(l, 2)
        np.testing.assert_allclose(product(formulas["z"], arrays), turned(run.z[l], not columns))
        np.testing.assert_allclose(product(formulas["dW"], arrays) / 7, turned(back.dW[l], in_out))
    carried = product(written.formulas(1, 2)["delta"], arrays) * turned(run.z[1] > 0, not columns)
    np.testing.assert_allclose(carried, turned(back.delta[1], not columns))
