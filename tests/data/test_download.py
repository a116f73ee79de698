"""Every way a mirror can fail, against a server on this machine."""

from __future__ import annotations

import contextlib
import gc
import gzip
import os
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tinygrad_mnist.data import DataError, load
from tinygrad_mnist.data.download import Patience, fetch

CONTENTS = {"a.gz": b"\0the first file" * 500, "b.gz": bytes(range(256)) * 50}
FILES = {name: gzip.compress(content, mtime=0) for name, content in CONTENTS.items()}
CHECKSUMS = {name: sha256(content).hexdigest() for name, content in CONTENTS.items()}
PATIENCE = Patience(connect=2, read=0.3, mirror=5)

Answer = Callable[[BaseHTTPRequestHandler, bytes], None]
Mirror = Callable[..., str]


def send(request: BaseHTTPRequestHandler, body: bytes, status: int = 200, length: int | None = None) -> None:
    request.send_response(status)
    request.send_header("Content-Length", str(len(body) if length is None else length))
    request.end_headers()
    request.wfile.write(body)


def good(request: BaseHTTPRequestHandler, file: bytes) -> None:
    send(request, file)


def decompressed_on_the_way(request: BaseHTTPRequestHandler, file: bytes) -> None:
    request.send_response(200)
    request.send_header("Content-Encoding", "gzip")
    request.send_header("Content-Length", str(len(file)))
    request.end_headers()
    request.wfile.write(file)


def not_found(request: BaseHTTPRequestHandler, file: bytes) -> None:
    send(request, b"<html>no such file</html>", status=404)


def error_without_a_status(request: BaseHTTPRequestHandler, file: bytes) -> None:
    send(request, b"\n<!DOCTYPE html><title>Sign in to this network</title>")


def truncated(request: BaseHTTPRequestHandler, file: bytes) -> None:
    send(request, file[:-20])


def broken_off(request: BaseHTTPRequestHandler, file: bytes) -> None:
    send(request, file[:-20], length=len(file))


def other_content(request: BaseHTTPRequestHandler, file: bytes) -> None:
    send(request, gzip.compress(b"something else"))


def no_content(request: BaseHTTPRequestHandler, file: bytes) -> None:
    send(request, b"")


def silence(request: BaseHTTPRequestHandler, file: bytes) -> None:
    time.sleep(0.6)


def silence_half_way(request: BaseHTTPRequestHandler, file: bytes) -> None:
    send(request, file[:-20], length=len(file))
    time.sleep(0.6)


def trickle(request: BaseHTTPRequestHandler, file: bytes) -> None:
    request.send_response(200)
    request.end_headers()
    for position in range(10):
        request.wfile.write(file[position : position + 1])
        time.sleep(0.1)


def second_file_missing(request: BaseHTTPRequestHandler, file: bytes) -> None:
    (good if request.path.endswith("a.gz") else not_found)(request, file)


@pytest.fixture
def mirror() -> Iterator[Mirror]:
    """Starts servers, each with its way to answer, and gives their addresses."""
    servers = []

    def start(answer: Answer, files: dict[str, bytes] = FILES) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                with suppress(ConnectionError):  # the other side gives up in some tests
                    answer(self, files[self.path.rpartition("/")[2]])

            def log_message(self, format: str, *args: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}/data/"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def silent(message: str) -> None:
    pytest.fail(f"nothing was to be said, but: {message}")


def check_whole(folder: Path) -> None:
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == FILES


def raw(head: bytes) -> Answer:
    """An answer with a head of its own."""

    def answer(request: BaseHTTPRequestHandler, file: bytes) -> None:
        request.wfile.write(b"HTTP/1.0 " + head + b"\r\n\r\n" + file)

    return answer


def without_end(request: BaseHTTPRequestHandler, file: bytes) -> None:
    request.send_response(200)
    request.end_headers()
    while True:
        request.wfile.write(bytes(1 << 20))


def unpacks_without_end(request: BaseHTTPRequestHandler, file: bytes) -> None:
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)
    request.send_response(200)
    request.send_header("Content-Encoding", "gzip")
    request.end_headers()
    while True:
        request.wfile.write(packer.compress(bytes(1 << 20)))


