"""Netron, headless, opens what is exported and shows it by its names."""

from __future__ import annotations

import contextlib
import io
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.graph.conftest import Browser
from tests.graph.onnx.running import runtime
from tinygrad_mnist import nn, training

assert runtime
netron: Any = pytest.importorskip("netron", reason="Netron, which shows ONNX files, is not installed")

SECONDS = 30

RELEASED_TODAY = """document.addEventListener("DOMContentLoaded", () => {
    const date = document.querySelector("meta[name=date]");
    if (date) date.content = new Date().toISOString().slice(0, 19).replace("T", " ");
})"""
"""Half a year after its release a Netron asks for a newer one, and shows nothing."""


@contextlib.contextmanager
def served(path: Path) -> Iterator[str]:
    """The address at which Netron shows a file."""
    with contextlib.redirect_stdout(io.StringIO()):
        host, port = netron.start(str(path), browse=False)
        try:
            yield f"http://{host}:{port}/"
        finally:
            netron.stop()


@contextlib.contextmanager
def run_on_every_page(browser: Browser, script: str) -> Iterator[None]:
    """The script runs before those of a page."""
    added = browser.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": script})
    try:
        yield
    finally:
        browser.driver.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", added)


def shown(browser: Browser) -> list[str]:
    """The words on the nodes of the graph, once it is drawn, and the question about cookies is answered."""
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        button = browser.one("#message-button")
        if button.is_displayed() and button.text == "Accept":
            button.click()
        words: list[str] = browser.driver.execute_script(
            "return [...document.querySelectorAll('g.node text')].map(text => text.textContent)"
        )
        if words:
            return words
        time.sleep(0.1)
    raise AssertionError(f"Netron drew no graph, but said: {browser.text('body'):.500}")


def test_netron_shows_an_exported_network_with_its_backward_pass(browser: Browser, tmp_path: Path) -> None:
    nn.manual_seed(0)
    network = nn.network(nn.parse_layers("1x6x6,2c3,mp2,10"), "relu")
    training.save_onnx(network, tmp_path / "model.onnx", backward=True, shape=(1, 6, 6))
    with served(tmp_path / "model.onnx") as address, run_on_every_page(browser, RELEASED_TODAY):
        browser.driver.get(address)
        words = shown(browser)
    assert {"MaxPool", "LogSoftmax", "Col2Im", "X", "y", "loss", "dW1", "db2"} <= set(words)
