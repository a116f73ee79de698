"""The playground's page: what stands in the file, and what it does in a headless browser, all the way through.

The browser tests need a folder with the npm package pyodide and NumPy's wheel for it, named by TINYGRAD_MNIST_PYODIDE
(`npm pack pyodide@314.0.3`, unpacked): they take a minute. TINYGRAD_MNIST_BROWSER=firefox runs them in Firefox.
"""

import base64
import gzip
import json
import marshal
import os
import re
import sys
import threading
import time
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from docs.making import accessible
from tests.data.test_layouts import idx
from tests.each import each
from tests.grading.test_within import TRAINS
from tinygrad_mnist.data import load_digits
from tinygrad_mnist.graph.page import writing
from tinygrad_mnist.playground import PlaygroundError, Session, archives, bytecode, page

PYODIDE = os.environ.get("TINYGRAD_MNIST_PYODIDE")

THREE = [(70, 70), (130, 45), (190, 70), (180, 120), (130, 140), (190, 165), (195, 215), (140, 240), (75, 215)]

SLOPE_MISSING = """
import numpy as np

def backward(X, Y, W1, b1, W2, b2):
    Z1 = X @ W1.T + b1
    A1 = np.maximum(Z1, 0)
    Z2 = A1 @ W2.T + b2
    E = np.exp(Z2 - Z2.max(axis=1, keepdims=True))
    dZ2 = (E / E.sum(axis=1, keepdims=True) - Y) / len(X)
    dZ1 = dZ2 @ W2
    return dZ1.T @ X, dZ1.sum(axis=0), dZ2.T @ A1, dZ2.sum(axis=0)
"""


def policy(text):
    return re.search(r'Content-Security-Policy" content="([^"]*)"', text)[1]


@each("transport, asked", [("worker", "https://cdn.jsdelivr.net"), ("websocket", "'self'")])
def test_a_small_page_may_ask_one_place_and_runs_its_own_scripts_alone(transport, asked):
    text = page.page(transport)
    script = text.partition("<script>")[2].partition("</script>")[0]
    assert f"connect-src {asked}" in policy(text)
    assert writing.hash_of(script) in policy(text)
    assert "unsafe-eval" not in policy(text).replace("wasm-unsafe-eval", "")
    pinned = re.findall(r'data-url="([^"]*)" data-integrity="sha256-([^"]*)"', text)
    assert len(pinned) == (len(page.HASHES) if transport == "worker" else 0)
    for url, digest in pinned:
        assert url.startswith(asked)
        assert base64.b64decode(digest).hex() == page.HASHES[url.rpartition("/")[2]]


def test_other_files_than_those_of_this_pyodide_are_refused(tmp_path):
    with pytest.raises(PlaygroundError, match=r"has no pyodide\.mjs: it must hold the npm package pyodide 314"):
        page.page("worker", tmp_path)
    (tmp_path / "pyodide.mjs").write_text("export const version = '0.27.0'")
    with pytest.raises(PlaygroundError, match=r"pyodide\.mjs is not that of Pyodide 314\.0\.3"):
        page.page("worker", tmp_path)


def test_what_a_start_imports_is_bytecode_and_this_package_keeps_its_sources():
    source = b"'''a docstring'''\nnumber = 6 * 7\n"
    archive = archives.stored((name, source) for name in ("a.py", "b.py", "tinygrad_mnist/c.py"))
    files = dict(bytecode.compiled(archive, {"a.py", "tinygrad_mnist/c.py", "frozen"}))
    cached = f"tinygrad_mnist/__pycache__/c.{sys.implementation.cache_tag}.pyc"
    assert sorted(files) == sorted(["a.pyc", "b.py", "tinygrad_mnist/c.py", cached])
    found: dict[str, Any] = {}
    exec(marshal.loads(files["a.pyc"][16:]), found)
    assert (found["number"], found.get("__doc__")) == (42, None)
    session = Session()
    assert [json.loads(session.answer(json.dumps(asked)))["kind"] for asked in bytecode.START] == [
        asked["kind"] for asked in bytecode.START
    ]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The file with Python inside."""
    if not PYODIDE:
        pytest.skip("TINYGRAD_MNIST_PYODIDE names no folder with Pyodide and NumPy's wheel for it")
    path = tmp_path_factory.mktemp("playground") / "playground.html"
    path.write_text(page.page("worker", Path(PYODIDE)), encoding="utf-8")
    return path


def test_the_whole_page_has_at_most_thirteen_megabytes(whole):
    assert whole.stat().st_size < 13_000_000
    assert "connect-src 'none'" in policy(whole.read_text(encoding="utf-8"))


class Served(SimpleHTTPRequestHandler):
    """A file for every page that asks, each time anew."""

    def end_headers(self):
        self.send_header("Access-Control-Allow-Origin", "*")
        self.send_header("Cache-Control", "no-store")
        super().end_headers()


@pytest.fixture
def cdn(tmp_path, monkeypatch):
    """The folder of a server in the place of Pyodide's."""
    if not PYODIDE:
        pytest.skip("TINYGRAD_MNIST_PYODIDE names no folder with Pyodide and NumPy's wheel for it")
    for name in page.HASHES:
        (tmp_path / name).write_bytes(next(Path(PYODIDE).rglob(name)).read_bytes())
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Served, directory=tmp_path))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setattr(page, "CDN", address)
    monkeypatch.setattr(page, "URLS", {name: f"{address}/{name}" for name in page.HASHES})
    yield tmp_path
    server.shutdown()
    server.server_close()


