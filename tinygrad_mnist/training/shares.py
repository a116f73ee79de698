"""Shares as percentages."""

from __future__ import annotations

import numpy as np


def percent(share: float, digits: int = 2) -> str:
    """A share from 0 to 1, as 97.53 %; what is not quite 0 or 1 never looks like it, and NaN is a dash."""
    least = 10.0**-digits
    if np.isnan(share):
        return "–"
    if 0 < share < least / 200:
        return f"<{least:.{digits}f} %"
    if 1 - least / 200 <= share < 1:
        return f">{100 - least:.{digits}f} %"
    return f"{100 * share:.{digits}f} %"
