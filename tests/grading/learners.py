"""Learners: the derivation with mistakes put into it, written in any convention."""

from tinygrad_mnist.grading.textbook import derivation
from tinygrad_mnist.grading.textbook.catalogue import MISTAKES
from tinygrad_mnist.grading.textbook.mistakes import Placement, lines

NUMBER = 0.05
"""For mistakes with a number in them: a learning rate, a slope."""

BY_NAME = {mistake.name: mistake for mistake in MISTAKES}


def put(mistake, l, variant=0):
    return Placement(mistake, l, variant, NUMBER if mistake.family else None)


def derived(probes, placed):
    """Its gradients on each probe, None where its shapes don't fit."""
    return probes.derive(lines(placed))


def from_columns(convention, gradient, parameter):
    """The reverse of `Convention.to_columns`, for a gradient that was derived in columns."""
    if parameter.shape[1] > 1:
        return gradient.T if convention.weights_in_out else gradient
    if convention.columns:
        return gradient
    return gradient[:, 0] if gradient.shape == parameter.shape else gradient.T


def function(placed, convention, activation, l2):
    """A function gradients(X, Y, W1, b1, …) that makes these mistakes."""

    def gradients(X, Y, *parameters):
        W, b = list(parameters[::2]), list(parameters[1::2])
        if not convention.columns:
            X, Y = X.T, Y.T
            W = [w.T for w in W] if convention.weights_in_out else W
            b = [c[:, None] for c in b]
        net = derivation.run(X, Y, W, b, activation, l2)
        found = derivation.derive(net, lines(placed))
        returned = []
        for l in net.W:
            for gradient, parameter in ((found.dW[l], W[l - 1]), (found.db[l], b[l - 1])):
                returned.append(from_columns(convention, gradient, parameter))
        return tuple(returned)

    return gradients
