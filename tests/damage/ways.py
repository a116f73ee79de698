"""Ways in which files get damaged: cut, turned bits, other lengths, chunks that change places, and what is no file."""

from __future__ import annotations

import json
import os
import re
import socket
import struct
import threading
import zlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from tests.test_damaged import WRONG, places, replaced

Rng = np.random.Generator
LENGTHS = [0, 1, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 1 << 40, (1 << 63) - 1, (1 << 64) - 1]
TEXTS = [b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\x1b[2J", b"\r", b"\x85", b"9" * 5000, b"-1", b"nan",
         b"1e999", b"\xc3\x28", b'"', b"'", b"," * 3000, b"\n" * 3000, "\u202e".encode(), b"(" * 3000]  # fmt: skip


def pick(rng: Rng, items: Sequence[Any]) -> Any:
    return items[int(rng.integers(len(items)))]


def span(rng: Rng, content: bytes) -> tuple[int, int]:
    """A part of the content: often near its beginning, where headers are."""
    end = len(content) if rng.random() < 0.5 else min(len(content), 200)
    start, stop = sorted(int(n) for n in rng.integers(0, end + 1, 2))
    return start, stop


def cut(rng: Rng, content: bytes) -> bytes:
    edges = [0, 1, 2, 3, 4, 7, 8, 9, 12, 16, 64, 100, 128, 512, len(content) - 1, len(content) - 4, len(content) // 2]
    return content[: pick(rng, [*edges, int(rng.integers(len(content) + 1))])]


def bits(rng: Rng, content: bytes) -> bytes:
    data = bytearray(content or b"x")
    end = len(data) if rng.random() < 0.5 else min(len(data), 300)
    for place in rng.integers(0, end, int(rng.choice([1, 2, 5, 50]))):
        data[place] ^= 1 << int(rng.integers(8))
    return bytes(data)


def length(rng: Rng, content: bytes) -> bytes:
    """A number in it, of two, four or eight bytes, is a huge one, a negative one or 0."""
    form = pick(rng, ["<H", ">H", "<I", ">I", "<Q", ">Q"])
    size = struct.calcsize(form)
    place = span(rng, content)[0]
    return content[:place] + struct.pack(form, pick(rng, LENGTHS) % (1 << 8 * size)) + content[place + size :]


def without(rng: Rng, content: bytes) -> bytes:
    start, stop = span(rng, content)
    return content[:start] + content[stop:]


def zeroed(rng: Rng, content: bytes) -> bytes:
    start, stop = span(rng, content)
    return content[:start] + bytes([pick(rng, [0, 255])]) * (stop - start) + content[stop:]


def doubled(rng: Rng, content: bytes) -> bytes:
    start, stop = span(rng, content)
    return content[:stop] + content[start:stop] + content[stop:]


def swapped(rng: Rng, content: bytes) -> bytes:
    a, b, c = sorted(int(n) for n in rng.integers(0, len(content) + 1, 3))
    return content[:a] + content[b:c] + content[a:b] + content[c:]


def appended(rng: Rng, content: bytes) -> bytes:
    return content + pick(rng, [content, rng.bytes(50), bytes(4096), b"\n", b"\x00"])


def texts(rng: Rng, content: bytes) -> bytes:
    place = int(rng.integers(len(content) + 1))
    return content[:place] + pick(rng, TEXTS) + content[place + int(rng.integers(3)) :]


def encoded(rng: Rng, content: bytes) -> bytes:
    """The same text in another encoding, or with other ends of lines."""
    text = content.decode("latin-1")
    other = [text.encode("utf-16"), text.encode("utf-32-be"), b"\xef\xbb\xbf" + content]
    return pick(rng, [*other, *(content.replace(b"\n", end) for end in (b"\r\n", b"\r", b"\0"))])


def wrong_bytes(rng: Rng, content: bytes) -> bytes:
    """Big-endian for little-endian: each four bytes from some place on are turned round."""
    start = int(rng.integers(0, min(len(content), 200) + 1))
    rest = content[start : start + (len(content) - start) // 4 * 4]
    turned = np.frombuffer(rest, "<u4").astype(">u4").tobytes()
    return content[:start] + turned + content[start + len(turned) :]


ANY: list[Callable[[Rng, bytes], bytes]] = [
    cut, cut, bits, bits, length, length, without, zeroed, doubled, swapped, appended, texts, encoded, wrong_bytes,
]  # fmt: skip


def anyhow(rng: Rng, content: bytes, others: Sequence[bytes] = (b"",)) -> bytes:
    """Damaged in one of the ways that any file can be; or another file in its place."""
    if rng.integers(25) == 0:
        return pick(rng, [*others, b"", b"\0", b"\n", b"{}", b"[]", rng.bytes(1000), bytes(100_000)])
    return pick(rng, ANY)(rng, content)


# structures


def in_json(rng: Rng, content: bytes) -> bytes:
    """JSON in which some places hold something else, or a name stands twice, or all lies deep within lists."""
    value = json.loads(content)
    for _ in range(int(rng.choice([1, 1, 3]))):
        ways = list(places(value))
        value = replaced(value, pick(rng, ways), pick(rng, WRONG))
    text = json.dumps(value)
    way = rng.integers(12)
    if way == 0:
        deep = int(rng.choice([200, 900, 100_000]))
        text = pick(rng, ["[", '{"a":']) * deep + text
    elif way == 1 and text.startswith("{"):
        text = "{" + text[1:-1] + ", " + text[1:-1] + "}" if len(text) > 2 else text
    elif way == 2:
        text = text.replace('"', "'")
    return text.encode("utf-8", "surrogatepass")


def chunks_of_png(content: bytes) -> list[tuple[bytes, bytes]]:
    place, found = 8, []
    while place + 8 <= len(content):
        size = int.from_bytes(content[place : place + 4], "big")
        found.append((content[place + 4 : place + 8], content[place + 8 : place + 8 + size]))
        place += size + 12
    return found


def in_png(rng: Rng, content: bytes) -> bytes:
    """Chunks change places, are lost or doubled, or hold something else, with the right sums."""
    chunks = chunks_of_png(content)
    at = int(rng.integers(len(chunks)))
    kind, inside = chunks[at]
    way = rng.integers(8)
    if way == 0:
        chunks.insert(int(rng.integers(len(chunks))), chunks.pop(at))
    elif way == 1:
        chunks.insert(at, chunks[at])
    elif way == 2:
        del chunks[at]
    elif way == 3:
        sides = [int(n) for n in rng.choice([0, 1, 28, 60, 20_000, 2**31 - 1, 2**32 - 1], 2)]
        chunks[0] = b"IHDR", struct.pack(">II5B", *sides, *(int(n) for n in rng.choice([0, 1, 2, 3, 4, 6, 8, 16], 5)))
    elif way == 4:
        bomb = zlib.compress(bytes(60 << 20), 9)
        packed = [(b"zTXt", b"k\0\0" + bomb), (b"iCCP", b"k\0\0" + bomb)]
        plain = [(b"tEXt", b"\xff" * 2000), (b"eXIf", rng.bytes(60)), (b"tRNS", bytes(900)), (b"acTL", b"\xff" * 8)]
        chunks.insert(1, pick(rng, packed + plain))
    elif way == 5:
        chunks = [(k, zlib.compress(bytes(80 << 20), 9) if k == b"IDAT" else c) for k, c in chunks]
    else:
        chunks[at] = kind, bits(rng, inside)
    parts = (
        struct.pack(">I", len(c)) + k + c + struct.pack(">I", zlib.crc32(k + c) ^ int(rng.integers(30) == 0))
        for k, c in chunks
    )
    return content[:8] + b"".join(parts)


def in_lines(rng: Rng, content: bytes) -> bytes:
    """A table or a program in which lines change places, are lost or doubled, or are far too long."""
    lines = content.split(b"\n")
    at, to = (int(n) for n in rng.integers(0, len(lines), 2))
    way = rng.integers(7)
    if way == 0:
        lines.insert(to, lines.pop(at))
    elif way == 1:
        lines[at:at] = lines[at : at + 5]
    elif way == 2:
        del lines[at : at + int(rng.integers(1, 8))]
    elif way == 3:
        lines[at] = lines[at] * int(rng.choice([2, 2000]))
    elif way == 4:
        lines[at] = b"    " + lines[at]
    elif way == 5:
        words = re.split(rb"(\W+)", lines[at])
        words[int(rng.integers(len(words)))] = pick(rng, TEXTS)
        lines[at] = b"".join(words)
    else:
        lines[at] = texts(rng, lines[at])
    return b"\n".join(lines)


# what stands in a file's place


def as_no_plain_file(rng: Rng, path: Path, content: bytes) -> None:
    """A device, a pipe, a folder, a link in a circle, a file that may not be read, or one that shrinks meanwhile."""
    beside = path.with_name("beside")
    way = int(rng.integers(12))
    if way == 0:
        os.mkfifo(path)
    elif way == 1:
        path.symlink_to(pick(rng, ["/dev/zero", "/dev/full", "/dev/null", "/dev/random", "/proc/self/mem", "/proc"]))
    elif way == 2:
        path.mkdir()
    elif way == 3:
        path.symlink_to(path.name)
    elif way == 4:
        path.symlink_to(beside)
        beside.symlink_to(path)
    elif way == 5:
        path.symlink_to("nowhere")
    elif way == 6:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(os.fspath(path)[-100:] if len(os.fspath(path)) < 100 else "\0unused")
    elif way == 7:
        path.write_bytes(content)
        path.chmod(0)
    elif way == 8:
        with path.open("wb") as file:
            file.truncate(3 << 40 if rng.integers(2) else 2 << 30)
    elif way == 9:
        path.mkdir()
        (path / path.name).symlink_to("..")
    else:
        path.write_bytes(content)
        shrinks(path, content, int(rng.integers(1 << 30)))


def shrinks(path: Path, content: bytes, seed: int) -> None:
    """Cut the file and write it again, over and over, while it is there."""

    def on() -> None:
        rng = np.random.default_rng(seed)
        with suppress(OSError):
            while path.exists():
                os.truncate(path, int(rng.integers(len(content) + 1)))
                with path.open("r+b") as file:
                    file.write(content)

    threading.Thread(target=on, daemon=True).start()
