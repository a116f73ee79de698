"""What a program's names stand for."""

import numpy as np

from tests.each import each
from tests.grading.watching.runs import named, recorded, watched

NAMES = {
    "a name": ("w = np.ones(2)", "w"),
    "an attribute": ("class A: pass\nnet = A()\nnet.w = np.ones(2)", "net.w"),
    "an item of a dict": ("p = {}\np['W1'] = np.ones(2)", "W1"),
    "a list": ("ws = [np.ones(2)]", "ws[0]"),
    "a dict": ("p = {'W1': np.ones(2)}", "W1"),
    "an argument": ("def f(w): return w * 2\nf(np.ones(2))", "w"),
    "a tuple": ("a, w = 1, np.ones(2)", "w"),
    "a target of a loop": ("for w in [np.ones(2)]: pass", "w"),
    "setattr": ("class A: pass\nnet = A()\nsetattr(net, 'w', np.ones(2))", "w"),
    "update of a dict": ("p = {}\np.update({'W1': np.ones(2)})", "W1"),
}


@each("kind", NAMES)
def test_a_value_has_the_name_that_it_was_given(kind):
    text, name = NAMES[kind]
    (node,) = named(recorded(text)[0], name)
    assert np.array_equal(node.value, [1, 1])


def test_numbers_are_set_apart_without_a_word_to_what_holds_them():
    """A Counter's update adds, and a property's setter may do anything."""
    text = """
from collections import Counter
class Net:
    given = []
    rate = property(lambda self: 0.1, lambda self, value: self.given.append(value))
net, other = Net(), Net()
counts = Counter(a=0.5)
net.rate = 0.1
net.b, other.b = 0.0, 0.0
"""
    module = watched(text).module
    assert module.counts == {"a": 0.5}
    assert module.Net.given == [0.1]
    assert module.net.b is not module.other.b
