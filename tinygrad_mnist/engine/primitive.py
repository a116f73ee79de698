"""How an operation is declared, and what its function then does: run on arrays, and record on nodes."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Sequence
from functools import partial, wraps
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_mnist.devices import as_array
from tinygrad_mnist.engine.errors import explain, taken
from tinygrad_mnist.engine.node import Node, is_recording
from tinygrad_mnist.places import user_place

if TYPE_CHECKING:
    from tinygrad_mnist.engine.tensor import Tensor

Function = Callable[..., Any]


class Op:
    """An operation, as `op` declares it.

    name, label: what messages and pictures call it.
    forward: the result, from the inputs' arrays and the parameters.
    vjps: a rule for each input, None where no gradient flows. each: in place of them, the one rule of an operation of
        any number of inputs. `rules(count)` are those of so many inputs for both.
    arity: how many inputs it takes. parameters, defaults: the names of its parameters in order, and the values of those
        that may be left out.
    module: the module that declared it.
    """

    def __init__(
        self, forward: Function, vjps: Sequence[Function | None] = (), each: Function | None = None,
        name: str = "", label: str = "", module: str | None = None,
    ) -> None:  # fmt: skip
        self.forward, self.vjps, self.each, self.module = forward, vjps, each, module
        self.name = name or forward.__name__.strip("_")
        self.label = label or self.name
        self.arity = len(vjps) or sys.maxsize
        parameters = _signature(forward, vjps)[len(vjps) or 1 :]
        self.parameters = tuple(p.name for p in parameters)
        self.defaults = {p.name: p.default for p in parameters if p.default is not p.empty}

    def __repr__(self) -> str:
        return self.name

    def rules(self, count: int) -> Sequence[Function | None]:
        """The rule of each of so many inputs."""
        return [partial(self.each, position) for position in range(count)] if self.each else self.vjps


OPS: dict[str, Op] = {}
"""Every primitive by its name."""


def op(
    *vjps: Function | None, each: Function | None = None, name: str = "", label: str = ""
) -> Callable[[Function], Callable[..., Tensor]]:
    """Declare an operation: its forward on arrays and, for each input, how a cotangent travels back to it.

    `@op(*vjps)` decorates the forward, or `op(*vjps)(np.exp)` takes NumPy's. It takes inputs first, then parameters:
    their names and defaults are those of a forward in Python; for NumPy's own, those of the rules. The result
    is a plain function, so that it serves as a method as it is.

    vjps: one per input, called `vjp(g, out, *inputs, **params)` with g = ∂L/∂out, returning ∂L/∂input up
        to broadcasting (undone for all rules in one place, `autodiff.unbroadcast`). None: no gradient flows
        there. Rules are written so that the same line runs on arrays and on tensors.
    each: for an operation of any number of inputs, in place of vjps: the rule of all of them, which is told the
        input's position first.
    name, label: what messages and pictures call it, by default what the forward is called.

    Raises TypeError without a rule, and ValueError where another module has declared an operation of that name.
    In the same module, and so in a notebook, a later declaration takes the place of the earlier one, as with `def`.
    """
    module = sys._getframe(1).f_globals.get("__name__")

    def declare(forward: Function) -> Callable[..., Tensor]:
        if not callable(forward) or not (vjps or each):
            raise TypeError("an operation is declared with a rule for each input, @op(lambda g, out, x: …)")
        new = Op(forward, vjps, each, name, label, module)
        if OPS.get(new.name, new).module != module:
            raise ValueError(taken(OPS[new.name]))
        OPS[new.name] = new
        return _function(new)

    return declare


def _signature(forward: Function, vjps: Sequence[Function | None]) -> list[inspect.Parameter]:
    """The inputs and parameters: those of a forward in Python; for NumPy's own those of a rule, after g and out."""
    if inspect.isfunction(forward):
        return [*inspect.signature(forward, follow_wrapped=False).parameters.values()]
    rule = next(filter(None, vjps), None)
    return [*inspect.signature(rule).parameters.values()][2:] if rule else []


def _function(operation: Op) -> Callable[..., Any]:
    """What users call. On arrays it runs the forward and nothing else; where an input is a node, it records.

    This is the hot path: one pass over the inputs, and the node is made without a call in between.
    """
    arity, defaults, fill = operation.arity, operation.defaults, Node.__init__

    @wraps(operation.forward)
    def apply(*inputs: Any, **params: Any) -> Any:
        kind, learns, values = None, False, []
        try:
            if params or len(inputs) > arity:
                inputs, params = _bind(operation, inputs, params)
            else:
                params = defaults
            for x in inputs:
                if isinstance(x, Node):
                    if kind is not x.__class__:  # the result is of the class that derives from the others
                        kind = x.__class__ if not kind or issubclass(x.__class__, kind) else kind
                    learns = learns or x.requires_grad
                    x = x._array
                elif not isinstance(x, (float, int, np.ndarray, np.generic)):
                    x = as_array(x)
                values.append(x)
            if kind is None:
                return operation.forward(*inputs, **params)
            if type(array := operation.forward(*values, **params)) is not np.ndarray:
                array = as_array(array)
        except (ValueError, TypeError, IndexError) as error:
            raise explain(error, operation.name, inputs, params, user_place()) from error
        if not (learns and is_recording()):
            return kind.wrap(array)
        node = kind.__new__(kind)
        fill(node, array, operation, inputs, params, values, user_place())
        return node

    return apply


def _bind(operation: Op, args: tuple[Any, ...], named: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Split arguments into inputs and parameters, which may be positional, named or left out."""
    parameters, rest = operation.parameters, args[operation.arity :]
    given = dict(zip(parameters, rest)) | named
    params = operation.defaults | given
    if len(given) < len(rest) + len(named) or len(params) > len(parameters):
        raise TypeError(f"its parameters, given once each, are {', '.join(parameters) or 'none'}")
    for name, value in params.items():
        if isinstance(value, Node):
            raise TypeError(f"{name} is a parameter, without a rule, and can't be a tensor: pass {name}.numpy()")
        params[name] = _own(value)
    return args[: operation.arity], params


def _own(value: Any) -> Any:
    """A parameter that nobody else can change in place, such as an array of indices, before the backward pass."""
    if hasattr(value, "__array_function__"):
        return value.copy()
    return type(value)(map(_own, value)) if type(value) in (list, tuple) else value
