"""Parameters in objects that the program has not written the making of: dataclasses, namespaces, slots."""

import pytest

from tests.grading.watching.runs import DATA, FUNCTIONS, reported

MAKING = {
    "a dataclass": """
from dataclasses import dataclass
@dataclass
class Parameter:
    value: np.ndarray
W1, b1, W2, b2 = (Parameter(rng.normal(size=s)) for s in SIZES)""",
    "with slots": """
from dataclasses import dataclass
@dataclass(slots=True)
class Parameter:
    value: np.ndarray
W1, b1, W2, b2 = (Parameter(rng.normal(size=s)) for s in SIZES)""",
    "a namespace": """
from types import SimpleNamespace
W1, b1, W2, b2 = (SimpleNamespace(value=rng.normal(size=s)) for s in SIZES)""",
}
TRAINING = """
X = X / 1
for _ in range(5):
    dW1, db1, dW2, db2 = backward(X, Y, W1.value, b1.value, W2.value, b2.value)
    W1.value = W1.value - 0.1 * dW1
    b1.value = b1.value - 0.1 * db1
    W2.value = W2.value - 0.1 * dW2
    b2.value = b2.value - 0.1 * db2
"""
NETWORK = """
from dataclasses import dataclass
@dataclass
class Layer:
    W: np.ndarray
    b: np.ndarray
@dataclass
class Network:
    layers: list
net = Network([Layer(rng.normal(size=(6, 5)), np.zeros(5)), Layer(rng.normal(size=(5, 4)), np.zeros(4))])
for _ in range(5):
    one, two = net.layers
    dW1, db1, dW2, db2 = backward(X, Y, one.W, one.b, two.W, two.b)
    for layer, dW, db in ((one, dW1, db1), (two, dW2, db2)):
        layer.W = layer.W - 0.1 * dW
        layer.b = layer.b - 0.1 * db
"""
SIZES = "SIZES = (6, 5), 5, (5, 4), 4\n"


@pytest.mark.parametrize("making", MAKING.values(), ids=MAKING)
def test_each_parameter_is_an_object_of_its_own(making):
    program = DATA + FUNCTIONS + SIZES + making + TRAINING
    assert len([p for p in reported(program).parameters if p.right]) == 4
    report = reported(program.replace("d2.sum(axis=0) / m", "d2.sum(axis=0)"))
    assert [p.right for p in report.parameters].count(False) == 1, str(report)


def test_layers_are_objects_in_one_for_the_network():
    report = reported(DATA + FUNCTIONS + NETWORK)
    assert report.passed, str(report)
    assert len(report.parameters) == 4
    assert not reported((DATA + FUNCTIONS + NETWORK).replace("@ W2.T * (a1 > 0)", "@ W2.T")).passed
