"""A headless Chromium that tells what it logged and what it asked the network for; without one, tests skip."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest


class Browser:
    """Opens pages from files, types and clicks, and reads the page."""

    def __init__(self, driver: Any) -> None:
        self.driver = driver

    def open(self, path: Path) -> None:
        self.driver.get(path.as_uri())
        self.address = path.as_uri()

    def press(self, *keys: str) -> None:
        from selenium.webdriver import ActionChains

        ActionChains(self.driver, duration=0).send_keys(*keys).perform()

    def all(self, selector: str) -> list[Any]:
        return list(self.driver.find_elements("css selector", selector))

    def one(self, selector: str) -> Any:
        return self.driver.find_element("css selector", selector)

    def text(self, selector: str) -> str:
        return str(self.one(selector).text)

    def number(self, selector: str, attribute: str) -> float:
        return float(self.one(selector).get_attribute(attribute))

    def complaints(self) -> list[str]:
        """What was logged to the console, and every address that was asked for besides the page's own."""
        logged = [entry["message"] for entry in self.driver.get_log("browser")]
        events = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        asked = [e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"]
        assert self.address in asked
        return logged + [url for url in asked if url != self.address and not url.startswith("data:")]


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    webdriver = pytest.importorskip("selenium.webdriver")
    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    driver = shutil.which("chromedriver")
    if not (program and driver):
        pytest.skip("no headless browser here: install chromium and chromium-driver to test the pages")
    options = webdriver.ChromeOptions()
    options.binary_location = program
    for argument in (
        "--headless=new", "--window-size=1600,900", "--disable-gpu", "--disable-dev-shm-usage",
        # nobody looks at it: no animation, and no waiting for the next frame of a screen
        "--force-prefers-reduced-motion",
    ):  # fmt: skip
        options.add_argument(argument)
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        options.add_argument("--no-sandbox")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    running = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    yield running
    running.quit()


@pytest.fixture
def browser(chromium: Any) -> Browser:
    chromium.get("about:blank")  # a page that was left open goes on asking for others
    for kind in ("browser", "performance"):
        chromium.get_log(kind)
    return Browser(chromium)
