"""The catalogue of known mistakes, in the order of the derivation, each with the line as it is written wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from tinygrad_mnist.grading.textbook.derivation import Line, Network, Values
from tinygrad_mnist.grading.textbook.mistakes import Mistake, Placement, rounded
from tinygrad_mnist.manual.activations import Activation, Array, sigmoid, tanh
from tinygrad_mnist.manual.columns import CLASSES_AXIS, softmax
from tinygrad_mnist.manual.heads import LINEAR, SIGMOID, SOFTMAX


def _softmax_with(shift: Callable[[Array], float | Array], axis: int | None = 0, dtype: DTypeLike = float) -> Line:
    """softmax with another shift, with sums over another axis or over all of it, or in another dtype."""

    def line(net: Network, l: int) -> Array:
        z = net.z[l].astype(dtype)
        e = np.exp(z - shift(z))
        return np.asarray(e / e.sum(axis=axis, keepdims=True), float)

    return line


def _unshifted(z: Array) -> float:
    return 0.0


def _error(net: Network, y: Array) -> Array:
    """δ(L) as it should be for an output."""
    return net.head.error(y, net.Y, CLASSES_AXIS)


def _by_output(net: Network, l: int, y: Array) -> Array:
    return net.head.scale(len(net.Y)) * net.head.by_output(y, net.Y)


def _hidden_slope(net: Network, y: Array) -> Array:
    """f' of the hidden layers at the output, where it is written in a as for tanh: 1 - ŷ²."""
    return 1 - y**2 if net.activation is tanh else net.activation.f_prime(net.z[net.L])


def _times(factor: float) -> Line:
    return lambda net, l, gradient: factor * gradient


def _clip(limit: float) -> Line:
    return lambda net, l, gradient: np.clip(gradient, -limit, limit)


def _largest(found: Values, expected: Values) -> float | None:
    """The number that gradients can have been clipped at: where some are, others must have been let through."""
    pairs = [(f, e) for f, e in zip(found, expected, strict=True) if f is not None and e is not None]
    finite = [(f, e) for f, e in pairs if f.shape == e.shape and np.isfinite(f).all() and np.isfinite(e).all()]
    limit = max((float(np.abs(f).max()) for f, _ in finite), default=0.0)
    through = sum(int((np.abs(e) < limit).sum()) for _, e in finite)
    return limit if through >= 3 else None


def _a_learning_rate(value: float) -> str:
    return f"a learning rate of {rounded(value)}"


def _same_length(total: Array, net: Network, l: int) -> Array:
    """A sum over the wrong axis that was not kept; beside as many units as examples it looks like the bias."""
    return total.reshape(-1, 1) if net.m == len(net.W[l]) else total.reshape(1, -1)


def _for_each_unit(value: float, net: Network, l: int) -> Array:
    return np.full((len(net.W[l]), 1), value)


def _above_a_slope(net: Network, l: int) -> bool:
    """Whether the layer above has a derivative of its own in its δ: a last one has none where it is folded in ŷ - y."""
    return l <= net.L - 2 or (l == net.L - 1 and not net.head.folded and net.head.output.name != "linear")


def _without_slope(net: Network, l: int, above: Any) -> Array:
    if l + 1 < net.L:
        return np.asarray(net.W[l + 1].T @ above.carried[l + 1])
    return np.asarray(net.W[l + 1].T @ (net.head.scale(len(net.Y)) * (net.a[net.L] - net.Y)))


def _slope_below(net: Network, l: int) -> Array:
    """f'(z(l-1)), as a (1 - a) of the layer below is for a sigmoid; of X itself, which has been through no f."""
    return net.activation.f_prime(net.z[l - 1] if l > 1 else net.a[0])


def _with_a_penalty(net: Network, l: int) -> bool:
    return net.l2 * net.shares.get(l, 1) > 0


def _with_a_half(net: Network, l: int) -> bool:
    return _with_a_penalty(net, l) and net.penalty.factor != 1


def _with_a_mean(net: Network, l: int) -> bool:
    return _with_a_penalty(net, l) and net.penalty.averaged


def _without_a_mean(net: Network, l: int) -> bool:
    return _with_a_penalty(net, l) and not net.penalty.averaged


