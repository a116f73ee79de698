"""Files: those of MNIST are drawn here, those that are there are read, and what is written is kept in memory."""

from __future__ import annotations

import builtins
import fnmatch
import glob
import gzip
import io
import os
import pickle
import re
import shutil
import tarfile
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_mnist.grading.standins.absorbing import Absorbing, put
from tinygrad_mnist.grading.standins.formats import ARCHIVE, OTHERS_TOO, drawn, kind
from tinygrad_mnist.grading.standins.loading import Data

PICTURES = re.compile(r"(train|test|mnist|digit|png|jpg|jpeg|image|valid)", re.IGNORECASE)
"""What folders of pictures are called."""

SUBFOLDERS = [str(digit) for digit in range(10)]


class _Kept(io.BytesIO):
    """A file that was written: its bytes are kept for who reads it again."""

    def __init__(self, kept: dict[str, bytes], name: str, before: bytes = b"", at_end: bool = False) -> None:
        super().__init__(before)
        self.seek(0, io.SEEK_END if at_end else io.SEEK_SET)
        self.kept, self.name = kept, name
        kept[name] = before

    def flush(self) -> None:
        if not self.closed:
            self.kept[self.name] = self.getvalue()

    def close(self) -> None:
        self.flush()
        super().close()


class _Named(io.BytesIO):
    """Bytes that know what file they are of."""

    def __init__(self, content: bytes, name: str) -> None:
        super().__init__(content)
        self.name = name


