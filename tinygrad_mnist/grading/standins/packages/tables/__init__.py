"""Tables as pandas has them, as far as programs that load digits use them."""
