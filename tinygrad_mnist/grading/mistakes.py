"""The catalogue of known mistakes: each derives a wrong gradient on purpose, by one changed line."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_mnist.grading.derivation import Line, Network
from tinygrad_mnist.manual.activations import Array
from tinygrad_mnist.manual.columns import softmax


@dataclass(frozen=True)
class Mistake:
    """One changed line of the derivation.

    name: for programs. title: in a few words, without the layer.
    slot: the line of `derivation.CORRECT` that is replaced.
    ways: the line as people write it wrong; several where the same mistake gives several results.
    family: in place of ways, the line for a number that only the learner knows; δ is linear in it.
    explanation: what happens and why it is wrong. hint: where to think again, without the finished code.
    first, last: the layers it can be made in, counted from 1 and down from L.
    of_all: it is a factor that comes into every gradient, and is told so.
    """

    name: str
    title: str
    slot: str
    ways: tuple[Line, ...]
    explanation: str
    hint: str
    first: int = 1
    last: int = 0
    family: Callable[[float], Line] | None = None
    applies: Callable[[Network], bool] = lambda net: True
    of_all: bool = False

    def fits(self, net: Network, l: int) -> bool:
        """Whether it can be made in layer l of this network."""
        elsewhere = ("carried", "slope") if l == net.L else ("softmax", "error", "factor")
        if self.slot in elsewhere:
            return False
        return self.first <= l <= net.L - self.last and self.applies(net)


def _sees_no_slope(net: Network) -> bool:
    """Whether the network's activation is ReLU."""
    return not net.activation.f_prime(np.array([-1.0]))[0]


def _overflowing(dtype: Any) -> Line:
    """softmax without the shift, in a dtype."""

    def line(net: Network, l: int) -> Array:
        e = np.exp(net.z[l].astype(dtype))
        return np.asarray(e / e.sum(axis=0), float)

    return line


def _shifted_by_the_largest_of_all(net: Network, l: int) -> Array:
    e = np.exp(net.z[l] - net.z[l].max())
    return np.asarray(e / e.sum(axis=0))


def _through_softmax_again(net: Network, l: int, y: Array) -> Array:
    error = y - net.Y
    return np.asarray(y * (error - (y * error).sum(axis=0)))


def _side(net: Network, l: int) -> Array:
    return np.asarray(net.activation.f_prime(-net.z[l]))


def _at_the_kink(net: Network, l: int) -> Array:
    return np.where(net.z[l] >= 0, 1, net.activation.f_prime(net.z[l]))


def _slope(s: float) -> Line:
    return lambda net, l: np.where(net.z[l] > 0, 1, s)


def _updated(rate: float) -> Line:
    return lambda net, l, delta, dW: (net.W[l + 1] - rate * dW).T @ delta


def _same_length(total: Array, net: Network, l: int) -> Array:
    """A sum over the wrong axis that was not kept; beside as many units as examples it looks like the bias."""
    return total.reshape(-1, 1) if net.m == len(net.W[l]) else total.reshape(1, -1)


def _full(value: float, net: Network, l: int) -> Array:
    return np.full((len(net.W[l]), 1), value)


_COUNT = (
    "m counted along the wrong axis",
    "The gradient is divided by the number of features or classes, not of examples.",
    "Which axis of X holds the examples in the convention you use?",
)
_MEAN_MISSING = (
    "1/m missing",
    "The loss is the mean over the m examples, so its gradient is too. Without 1/m it is m times too large, and "
    "the learning rate depends on the size of the batch.",
    "What does the mean in the loss do to the gradient of each example's own loss?",
)
_MEAN_TWICE = (
    "1/m twice (or the mean of a mean)",
    "1/m belongs to the loss and comes into each gradient once. Here it is applied a second time, so the "
    "gradient is m times too small and training crawls.",
    "Count the places where you divide by m, or take a mean, between δ(L) and this gradient.",
)


