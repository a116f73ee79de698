"""The browser of the pages, for the playground's."""

from tests.graph.conftest import browser, chromium

__all__ = ["browser", "chromium"]
