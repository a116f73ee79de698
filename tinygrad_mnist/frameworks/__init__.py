"""The tutorials' networks in other frameworks beside ours: the programs in examples/frameworks, run and compared."""

from tinygrad_mnist.frameworks.lesson import Lesson
