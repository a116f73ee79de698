"""Names and numbers, as a formula has them."""

import numpy as np

from tests.each import each
from tinygrad_mnist.graph.symbolic import pieces


@each(
    ("name", "latex"),
    [
        ("W1", "W_{1}"),
        ("theta_2", r"\theta_{2}"),
        ("loss", r"\mathrm{loss}"),
        ("y_hat", r"\hat{y}"),
        ("x_1_3", r"\text{x\_1\_3}"),
        ("<script>$", r"\text{‹script›\$}"),
    ],
)
def test_names_in_latex(name, latex):
    assert pieces.name(name, "latex") == latex


@each(
    ("value", "latex", "text", "numpy"),
    [
        (2.0, "2", "2", "2.0"),
        (-0.01, "-0.01", "−0.01", "-0.01"),
        (1e-5, "10^{-5}", "1e-5", "1e-05"),
        (2.5e30, r"2.5 \cdot 10^{30}", "2.5·1e30", "2.5e+30"),
        (0.7978845608028654, "0.797885", "0.797885", "0.7978845608028654"),
        (float("-inf"), r"-\infty", "−∞", 'float("-inf")'),
        (np.float32(0.5), "0.5", "0.5", "0.5"),
    ],
)
def test_numbers(value, latex, text, numpy):
    assert [pieces.number(value, style) for style in ("latex", "text", "numpy")] == [latex, text, numpy]
