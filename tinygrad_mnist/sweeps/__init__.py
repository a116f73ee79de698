"""Searching for a better recipe: Optuna proposes and prunes, Dask trains the trials on as many cores as there are.

Importing it needs NumPy alone; `search` needs the extra `sweep`.
"""

from tinygrad_mnist.sweeps.board import Listener
from tinygrad_mnist.sweeps.errors import SweepError
from tinygrad_mnist.sweeps.outcome import Outcome
from tinygrad_mnist.sweeps.searching import search
from tinygrad_mnist.sweeps.space import parse_space

__all__ = ["Listener", "Outcome", "SweepError", "parse_space", "search"]