def _softmax(net: Network, l: int) -> bool:
    return net.head.output is SOFTMAX


def _with_an_output_slope(net: Network, l: int) -> bool:
    """Whether δ(L) has the output's derivative as a factor of its own."""
    return not net.head.folded and net.head.output is not LINEAR


def _cross_entropy(net: Network, l: int) -> bool:
    return net.head.folded and net.head.output is SOFTMAX


def _log_loss(net: Network, l: int) -> bool:
    return net.head.folded and net.head.output is SIGMOID


def _another_output(net: Network, l: int) -> bool:
    """Whether the hidden layers' f is not the output's."""
    return not np.array_equal(net.activation.f(net.z[l]), net.head.f(net.z[l], CLASSES_AXIS))


def _with_a_kink(net: Network, l: int) -> bool:
    """Whether f is ReLU or a leaky one."""
    sides = net.activation.f_prime(np.array([-2.0, -1.0, 1.0, 2.0]))
    return bool(sides[0] == sides[1] != sides[2] == sides[3])


def _with_a_slope(net: Network, l: int) -> bool:
    """Whether something passes where z < 0: not for ReLU."""
    return bool(net.activation.f_prime(np.array([-1.0]))[0])


_WRITTEN_IN_A: dict[Activation, Callable[[Array], Array]] = {sigmoid: lambda a: a * (1 - a), tanh: lambda a: 1 - a**2}
"""f'(z) written in a = f(z), where people do so."""

_COUNT = (
    "m counted along the wrong axis",
    "The gradient is divided by a number of features, units or classes, not of examples.",
    "Which axis of X holds the examples in the convention you use?",
)
_BY_ANOTHER_COUNT: tuple[Line, ...] = (
    lambda net, l, total: total / net.features,
    lambda net, l, total: total / len(net.Y),
    lambda net, l, total: total / (net.features if l == 1 else len(net.a[l - 1])),
)
_MEAN_MISSING: tuple[str, str, str, tuple[Line, ...]] = (
    "1/m missing",
    "The loss is the mean over the m examples, so its gradient is too. Without 1/m it is m times too large, and "
    "the learning rate depends on the size of the batch.",
    "What does the mean in the loss do to the gradient of each example's own loss?",
    (lambda net, l, total: total,),
)
_MEAN_TWICE: tuple[str, str, str, tuple[Line, ...]] = (
    "1/m twice (or the mean of a mean)",
    "1/m belongs to the loss and comes into each gradient once. Here it is applied a second time, so the "
    "gradient is m times too small and training crawls.",
    "Count the places where you divide by m, or take a mean, between δ(L) and this gradient.",
    (lambda net, l, total: total / net.m**2,),
)

_SCALED = (
    "a constant times what it should be",
    "It is right but for one number, the same on every network. A learning rate and momentum's 1 - β belong to the "
    "update, a factor of the loss into δ(L); and a mean over the outputs of an example is one over their number.",
    "Which numbers in your program are neither in the loss nor in its derivative?",
)
_TURNED: tuple[str, str, str, tuple[Line, ...]] = (
    "sign turned",
    "Gradient descent subtracts the gradient: with its sign turned it climbs.",
    "Is it the gradient that you return, or already the step against it?",
    (lambda net, l, gradient: -gradient,),
)
_CLIPPED = (
    "clipped",
    "What is clipped is no longer the gradient of the loss. Clip in the update, and return the gradient.",
    "Is clipping a part of the derivative, or of the step?",
)


