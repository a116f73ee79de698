"""Five public "MNIST from scratch" tutorials: t0 to t4, each read from top to bottom, and what runs them."""
