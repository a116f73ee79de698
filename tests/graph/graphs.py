"""Graphs that the readings are tried on."""

from tests.engine.cases import FUNCTIONS, TABLE
from tinygrad_mnist import Tensor


def recorded(name, case):
    """A scalar from one operation of the table, on named leaves."""
    leaves = [Tensor(x, requires_grad=True, name=f"x{i}") for i, x in enumerate(case.inputs)]
    result = case.call(FUNCTIONS[name], *leaves)
    parts = result if isinstance(result, list) else [result]
    return sum(part.sum() for part in parts if part.requires_grad), leaves


def every_case():
    return [(name, case) for name, entry in TABLE.items() for case in entry.cases]
