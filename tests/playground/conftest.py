"""The browser of the pages, for the playground's."""

from tests.graph.conftest import browser, driver

__all__ = ["browser", "driver"]
