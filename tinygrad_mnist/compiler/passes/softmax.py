"""Softmax beside its log-softmax: what that has computed is not computed again."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tinygrad_mnist.compiler.passes.rewriting import Known, rewriting
from tinygrad_mnist.compiler.program import Instruction, Value, made


@rewriting
def with_softmax_from_its_sum(known: Known, instruction: Instruction) -> list[Instruction] | None:
    """exp(x - log s), where s is the sum of exp(x), is exp(x) / s, which is there already.

    As long as x has its maximum taken off, as log-softmax does: neither exp(x) nor s overflows. And as s is 1 at least,
    softmax times one number for each row, as in its rule, is exp(x) times that number / s: fewer divisions.
    """
    if found := _quotient(known, instruction):
        return [replace(instruction, function=np.divide, args=found, options={})]
    if instruction.function is not np.multiply:
        return None
    softmax, factor = instruction.args
    maker = known.own_maker(softmax, np.exp)
    found = _quotient(known, maker) if maker else None
    if not found or not isinstance(factor, Value) or not _are_alike(factor, found[1]):
        return None
    exponential, total = found
    share = made(np.divide, factor, total)
    return [share, replace(instruction, args=(exponential, share.output))]


def _quotient(known: Known, instruction: Instruction) -> tuple[Value, Value] | None:
    """exp(x) and s, where an instruction computes exp(x - log s)."""
    difference = known.maker(instruction.args[0], np.subtract) if instruction.function is np.exp else None
    log_sum = known.maker(difference.args[1], np.log) if difference else None
    total = known.maker(log_sum.args[0], np.add.reduce) if log_sum else None
    if not (difference and log_sum and total) or total.output.dtype != instruction.output.dtype:
        return None
    x, exponential = difference.args[0], total.args[0]
    shifted = known.maker(x, np.subtract)
    is_of_x = getattr(known.maker(exponential, np.exp), "args", None) == (x,)
    is_shifted = shifted is not None and known.maker(shifted.args[1], np.maximum.reduce) is not None
    return (exponential, total.output) if is_of_x and is_shifted else None


def _are_alike(x: Value, y: Value) -> bool:
    return not x.is_number and (x.shape, x.dtype) == (y.shape, y.dtype)
