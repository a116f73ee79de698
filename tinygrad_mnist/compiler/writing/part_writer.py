"""Kernels, and the products between them, written into parts for numba to compile."""

from __future__ import annotations

from collections.abc import Collection

from tinygrad_mnist.compiler.kernels.kernel import Kernel
from tinygrad_mnist.compiler.kernels.parts import Part, compiled
from tinygrad_mnist.compiler.memory import Memory
from tinygrad_mnist.compiler.passes.products import BY_BLAS
from tinygrad_mnist.compiler.program import Instruction, Value
from tinygrad_mnist.compiler.writing.calls import gemm_for, terms_of, text_of
from tinygrad_mnist.compiler.writing.naming import Names
from tinygrad_mnist.compiler.writing.source import Source


class PartWriter:
    """Writes part after part, as long as what comes can be in one.

    given: the values that lie elsewhere in each step. lasting: those that lie in the same place in every step.
    """

    def __init__(
        self, source: Source, names: Names, memory: Memory, given: Collection[Value], lasting: Collection[Value]
    ) -> None:
        self.source, self.names, self.memory, self.given, self.lasting = source, names, memory, given, lasting
        self._part = Part()

    def write(self, instruction: Instruction) -> bool:
        """Write an instruction into a part, if it is one that numba compiles."""
        if isinstance(instruction.function, Kernel):
            self._kernel(instruction.function)
        elif instruction.function in BY_BLAS:
            self._product(instruction)
        else:
            return False
        return True

    def copy(self, value: Value, into: Value) -> None:
        """Copy a value's numbers, in a part if one is being written."""
        target, name = self.names.of(into), self.names.of(value)
        if self._part.lines and value.shape and value in self.memory.slots:
            self._part.add(f"{target}[:] = {name}", [target, name])
        else:
            self.end()
            self.source.body.append(f"np.copyto({target}, {name})")

    def guard(self, value: Value, taken: bool) -> None:
        """Leave the step where a decision by a value would be taken otherwise."""
        name = self.names.of(value)
        if self._part.lines and value in self.memory.slots:
            self._part.decide(name, taken)
        else:
            self.source.body.append(f"if {'not ' if taken else ''}{name}: return None")

    def end(self) -> None:
        """Have the part that is being written compiled, and called here."""
        part, self._part = self._part, Part()
        if part.lines:
            name, text = f"part{len(self.source.parts) + 1}", part.source()
            self.source.names[name] = compiled(text)
            self.source.parts.append(text)
            self.source.body.append(part.call(name))

    def _kernel(self, kernel: Kernel) -> None:
        """A kernel takes its inputs, and then the outputs that do not lie where an input does."""
        shared = {y: self.memory.heirs[y] for y in kernel.outputs if y in self.memory.heirs}
        given = [*kernel.inputs, *(y for y in kernel.outputs if y not in shared)]
        text, constants = kernel.source(shared)
        name = self._part.kernel(text)
        found = [self._as_rows(kernel, value) for value in given]
        arguments = [*(text for text, _ in found), *map(self._part.constant, constants)]
        self._part.add(f"{name}({', '.join(arguments)})", [of for _, of in found])

    def _as_rows(self, kernel: Kernel, value: Value) -> tuple[str, str]:
        """An array as a kernel takes it, and the name of the array that is given to the part for it."""
        root, name, lasts = self.memory.roots[value], self.names.of, value in self.lasting
        is_made = not (lasts or root in self.given or value.is_number)
        is_whole = value.bytes == root.bytes and all(x.is_number or x.like.flags.c_contiguous for x in (value, root))
        if is_made and kernel.kinds[value] == "one":
            text = f"np.asarray({name(value)})"  # a function makes a scalar of what has no axes
        elif is_whole and type(kernel) is Kernel and not lasts:
            return kernel.text(value, name(root), root.shape), name(root)
        else:
            text = kernel.text(value, name(value), value.shape)
        found = text if text == name(value) else self._alias(f"{name(value)}_{kernel.kinds[value]}_", text, value)
        return found, found

    def _alias(self, alias: str, text: str, value: Value) -> str:
        """A name for a view of a value: made once, or before the part that is being written."""
        lines = self.source.setup if value in self.lasting else self.source.body
        if f"{alias} = {text}" not in lines:
            lines.append(f"{alias} = {text}")
        return alias

    def _product(self, instruction: Instruction) -> None:
        """BLAS's own call."""
        value, (c, a, b, alpha, beta) = instruction.output, terms_of(instruction)
        if c is not None and self.memory.heirs.get(value) is not c:
            self.copy(c, value)
        numbers = [self.names.of(x) for x in (alpha, beta) if isinstance(x, Value)]
        (first, of_a), (second, of_b) = map(self._as_matrix, (a, b))
        gemm, out = gemm_for(value, self.names), self.names.of(value)
        texts = [gemm, text_of(alpha, self.names), first, second, text_of(beta, self.names), out]
        self._part.add(f"product({', '.join(texts)})", [gemm, of_a, of_b, out, *numbers])

    def _as_matrix(self, value: Value) -> tuple[str, str]:
        """A matrix as a product takes it, and the name of what is given for it, transposed there if need be."""
        root = self.memory.roots[value]
        turned = root.like.T
        is_turned = turned.shape == value.shape and turned.strides == value.like.strides and root is not value
        if is_turned and value not in self.lasting:
            return f"{self.names.of(root)}.T", self.names.of(root)
        return self.names.of(value), self.names.of(value)