NONSENSE = "an address or headers that make no sense"
FAILURES = [
    (raw(b"200 \x1b[31mOK\r\nContent-Length: 7"), "a.gz: the gzip data is cut short; get the file again"),
    (raw(b"302 x\r\nLocation: http://["), NONSENSE),
    (raw(b"302 x\r\nLocation: http://" + b"a" * 70 + b".localhost/"), NONSENSE),
    (raw(b"302 x\r\nLocation: http://127.0.0.1:99999/"), NONSENSE),
    (raw(b"302 x\r\nLocation: file:///etc/passwd"), NONSENSE),
    (raw(b"302 x\r\nLocation: a.gz"), "answered 302 x"),
    (raw(b"404 \x1b[31mNo\x07"), "answered 404 \\x1b[31mNo\\x07"),
    (raw(b"x y z"), "connection failed"),
    (raw(b"200 OK\r\nTransfer-Encoding: chunked"), "broke off"),
    (raw(b"200 OK\r\n" + b"a: b\r\n" * 1000), "connection failed"),
    (without_end, "sends more than 64 MiB"),
    (unpacks_without_end, "sends more than 64 MiB"),
    (not_found, "answered 404 Not Found"),
    (error_without_a_status, "a.gz is a web page, not data"),
    (truncated, "a.gz: the gzip data is cut short; get the file again"),
    (broken_off, "broke off"),
    (other_content, "a.gz has a wrong checksum"),
    (no_content, "a.gz has a wrong checksum"),
    (silence, "no answer in time"),
    (silence_half_way, "connection failed"),
]


@pytest.mark.parametrize(("answer", "reason"), FAILURES)
def test_a_bad_mirror_is_skipped_with_a_line_and_leaves_nothing(
    mirror: Mirror, tmp_path: Path, answer: Answer, reason: str
) -> None:
    bad = mirror(answer)
    said: list[str] = []
    folder = tmp_path / "cache"
    with pytest.raises(DataError) as caught:
        fetch(folder, CHECKSUMS, [bad], PATIENCE, said.append)
    host = bad.split("/")[2]
    assert said == [f"downloading a.gz from {host}", f"skipped a mirror: {host}: {reason}"]
    assert str(caught.value) == f"no mirror works ({host}: {reason})"
    assert list(folder.iterdir()) == []


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_address_that_is_no_text_is_skipped(mirror: Mirror, tmp_path: Path) -> None:
    said: list[str] = []
    lying = mirror(raw(b"302 x\r\nLocation: http://127.0.0.1:1/\xff"))
    assert fetch(tmp_path, CHECKSUMS, [lying, mirror(good)], PATIENCE, said.append) == CONTENTS
    assert said[1].endswith(NONSENSE)
    gc.collect()  # requests leaves its socket open, and that would be said in another test


@pytest.mark.parametrize("length", [b"abc", b"-1", b"1e9", b"9" * 30, b""])
def test_a_length_that_is_no_number_does_no_harm(mirror: Mirror, tmp_path: Path, length: bytes) -> None:
    lying = raw(b"200 OK\r\nContent-Length: " + length)
    assert fetch(tmp_path, CHECKSUMS, [mirror(lying), mirror(good)], PATIENCE, lambda line: None) == CONTENTS


@pytest.mark.parametrize("answer", [answer for answer, _ in FAILURES])
def test_a_good_mirror_makes_up_for_a_bad_one(mirror: Mirror, tmp_path: Path, answer: Answer) -> None:
    said: list[str] = []
    assert fetch(tmp_path, CHECKSUMS, [mirror(answer), mirror(good)], PATIENCE, said.append) == CONTENTS
    assert [line.split()[0] for line in said] == ["downloading", "skipped", "downloading", "downloading"]
    check_whole(tmp_path)


def test_a_mirror_that_trickles_is_left_at_the_deadline(mirror: Mirror, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"not finished after 0.5 s\)$"):
        fetch(tmp_path, CHECKSUMS, [mirror(trickle)], Patience(connect=2, read=2, mirror=0.5), lambda _: None)
    assert list(tmp_path.iterdir()) == []


def test_a_download_that_is_given_up_ends(mirror: Mirror, tmp_path: Path) -> None:
    hung_up = threading.Event()

    def endless(request: BaseHTTPRequestHandler, file: bytes) -> None:
        request.send_response(200)
        request.end_headers()
        try:
            while True:
                request.wfile.write(bytes(10_000))
                time.sleep(0.01)
        finally:
            hung_up.set()

    with pytest.raises(DataError, match="not finished"):
        fetch(tmp_path, CHECKSUMS, [mirror(endless)], Patience(connect=2, read=2, mirror=0.2), lambda _: None)
    assert hung_up.wait(2)


def test_what_one_mirror_gave_is_not_asked_of_the_next(mirror: Mirror, tmp_path: Path) -> None:
    said: list[str] = []
    mirrors = [mirror(second_file_missing), mirror(good)]
    assert fetch(tmp_path, CHECKSUMS, mirrors, PATIENCE, said.append) == CONTENTS
    first, second = (address.split("/")[2] for address in mirrors)
    assert said == [
        f"downloading a.gz from {first}",
        f"downloading b.gz from {first}",
        f"skipped a mirror: {first}: answered 404 Not Found",
        f"downloading b.gz from {second}",
    ]
    check_whole(tmp_path)


