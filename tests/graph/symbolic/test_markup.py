"""Formulas survive as MathML."""

from tinygrad_mnist.graph.symbolic.markup import mathml
from tinygrad_mnist.graph.symbolic.pieces import name


def test_spaces_of_functions_and_words_survive_in_mathml():
    thin = '<mspace width="0.167em"></mspace>'
    assert f"<mi>log</mi>{thin}<mi>x</mi>" in mathml(r"\log x")
    assert thin not in mathml(r"\log\left(x\right)")
    assert "<mtext>, over\N{NO-BREAK SPACE}</mtext><mi>m</mi>" in mathml(r"x \text{, over } m")


def test_words_and_markup_survive_in_mathml():
    text = mathml(name('<b> & "x_1"', "latex") + r" + \operatorname{leaky\_relu}\left(x\right)")
    assert "<mtext>‹b› &amp; &quot;x_1&quot;</mtext>" in text
    assert "<mi>leaky_relu</mi>" in text
