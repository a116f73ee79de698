"""Ways to write an operation by hand: each with an example, and checked on the numbers."""