def test_every_mirror_has_its_reason_when_all_fail(mirror: Mirror, tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        fetch(tmp_path, CHECKSUMS, [mirror(not_found), mirror(other_content)], PATIENCE, lambda _: None)
    assert "answered 404 Not Found; 127.0.0.1:" in str(caught.value)
    assert str(caught.value).endswith("a.gz has a wrong checksum)")


def test_a_server_may_decompress_what_it_sends(mirror: Mirror, tmp_path: Path) -> None:
    address = mirror(decompressed_on_the_way)
    assert fetch(tmp_path, CHECKSUMS, [address], PATIENCE, lambda _: None) == CONTENTS
    assert fetch(tmp_path, CHECKSUMS, [], PATIENCE, silent) == CONTENTS


def test_what_is_there_is_not_fetched_again(mirror: Mirror, tmp_path: Path) -> None:
    fetch(tmp_path, CHECKSUMS, [mirror(good)], PATIENCE, lambda _: None)
    assert fetch(tmp_path, CHECKSUMS, [], PATIENCE, silent) == CONTENTS


@pytest.mark.parametrize("broken", [b"", FILES["a.gz"][:-9], FILES["b.gz"]])
def test_a_broken_file_is_removed_and_fetched_again(mirror: Mirror, tmp_path: Path, broken: bytes) -> None:
    (tmp_path / "a.gz").write_bytes(broken)
    said: list[str] = []
    with pytest.raises(DataError, match="404"):
        fetch(tmp_path, CHECKSUMS, [mirror(not_found)], PATIENCE, said.append)
    assert said[0].startswith(f"removed a broken file: {tmp_path / 'a.gz'}")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "a.gz").write_bytes(broken)
    assert fetch(tmp_path, CHECKSUMS, [mirror(good)], PATIENCE, said.append) == CONTENTS
    check_whole(tmp_path)


def test_a_folder_that_cannot_be_written_is_named(mirror: Mirror, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    folder = tmp_path / "file" / "cache"
    with pytest.raises(DataError, match=r"^the folder .*file/cache cannot keep downloads \(Not a directory\)$"):
        fetch(folder, CHECKSUMS, [mirror(good)], PATIENCE, silent)


def test_a_file_that_cannot_be_put_in_place_leaves_no_other(mirror: Mirror, tmp_path: Path) -> None:
    """A folder stands where the second file should go, as if another program had just made it."""

    def occupy(message: str) -> None:
        if "b.gz" in message:
            (tmp_path / "b.gz").mkdir()

    with pytest.raises(DataError, match=r"cannot keep downloads \(Is a directory\)$"):
        fetch(tmp_path, CHECKSUMS, [mirror(good)], PATIENCE, occupy)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.gz", "b.gz"]


def _all_written_to(controller: int) -> str:
    """What came through a pseudo-terminal, whose other end is closed; a single read may give less."""
    pieces = []
    with os.fdopen(controller, "rb", buffering=0) as source, contextlib.suppress(OSError):  # Linux's way to say the end
        while piece := source.read(4096):
            pieces.append(piece)
    return b"".join(pieces).decode()


def test_a_terminal_sees_a_bar_and_a_file_does_not(
    mirror: Mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pty = pytest.importorskip("pty", reason="this system has no pseudo-terminals")
    monkeypatch.setenv("TERM", "xterm")
    controller, terminal = pty.openpty()
    with os.fdopen(terminal, "w") as stream:
        monkeypatch.setattr(sys, "stderr", stream)
        fetch(tmp_path / "seen", CHECKSUMS, [mirror(good)], PATIENCE, lambda _: None)
    drawn = _all_written_to(controller)
    assert "━" in drawn
    assert f"{len(FILES['b.gz'])}/{len(FILES['b.gz'])} bytes" in drawn
    with open(tmp_path / "log", "w") as stream:
        monkeypatch.setattr(sys, "stderr", stream)
        fetch(tmp_path / "logged", CHECKSUMS, [mirror(good)], PATIENCE, lambda _: None)
    assert (tmp_path / "log").read_text() == ""


def test_auto_downloads_real_mnist_where_a_mirror_has_it(mirror: Mirror, mnist_folder: Path, tmp_path: Path) -> None:
    files = {path.name: path.read_bytes() for path in mnist_folder.glob("*.gz")}
    address = mirror(good, files)
    said: list[str] = []
    assert len(load(cache_dir=tmp_path, mirrors=[address], say=said.append).train) == 60000
    assert [line.split()[0] for line in said] == 4 * ["downloading"] + ["data:"]
    assert {path.name for path in tmp_path.iterdir()} == files.keys()
    assert load("mnist", cache_dir=tmp_path, mirrors=[], say=silent).name == "MNIST"
