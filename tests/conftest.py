"""What tests of every part share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def mnist_folder() -> Path:
    """The folder with real MNIST: TINYGRAD_MNIST_DATA, or ../shared/mnist beside the project."""
    beside = Path(__file__).parents[2] / "shared" / "mnist"
    folder = Path(os.environ.get("TINYGRAD_MNIST_DATA") or beside)
    if not folder.is_dir():
        pytest.skip(f"real MNIST is not here: TINYGRAD_MNIST_DATA is not set and {beside} does not exist")
    return folder
