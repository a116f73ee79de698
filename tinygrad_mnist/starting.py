"""Ctrl-C while the command line is still being imported is one line.

The first module that the package imports; it does nothing in other people's programs.
"""

import os
import signal
import sys
from typing import Any

COMMAND = "tinygrad-mnist"


def is_the_command() -> bool:
    """Whether this process was started as `tinygrad-mnist`, or as `python -m tinygrad_mnist`."""
    called = sys.argv[0] if sys.argv else ""
    return os.path.basename(called).startswith(COMMAND) or (called == "-m" and "tinygrad_mnist" in sys.orig_argv)


def end_in_a_line(*_: Any) -> None:
    """End the process; there is nothing yet that would have to be put away."""
    try:
        os.write(2, b"error: interrupted; nothing was saved\n")
    finally:
        os._exit(130)


if is_the_command() and signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # ignored under nohup
    signal.signal(signal.SIGINT, end_in_a_line)
