"""What a program does to the world around it, done to nothing: it waits for nobody, asks nobody, starts nothing."""

from __future__ import annotations

import builtins
import os
import socket
import subprocess
import time
import urllib.request
import webbrowser
from typing import Any

from tinygrad_mnist.grading.watching.standins.absorbing import Absorbing
from tinygrad_mnist.grading.watching.standins.files import Files


def install(files: Files) -> None:
    """Replace sleeping, asking, starting and fetching."""
    time.sleep = lambda seconds=0: None
    builtins.input = lambda prompt="": "1"
    webbrowser.open = lambda *a, **o: True  # type: ignore[assignment]
    os.system = lambda command: 0  # type: ignore[assignment]
    for name in ("run", "call", "check_call", "check_output", "Popen"):
        setattr(subprocess, name, lambda *a, **o: Absorbing())
    socket.socket.connect = _refused  # type: ignore[method-assign,assignment]

    def urlretrieve(url: str, filename: Any = None, *arguments: Any, **options: Any) -> Any:
        return filename or url.rpartition("/")[2], {}

    def urlopen(url: Any, *arguments: Any, **options: Any) -> Any:
        return files.open(str(getattr(url, "full_url", url)), "rb")

    urllib.request.urlretrieve = urlretrieve
    urllib.request.urlopen = urlopen
    builtins.get_ipython = lambda: Absorbing()  # type: ignore[attr-defined]
    builtins.display = lambda *a, **o: None  # type: ignore[attr-defined]


def _refused(*arguments: Any) -> None:
    raise OSError("no network is given to a program that is graded")
