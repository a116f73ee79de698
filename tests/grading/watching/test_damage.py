"""Mistakes in networks that are not the textbook's have the catalogue's names, and right ones pass."""

import pytest

from tests.grading.watching.runs import DATA, reported

PROGRAM = """
shapes = [(6, 8), (8, 8), (8, 8), (8, 4)]
W1, W2, W3, W4 = (rng.normal(size=shape) * 0.5 for shape in shapes)
b1, b2, b3, b4 = (rng.normal(size=shape[1]) * 0.5 for shape in shapes)
for epoch in range(20):
    z1 = X @ W1 + b1
    h1 = np.maximum(z1, 0)
    mask = (rng.random(h1.shape) < 0.8) / 0.8
    dropped = h1 * mask
    z2 = dropped @ W2 + b2
    h2 = np.tanh(z2)
    z3 = h2 @ W3 + b3
    h3 = 1 / (1 + np.exp(-z3))
    r3 = h2 + h3
    z4 = r3 @ W4 + b4
    e = np.exp(z4 - z4.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    loss = -np.mean(np.log(p[np.arange(12), labels]))
    dz4 = (p - Y) / 12
    dW4 = r3.T @ dz4
    db4 = dz4.sum(axis=0)
    dr3 = dz4 @ W4.T
    dz3 = dr3 * h3 * (1 - h3)
    dW3 = h2.T @ dz3
    db3 = dz3.sum(axis=0)
    dh2 = dz3 @ W3.T + dr3
    dz2 = dh2 * (1 - h2**2)
    dW2 = dropped.T @ dz2
    db2 = dz2.sum(axis=0)
    ddropped = dz2 @ W2.T
    dh1 = ddropped * mask
    dz1 = dh1 * (z1 > 0)
    dW1 = X.T @ dz1
    db1 = dz1.sum(axis=0)
    W1, b1, W2, b2 = W1 - 0.1 * dW1, b1 - 0.1 * db1, W2 - 0.1 * dW2, b2 - 0.1 * db2
    W3, b3, W4, b4 = W3 - 0.1 * dW3, b3 - 0.1 * db3, W4 - 0.1 * dW4, b4 - 0.1 * db4
"""
"""Dropout, another activation in each layer, and a residual path."""

MISTAKES: dict[str, dict[str, str | None]] = {
    "dz4 = (p - Y) / 12": {"dz4 = (Y - p) / 12": "error-sign", "dz4 = p / 12": "error-labels-missing",
                           "dz4 = p - Y": "error-sum", "dz4 = (p - Y) * p * (1 - p) / 12": "error-softmax-again"},
    "dW4 = r3.T @ dz4": {"dW4 = h3.T @ dz4": None, "dW4 = r3.T @ dz4 / 12": "weight-mean-twice"},
    "db4 = dz4.sum(axis=0)": {"db4 = dz4.sum(axis=0) / 12": "bias-mean-twice", "db4 = -dz4.sum(axis=0)": "bias-sign"},
    "dz3 = dr3 * h3 * (1 - h3)": {"dz3 = dr3 * h3": "slope-value", "dz3 = dr3": "slope-missing",
                                  "dz3 = dr3 * z3 * (1 - z3)": "slope-unactivated",
                                  "dz3 = dr3 * (1 - h3**2)": "slope-tanh"},
    "dr3 = dz4 @ W4.T": {"dr3 = -dz4 @ W4.T": "carried-sign"},
    "dW3 = h2.T @ dz3": {"dW3 = z2.T @ dz3": "entering-z", "dW3 = dz3.T @ h2": "product-transposed",
                         "dW3 = h3.T @ dz3": "entering-own"},
    "db3 = dz3.sum(axis=0)": {"db3 = dz3.max(axis=0)": "bias-max", "db3 = dW3.sum(axis=0)": "bias-from-weights"},
    "dh2 = dz3 @ W3.T + dr3": {"dh2 = dz3 @ W3.T": "path-missing", "dh2 = dr3": "path-missing",
                               "dh2 = dz3 @ W3 + dr3": "carried-untransposed"},
    "dW2 = dropped.T @ dz2": {"dW2 = X.T @ dz2": "entering-earlier", "dW2 = z1.T @ dz2": "entering-z"},
    "db2 = dz2.sum(axis=0)": {"db2 = dz2.sum()": "bias-all-axes"},
    "ddropped = dz2 @ W2.T": {"ddropped = dz2 @ W2": "carried-untransposed", "ddropped = dz2 @ W3.T": "carried-next"},
    "dh1 = ddropped * mask": {"dh1 = ddropped": "between-missing"},
    "dz1 = dh1 * (z1 > 0)": {"dz1 = dh1": "slope-missing", "dz1 = dh1 * (z1 < 0)": "slope-side"},
}  # fmt: skip
"""For a line, what may stand in its place, with the name that it must have; None where no wrong one will do."""

CASES = [(line, wrong, name) for line, every in MISTAKES.items() for wrong, name in every.items()]


def test_the_right_program_passes():
    report = reported(DATA + PROGRAM)
    assert report.passed, str(report)
    assert len(report.parameters) == 8


@pytest.mark.parametrize(("line", "wrong", "name"), CASES, ids=[wrong for _, wrong, _ in CASES])
def test_a_mistake_is_named(line, wrong, name):
    assert PROGRAM.count(f"    {line}\n") == 1
    report = reported(DATA + PROGRAM.replace(f"    {line}\n", f"    {wrong}\n"))
    assert not report.passed
    found = [finding.names for finding in report.findings]
    assert len(found) == 1 or name is None, str(report)
    assert name in found[0] if name else not any(found), str(report)
