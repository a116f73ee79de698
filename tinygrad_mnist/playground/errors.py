"""What the playground can't do."""

from tinygrad_mnist.shown import LineError


class PlaygroundError(LineError):
    """What can't be done now, in a line, and what to do first."""
