"""How far a numerical gradient can be trusted: its error over the step ε, and the two ways to be misled.

(f(x + ε) - f(x - ε)) / 2ε is wrong by about ε² (Taylor) and by about u/ε (rounding; u is the precision of the
numbers), so the best ε is near u^(1/3): 6e-6 in float64, 5e-3 in float32. The complex step Im f(x + iε) / ε
subtracts nothing and has no best ε: smaller is better. Beside a kink a difference that reaches over it is wrong
however precise the numbers are.

Give a file name to keep the picture: python examples/finite_differences.py u_curve.png
"""

import io
import sys

import numpy as np
from matplotlib.figure import Figure

from tinygrad_mnist import Tensor, cross_entropy, data, grad

train = data.load("digits").train[:50]
X, labels = train.inputs().astype(np.float64), train.labels
rng = np.random.default_rng(0)
W = Tensor(rng.standard_normal((10, 784)) * 0.1, requires_grad=True, name="W")
directions = rng.standard_normal((9, 10, 784)) / 3
steps = 10.0 ** np.arange(-15, 0.01, 0.25)
KINK = 1e-4  # how far from the kink of relu its slope is taken


def loss(w):
    """The cross-entropy of a layer without a kink, in the precision of w, real or complex."""
    return cross_entropy(Tensor(X.astype(w.dtype)) @ w.T, labels).item()


def central(w, v, step):
    """The slope of the loss at w along v, from its values on both sides."""
    h = (step * v).astype(w.dtype)
    return (loss(w + h) - loss(w - h)) / (2 * step)


(gradient,) = grad(cross_entropy(Tensor(X) @ W.T, labels), [W])
slopes = [float((gradient.numpy() * v).sum()) for v in directions]


def errors(estimate):
    """The median relative error of estimate(v, ε) over the directions v, for each ε."""
    return np.array([np.median([abs(estimate(v, h) / e - 1) for v, e in zip(directions, slopes)]) for h in steps])


curves = {
    "float32": errors(lambda v, step: central(W.numpy().astype(np.float32), v, step)),
    "float64": errors(lambda v, step: central(W.numpy(), v, step)),
    "complex step": errors(lambda v, step: loss(W.numpy() + 1j * step * v).imag / step),
    "relu, beside its kink": abs((np.maximum(KINK + steps, 0) - np.maximum(KINK - steps, 0)) / (2 * steps) - 1),
}
styles = dict(zip(curves, [("#D55E00", "o"), ("#0072B2", "s"), ("#009E73", "^"), ("#000000", "x")]))  # Okabe and Ito

figure = Figure(figsize=(8, 5), layout="constrained")
axes = figure.subplots()
for name, error in curves.items():
    colour, marker = styles[name]
    axes.loglog(steps, np.maximum(error, 1e-17), color=colour, marker=marker, markersize=4, label=name)
    print(f"{name:21} smallest error {error.min():.1e} at ε = {steps[error.argmin()]:.1e}")
for dtype in ("float32", "float64"):
    axes.axvline(np.finfo(dtype).eps ** (1 / 3), color=styles[dtype][0], linestyle=":", linewidth=1)
axes.set(xlabel="ε (dotted: the cube root of the precision)", ylabel="relative error of the gradient", ylim=(1e-17, 30))
figure.legend(loc="outside upper center", ncols=4)
figure.savefig(sys.argv[1] if len(sys.argv) > 1 else io.BytesIO())

for dtype in ("float32", "float64"):
    best, cube_root = steps[curves[dtype].argmin()], np.finfo(dtype).eps ** (1 / 3)
    assert cube_root / 10 < best < cube_root * 10
    assert curves[dtype][0] > 1e3 * curves[dtype].min() < curves[dtype][-1]  # a U: wrong at both ends
assert curves["complex step"][steps < 1e-8].max() < 1e-14  # no U: right at every small step
at_kink = curves["relu, beside its kink"]
assert at_kink[(steps > 1e-9) & (steps < KINK / 2)].max() < 1e-9
assert at_kink[steps > 100 * KINK].min() > 0.4