class Files:
    """What a program sees of files. folder: where it lies, in which relative names are looked up."""

    def __init__(self, data: Data, folder: Path) -> None:
        self.data, self.folder = data, folder
        self.written: dict[str, bytes] = {}
        self.made: set[str] = set()
        self.drawn: dict[str, bytes] = {}
        self.real_open = builtins.open
        self.real_exists, self.real_isfile, self.real_isdir = os.path.exists, os.path.isfile, os.path.isdir
        self.real_listdir, self.real_getsize = os.listdir, os.path.getsize

    def open(self, file: Any, mode: str = "r", *arguments: Any, **options: Any) -> Any:
        if isinstance(file, int) or file in (os.devnull,):
            return self.real_open(file, mode, *arguments, **options)
        name = _text(file)
        options = {**dict(zip(("buffering", "encoding", "errors", "newline"), arguments, strict=False)), **options}
        if any(letter in mode for letter in "wax+"):
            return self._as(self._writable(name, mode), mode, options)
        content = self.content(name)
        if content is not None:
            return self._as(_Named(content, name), mode, options)
        return self.real_open(self.place(name), mode, **options)

    def _writable(self, name: str, mode: str) -> _Kept:
        before = b""
        if "w" not in mode and "x" not in mode:
            found = self.content(name)
            if found is None and self.real_isfile(self.place(name)):
                with self.real_open(self.place(name), "rb") as file:
                    found = file.read()
            if found is None and "r" in mode:
                raise FileNotFoundError(2, "No such file or directory", name)
            before = found or b""
        return _Kept(self.written, self.key(name), before, at_end="a" in mode)

    @staticmethod
    def _as(raw: Any, mode: str, options: dict[str, Any]) -> Any:
        if "b" in mode:
            return raw
        encoding = options.get("encoding") or "utf-8"
        return io.TextIOWrapper(raw, encoding, options.get("errors"), options.get("newline"))

    @staticmethod
    def key(name: str) -> str:
        return os.path.abspath(name)

    def content(self, name: str) -> bytes | None:
        """The bytes of a file that was written by the program, or of one of MNIST, packed as its name says."""
        if self.key(name) in self.written:
            return self.written[self.key(name)]
        found = kind(name)
        if found is None or (found in OTHERS_TOO and self.real_exists(self.place(name))):
            return None
        if name not in self.drawn:
            self.drawn[name] = drawn(self.data, name)
        return self.drawn[name]

    def unpacked(self, name: Any) -> bytes:
        """What a file holds, without the gzip that it may be packed by."""
        with self.open(name, "rb") as file:
            content: bytes = file.read()
        return gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content

    def place(self, name: str) -> str:
        """A name as it is seen from where the program lies; in a folder that is not here, that of a file beside it."""
        beside = self.folder / name
        if not os.path.isabs(name) and self.real_exists(beside):
            return str(beside)
        moved = self.folder / re.split(r"[/\\]", name)[-1]
        return str(moved) if not self.real_exists(name) and self.real_isfile(moved) else name

    def keep(self, name: str, content: bytes) -> None:
        """As if the program had written it."""
        self.written[self.key(name)] = content

    def belongs(self, path: Any) -> bool:
        """Whether it lies in the program's own folder."""
        return Path(self.key(os.fspath(path))).is_relative_to(self.key(str(self.folder)))

    def forget(self, name: Any) -> None:
        if not isinstance(name, int):
            self.written.pop(self.key(_text(name)), None)

    def make(self, name: Any) -> None:
        self.made.add(self.key(_text(name)))

    # what is there

    def isfile(self, path: Any) -> bool:
        name = _text(path)
        return self.key(name) in self.written or kind(name) is not None or self.real_isfile(self.place(name))

    def isdir(self, path: Any) -> bool:
        name = _text(path)
        return self.key(name) in self.made or self.real_isdir(self.place(name)) or _is_of_pictures(name)

    def exists(self, path: Any) -> bool:
        return self.isfile(path) or self.isdir(path)

    def getsize(self, path: Any) -> int:
        content = self.content(_text(path))
        return len(content) if content is not None else self.real_getsize(self.place(_text(path)))

    def listdir(self, path: Any = ".") -> list[str]:
        name = _text(path)
        if self.real_isdir(self.place(name)):
            here = self.key(name)
            kept = [os.path.basename(p) for p in (*self.written, *self.made) if os.path.dirname(p) == here]
            return sorted({*self.real_listdir(self.place(name)), *kept})
        last = re.split(r"[/\\]", name.rstrip("/\\"))[-1]
        if last in SUBFOLDERS:
            return [f"{i}.png" for i in range(5)]
        if _is_of_pictures(name) and re.search(r"(train|test|valid)(ing|ation)?$", last, re.IGNORECASE):
            return SUBFOLDERS
        if _is_of_pictures(name) or re.search(r"input|data|kaggle", name):
            return list(ARCHIVE)
        return self.real_listdir(self.place(name))

    def glob(self, pattern: Any, **options: Any) -> list[str]:
        """The files that are there; or else pictures of digits, or the files of MNIST that fit."""
        pattern = _text(pattern)
        found = real_glob(self.place(str(Path(pattern).parent)) + "/" + Path(pattern).name, **options)
        if found or not options.get("pictures", True):
            return found
        folder, last = os.path.split(pattern)
        if re.search(r"\*.*\.(png|jpe?g|bmp)$", last):
            parent = os.path.dirname(folder) if os.path.basename(folder) == "*" else folder
            folders = [os.path.join(parent, d) for d in SUBFOLDERS] if parent != folder else [folder]
            return [os.path.join(f, last.replace("*", str(i))) for f in folders for i in range(5)]
        return [os.path.join(folder, name) for name in fnmatch.filter(ARCHIVE, last)]


def _text(path: Any) -> str:
    """A path as text."""
    return os.fsdecode(os.fspath(path))


def _is_of_pictures(folder: str) -> bool:
    """Whether it is called as a folder of pictures is: train, or train/5."""
    parts = [p for p in re.split(r"[/\\]", folder) if p]
    if not parts or "." in parts[-1]:
        return False
    within = parts[:-1] if parts[-1] in SUBFOLDERS else parts
    return bool(within) and re.search(PICTURES, within[-1]) is not None


def _by_name(ours: Callable[[Any], bool], real: Callable[[Any], bool]) -> Callable[[Any], bool]:
    """A question about a file by its name; about one that is open, by its number, it is asked as it was."""
    return lambda path: real(path) if isinstance(path, int) else ours(path)


real_glob = glob.glob


