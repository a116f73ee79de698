"""A notebook as people write it after a video, with one mistake; it is graded as it is, and the wrong line is named.

From a shell the same is `tinygrad-mnist grade digits.ipynb`. Nothing in the notebook knows of this package; its data
file isn't there, and pandas needn't be installed.
"""

import json
import tempfile
from pathlib import Path

from tinygrad_mnist import grade

CELLS = [
    """\
import numpy as np
import pandas as pd
import matplotlib.pyplot as plt
""",
    """\
images = np.array(pd.read_csv("train.csv"))
np.random.shuffle(images)
Y = images[:, 0]
X = images[:, 1:].T / 255
plt.imshow(X[:, 0].reshape(28, 28))
""",
    """\
W1, b1 = np.random.randn(16, 784) * 0.05, np.zeros((16, 1))
W2, b2 = np.random.randn(10, 16) * 0.3, np.zeros((10, 1))

def softmax(Z):
    e = np.exp(Z - Z.max(axis=0))
    return e / e.sum(axis=0)
""",
    """\
rate = 0.1
m = X.shape[1]
one_hot = np.eye(10)[Y].T

for i in range(500):
    Z1 = W1.dot(X) + b1
    A1 = np.maximum(Z1, 0)
    A2 = softmax(W2.dot(A1) + b2)

    dZ2 = A2 - one_hot
    dW2 = dZ2.dot(A1.T) / m
    db2 = np.sum(dZ2, axis=1, keepdims=True) / m
    dZ1 = W2.T.dot(dZ2)
    dW1 = dZ1.dot(X.T) / m
    db1 = np.sum(dZ1, axis=1, keepdims=True) / m

    W1 -= rate * dW1
    b1 -= rate * db1
    W2 -= rate * dW2
    b2 -= rate * db2
    if i % 50 == 0:
        print(i, np.mean(A2.argmax(axis=0) == Y))
""",
]


def graded(cells):
    """The report on a notebook with these cells."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "digits.ipynb"
        cells = [{"cell_type": "code", "source": cell, "metadata": {}, "outputs": []} for cell in cells]
        path.write_text(json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
        return grade(path)


report = graded(CELLS)
print(report)

(finding,) = report.findings
assert finding.names == ("slope-missing",)
assert finding.places == ("cell 4, line 13: dZ1 = W2.T.dot(dZ2)",)

mended = graded([cell.replace("W2.T.dot(dZ2)", "W2.T.dot(dZ2) * (Z1 > 0)") for cell in CELLS])
print(f"\nmended: {mended.verdict}")
assert mended.passed
