"""Every operation can be written, in every style, and what binds loosely gets brackets."""

import ast

import numpy as np

from tests.each import each
from tests.engine.cases import ENGINE
from tinygrad_mnist.array_functions.elementwise import RULES
from tinygrad_mnist.engine import OPS
from tinygrad_mnist.graph.symbolic import notation
from tinygrad_mnist.graph.symbolic.notation import NOTATION, Text, formula, number, write
from tinygrad_mnist.graph.symbolic.traced import TRACING_OPS


def test_every_operation_of_the_engine_has_one_entry_and_what_is_none_has_none():
    assert ENGINE.keys() <= NOTATION.keys() <= OPS.keys() | TRACING_OPS
    assert {function.__name__ for function in RULES} <= NOTATION.keys()


def test_a_helper_is_the_function_that_the_source_calls():
    helpers = {entry.helper for entry in NOTATION.values()} - {""}
    assert helpers == notation.HELPERS.keys()
    for name, source in notation.HELPERS.items():
        assert ast.parse(source).body[0].name == name


@each(
    ("style", "expected"), [("latex", r"\left(a + b\right) \odot c"), ("text", "(a + b) ⊙ c"), ("numpy", "(a + b) * c")]
)
def test_what_binds_loosely_gets_brackets(style, expected):
    total = write("add", [Text("a"), Text("b")], {}, [(2,), (2,)], style)
    assert write("mul", [total, Text("c")], {}, [(2,), (2,)], style) == expected


def test_grouping_shows_where_it_matters():
    difference = write("sub", [Text("b"), Text("c")], {}, [(), ()], "numpy")
    assert write("sub", [Text("a"), difference], {}, [(), ()], "numpy") == "a - (b - c)"
    assert write("sub", [difference, Text("a")], {}, [(), ()], "numpy") == "b - c - a"
    product = write("matmul", [Text("a"), Text("b")], {}, [(2, 2), (2, 2)], "text")
    assert write("mul", [product, Text("c")], {}, [(2, 2), (2, 2)], "text") == "(a b) ⊙ c"


def test_a_comparison_among_numbers_is_an_iverson_bracket():
    mask = write("greater", [Text("z"), Text("0")], {}, [(2,), ()], "text")
    assert write("mul", [Text("g"), mask], {}, [(2,), (2,)], "text") == "g ⊙ [z > 0]"


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
    assert notation.name(name, "latex") == latex


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
    assert [number(value, style) for style in ("latex", "text", "numpy")] == [latex, text, numpy]


def test_sums_say_what_they_run_over():
    params = {"axis": 0, "keepdims": False}
    assert formula("sum", ["x"], params, [(3, 4)], "text") == "Σ_rows x"
    assert formula("sum", ["x"], {"axis": (-1, 0), "keepdims": True}, [(3, 4, 5)], "text") == "Σ_axes2,0 x"
    assert formula("sum", ["x"], {"axis": None, "keepdims": False}, [(3, 4)], "latex") == r"\sum x"
    assert formula("sum", ["x"], params, [(3, 4)], "numpy") == "x.sum(axis=0)"


def test_spaces_of_functions_and_words_survive_in_mathml():
    thin = '<mspace width="0.167em"></mspace>'
    assert f"<mi>log</mi>{thin}<mi>x</mi>" in notation.mathml(r"\log x")
    assert thin not in notation.mathml(r"\log\left(x\right)")
    assert "<mtext>, over\N{NO-BREAK SPACE}</mtext><mi>m</mi>" in notation.mathml(r"x \text{, over } m")


def test_words_and_markup_survive_in_mathml():
    text = notation.mathml(notation.name('<b> & "x_1"', "latex") + r" + \operatorname{leaky\_relu}\left(x\right)")
    assert "<mtext>‹b› &amp; &quot;x_1&quot;</mtext>" in text
    assert "<mi>leaky_relu</mi>" in text


def test_a_new_operation_is_written_as_a_function():
    assert formula("cube", ["x"], {}, [(3,)], "text") == "cube(x)"
