"""Einstein's sum, an operation beside those of the engine, which needs no letters."""

from __future__ import annotations

import functools
import string

import numpy as np

from tinygrad_mnist.devices import as_array
from tinygrad_mnist.engine.node import plain
from tinygrad_mnist.engine.ops import Array
from tinygrad_mnist.engine.primitive import op


def _einsum_vjp(position: int, g: Array, out: Array, *arrays: Array, subscripts: str) -> Array:
    """The same sum with g in the operand's place and the operand's letters as its result.

    Where a letter stands twice in the operand, as in "ii", or there alone, a factor of zeros and ones ties the two
    together, or repeats the sum along that axis.
    """
    letters, result = subscripts.split("->")
    factors = [(result, g), *zip(letters.split(","), arrays, strict=True)]
    own, x = factors.pop(position + 1)
    shared = {c for term, factor in factors for c, n in zip(term, np.shape(factor), strict=True) if n > 1}
    target = "".join(_unused(subscripts)[-1 - i] if c in own[:i] else c for i, c in enumerate(own))
    if not shared.issuperset(target):
        at = np.ogrid[tuple(map(slice, x.shape))]
        ties = functools.reduce(np.logical_and, [at[i] == at[own.index(c)] for i, c in enumerate(own)])
        factors.append((target, as_array(ties, g.dtype, like=plain(g))))
    terms, operands = zip(*factors, strict=True)
    return _einsum(*operands, subscripts=f"{','.join(terms)}->{target}")


_einsum = op(each=_einsum_vjp, name="einsum", label="Σ")(lambda *arrays, subscripts: np.einsum(subscripts, *arrays))


def einsum(subscripts: str, *arrays: Array) -> Array:
    """Einstein's sum over letters, as np.einsum writes it: "ij,jk->ik", "...i,i", "ii"."""
    if not isinstance(subscripts, str):
        raise TypeError("einsum takes its subscripts as one string, and then the operands")
    letters, arrow, result = subscripts.replace(" ", "").partition("->")
    terms = letters.split(",")
    if not arrow:
        result = "..." + "".join(sorted(c for c in set(letters) - {",", "."} if letters.count(c) == 1))
    if len(terms) != len(arrays) or ("..." in letters and "..." not in result):
        raise ValueError(f"{subscripts!r} needs a term for each of {len(arrays)} operands, and ... in its result too")
    hidden = _unused(subscripts)  # letters for the axes that an ellipsis stands for, which are aligned from the right
    terms = [
        t.replace("...", hidden[len(hidden) + len(t) - 3 - np.ndim(a) :]) for t, a in zip(terms, arrays, strict=True)
    ]
    result = result.replace("...", "".join(c for c in hidden if any(c in term for term in terms)))
    return _einsum(*arrays, subscripts=f"{','.join(terms)}->{result}")


def _unused(letters: str) -> str:
    return "".join(c for c in sorted(string.ascii_letters) if c not in letters)


FUNCTIONS = {"einsum": einsum}
"""The operation of this module by name."""
