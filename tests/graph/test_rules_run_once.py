"""Each reading runs the rule of an operation once for each of its inputs: counted by wrapping the rules."""

import numpy as np
import pytest

from tinygrad_mnist import cross_entropy, graph, nn
from tinygrad_mnist.engine import OPS
from tinygrad_mnist.graph.recording import Recording, rule


def counting(vjp, calls):
    def counted(*args, **params):
        calls.append(vjp)
        return vjp(*args, **params)

    return counted


@pytest.fixture
def calls(monkeypatch):
    """Every call of a rule from now on."""
    made = []
    for operation in OPS.values():
        counted = [vjp and counting(vjp, made) for vjp in operation.vjps]
        monkeypatch.setattr(operation, "vjps", counted)
        if operation.each:
            monkeypatch.setattr(operation, "each", counting(operation.each, made))
    return made


MODELS = {
    "MLP": (lambda: nn.MLP((20, 16, 10)), (8, 20)),
    "batch norm": (
        lambda: nn.Sequential(nn.Linear(20, 16), nn.BatchNorm1d(16), nn.GELU(), nn.Linear(16, 10)), (8, 20)
    ),
    "CNN": (lambda: nn.network("1x10x10,4c3,mp2,10"), (8, 1, 10, 10)),
}  # fmt: skip
READINGS = {
    "explain": lambda loss, wrt, path: graph.explain(loss, wrt),
    "to_numpy": lambda loss, wrt, path: graph.to_numpy(loss, wrt),
    "explore": lambda loss, wrt, path: graph.explore(loss, path),
    "draw": lambda loss, wrt, path: graph.draw(loss, backward=True),
}


@pytest.mark.parametrize("reading", READINGS)
@pytest.mark.parametrize("name", MODELS)
def test_a_reading_runs_each_rule_at_most_once(name, reading, calls, tmp_path):
    make, shape = MODELS[name]
    model = make()
    loss = cross_entropy(model(np.random.default_rng(0).random(shape, np.float32)), np.arange(8) % 10)
    recording = Recording(loss)
    taken = [(node, i, x) for node in recording.operations for i, x in recording.tensors(node) if rule(node, i)]
    carried = sum(x.requires_grad for _, _, x in taken)
    calls.clear()
    READINGS[reading](loss, list(model.parameters()), tmp_path / "page.html")
    assert carried <= len(calls) <= (len(taken) if reading == "explore" else carried)
