"""Pictures of data, of a training run and of what a model has learned, with Matplotlib.

Each function takes arrays, or a model, and returns a Figure: `.savefig("name.png")` writes it, a notebook shows it.
Right and wrong differ by colour, by ✓ and ✗, and by a thin frame and a dashed one. Weights go from blue over
white, which is zero, to red; gradients from purple to orange; the scale is beside them.
"""

from tinygrad_mnist.plots.learning import filters, first_layer, saliency, signals, training_curves
from tinygrad_mnist.plots.reading import confusion_matrix, digits, predictions, worst_mistakes
from tinygrad_mnist.plots.run import save_all
