"""Scripts as programs, in the process of the tests: to start another takes longer than most of them run."""

from __future__ import annotations

import io
import os
import runpy
import sys
import tempfile
from contextlib import redirect_stdout
from pathlib import Path

import pytest


def printed_by(path: Path, *arguments: str, cwd: Path) -> str:
    """What `python path arguments` prints in a folder; fails where it would end with an error."""
    out, environment = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True), dict(os.environ)
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out):
        patch.chdir(cwd)
        patch.setattr(tempfile, "tempdir", str(cwd))
        patch.syspath_prepend(path.parent)
        patch.setattr(sys, "argv", [str(path), *arguments])
        try:
            runpy.run_path(str(path), run_name="__main__")
        except SystemExit as ended:
            if ended.code:
                raise AssertionError(f"{path.name} ends with {ended.code}") from ended
        finally:
            os.environ.clear()
            os.environ.update(environment)
    content: bytes = out.buffer.getvalue()  # type: ignore[attr-defined]  # a BytesIO
    return content.decode()
