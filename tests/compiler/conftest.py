"""What tests of compiled steps share."""

from collections.abc import Iterator

import pytest

from tinygrad_mnist.compiler.kernels import parts


@pytest.fixture
def interpreted(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Parts as the Python that they are: numba would take minutes for hundreds of them."""
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "1")
    parts.compiled.cache_clear()
    yield
    parts.compiled.cache_clear()
