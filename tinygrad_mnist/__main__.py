"""`python -m tinygrad_mnist`, the same as `tinygrad-mnist`."""

from tinygrad_mnist.cli import main

if __name__ == "__main__":
    main()
