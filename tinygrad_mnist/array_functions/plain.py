"""What has no derivative: positions, tests, counts and rounded numbers come as plain arrays, as comparisons do."""

from __future__ import annotations

from tinygrad_mnist.array_functions.table import named
from tinygrad_mnist.engine.tensor import PLAIN

POSITIONS = named(
    "argmax", "argmin", "argsort", "argpartition", "argwhere", "nonzero", "flatnonzero", "searchsorted", "digitize",
    "nanargmax", "nanargmin", "lexsort",
)  # fmt: skip
TESTS = named(
    "all", "any", "isnan", "isinf", "isfinite", "isneginf", "isposinf", "isclose", "allclose", "array_equal",
    "array_equiv", "isin", "iscomplexobj", "isrealobj", "isreal", "iscomplex", "signbit", "logical_and", "logical_or",
    "logical_xor", "logical_not", "bitwise_and", "bitwise_or", "bitwise_xor", "invert", "can_cast", "result_type",
    "common_type", "shares_memory", "may_share_memory",
)  # fmt: skip
COUNTS = named("shape", "ndim", "size", "count_nonzero", "unique", "histogram_bin_edges")
STEPS = named(
    "sign", "heaviside", "floor", "ceil", "trunc", "rint", "round", "around", "fix", "floor_divide", "angle", "imag"
)
LIKE = named("zeros_like", "ones_like", "empty_like")
WRITTEN = named("array_repr", "array_str", "array2string", "save", "savez", "savez_compressed", "savetxt")

PLAIN.update(POSITIONS, TESTS, COUNTS, STEPS, LIKE, WRITTEN)
