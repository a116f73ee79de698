"""What can keep a sweep from running, said in a line."""

from __future__ import annotations

from importlib import import_module


class SweepError(Exception):
    """A sweep that can't run or go on; the message says in one line what is wrong, where, and what to do."""


def require_extra() -> None:
    """Raise SweepError where a package of the extra `sweep` is missing."""
    for name in ("optuna", "distributed", "plotly"):
        try:
            import_module(name)
        except ImportError:
            raise SweepError(
                f"sweep needs {name}, which is not installed: pip install 'tinygrad-mnist[sweep]'"
            ) from None