MISTAKES: tuple[Mistake, ...] = (
    Mistake(
        "softmax-axis",
        "softmax over the wrong axis",
        "softmax",
        (lambda net, l: softmax(net.z[l].T).T,),
        "Each example's class probabilities must sum to 1. Here the examples' probabilities of each class do.",
        "Which axis of z(L) holds the classes of one example?",
    ),
    Mistake(
        "softmax-unshifted",
        "softmax without the maximum subtracted",
        "softmax",
        (_overflowing(float), _overflowing(np.float32)),
        "exp overflows above 709 (above 88 in float32), and ∞/∞ is NaN. On small logits it looks right.",
        "What can be subtracted from all logits of an example without changing its softmax?",
    ),
    Mistake(
        "softmax-array-max",
        "softmax shifted by the maximum of the whole array",
        "softmax",
        (_shifted_by_the_largest_of_all,),
        "Where one example's logits lie far below another's, all of its exp underflow to 0, and 0/0 is NaN.",
        "Whose maximum must be subtracted from the logits of an example?",
    ),
    Mistake(
        "error-sign",
        "sign of δ(L) turned: y - ŷ",
        "error",
        (lambda net, l, y: net.Y - y,),
        "Every gradient points uphill: gradient descent then raises the loss.",
        "Where the probability of a wrong class is too high, must its ∂L/∂z be positive or negative?",
    ),
    Mistake(
        "error-labels-missing",
        "ŷ alone, the labels are not subtracted",
        "error",
        (lambda net, l, y: y,),
        "The gradient does not depend on the labels at all, so nothing can be learned from them.",
        "Where do the labels come into the derivative of -Σ y log ŷ?",
    ),
    Mistake(
        "error-log-alone",
        "-y/ŷ, the softmax's derivative is missing",
        "error",
        (lambda net, l, y: -net.Y / y,),
        "-y/ŷ is the derivative by the output ŷ. δ(L) is the derivative by z(L): one step further back.",
        "You have ∂L/∂ŷ. What lies between ŷ and z(L), and what is its derivative?",
    ),
    Mistake(
        "error-softmax-again",
        "derivative of the softmax applied again on top of ŷ - y",
        "error",
        (lambda net, l, y: (y - net.Y) * y * (1 - y), _through_softmax_again),
        "ŷ - y is the derivative of cross-entropy and softmax together. Multiplied by the softmax's own "
        "derivative it almost vanishes where the network is surely wrong.",
        "By what is ŷ - y the derivative of the loss: by ŷ, or already by z(L)?",
    ),
    Mistake(
        "error-activation",
        "hidden activation's derivative applied to the output layer",
        "error",
        (lambda net, l, y: (y - net.Y) * net.activation.f_prime(net.z[l]),),
        "The output goes through the softmax, not through the hidden layers' f.",
        "Which function leads from z(L) to a(L)? Is its derivative not in ŷ - y already?",
    ),
    Mistake(
        "error-doubled",
        "a factor 2 on δ(L), as of a squared error",
        "error",
        (lambda net, l, y: 2 * (y - net.Y),),
        "The 2 comes from differentiating a square. The cross-entropy has none.",
        "Which loss's derivative carries a 2?",
    ),
    Mistake(
        "error-sum",
        "gradient of the sum of the losses, where the mean was asked",
        "factor",
        (lambda net, l, error: error * net.m,),
        "The mean over the examples brings 1/m into each gradient; without it each is m times too large.",
        "Is the loss the sum over the examples, or their mean?",
        of_all=True,
    ),
    Mistake(
        "error-mean-twice",
        "1/m in δ(L) already, and again in every gradient",
        "factor",
        (lambda net, l, error: error / net.m,),
        "1/m may stand in δ(L) or in the gradients, but not in both: each gradient is m times too small.",
        "Count the places where you divide by m between δ(L) and ∂L/∂W.",
        of_all=True,
    ),
    Mistake(
        "error-count",
        _COUNT[0],
        "factor",
        (lambda net, l, error: error * net.m / len(net.a[0]), lambda net, l, error: error * net.m / len(net.Y)),
        *_COUNT[1:],
        of_all=True,
    ),
    Mistake(
        "carried-untransposed",
        "W(l+1) the wrong way round",
        "carried",
        (lambda net, l, delta, dW: net.W[l + 1] @ delta,),
        "z = W a leads forward, so the transpose leads back. With a square W the wrong product runs unnoticed.",
        "Write out ∂z_k/∂a_j for one weight: over which index of W is summed on the way back?",
    ),
    Mistake(
        "carried-own",
        "W(l) where W(l+1) belongs",
        "carried",
        (lambda net, l, delta, dW: net.W[l].T @ delta,),
        "δ(l+1) came to be behind W(l+1), and the way back to a(l) leads through the same weights.",
        "Which weights stand between a(l) and z(l+1)?",
    ),
    Mistake(
        "carried-next",
        "W(l+2) where W(l+1) belongs",
        "carried",
        (lambda net, l, delta, dW: net.W[l + 2].T @ delta,),
        "δ(l+1) came to be behind W(l+1), and the way back to a(l) leads through the same weights.",
        "Which weights stand between a(l) and z(l+1)?",
        last=2,
    ),
    Mistake(
        "carried-updated",
        "W(l+1) already updated when δ(l) is computed",
        "carried",
        (),
        "All gradients belong to the weights of the forward pass. Update after the last of them is known.",
        "When was the loss computed: with W(l+1) from before the step, or from after it?",
        family=_updated,
    ),
    Mistake(
        "slope-missing",
        "activation's derivative missing",
        "slope",
        (lambda net, l: 1.0,),
        "Units that were switched off in the forward pass get a gradient as if they had been on.",
        "δ(l) is the derivative by z(l). Which function leads from z(l) to a(l)?",
    ),
    Mistake(
        "slope-previous",
        "activation's derivative taken in the layer before, at a(l-1)",
        "slope",
        (lambda net, l: net.activation.f_prime(net.a[l - 1]),),
        "The derivative belongs at this layer's own z(l) (for ReLU and LeakyReLU, a(l) has the same sign).",
        "For which units does δ(l) stand? Where were they on or off?",
    ),
    Mistake(
        "slope-next",
        "activation's derivative taken in the layer behind, at z(l+1)",
        "slope",
        (lambda net, l: net.activation.f_prime(net.z[l + 1]),),
        "The derivative belongs at this layer's own z(l).",
        "For which units does δ(l) stand? Where were they on or off?",
    ),
    Mistake(
        "slope-relu",
        "ReLU's derivative, where LeakyReLU was asked",
        "slope",
        (lambda net, l: np.where(net.z[l] > 0, 1.0, 0.0),),
        "LeakyReLU lets a little through where z < 0; with ReLU's 0 those units learn nothing.",
        "What is the slope of f left of 0?",
        applies=lambda net: not _sees_no_slope(net),
    ),
    Mistake(
        "slope-other",
        "another slope than f has where z < 0",
        "slope",
        (),
        "Forward and backward must use the same f: its slope where z < 0 is not the one that was asked.",
        "What is the slope of f left of 0? Is it the same number in the forward and the backward pass?",
        family=_slope,
    ),
    Mistake(
        "slope-side",
        "slopes of the two sides of 0 exchanged",
        "slope",
        (_side,),
        "The derivative is 1 where z > 0; here it is 1 where z < 0.",
        "Where is the unit on: left or right of 0?",
    ),
    Mistake(
        "slope-kink",
        ">= at the kink: f'(0) = 1",
        "slope",
        (_at_the_kink,),
        "At z = 0 there is no derivative, and everyone agrees on the one from the left (0 for ReLU). It matters: "
        "units that are exactly 0, as with weights of zeros, would otherwise learn.",
        "Which value do frameworks take for the derivative at exactly 0?",
    ),
    Mistake(
        "slope-value",
        "the activation itself where its derivative belongs",
        "slope",
        (lambda net, l: net.a[l],),
        "δ(l) is multiplied by f(z(l)), not by f'(z(l)).",
        "The chain rule multiplies by a derivative. Which one is it here?",
    ),
    Mistake(
        "slope-sigmoid",
        "the sigmoid's derivative a (1 - a)",
        "slope",
        (lambda net, l: net.a[l] * (1 - net.a[l]),),
        "a (1 - a) is the derivative of the sigmoid; this network's f is another function.",
        "Which activation do the hidden layers have, and what is its derivative?",
    ),
    Mistake(
        "entering-own",
        "a(l) where a(l-1) belongs",
        "entering",
        (lambda net, l: net.a[l],),
        "W(l) is multiplied by what enters the layer, not by what leaves it.",
        "What stands beside W(l) in z(l)?",
    ),
    Mistake(
        "entering-earlier",
        "a(l-2) where a(l-1) belongs",
        "entering",
        (lambda net, l: net.a[l - 2],),
        "W(l) is multiplied by what enters this layer, not by what enters the one before.",
        "What stands beside W(l) in z(l)?",
        first=2,
    ),
    Mistake(
        "entering-z",
        "z(l-1) where a(l-1) belongs",
        "entering",
        (lambda net, l: net.z[l - 1],),
        "What enters the layer has been through the activation.",
        "What stands beside W(l) in z(l)?",
        first=2,
    ),
    Mistake(
        "product-transposed",
        "transposed",
        "product",
        (lambda net, l, delta, a: a @ delta.T,),
        "A gradient has the shape of what it is the gradient of. With a square W a transposed one runs unnoticed.",
        "Which index of W belongs to δ(l), and which to a(l-1)?",
    ),
    Mistake(
        "product-elementwise",
        "elementwise product for matrix product",
        "product",
        (
            lambda net, l, delta, a: delta * a.T,
            lambda net, l, delta, a: delta * a,
            lambda net, l, delta, a: (delta * a).T,
            lambda net, l, delta, a: delta.T * a,
        ),
        "Each weight has a part in every example: its gradient is a sum over the examples, and @ is what sums.",
        "Over which index must δ(l) and a(l-1) be summed? Which operator does that?",
    ),
    Mistake("weight-mean-missing", _MEAN_MISSING[0], "mean_W", (lambda net, l, total: total,), *_MEAN_MISSING[1:]),
    Mistake("weight-mean-twice", _MEAN_TWICE[0], "mean_W", (lambda net, l, total: total / net.m**2,), *_MEAN_TWICE[1:]),
    Mistake(
        "weight-count",
        _COUNT[0],
        "mean_W",
        (lambda net, l, total: total / len(net.a[0]), lambda net, l, total: total / len(net.Y)),
        *_COUNT[1:],
    ),
    Mistake(
        "decay-missing",
        "L2 missing",
        "decay_W",
        (lambda net, l, mean: mean,),
        "The loss has (λ/2) Σ W², and its derivative belongs to the gradient.",
        "Which terms of the loss depend on W(l)?",
        applies=lambda net: net.l2 > 0,
    ),
    Mistake(
        "decay-doubled",
        "L2 doubled: 2λ W",
        "decay_W",
        (lambda net, l, mean: mean + 2 * net.l2 * net.W[l],),
        "The penalty is (λ/2) Σ W²: the ½ is there to cancel the 2 of the square.",
        "What is the derivative of (λ/2) w²?",
        applies=lambda net: net.l2 > 0,
    ),
    Mistake(
        "decay-unscaled",
        "L2 without its factor λ",
        "decay_W",
        (lambda net, l, mean: mean + net.W[l],),
        "Without λ the weights are pulled to 0 far too strongly.",
        "What is the derivative of (λ/2) w²?",
        applies=lambda net: net.l2 > 0,
    ),
    Mistake(
        "decay-mean",
        "L2 divided by m",
        "decay_W",
        (lambda net, l, mean: mean + net.l2 / net.m * net.W[l],),
        "The penalty (λ/2) Σ W² is no mean over examples. (Some courses do write (λ/2m) Σ W²; this loss does not.)",
        "Which parts of the loss have 1/m in front?",
        applies=lambda net: net.l2 > 0,
    ),
    Mistake(
        "decay-sign",
        "L2 with the wrong sign",
        "decay_W",
        (lambda net, l, mean: mean - net.l2 * net.W[l],),
        "The penalty then pushes the weights away from 0.",
        "Does the loss rise or fall when a positive weight grows?",
        applies=lambda net: net.l2 > 0,
    ),
    Mistake(
        "bias-all-axes",
        "summed over every axis, not over the examples alone",
        "sum",
        (
            lambda net, l, delta: np.full((1, 1), delta.sum()),
            lambda net, l, delta: np.full((1, 1), delta.mean() * net.m),
            lambda net, l, delta: np.full((1, 1), delta.mean()),
            lambda net, l, delta: _full(delta.sum(), net, l),
            lambda net, l, delta: _full(delta.mean() * net.m, net, l),
            lambda net, l, delta: _full(delta.mean(), net, l),
        ),
        "All units of the layer get the same number. In the last layer it is exactly 0, because each example's "
        "ŷ - y sums to 0, so the output bias never trains; the network still reaches a decent accuracy.",
        "b(l) has one number for each unit. Over what is summed, and what stays apart?",
    ),
    Mistake(
        "bias-wrong-axis",
        "summed over the units, not over the examples",
        "sum",
        (
            lambda net, l, delta: delta.sum(axis=0, keepdims=True),
            lambda net, l, delta: _same_length(delta.sum(axis=0), net, l),
        ),
        "There is then one number for each example, where there should be one for each unit.",
        "b(l) was added to every example. Along which axis do the examples lie?",
    ),
    Mistake(
        "bias-not-summed",
        "not summed over the examples",
        "sum",
        (lambda net, l, delta: delta,),
        "b(l) was added to every example, so its gradient is the sum of what comes back from all of them.",
        "b(l) has one number for each unit, whatever m is. How does the gradient get that shape?",
    ),
    Mistake(
        "bias-flat",
        "lying down where the bias stands (or the other way round)",
        "sum",
        (lambda net, l, delta: delta.sum(axis=1)[None, :],),
        "The numbers are right, but b - η db broadcasts silently to a matrix.",
        "Compare the shapes of b(l) and of your sum (keepdims?).",
    ),
    Mistake("bias-mean-missing", _MEAN_MISSING[0], "mean_b", (lambda net, l, total: total,), *_MEAN_MISSING[1:]),
    Mistake("bias-mean-twice", _MEAN_TWICE[0], "mean_b", (lambda net, l, total: total / net.m**2,), *_MEAN_TWICE[1:]),
    Mistake(
        "bias-count",
        _COUNT[0],
        "mean_b",
        (lambda net, l, total: total / len(net.a[0]), lambda net, l, total: total / len(net.Y)),
        *_COUNT[1:],
    ),
    Mistake(
        "bias-decay",
        "L2 on the bias too",
        "decay_b",
        (lambda net, l, mean: mean + net.l2 * net.b[l],),
        "The penalty is on the weights alone; the loss has no term b².",
        "Which parameters stand in the L2 term of the loss?",
        applies=lambda net: net.l2 > 0,
    ),
)
"""Every known mistake, in the order of the derivation."""


@dataclass(frozen=True)
class Placed:
    """A mistake in a layer, written in one of its ways, or with the number that was found for it."""

    mistake: Mistake
    layer: int
    way: int = 0
    value: float | None = None

    @property
    def line(self) -> Line:
        if self.mistake.family:
            return self.mistake.family(0.0 if self.value is None else self.value)
        return self.mistake.ways[self.way]

    @property
    def key(self) -> tuple[str, int]:
        """What it is called, whichever way it was written."""
        return self.mistake.name, self.layer


def lines(placed: Sequence[Placed]) -> dict[tuple[str, int], Line]:
    """The lines that these mistakes replace."""
    return {(p.mistake.slot, p.layer): p.line for p in placed}


def placements(net: Network) -> list[tuple[Mistake, int]]:
    """Every mistake with every layer of the network that it can be made in."""
    return [(mistake, l) for l in range(1, net.L + 1) for mistake in MISTAKES if mistake.fits(net, l)]


def find(name: str) -> Mistake:
    """The mistake of a name; KeyError where there is none."""
    return {m.name: m for m in MISTAKES}[name]
