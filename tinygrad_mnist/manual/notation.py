"""The formulas of backprop as text, in the three conventions in which a layer is written."""

from __future__ import annotations

from dataclasses import dataclass

from tinygrad_mnist.manual.heads import HALF, LINEAR, SOFTMAX_CROSS_ENTROPY, Head, Penalty

SYMBOLS = {"z": "z", "a": "a", "loss": "L", "delta": "δ", "dW": "∂L/∂W", "db": "∂L/∂b"}
"""How the quantities are written, in the order of computation in a layer."""


@dataclass(frozen=True)
class Notation:
    """How a convention writes layer {l}, which stands between the layers {before} and {after}.

    layer: z(l) in NumPy. examples: how they lie in an array. z, delta, dW: the matrix products in z(l), δ(l), ∂L/∂W(l).
    """

    layer: str
    examples: str
    z: str
    delta: str
    dW: str

    def formulas(
        self, l: int, L: int, l2: float = 0.0, head: Head = SOFTMAX_CROSS_ENTROPY, penalty: Penalty = HALF
    ) -> dict[str, str]:
        """The equations of layer l out of L as the book writes them, for z, a, delta, dW and db; λ = l2.

        n in δ(L) is the number of outputs.
        """
        z, delta, dW = (x.format(l=l, before=l - 1, after=l + 1) for x in (self.z, self.delta, self.dW))
        hidden = l < L
        return {
            "z": f"{z} + b({l})",
            "a": f"f(z({l}))" if hidden else _output(head, l),
            "delta": f"{delta} ⊙ f'(z({l}))" if hidden else head.formula,
            "dW": f"(1/m) {dW}" + (f" + {penalty.rate_words} W({l})" if l2 else ""),
            "db": f"(1/m) Σ_{self.examples} δ({l})",
        }


COLUMNS = Notation("W @ X + b", "columns", "W({l}) a({before})", "W({after})ᵀ δ({after})", "δ({l}) a({before})ᵀ")
ROWS = Notation("X @ W.T + b", "rows", "a({before}) W({l})ᵀ", "δ({after}) W({after})", "δ({l})ᵀ a({before})")
ROWS_IN_OUT = Notation("X @ W + b", "rows", "a({before}) W({l})", "δ({after}) W({after})ᵀ", "a({before})ᵀ δ({l})")
"""Rows with W(l) of shape (in, out)."""


def _output(head: Head, l: int) -> str:
    return f"z({l})" if head.output is LINEAR else f"{head.output.name}(z({l}))"


def loss(l2: float = 0.0, head: Head = SOFTMAX_CROSS_ENTROPY, penalty: Penalty = HALF) -> str:
    """The mean of the head's loss over the examples, and the penalty where λ = l2 is not 0."""
    words = head.words
    mean = f"-(1/m) Σ {words.removeprefix('-Σ ')}" if head is SOFTMAX_CROSS_ENTROPY else f"(1/m) Σ ({words})"
    return mean + (f" + {penalty.words}" if l2 else "")
