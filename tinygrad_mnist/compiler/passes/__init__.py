"""Passes: each gives a program that computes the same with less. Here is the order in which a plan takes them."""

from __future__ import annotations

from tinygrad_mnist.compiler.blas import gemm
from tinygrad_mnist.compiler.passes.calls import with_counts_as_numbers, with_masks_at_once, with_numbers_as_arrays
from tinygrad_mnist.compiler.passes.exact import EXACT, with_common_parts_once, with_signs_of_results, without_dead_code
from tinygrad_mnist.compiler.passes.fusion import with_kernels
from tinygrad_mnist.compiler.passes.layout import with_columns_together
from tinygrad_mnist.compiler.passes.products import with_added_products
from tinygrad_mnist.compiler.passes.softmax import with_softmax_from_its_sum
from tinygrad_mnist.compiler.passes.sums import (
    with_biases_beneath,
    with_rates_first,
    with_rows_by_blas,
    with_slopes_in_products,
)
from tinygrad_mnist.compiler.passes.windows import with_pools_first, with_rules_in_place, with_window_kernels
from tinygrad_mnist.compiler.program import Pass


def passes_of(exact: bool, fused: bool) -> list[Pass]:
    """The passes of a plan. exact: only those that change no bit. fused: those for kernels too."""
    exactly = [*EXACT, with_rules_in_place, with_pools_first, with_signs_of_results]
    shorter = [with_counts_as_numbers, with_masks_at_once]
    if exact:
        return [*exactly, *shorter, with_numbers_as_arrays]
    added = [with_added_products] if gemm("sgemm")[0] else []
    if not fused:
        added += [with_biases_beneath, with_slopes_in_products, with_rates_first]
    calls = [*shorter, with_columns_together, with_rows_by_blas, with_numbers_as_arrays]
    written = [with_window_kernels, with_kernels] if fused else calls
    return [*exactly, with_softmax_from_its_sum, *added, with_common_parts_once, without_dead_code, *written]