# fmt: off
MISTAKES: tuple[Mistake, ...] = (
    Mistake("softmax-axis", "output", "softmax over the wrong axis",
        "Each example's class probabilities must sum to 1. Here those of another axis do, or all of them together.",
        "Which axis of z(L) holds the classes of one example?",
        (lambda net, l: softmax(net.z[l].T).T,
         _softmax_with(_unshifted, axis=1),
         _softmax_with(lambda z: z.max(axis=0), axis=1),
         _softmax_with(np.max, axis=1),
         _softmax_with(np.max, axis=None),
         _softmax_with(lambda z: z.max(axis=0), axis=None)), where=_softmax),
    Mistake("softmax-unshifted", "output", "softmax without the maximum subtracted",
        "exp overflows above 709 (above 88 in float32), and ∞/∞ is NaN. On small logits it looks right.",
        "What can be subtracted from all logits of an example without changing its softmax?",
        (_softmax_with(_unshifted), _softmax_with(_unshifted, dtype=np.float32)), where=_softmax),
    Mistake("softmax-array-max", "output", "softmax shifted by the maximum of the whole array",
        "Where one example's logits lie far below another's, all of its exp underflow to 0, and 0/0 is NaN.",
        "Whose maximum must be subtracted from the logits of an example?",
        (_softmax_with(np.max),), where=_softmax),
    Mistake("error-sign", "error", "sign of δ(L) turned: y - ŷ",
        "Every gradient points uphill: gradient descent then raises the loss.",
        "Where the probability of a wrong class is too high, must its ∂L/∂z be positive or negative?",
        (lambda net, l, y: -_error(net, y),)),
    Mistake("error-labels-missing", "error", "ŷ alone, the labels are not subtracted",
        "The gradient does not depend on the labels at all, so nothing can be learned from them.",
        "Where do the labels come into the derivative of the loss?",
        (lambda net, l, y: net.head.error(y, np.zeros_like(net.Y), CLASSES_AXIS),)),
    Mistake("error-labels-added", "error", "ŷ + y: the labels are added, not subtracted",
        "All of its elements are positive, so every logit is pushed down, that of the right class most of all.",
        "Which sign must ∂L/∂z have for the right class, whose probability is too low?",
        (lambda net, l, y: net.head.error(y, -net.Y, CLASSES_AXIS),), where=_cross_entropy),
    Mistake("error-log-alone", "error", "derivative of the log alone, that of the output is missing",
        "-y/ŷ and its like are derivatives by the output ŷ. δ(L) is the derivative by z(L): one step further back.",
        "You have ∂L/∂ŷ. What lies between ŷ and z(L), and what is its derivative?",
        (_by_output,), where=lambda net, l: net.head.folded),
    Mistake("error-squared-slope-missing", "error", "ŷ - y alone, the output's derivative is missing",
        "ŷ - y is the derivative of the squared error by the output ŷ. δ(L) is the derivative by z(L): one step "
        "further back.",
        "You have ∂L/∂ŷ. What lies between ŷ and z(L), and what is its derivative?",
        (_by_output,), where=_with_an_output_slope),
    Mistake("error-activated", "error", "output's derivative taken at ŷ, where it belongs at z(L)",
        "The derivative is a function of z(L). Given ŷ, which is the output already, it applies it twice.",
        "Does the function that you call for the output's derivative expect z(L), or ŷ?",
        (lambda net, l, y: net.head.output.back(_by_output(net, l, y), net.head.f(y, CLASSES_AXIS), CLASSES_AXIS),),
        where=_with_an_output_slope),
    Mistake("error-log-divided", "error", "divided by ŷ (1 - ŷ), which is 0 where ŷ rounds to 0 or 1",
        "0/0 is NaN, so that one example of which the network is very sure makes every gradient NaN.",
        "The derivatives of the log loss and of the sigmoid have a factor in common. What is left without it?",
        (lambda net, l, y: net.head.output.back(net.head.by_output(y, net.Y), y, CLASSES_AXIS),),
        where=_log_loss),
    Mistake("error-softmax-again", "error", "derivative of the softmax applied again on top of ŷ - y",
        "ŷ - y is the derivative of cross-entropy and softmax together. Multiplied by the softmax's own derivative "
        "it almost vanishes where the network is surely wrong.",
        "By what is ŷ - y the derivative of the loss: by ŷ, or already by z(L)?",
        (lambda net, l, y: (y - net.Y) * y * (1 - y),
         lambda net, l, y: net.head.output.back(y - net.Y, y, CLASSES_AXIS)), where=_cross_entropy),
    Mistake("error-sigmoid-again", "error", "derivative of the sigmoid applied again on top of ŷ - y",
        "ŷ - y is the derivative of log loss and sigmoid together. Multiplied by ŷ (1 - ŷ) once more it almost "
        "vanishes where the network is surely wrong.",
        "By what is ŷ - y the derivative of the loss: by ŷ, or already by z(L)?",
        (lambda net, l, y: _error(net, y) * y * (1 - y),), where=_log_loss),
    Mistake("error-squared-softmax", "error", "ŷ (1 - ŷ) for the derivative of the softmax",
        "Each output of a softmax depends on every z: its derivative is a matrix, and ŷ (1 - ŷ) only its diagonal.",
        "If one logit rises, what happens to the probabilities of the other classes?",
        (lambda net, l, y: _by_output(net, l, y) * y * (1 - y),), where=_softmax),
    Mistake("error-activation", "error", "hidden activation's derivative applied to the output layer",
        "The output goes through a function of its own, not through the hidden layers' f.",
        "Which function leads from z(L) to a(L)? Is its derivative not in δ(L) already?",
        (lambda net, l, y: _error(net, y) * net.activation.f_prime(net.z[l]),
         lambda net, l, y: _error(net, y) * _hidden_slope(net, y)), where=_another_output),
    Mistake("error-doubled", "error", "a factor 2 on δ(L), as of a squared error",
        "The 2 comes from differentiating a square. A log has none.",
        "Which loss's derivative carries a 2?",
        (lambda net, l, y: 2 * _error(net, y),), where=lambda net, l: net.head.folded),
    Mistake("error-square-factor", "error", "another factor on δ(L) than this squared error has",
        "A square's derivative brings a 2, and a ½ in the loss cancels it.",
        "Write the loss down with its factor. What is its derivative by ŷ?",
        (lambda net, l, y: 2 * _error(net, y),
         lambda net, l, y: _error(net, y) / 2), where=lambda net, l: not net.head.folded),
    Mistake("error-sum", "factor", "gradient of the sum of the losses, where the mean was asked",
        "The mean over the examples brings 1/m into each gradient; without it each is m times too large.",
        "Is the loss the sum over the examples, or their mean?",
        (lambda net, l, error: error * net.m,)),
    Mistake("error-mean-twice", "factor", "1/m in δ(L) already, and again in every gradient",
        "1/m may stand in δ(L) or in the gradients, but not in both: each gradient is m times too small.",
        "Count the places where you divide by m between δ(L) and ∂L/∂W.",
        (lambda net, l, error: error / net.m,)),
    Mistake("error-count", "factor", *_COUNT,
        (lambda net, l, error: error * net.m / net.features,
         lambda net, l, error: error * net.m / len(net.Y))),
    Mistake("error-constant", "factor", "divided not by m, but by a constant",
        "The mean is over the examples that the function is given, a batch, and not over those of the whole data set.",
        "How many examples are in the X of this call?",
        family=lambda share: lambda net, l, error: error * net.m * max(share, 0),  # what is counted is not negative
        number=lambda share: rounded(1 / share) if share else "0"),
    Mistake("error-scaled", "factor", *_SCALED, family=_times),
    Mistake("carried-untransposed", "carried", "W(l+1) the wrong way round",
        "z = W a leads forward, so the transpose leads back. With a square W the wrong product runs unnoticed.",
        "Write out ∂z_k/∂a_j for one weight: over which index of W is summed on the way back?",
        (lambda net, l, above: net.W[l + 1] @ above.delta[l + 1],)),
    Mistake("carried-own", "carried", "W(l) where W(l+1) belongs",
        "δ(l+1) came to be behind W(l+1), and the way back to a(l) leads through the same weights.",
        "Which weights stand between a(l) and z(l+1)?",
        (lambda net, l, above: net.W[l].T @ above.delta[l + 1],)),
    Mistake("carried-next", "carried", "W(l+2) where W(l+1) belongs",
        "δ(l+1) came to be behind W(l+1), and the way back to a(l) leads through the same weights.",
        "Which weights stand between a(l) and z(l+1)?",
        (lambda net, l, above: net.W[l + 2].T @ above.delta[l + 1],), where=lambda net, l: l <= net.L - 2),
    Mistake("carried-updated", "carried", "W(l+1) already updated when δ(l) is computed",
        "All gradients belong to the weights of the forward pass. Update after the last of them is known.",
        "When was the loss computed: with W(l+1) from before the step, or from after it?",
        family=lambda rate: lambda net, l, above: (net.W[l + 1] - rate * above.dW[l + 1]).T @ above.delta[l + 1],
        number=_a_learning_rate),
    Mistake("carried-updated-each", "carried", "W(l+1) already updated with each example when its δ(l) is computed",
        "All gradients belong to the weights of the forward pass. Update after the last of them is known.",
        "When was the loss computed: with W(l+1) from before the step, or from after it?",
        family=lambda rate: lambda net, l, above:  # W - rate δaᵀ, carried back, is Wᵀδ - rate a (δᵀδ)
            net.W[l + 1].T @ above.delta[l + 1] - rate * net.a[l] * (above.delta[l + 1] ** 2).sum(axis=0),
        number=_a_learning_rate, where=lambda net, l: net.m > 1),
    Mistake("carried-without-slope", "carried", "∂L/∂a(l+1) carried on, without f'(z(l+1)) on the way",
        "What is carried back is δ(l+1), which has f'(z(l+1)) in it. Without it, units that were switched off there "
        "pass the error on as if they had been on.",
        "Which of your variables is ∂L/∂z(l+1), and which is still ∂L/∂a(l+1)?",
        (_without_slope,), where=_above_a_slope),
    Mistake("carried-other", "carried", "δ(l+2) carried back where δ(l+1) belongs",
        "The error goes back one layer at a time: to a(l) it comes from z(l+1).",
        "Which δ stands behind W(l+1)?",
        (lambda net, l, above: net.W[l + 1].T @ above.delta[l + 2],), where=lambda net, l: l <= net.L - 2),
    Mistake("slope-missing", "slope", "activation's derivative missing",
        "Units that were switched off in the forward pass get a gradient as if they had been on.",
        "δ(l) is the derivative by z(l). Which function leads from z(l) to a(l)?",
        (lambda net, l: np.array(1.0),)),
    Mistake("slope-previous", "slope", "activation's derivative taken in the layer before, at a(l-1)",
        "The derivative belongs at this layer's own z(l) (for ReLU and LeakyReLU, a(l) has the same sign).",
        "For which units does δ(l) stand? Where were they on or off?",
        (lambda net, l: net.activation.f_prime(net.a[l - 1]), _slope_below)),
    Mistake("slope-next", "slope", "activation's derivative taken in the layer behind, at z(l+1)",
        "The derivative belongs at this layer's own z(l). (One object that serves as two layers' f has only the values "
        "of the last of them when the error comes back.)",
        "For which units does δ(l) stand? Where were they on or off?",
        (lambda net, l: net.activation.f_prime(net.z[l + 1]),)),
    Mistake("slope-relu", "slope", "ReLU's derivative, where f is another function",
        "f lets something through where z < 0; with ReLU's 0 those units learn nothing.",
        "What is the slope of f left of 0?",
        (lambda net, l: np.where(net.z[l] > 0, 1.0, 0.0),), where=_with_a_slope),
    Mistake("slope-other", "slope", "another slope than f has where z < 0",
        "Forward and backward must use the same f: its slope where z < 0 is not the one that was asked.",
        "What is the slope of f left of 0? Is it the same number in the forward and the backward pass?",
        family=lambda s: lambda net, l: np.where(net.z[l] > 0, 1, s), where=_with_a_kink),
    Mistake("slope-side", "slope", "slopes of the two sides of 0 exchanged",
        "The derivative is 1 where z > 0; here it is 1 where z < 0.",
        "Where is the unit on: left or right of 0?",
        (lambda net, l: net.activation.f_prime(-net.z[l]),), where=_with_a_kink),
    Mistake("slope-kink", "slope", ">= at the kink: f'(0) = 1",
        "At z = 0 there is no derivative, and frameworks take the one from the left (0 for ReLU). It matters where "
        "units are exactly 0, as with weights of zeros.",
        "Which value do frameworks take for the derivative at exactly 0?",
        (lambda net, l: np.where(net.z[l] >= 0, 1, net.activation.f_prime(net.z[l])),), where=_with_a_kink),
    Mistake("slope-value", "slope", "the activation itself where its derivative belongs",
        "δ(l) is multiplied by f(z(l)), not by f'(z(l)).",
        "The chain rule multiplies by a derivative. Which one is it here?",
        (lambda net, l: net.a[l],)),
    Mistake("slope-sum", "slope", "z(l) itself where f'(z(l)) belongs",
        "δ(l) is multiplied by z(l), not by f'(z(l)).",
        "The chain rule multiplies by a derivative. Which one is it here?",
        (lambda net, l: net.z[l],)),
    Mistake("slope-sigmoid", "slope", "the sigmoid's derivative a (1 - a)",
        "a (1 - a) is the derivative of the sigmoid; this network's f is another function.",
        "Which activation do the hidden layers have, and what is its derivative?",
        (lambda net, l: net.a[l] * (1 - net.a[l]),), where=lambda net, l: net.activation is not sigmoid),
    Mistake("slope-tanh", "slope", "the derivative of tanh, 1 - a²",
        "1 - a² is the derivative of tanh; this network's f is another function.",
        "Which activation do the hidden layers have, and what is its derivative?",
        (lambda net, l: 1 - net.a[l] ** 2,), where=lambda net, l: net.activation is not tanh),
    Mistake("slope-part", "slope", "1 - a alone for the activation's derivative",
        "The sigmoid's derivative is a (1 - a), that of tanh 1 - a²; of 1 - a alone, something is missing.",
        "Differentiate f(z), and write the result in a = f(z). What stands beside 1 - a?",
        (lambda net, l: 1 - net.a[l],), where=lambda net, l: net.activation in _WRITTEN_IN_A),
    Mistake("slope-activated", "slope", "activation's derivative taken at a(l), where it belongs at z(l)",
        "f' is a function of z(l). Given a(l), which has been through f already, it applies f twice.",
        "Does the function that you call for f' expect z(l), or a(l)?",
        (lambda net, l: net.activation.f_prime(net.a[l]),), where=lambda net, l: not _with_a_kink(net, l)),
    Mistake("slope-unactivated", "slope", "z(l) in the formula for f' that is written in a(l)",
        "a (1 - a) and 1 - a² are f'(z) only with a = f(z); with z itself they are no derivative at all.",
        "Does the function that you call for f' expect z(l), or a(l)?",
        (lambda net, l: _WRITTEN_IN_A[net.activation](net.z[l]),),
        where=lambda net, l: net.activation in _WRITTEN_IN_A),
    Mistake("slope-twice", "slope", "activation's derivative applied twice",
        "δ(l) passes through f once on its way back.",
        "Where else in your program is this error multiplied by f'(z(l))?",
        (lambda net, l: net.activation.f_prime(net.z[l]) ** 2,), where=_with_a_slope),
    Mistake("carried-missing", "passed", "f'(z(l)) alone, what comes back from behind is left out",
        "δ(l) is the product of both. Alone, the slope knows nothing of the labels, nor of the layers behind.",
        "What does the layer behind hand back, and where do you multiply by it?",
        (lambda net, l, carried, slope: slope * np.ones_like(carried),
         lambda net, l, carried, slope: slope * np.ones_like(carried) * net.m)),
    Mistake("carried-activated", "passed", "activation applied to the error on its way back",
        "f belongs to the forward pass. What comes back is multiplied by f'(z(l)), whatever its own sign is.",
        "The chain rule multiplies by a derivative. At which value is it taken?",
        (lambda net, l, carried, slope: net.activation.f(carried),
         lambda net, l, carried, slope: net.activation.f(carried) * slope)),
    Mistake("carried-sign", "passed", "sign of δ(l) turned",
        "The error comes back with the sign that it has; what lies below is trained uphill.",
        "Where does a minus come into δ(l)?",
        (lambda net, l, carried, slope: -carried * slope,)),
    Mistake("carried-scaled", "passed", *_SCALED, family=lambda c: lambda net, l, carried, slope: c * carried * slope),
    Mistake("entering-own", "entering", "a(l) where a(l-1) belongs",
        "W(l) is multiplied by what enters the layer, not by what leaves it.",
        "What stands beside W(l) in z(l)?",
        (lambda net, l: net.a[l],)),
    Mistake("entering-earlier", "entering", "a(l-2) where a(l-1) belongs",
        "W(l) is multiplied by what enters this layer, not by what enters the one before.",
        "What stands beside W(l) in z(l)?",
        (lambda net, l: net.a[l - 2],), where=lambda net, l: l > 1),
    Mistake("entering-z", "entering", "z(l-1) where a(l-1) belongs",
        "What enters the layer has been through the activation.",
        "What stands beside W(l) in z(l)?",
        (lambda net, l: net.z[l - 1],), where=lambda net, l: l > 1),
    Mistake("entering-input", "entering", "X where a(l-1) belongs",
        "W(l) is multiplied by what enters this layer, and X enters the first alone.",
        "What stands beside W(l) in z(l)?",
        (lambda net, l: net.a[0],), where=lambda net, l: l > 2),
    Mistake("product-transposed", "product", "transposed",
        "A gradient has the shape of what it is the gradient of. With a square W a transposed one runs unnoticed.",
        "Which index of W belongs to δ(l), and which to a(l-1)?",
        (lambda net, l, delta, a: a @ delta.T,)),
    Mistake("product-elementwise", "product", "elementwise product for matrix product",
        "Each weight has a part in every example: its gradient is a sum over the examples, and @ is what sums.",
        "Over which index must δ(l) and a(l-1) be summed? Which operator does that?",
        (lambda net, l, delta, a: delta * a.T,
         lambda net, l, delta, a: delta * a,
         lambda net, l, delta, a: (delta * a).T,
         lambda net, l, delta, a: delta.T * a)),
    Mistake("product-not-summed", "product", "of the last example alone, not summed over the examples",
        "Each weight has a part in every example: its gradient is the sum of what comes back from all of them.",
        "Where are the examples' own gradients added up?",
        (lambda net, l, delta, a: delta[:, -1:] @ a[:, -1:].T,)),
    Mistake("weight-mean-missing", "mean_W", *_MEAN_MISSING),
    Mistake("weight-mean-twice", "mean_W", *_MEAN_TWICE),
    Mistake("weight-count", "mean_W", *_COUNT, _BY_ANOTHER_COUNT),
    Mistake("decay-missing", "decay_W", "L2 missing",
        "The loss has a penalty on W, and its derivative belongs to the gradient.",
        "Which terms of the loss depend on W(l)?",
        (lambda net, l, mean: mean,), where=_with_a_penalty),
    Mistake("decay-doubled", "decay_W", "L2 doubled",
        "The penalty has a ½, which is there to cancel the 2 of the square.",
        "What is the derivative of (λ/2) w²?",
        (lambda net, l, mean: mean + 2 * net.decay(l),), where=_with_a_half),
    Mistake("decay-halved", "decay_W", "L2 halved",
        "The derivative of a square has a 2. A ½ in the penalty cancels it, and then none is left in the gradient.",
        "What is the derivative of λ w², and of (λ/2) w²?",
        (lambda net, l, mean: mean + net.decay(l) / 2,), where=_with_a_penalty),
    Mistake("decay-unscaled", "decay_W", "L2 without its factor λ",
        "Without λ the weights are pulled to 0 far too strongly.",
        "What is the derivative of (λ/2) w²?",
        (lambda net, l, mean: mean + net.decay(l) / net.l2,), where=_with_a_penalty),
    Mistake("decay-mean", "decay_W", "L2 divided by m",
        "The penalty is no mean over examples. (Some courses do write (λ/2m) Σ W²; this loss does not.)",
        "Which parts of the loss have 1/m in front?",
        (lambda net, l, mean: mean + net.decay(l) / net.m,), where=_without_a_mean),
    Mistake("decay-mean-missing", "decay_W", "L2 not divided by m",
        "The penalty stands in the mean over the examples, as the loss does.",
        "Which parts of the loss have 1/m in front?",
        (lambda net, l, mean: mean + net.decay(l) * net.m,), where=_with_a_mean),
    Mistake("decay-sign", "decay_W", "L2 with the wrong sign",
        "The penalty then pushes the weights away from 0.",
        "Does the loss rise or fall when a positive weight grows?",
        (lambda net, l, mean: mean - net.decay(l),), where=_with_a_penalty),
    Mistake("weight-sign", "given_W", *_TURNED),
    Mistake("weight-scaled", "given_W", *_SCALED, family=_times),
    Mistake("weight-clipped", "given_W", *_CLIPPED, family=_clip, guess=_largest),
    Mistake("bias-all-axes", "sum", "summed over every axis, not over the examples alone",
        "All units of the layer get the same number. In the last layer it is exactly 0, because each example's ŷ - y "
        "sums to 0, so the output bias never trains; the network still reaches a decent accuracy.",
        "b(l) has one number for each unit. Over what is summed, and what stays apart?",
        (lambda net, l, delta: np.full((1, 1), delta.sum()),
         lambda net, l, delta: np.full((1, 1), delta.mean() * net.m),
         lambda net, l, delta: np.full((1, 1), delta.mean()),
         lambda net, l, delta: _for_each_unit(delta.sum(), net, l),
         lambda net, l, delta: _for_each_unit(delta.mean() * net.m, net, l),
         lambda net, l, delta: _for_each_unit(delta.mean(), net, l))),
    Mistake("bias-wrong-axis", "sum", "summed over the units, not over the examples",
        "There is then one number for each example, where there should be one for each unit.",
        "b(l) was added to every example. Along which axis do the examples lie?",
        (lambda net, l, delta: delta.sum(axis=0, keepdims=True),
         lambda net, l, delta: _same_length(delta.sum(axis=0), net, l))),
    Mistake("bias-not-summed", "sum", "not summed over the examples",
        "b(l) was added to every example, so its gradient is the sum of what comes back from all of them.",
        "b(l) has one number for each unit, whatever m is. How does the gradient get that shape?",
        (lambda net, l, delta: delta,
         lambda net, l, delta: delta[:, -1:])),
    Mistake("bias-flat", "sum", "lying down where the bias stands (or the other way round)",
        "The numbers are right, but b - η db broadcasts silently to a matrix.",
        "Compare the shapes of b(l) and of your sum (keepdims?).",
        (lambda net, l, delta: delta.sum(axis=1)[None, :],)),
    Mistake("bias-from-weights", "sum", "∂L/∂W(l) summed over its inputs",
        "Each example's δ(l) is then weighted with the sum of its inputs. b(l) is added as it is: its input is 1.",
        "By what is b(l) multiplied in z(l)?",
        (lambda net, l, delta: delta @ net.entering_sum(l).T,)),
    Mistake("bias-max", "sum", "the largest of the examples where their sum belongs",
        "b(l) was added to every example, so all of them have their part in its gradient.",
        "b(l) has a part in every example's loss. How are these parts put together?",
        (lambda net, l, delta: delta.max(axis=1, keepdims=True),)),
    Mistake("bias-mean-missing", "mean_b", *_MEAN_MISSING),
    Mistake("bias-mean-twice", "mean_b", *_MEAN_TWICE),
    Mistake("bias-count", "mean_b", *_COUNT, _BY_ANOTHER_COUNT),
    Mistake("bias-decay", "decay_b", "L2 on the bias too",
        "The penalty is on the weights alone; the loss has no term b².",
        "Which parameters stand in the L2 term of the loss?",
        (lambda net, l, mean: mean + net.penalty.rate(net.l2, net.m) * net.b[l],), where=_with_a_penalty),
    Mistake("bias-sign", "given_b", *_TURNED),
    Mistake("bias-scaled", "given_b", *_SCALED, family=_times),
    Mistake("bias-clipped", "given_b", *_CLIPPED, family=_clip, guess=_largest),
)
# fmt: on
"""Every known mistake. A line takes what `derivation.CORRECT` shows for its slot."""


def named(name: str) -> Mistake:
    """The mistake of this name."""
    return next(mistake for mistake in MISTAKES if mistake.name == name)


def possible(net: Network) -> list[Placement]:
    """Every mistake in every layer of the network that it can be made in."""
    return [Placement(mistake, l) for l in range(1, net.L + 1) for mistake in MISTAKES if mistake.fits(net, l)]
