"""Writing a program, whose values have their homes, as source that runs."""
