"""Every operation can be written, in every style, and what binds loosely gets brackets."""

import ast

from tests.each import each
from tests.engine.cases import ENGINE
from tinygrad_mnist.array_functions.elementwise import RULES
from tinygrad_mnist.engine import OPS
from tinygrad_mnist.graph.symbolic.helpers import HELPERS
from tinygrad_mnist.graph.symbolic.notation import NOTATION, write
from tinygrad_mnist.graph.symbolic.pieces import Text
from tinygrad_mnist.graph.symbolic.traced import TRACING_OPS


def test_every_operation_of_the_engine_has_one_entry_and_what_is_none_has_none():
    assert ENGINE.keys() <= NOTATION.keys() <= OPS.keys() | TRACING_OPS
    assert {function.__name__ for function in RULES} <= NOTATION.keys()


def test_a_helper_is_the_function_that_the_source_calls():
    helpers = {entry.helper for entry in NOTATION.values()} - {""}
    assert helpers == HELPERS.keys()
    for name, source in HELPERS.items():
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


def written(op, operands, *call):
    return write(op, list(map(Text, operands)), *call)


def test_sums_say_what_they_run_over():
    params = {"axis": 0, "keepdims": False}
    assert written("sum", ["x"], params, [(3, 4)], "text") == "Σ_rows x"
    assert written("sum", ["x"], {"axis": (-1, 0), "keepdims": True}, [(3, 4, 5)], "text") == "Σ_axes2,0 x"
    assert written("sum", ["x"], {"axis": None, "keepdims": False}, [(3, 4)], "latex") == r"\sum x"
    assert written("sum", ["x"], params, [(3, 4)], "numpy") == "x.sum(axis=0)"


def test_a_new_operation_is_written_as_a_function():
    assert written("cube", ["x"], {}, [(3,)], "text") == "cube(x)"