class Playground:
    """The page in a browser, used as a visitor does."""

    def __init__(self, browser, address):
        self.browser, self.driver, self.address = browser, browser.driver, address
        self.open(address)

    def open(self, address):
        self.driver.get("about:blank")
        self.driver.get(address)
        self.until("!document.getElementById('run').disabled", 120)

    def until(self, condition, seconds=60):
        end = time.monotonic() + seconds
        while not self.browser.run(f"return Boolean({condition})"):
            assert time.monotonic() < end, f"{condition}: {self.text('#complaint')} {self.text('#state')}"
            time.sleep(0.05)

    def text(self, selector):
        return self.browser.run("return document.querySelector(arguments[0]).textContent", selector)

    def click(self, selector):
        self.browser.one(selector).click()

    def choose(self, selector, value):
        self.browser.run(CHOOSE, selector, value)

    def draw(self, points, by="mouse"):
        """Draw by mouse, or by "touch"."""
        from selenium.webdriver import ActionChains
        from selenium.webdriver.common.actions.pointer_input import PointerInput

        self.browser.run("document.getElementById('pad').scrollIntoView({block: 'center'})")
        pad, actions = self.browser.one("#pad"), ActionChains(self.driver, duration=20, devices=[PointerInput(by, by)])
        x, y = points[0]
        actions.move_to_element_with_offset(pad, x - 140, y - 140).click_and_hold()
        for x, y in points[1:]:
            actions.move_to_element_with_offset(pad, x - 140, y - 140)
        actions.release().perform()

    def train(self, until):
        self.click("#run")
        self.until(until, 120)
        self.click("#run")
        self.until("document.body.dataset.running === 'false'")

    def asked(self, kind, **fields):
        return self.browser.run("return engine.ask(arguments[0], arguments[1])", kind, fields)

    def serious(self):
        """What axe-core finds that is serious, in this view."""
        if not accessible.AXE.exists():
            return []
        return accessible.problems(self.driver, frames=False)


def parameters(reply):
    return [np.frombuffer(base64.b64decode(p["values"]["data"]), np.float32) for p in reply["parameters"]]


def try_other_ways(playground):
    """By finger and by keyboard, with what is wrong, and with a picture, a data set and digits of one's own."""
    run, answered = playground.browser.run, "document.getElementById('answer').dataset.answer"

    def clear():
        playground.click("#clear")
        playground.until(f"!{answered}")

    def drop(selector, name, kind, content):
        run(DROP, selector, name, kind, base64.b64encode(content).decode())

    def set_field(name, value):
        playground.choose(f"[name={name}]", value)

    clear()
    playground.draw(THREE, "touch")
    playground.until(answered)
    clear()
    run("document.getElementById('pad').focus()")
    playground.browser.one("#pad").send_keys("\ue013" * 8 + " " + "\ue015" * 16 + " ")
    playground.until(answered)
    clear()
    drop(".board", "x.png", "image/png", b"no")
    playground.until("document.getElementById('complaint').textContent.includes('x.png is no picture')")
    playground.click("#tab-train")
    set_field("network", "784,-3,10")
    playground.until("document.getElementById('complaint').textContent.includes('does not fit behind 784')")
    assert run("return state.settings.network") == "784,30,10"
    set_field("network", "784,30,10")
    playground.until("!document.getElementById('complaint').textContent")
    digits = load_digits().train
    for name, content in (("images-idx3", idx(digits.images)), ("labels-idx1", idx(digits.labels))):
        drop("#train", f"train-{name}-ubyte.gz", "application/gzip", gzip.compress(content))
    playground.until("state.settings.data === 'file' || document.getElementById('complaint').textContent")
    assert playground.text("#complaint") == ""
    for x in range(120, 170, 5):
        playground.draw([(x, 40), (x, 240)], "touch")
        playground.until("state.seen")
        playground.choose("#label", "1")
        run("document.getElementById('keep-it').click()")
        playground.until("!state.seen")
    set_field("data", "own")
    playground.until("state.settings.data === 'own'")
    playground.open(f"{playground.address.partition('#')[0]}#drawing=zz&network=foo")
    playground.until("document.getElementById('complaint').textContent.includes('drawing in the link is damaged')")


CHOOSE = """
const control = document.querySelector(arguments[0]);
control.value = arguments[1];
control.dispatchEvent(new Event("change", { bubbles: true }));
"""

DROP = """
const [selector, name, type, data] = arguments;
const files = new DataTransfer();
files.items.add(new File([Uint8Array.from(atob(data), (c) => c.charCodeAt(0))], name, { type }));
const drop = new DragEvent("drop", { dataTransfer: files, bubbles: true, cancelable: true });
document.querySelector(selector).dispatchEvent(drop);
"""


