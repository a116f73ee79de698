"""A headless browser that tells what it logged and what it asked the network for; without one, tests skip."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from docs.making import browsers


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

    def run(self, script: str, *arguments: Any) -> Any:
        """What the body of a function comes to in the page, among the page's own names."""
        if browsers.NAME != "firefox":
            return self.driver.execute_script(script, *arguments)
        function = f"async (...given) => JSON.stringify(await (async function () {{ {script} }})(...given)) ?? 'null'"
        return json.loads(self.driver.script.execute(function, *arguments)["value"])

    def told(self) -> tuple[list[str], list[Any]]:
        """What Chromium's console and network have told since the last time; Firefox tells nothing."""
        if browsers.NAME == "firefox":
            return [], []
        logged, events = (
            [entry["message"] for entry in self.driver.get_log(kind)] for kind in ("browser", "performance")
        )
        return logged, [json.loads(event)["message"] for event in events]

    def complaints(self) -> list[str]:
        """What was logged to the console, and every address that was asked for besides the page's own."""
        logged, events = self.told()
        asked = [e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"]
        assert self.address in asked or browsers.NAME == "firefox"
        return logged + [url for url in asked if url != self.address and not url.startswith("data:")]


@pytest.fixture(scope="session")
def driver() -> Iterator[Any]:
    """Nobody looks at it: no animation, and no waiting for the next frame of a screen."""
    try:
        running = browsers.opened(is_still=True)
    except LookupError as error:
        pytest.skip(str(error))
    yield running
    running.quit()


@pytest.fixture
def browser(driver: Any) -> Browser:
    driver.get("about:blank")  # a page that was left open goes on asking for others
    new = Browser(driver)
    new.told()
    return new
