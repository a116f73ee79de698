"""The browser that pages are looked at in, by Selenium and without a screen; it can ask this machine alone.

It is Chromium with chromedriver, or with TINYGRAD_MNIST_BROWSER=firefox Firefox with geckodriver.
"""

from __future__ import annotations

import os
import shutil
from importlib.util import find_spec
from typing import Any

NAME = os.environ.get("TINYGRAD_MNIST_BROWSER", "chromium")
PROGRAMS = {
    "chromium": (("chromium", "chromium-browser", "google-chrome"), "chromedriver"),
    "firefox": (("firefox", "firefox-esr"), "geckodriver"),
}
NOBODY = ("127.0.0.1", 9)
"""A proxy that does not answer: whatever is asked of the network is refused."""


def opened(*arguments: str, is_still: bool = False) -> Any:
    """A new browser, with further arguments of its command line; is_still: as for those who want reduced motion.

    Raises LookupError where the browser, its driver or Selenium is not installed.
    """
    programs, driver = PROGRAMS[NAME]
    program, service = next(filter(None, map(shutil.which, programs)), None), shutil.which(driver)
    if not (program and service and find_spec("selenium")):
        raise LookupError(f"no headless browser here: install {programs[0]}, {driver} and selenium to test the pages")
    from selenium import webdriver

    options = (_for_firefox if NAME == "firefox" else _for_chromium)(webdriver, is_still)
    options.binary_location = program
    for argument in arguments:
        options.add_argument(argument)
    if NAME == "firefox":
        return webdriver.Firefox(options=options, service=webdriver.FirefoxService(service))
    return webdriver.Chrome(options=options, service=webdriver.ChromeService(service))


def _for_chromium(webdriver: Any, is_still: bool) -> Any:
    options = webdriver.ChromeOptions()
    for argument in (
        "--headless=new", "--window-size=1600,900", "--disable-gpu", "--disable-dev-shm-usage",
        "--proxy-server={}:{}".format(*NOBODY),
        *(["--force-prefers-reduced-motion"] if is_still else []),
        *(["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []),
    ):  # fmt: skip
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    return options


def _for_firefox(webdriver: Any, is_still: bool) -> Any:
    options = webdriver.FirefoxOptions()
    options.enable_bidi = True  # its scripts see a page's own names in no other way
    for argument in ("-headless", "--width=1600", "--height=900"):
        options.add_argument(argument)
    options.set_preference("ui.prefersReducedMotion", int(is_still))
    options.set_preference("network.proxy.type", 1)
    for scheme in ("http", "ssl"):
        host, port = NOBODY
        options.set_preference(f"network.proxy.{scheme}", host)
        options.set_preference(f"network.proxy.{scheme}_port", port)
    return options
