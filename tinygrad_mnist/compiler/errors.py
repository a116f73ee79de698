"""What can't be compiled."""


class CompileError(RuntimeError):
    """Something in a step that can't become part of a compiled one."""
