"""Where a number leaves the graph: what says that it takes one may, and what takes one without a word is refused.

`float(t)`, `int(t)`, `f"{t:.4f}"`, `"%.4f" % t`, `map(float, losses)` and `t.item()` read a number, of a loss for
instance, and say so. `array[i] = t`, `array.fill(t)`, `np.fromiter(ts, float)` and `math.exp(t)` take it too, through
the same `__float__`, and there it is nearly always a mistake: a later gradient would lack a term without a word. Which
of them it is stands in the line that asks: in the instruction at which its frame waits. In a function that was handed
to `jacobian` and its kin every number is on its way to the result, and `float(t)` is refused as well.

Python 3.10 does not say which call a frame waits at: there, only what is stored in an array is refused.
"""

from __future__ import annotations

import dis
import functools
import math
import sys
from types import CodeType

from tinygrad_mnist.engine import Tensor
from tinygrad_mnist.engine.errors import describe
from tinygrad_mnist.engine.node import is_recording
from tinygrad_mnist.engine.transforms import is_differentiating

WITHOUT_DERIVATIVE = {"isnan", "isinf", "isfinite", "isclose", "floor", "ceil", "trunc"}
"""What Python's math asks of a number, or makes of it, where there is nothing to differentiate."""

TAKING = {name for name in dir(math) if name[0] != "_"} - WITHOUT_DERIVATIVE
TAKING |= {"fill", "fromiter", "array", "append", "insert"}  # of arrays, NumPy's and Python's
"""Functions and methods in C that take a number without being asked to."""

STORING = "array[i] = "


@functools.lru_cache(maxsize=1024)
def _taker(code: CodeType, at: int) -> str:
    """What the instruction at this place gives the number to: STORING, or what is called, by its name in the code."""
    instructions = list(dis.get_instructions(code))
    here = next(i for i in instructions if i.offset == at)
    if here.opname.startswith("STORE_SUBSCR"):
        return STORING
    if not here.opname.startswith("CALL"):
        return ""
    # the name of what is called ends last of those that begin where the call does
    spans = [(i, getattr(i, "positions", None) or (None,) * 4) for i in instructions]
    start = next((where[0], where[2]) for i, where in spans if i is here)
    names = [
        (where[1], where[3], i.argval)
        for i, where in spans
        if None not in where and (where[0], where[2]) == start and i.opname.startswith("LOAD_")
        and isinstance(i.argval, str)
    ]  # fmt: skip
    return str(max(names, default=("",))[-1])


def _number(self: Tensor) -> float:
    """Its only element, unless it would leave the graph without a word."""
    if self.requires_grad and is_recording():
        frame = sys._getframe(1)
        name = _taker(frame.f_code, frame.f_lasti)
        name = getattr(frame.f_globals.get(name), "__name__", name)
        if name == STORING or name in TAKING or is_differentiating():
            raise TypeError(
                f"{name}({describe(self)}) would take a number out of the graph, and no gradient would flow through "
                f"it: collect numbers with np.stack, write t.exp() for math.exp(t), or t.item() if a number is meant"
            )
    return float(self.item())


Tensor.__float__ = _number
