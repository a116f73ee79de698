"""Operations that exist for one test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tinygrad_mnist.engine import OPS
from tinygrad_mnist.engine.node import op


@pytest.fixture
def new_op() -> Iterator[Callable[..., Any]]:
    """The decorator that declares an operation, which leaves the table again after the test."""
    before = dict(OPS)
    yield op
    OPS.clear()
    OPS.update(before)
