"""The server of the playground, over real sockets: who is let in, how much is read, and what ends with the page."""

import contextlib
import json
import socket
import threading
import time
import urllib.error
import urllib.request

import pytest

pytest.importorskip("starlette")
pytest.importorskip("websockets")
uvicorn = pytest.importorskip("uvicorn")

from websockets.exceptions import ConnectionClosed, InvalidStatus  # noqa: E402
from websockets.sync.client import connect  # noqa: E402

from tests.each import each  # noqa: E402
from tinygrad_mnist.grading.calling import sealed  # noqa: E402
from tinygrad_mnist.playground import server  # noqa: E402
from tinygrad_mnist.playground.protocol import LARGEST_MESSAGE  # noqa: E402

PAGE = "<!doctype html><title>the page</title>"


@pytest.fixture(scope="module")
def address():
    """A server in a thread, and the address that it says."""
    patch = pytest.MonkeyPatch()
    patch.setattr(uvicorn.Server, "capture_signals", lambda self: contextlib.nullcontext())  # of the main thread alone
    servers = []
    begin = uvicorn.Server.__init__
    patch.setattr(uvicorn.Server, "__init__", lambda self, config: (servers.append(self), begin(self, config))[1])
    said, ready = [], threading.Event()

    def opened(address):
        said.append(address)
        ready.set()

    thread = threading.Thread(target=server.serve, args=(PAGE, 0, opened, False))
    thread.start()
    assert ready.wait(20)
    yield said[0]
    servers[0].should_exit = True
    thread.join(20)
    patch.undo()
    assert not thread.is_alive()


def base_of(address):
    return address.partition("/?")[0]


def opened(address, origin=None, path="/messages"):
    """A websocket of the page at this address."""
    base, _, query = address.partition("/?")
    return connect(f"{base.replace('http', 'ws')}{path}?{query}", origin=origin or base, max_size=None, proxy=None)


def asked(page, **message):
    page.send(json.dumps(message))
    return json.loads(page.recv(timeout=30))


def got(address, **headers):
    """The status, the headers and the text of what a browser gets there."""
    request = urllib.request.Request(address, headers=headers)
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=20) as answer:
            return answer.status, answer.headers, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read().decode()


def test_the_page_and_its_messages_are_served_to_whom_has_the_address(address):
    status, headers, text = got(address)
    assert (status, text, headers["X-Frame-Options"], headers["Cache-Control"]) == (200, PAGE, "DENY", "no-store")
    with opened(address) as first, opened(address) as second:
        assert asked(first, id=1, kind="set_up")["examples"] == 1350
        assert "no network yet" in asked(second, id=1, kind="advance")["message"]
        assert asked(first, id=2, kind="advance", steps=2)["step"] == 2
    host, port = base_of(address).removeprefix("http://").split(":")
    assert host == "127.0.0.1"
    with pytest.raises(OSError):  # noqa: PT011  # refused, or unreachable: not on the machine's other addresses
        socket.create_connection((socket.gethostbyname("127.0.0.2"), int(port)), timeout=2)


def test_others_are_refused(address):
    base = base_of(address)
    for wrong in (base + "/", f"{base}/?token=", address[:-1], address + "x", f"{base}/?token=%ff%00"):
        assert got(wrong)[0] == 403
    for headers in (
        {"Host": "evil.example"},
        {"Host": "127.0.0.1"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
    ):
        assert got(address, **headers)[0] == 403
    assert got(f"{base}/../etc/passwd")[0] == 404
    evil = ["http://evil.example", "null", base.replace("http", "https"), base + "0"]
    for where, origin in [(address[:-1], base), *((address, origin) for origin in evil)]:
        with pytest.raises(InvalidStatus, match="403"):
            opened(where, origin)
    with (
        pytest.raises(InvalidStatus, match="403"),
        connect(f"{base.replace('http', 'ws')}/messages?{address.partition('?')[2]}", proxy=None),
    ):
        pass  # a program that gives no origin


@each(
    "messages, code",
    [
        (["x" * (LARGEST_MESSAGE + 1)], 1009),
        ([b"bytes"], 1003),
        (['{"kind": "grade", "source": "while True: pass"}'] * 20, 1008),
    ],
)
def test_what_is_too_much_closes_the_page(address, messages, code):
    with opened(address) as page:
        with contextlib.suppress(ConnectionClosed):
            for message in messages:
                page.send(message)
            page.recv(timeout=30)
        assert page.protocol.close_code in (code, 1006)  # cut off while it still sends


def test_so_many_pages_are_open_at_a_time(address):
    with contextlib.ExitStack() as stack:
        pages = [stack.enter_context(opened(address)) for _ in range(server.PAGES)]
        assert all(asked(page, kind="hello")["kind"] == "hello" for page in pages)
        with opened(address) as one_more, pytest.raises(ConnectionClosed, match="close one"):
            one_more.recv(timeout=30)


def test_a_program_that_is_graded_ends_with_its_page(address, monkeypatch):
    started, ended = threading.Event(), threading.Event()
    add, discard = sealed.Programs.add, sealed.Programs.discard
    monkeypatch.setattr(sealed.Programs, "add", lambda self, pid: (add(self, pid), started.set()))
    monkeypatch.setattr(sealed.Programs, "discard", lambda self, pid: (discard(self, pid), ended.set()))
    begun = time.monotonic()
    with opened(address) as page:
        page.send(json.dumps({"kind": "grade", "source": "x = 0\nwhile True: x += 1"}))
        assert started.wait(20)
        assert not ended.is_set()
    assert ended.wait(20)
    assert time.monotonic() - begun < 20  # of which it had 20
