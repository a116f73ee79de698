"""What a program does to the world around it, done to nothing: it waits for nobody, asks nobody, starts nothing."""

from __future__ import annotations

import argparse
import builtins
import concurrent.futures
import multiprocessing
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import webbrowser
from collections.abc import Callable, Iterable
from typing import Any

from tinygrad_mnist.grading.standins.absorbing import Absorbing, Entered, put
from tinygrad_mnist.grading.standins.arguments import plausible, preferred
from tinygrad_mnist.grading.standins.files import Files

MOST_QUESTIONS = 20
"""How often `input` answers before it says that there is nobody."""


def install(files: Files) -> None:
    """Replace sleeping, asking, starting, ending and fetching."""
    time.sleep = _nothing
    builtins.input = _Answers()
    builtins.get_ipython = lambda: Absorbing()  # type: ignore[attr-defined]
    builtins.display = lambda *a, **o: None  # type: ignore[attr-defined]
    _install_network(files)
    _install_processes()
    argparse.ArgumentParser.parse_known_args = _lenient(argparse.ArgumentParser.parse_known_args)  # type: ignore[method-assign]


def _nothing(*arguments: Any, **options: Any) -> Any:
    """It went well."""
    return 0


class _Answers:
    """What `input` gives: a number, yes, or nothing."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self, prompt: object = "") -> str:
        self.asked += 1
        if self.asked > MOST_QUESTIONS:
            raise EOFError("nobody answers the questions of a program that is graded")
        return answer(str(prompt))


def answer(prompt: str) -> str:
    """To a question: yes, but no to loading what was saved; nothing where a key or a name is asked for; else 1."""
    low = prompt.lower()
    if re.search(r"\by\b.{0,3}\bn\b|yes|no\)", low):
        return "n" if re.search(r"load|saved|existing|resume|restore|again|quit|exit", low) else "y"
    return "" if re.search(r"press|enter to|hit |name|file|path|folder", low) else "1"


# the network


def _install_network(files: Files) -> None:
    def fetched(url: Any) -> bytes:
        name = str(getattr(url, "full_url", url))
        content = files.content(name)
        if content is None:
            raise urllib.error.URLError(f"{name} is not fetched: a program that is graded gets no network")
        return content

    def urlretrieve(url: str, filename: Any = None, *arguments: Any, **options: Any) -> Any:
        name = str(filename or url.rpartition("/")[2])
        if files.content(name) is None:
            files.keep(name, fetched(url))
        return name, {}

    def urlopen(url: Any, *arguments: Any, **options: Any) -> Any:
        fetched(url)
        return files.open(str(getattr(url, "full_url", url)), "rb")

    urllib.request.urlretrieve = urlretrieve
    urllib.request.urlopen = urlopen
    put(webbrowser, "open open_new open_new_tab", lambda *a, **o: True)
    put(socket.socket, "connect connect_ex bind sendto", _refused)
    put(socket, "create_connection getaddrinfo gethostbyname", _refused)


def _refused(*arguments: Any, **options: Any) -> None:
    raise OSError("a program that is graded gets no network")


# processes


def _install_processes() -> None:
    def leave(*arguments: Any) -> None:
        raise SystemExit

    put(subprocess, "run Popen", _Ended)
    put(subprocess, "call check_call", _nothing)
    put(subprocess, "check_output", lambda *a, **o: "" if o.get("text") else b"")
    put(subprocess, "getoutput", lambda *a, **o: "")
    put(os, "popen", lambda *a, **o: _Ended())
    put(os, "system kill killpg", _nothing)
    put(signal, "raise_signal", _nothing)
    put(os, "_exit abort", leave)
    for name in ("fork", "forkpty", "posix_spawn", "execv", "execvp", "execve", "execl", "execlp", "startfile"):
        if hasattr(os, name):
            setattr(os, name, _not_started)
    put(multiprocessing, "Pool pool", Pool)
    put(multiprocessing, "Process", Process)
    put(concurrent.futures, "ProcessPoolExecutor ThreadPoolExecutor", Pool)


def _not_started(*arguments: Any) -> None:
    raise OSError("a program that is graded starts no other")


class _Ended(Entered):
    """A command that has done its work: nothing."""

    returncode, pid, stdin, stdout, stderr = 0, 0, None, b"", b""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self.args = arguments[0] if arguments else ()
        if options.get("text") or options.get("universal_newlines"):
            self.stdout = self.stderr = ""  # type: ignore[assignment]

    def communicate(self, *arguments: Any, **options: Any) -> Any:
        return self.stdout, self.stderr

    def wait(self, *arguments: Any, **options: Any) -> int:
        return 0

    poll = wait

    def read(self, *arguments: Any) -> str:
        return ""

    def __getattr__(self, name: str) -> Any:
        return lambda *a, **o: None


class Done(concurrent.futures.Future[Any]):
    """What was to be computed elsewhere, and was computed here: also for `asyncio`, which waits for it."""

    def __init__(self, value: Any) -> None:
        super().__init__()
        self.set_result(value)

    get = concurrent.futures.Future.result

    def wait(self, timeout: Any = None) -> None:
        """It is there."""

    ready = successful = concurrent.futures.Future.done


class Pool(Entered):
    """A pool of processes that computes in this one."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        """Without any process."""

    def map(self, function: Callable[..., Any], *iterables: Iterable[Any], **options: Any) -> list[Any]:
        iterables = iterables[:1] if len(iterables) == 2 and isinstance(iterables[1], int) else iterables
        return [function(*values) for values in zip(*iterables, strict=False)]

    imap = imap_unordered = map

    def starmap(self, function: Callable[..., Any], rows: Iterable[Any], *arguments: Any) -> list[Any]:
        return [function(*row) for row in rows]

    def apply(self, function: Callable[..., Any], args: Any = (), kwds: Any = None) -> Any:
        return function(*args, **(kwds or {}))

    def apply_async(self, function: Callable[..., Any], args: Any = (), kwds: Any = None, **options: Any) -> Done:
        return Done(self.apply(function, args, kwds))

    def map_async(self, function: Callable[..., Any], rows: Iterable[Any], *arguments: Any, **options: Any) -> Done:
        return Done(self.map(function, rows))

    def starmap_async(self, function: Callable[..., Any], rows: Iterable[Any], *arguments: Any) -> Done:
        return Done(self.starmap(function, rows))

    def submit(self, function: Callable[..., Any], *arguments: Any, **options: Any) -> Done:
        return Done(function(*arguments, **options))

    def close(self, *arguments: Any, **options: Any) -> None:
        """There is nothing to end."""

    join = terminate = shutdown = close


class Process:
    """A process that runs in this one, when it is started."""

    exitcode, pid = 0, 0

    def __init__(
        self, group: Any = None, target: Any = None, name: Any = None, args: Any = (), kwargs: Any = None, **o: Any
    ):
        self.target, self.args, self.kwargs = target, args, kwargs or {}
        self.daemon, self.name = False, name

    def run(self) -> None:
        if self.target:
            self.target(*self.args, **self.kwargs)

    def start(self) -> None:
        self.run()

    def join(self, timeout: Any = None) -> None:
        """It has ended."""

    terminate = kill = close = join

    def is_alive(self) -> bool:
        return False


# arguments


def _lenient(parse: Callable[..., Any]) -> Callable[..., Any]:
    """Reading of a command line to which nothing was given: what is required has a plausible value, a command too."""

    def parse_known_args(self: Any, args: Any = None, namespace: Any = None) -> Any:
        for action in self._actions:
            if isinstance(action, argparse._SubParsersAction) and action.choices and not (args or sys.argv[1:]):
                args = [preferred(list(action.choices))]
            if not action.required:
                continue
            action.required = False
            if action.default is None:
                action.default = _answer_of(action)
            if not action.option_strings and action.nargs is None:
                action.nargs = "?"
        return parse(self, args, namespace)

    return parse_known_args


def _answer_of(action: Any) -> Any:
    value = plausible(action.dest, action.type or str, action.choices or ())
    return [value] if action.nargs == "+" or isinstance(action.nargs, int) else value