def install(data: Data, folder: Path) -> Files:
    """Replace how files are opened, found, listed, written and removed."""
    files = Files(data, folder)
    builtins.open = io.open = files.open
    for name in ("exists", "isfile", "isdir"):
        put(os.path, name, _by_name(getattr(files, name), getattr(os.path, name)))
    os.path.getsize, os.listdir = files.getsize, files.listdir  # type: ignore[assignment]
    glob.glob = files.glob  # type: ignore[assignment]
    _install_paths(files)
    _install_numpy(files)
    _install_nothing(files)
    return files


def _install_paths(files: Files) -> None:
    replaced: dict[str, Callable[..., Any]] = {
        "exists": lambda self, **o: files.exists(self),
        "is_file": lambda self, **o: files.isfile(self),
        "is_dir": lambda self, **o: files.isdir(self),
        "open": lambda self, mode="r", *a, **o: files.open(self, mode, *a, **o),
        "iterdir": lambda self: (self / name for name in files.listdir(self)),
        "mkdir": lambda self, *a, **o: files.make(self),
        "touch": lambda self, *a, **o: files.keep(str(self), b""),
        "unlink": lambda self, *a, **o: files.forget(self),
        "rmdir rename replace chmod symlink_to": lambda self, *a, **o: None,
    }
    for name, function in replaced.items():
        put(Path, name, function)


def _install_numpy(files: Files) -> None:
    real_load, real_fromfile, real_savetxt = np.load, np.fromfile, np.savetxt

    def load(file: Any, *arguments: Any, **options: Any) -> Any:
        if isinstance(file, (str, os.PathLike)):
            file, arguments = files.open(file, "rb"), arguments[1:]
            options.pop("mmap_mode", None)
        if isinstance(file, _Named) and kind(file.name) == "pickle":
            return pickle.load(file)
        return real_load(file, *arguments, **options)

    def fromfile(file: Any, dtype: Any = float, count: int = -1, sep: str = "", offset: int = 0, **options: Any) -> Any:
        if isinstance(file, (str, os.PathLike)):
            with files.open(file, "rb") as opened:
                return fromfile(io.BytesIO(opened.read()), dtype, count, sep, offset)
        if isinstance(file, io.BytesIO) and not sep:
            size = np.dtype(dtype).itemsize
            file.seek(offset, io.SEEK_CUR)
            raw = file.read(-1 if count < 0 else count * size)
            return np.frombuffer(raw[: len(raw) // size * size], dtype).copy()
        return real_fromfile(file, dtype, count, sep, offset=offset, **options)

    def savetxt(fname: Any, X: Any, *arguments: Any, **options: Any) -> None:
        with files.open(fname, "w") if isinstance(fname, (str, os.PathLike)) else nullcontext(fname) as file:
            real_savetxt(file, np.asarray(X), *arguments, **options)

    np.load, np.fromfile, np.savetxt = load, fromfile, savetxt  # type: ignore[assignment]
    for name in ("loadtxt", "genfromtxt"):
        _through_open(name, files)


def _through_open(name: str, files: Files) -> None:
    """A reader of text that is given what it reads, so that a name is opened as the program opens it."""
    real = getattr(np, name)

    def reader(file: Any, *arguments: Any, **options: Any) -> Any:
        if isinstance(file, (str, os.PathLike)):
            file = io.StringIO(files.unpacked(file).decode(options.get("encoding") or "utf-8", "replace"))
        return real(file, *arguments, **options)

    setattr(np, name, reader)


def _install_nothing(files: Files) -> None:
    """What would change files or folders changes only what is kept in memory."""
    real_low_open = os.open

    def low_open(path: Any, flags: int, *arguments: Any, **options: Any) -> int:
        beside = isinstance(path, (str, os.PathLike)) and files.belongs(path)
        changes = flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC)
        return real_low_open(os.devnull if beside and changes else path, flags, *arguments, **options)

    os.open = low_open
    put(os, "remove unlink", lambda path, *a, **o: files.forget(path))
    put(os, "makedirs mkdir", lambda path, *a, **o: files.make(path))
    put(os, "rmdir rename replace renames removedirs truncate chdir chmod link symlink", lambda *a, **o: None)
    put(shutil, "rmtree move copy copy2 copyfile copytree unpack_archive make_archive", lambda *a, **o: None)
    put(tarfile, "open", lambda *a, **o: Absorbing())
