"""The backprop that one would have written by hand: a derivation as Python source that needs NumPy alone."""

from __future__ import annotations

from collections.abc import Iterable

from tinygrad_mnist.engine import Node
from tinygrad_mnist.graph.recording import breadth_first
from tinygrad_mnist.graph.symbolic.derive import Derivation, derived
from tinygrad_mnist.graph.symbolic.helpers import HELPERS
from tinygrad_mnist.graph.symbolic.lines import Program, program
from tinygrad_mnist.graph.symbolic.names import Name
from tinygrad_mnist.graph.symbolic.notation import NOTATION
from tinygrad_mnist.graph.symbolic.own import own_source
from tinygrad_mnist.graph.symbolic.traced import Traced
from tinygrad_mnist.shown import Printed

WIDTH = 120


def to_numpy(output: Node, wrt: Iterable[Node]) -> str:
    """Python source of a function that computes a scalar output and its gradients, as autograd does.

    wrt: the tensors to differentiate with respect to; leaves or intermediate ones. The function is called
    `loss_and_gradients`, takes the data and then the parameters, and returns the output and a gradient for each of
    wrt. It agrees with `grad` to rounding. Numbers and shapes that the graph holds are constants in it; the number of
    examples is read from the data where it can be told apart.

    Raises what `graph.explain` raises, and GraphError for an operation without source.
    """
    return Printed(derived(_source, output, wrt))


def _source(derivation: Derivation) -> str:
    result = program(derivation, mathematical=False)
    lines = [assignment(line.name, result.definition(line, "numpy"), line.value.shape) for line in result.lines]
    body = [f"    {line}" for line in [*counted(result), *lines]]
    returned = ", ".join(line.name.numpy for line in result.results)
    function = [_signature(result), *_docstring(result), *body, f"    return {returned}"]
    header = '"""Backprop by hand, written out from a recorded graph."""\n\nimport numpy as np\n'
    return "\n\n".join([header, *helpers(result), "\n".join(function) + "\n"])


def _signature(result: Program) -> str:
    arguments = [result.names[value].numpy for _, value in result.inputs]
    line = f"def loss_and_gradients({', '.join(arguments)}):"
    if len(line) <= WIDTH:
        return line
    return "def loss_and_gradients(\n" + "".join(f"    {argument},\n" for argument in arguments) + "):"


def _docstring(result: Program) -> list[str]:
    loss = result.results[0].name.numpy
    lines = [f'    """{loss} and its gradients: the chain rule, from the output back.', ""]
    for _, value in result.inputs:
        lines.append(f"    {result.names[value].numpy}: {_shape(value.shape)}")
    for fact in result.derivation.facts:
        slices = {1: "", 2: ("Each column of ", "Each row of ")[fact.axis % 2]}
        each = slices.get(fact.leaf.ndim, f"Each axis {fact.axis} of ")
        lines += ["", f"    {each}{result.names[fact.leaf].numpy} must sum to 1."]
    return [*lines, '    """']


def _shape(shape: tuple[int, ...]) -> str:
    return f"shape {shape}" if shape else "a number"


def counted(result: Program) -> list[str]:
    """A line for each number that is read from the data: m = X.shape[0]."""
    lines = []
    for count in result.counts.values():
        data = result.names[count.leaf].numpy + (".size" if count.axis is None else f".shape[{count.axis}]")
        others = ", ".join(name.numpy for name in count.others)
        either = f"{count.value}  # {data}, or a length of {others}"
        lines.append(f"{count.name.numpy} = " + (either if others else f"{data}  # {count.value}"))
    return lines


def assignment(name: Name, value: str, shape: tuple[int, ...]) -> str:
    """A line of source, with the shape behind it."""
    value = f"{float(value)}" if value.lstrip("-").isdecimal() else value
    return f"{name.numpy} = {value}" + (f"  # {shape}" if shape else "")


def helpers(result: Program, others: Iterable[Traced] = ()) -> list[str]:
    """The source of the functions that the lines, and other expressions, call, in the order of the table.

    Raises GraphError for an operation without source.
    """
    used, own = set(), dict[str, str]()
    for value in breadth_first([*(line.value for line in result.lines), *others], result.operands):
        if value.op is None:
            continue
        op = result.view(value).op
        if op in NOTATION:
            used.add(NOTATION[op].helper)
        elif op not in own:
            own[op] = own_source(value.op)
    return [*(source for name, source in HELPERS.items() if name in used), *own.values()]
