from tests.engine.conftest import new_op

__all__ = ["new_op"]