def walk_through(playground):
    """Draw, train, step, break, grade, end a loop and come back by the link."""
    browser = playground.browser
    assert playground.serious() == []
    playground.draw(THREE)
    playground.until("document.getElementById('answer').dataset.answer")
    playground.click("#tab-train")
    playground.train("Number(document.getElementById('progress').dataset.accuracy) > 0.85")
    assert playground.text("#answer b") == "3"
    assert playground.serious() == []
    playground.click("#tab-watch")
    playground.until("document.querySelectorAll('#layers canvas').length === 3")
    assert playground.serious() == []

    playground.click("#tab-step")
    assert browser.one("#truth").get_attribute("value") == "3"
    playground.click("#explore button")
    playground.until("document.querySelector('#explorer iframe')")
    playground.driver.switch_to.frame(browser.one("#explorer iframe"))
    assert "step 1 of" in browser.text("#place")
    browser.one("#last").click()
    assert browser.text("#place").startswith("backward")
    playground.driver.switch_to.default_content()
    assert playground.serious() == []

    playground.click("#tab-break")
    playground.until("document.getElementById('mistake').options.length > 10")
    playground.choose("#mistake", "slope-missing")
    playground.until("document.getElementById('named').textContent.includes('derivative missing')")
    playground.train("state.current[0].losses.length > 50")
    wrong, right = browser.run("return state.current.map(({ losses }) => losses)")
    assert wrong[0] == right[0]
    assert wrong[-1] != right[-1]
    assert playground.serious() == []
    link = browser.run("return location.href")

    playground.click("#tab-grade")
    for program, named in ((TRAINS, "summed over every axis"), (SLOPE_MISSING, "derivative missing")):
        browser.run("document.getElementById('source').value = arguments[0]", program)
        playground.click("#judge")
        playground.until("document.querySelector('#report iframe')", 120)
        playground.driver.switch_to.frame(browser.one("#report iframe"))
        assert named in browser.text("body")
        playground.driver.switch_to.default_content()
    assert playground.serious() == []
    browser.run("document.getElementById('source').value = 'while True: pass'")
    playground.click("#judge")
    playground.until("document.getElementById('verdict').textContent === 'grading …'")
    playground.click("#stop")
    playground.until("document.getElementById('verdict').textContent.includes('your program was ended')", 10)
    playground.click("#tab-code")
    playground.until("document.getElementById('expression').textContent.includes('backward()')")
    assert playground.serious() == []

    playground.open(link)
    assert browser.run("return state.settings.mistake") == "slope-missing"
    playground.until("document.getElementById('answer').dataset.answer")
    assert browser.run("return document.querySelector('#tab-break').ariaSelected") == "true"


def test_the_whole_page_does_it_all_from_a_file_without_a_network(whole, browser):
    playground = Playground(browser, whole.as_uri())
    walk_through(playground)
    try_other_ways(playground)
    playground.asked("set_up", seed=5)
    playground.asked("advance", steps=100)
    found = parameters(playground.asked("parameters"))
    session = Session()
    for request in ({"kind": "set_up", "seed": 5}, {"kind": "advance", "steps": 100}):
        session.answer(json.dumps(request))
    expected = parameters(json.loads(session.answer('{"kind": "parameters"}')))
    for ours, theirs in zip(expected, found):
        assert np.abs(ours - theirs).max() < 1e-4 * np.abs(ours).max()
    browser.address = whole.as_uri()
    outside = [entry for entry in browser.complaints() if not re.match(r"file:|blob:|about:", entry)]
    assert outside == []


def test_a_small_page_starts_from_its_server_and_refuses_another_file(cdn, browser):
    small = cdn / "small.html"
    small.write_text(page.page("worker"), encoding="utf-8")
    playground = Playground(browser, small.as_uri())
    with (cdn / "pyodide.asm.wasm").open("ab") as file:
        file.write(b"more")
    browser.driver.get(small.as_uri())
    playground.until("document.getElementById('complaint').textContent.includes('is not the file')", 20)
    assert "pyodide.asm.wasm cannot be reached, or is not the file" in playground.text("#complaint")
    assert playground.text("#state") == "Python did not start"


def test_the_page_of_the_server_does_the_same(browser, monkeypatch):
    if not PYODIDE:
        pytest.skip("TINYGRAD_MNIST_PYODIDE is not set: the long tests of the playground's page")
    uvicorn = pytest.importorskip("uvicorn")
    server = pytest.importorskip("tinygrad_mnist.playground.server")
    servers, addresses, run = [], [], uvicorn.Server.run
    monkeypatch.setattr(uvicorn.Server, "run", lambda self, sockets: servers.append(self) or run(self, sockets=sockets))
    arguments = (page.page("websocket"), 0, addresses.append, False)
    thread = threading.Thread(target=server.serve, args=arguments)
    thread.start()
    try:
        while not addresses:
            time.sleep(0.05)
        walk_through(Playground(browser, addresses[0]))
    finally:
        servers[0].should_exit = True
        browser.driver.get("about:blank")
        thread.join(20)
