"""A page that asks, and the browser of the pages, for the playground's."""

import pytest

from tests.graph.conftest import browser, driver
from tests.playground.asking import Page

__all__ = ["browser", "driver", "page"]


@pytest.fixture
def page() -> Page:
    """A page and its session."""
    return Page()
