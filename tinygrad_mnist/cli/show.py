"""What the commands print: bars and colour on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence

from rich.console import Console, RichCast
from rich.text import Text

from tinygrad_mnist.screens import bar
from tinygrad_mnist.shown import LONGEST_MESSAGE, file_text, one_line, shown_name
from tinygrad_mnist.training import Answer, percent
from tinygrad_mnist.tutorials.session import Result, Tutorial

console = bar.console()
errors = Console(stderr=True, highlight=False)


LONGEST = 2 * LONGEST_MESSAGE
"""Characters of what is said on stderr: a message may stand behind a path, and names in archives have no end."""


def line(text: str) -> None:
    """One line for the person at the screen."""
    lines(one_line(text))


def lines(text: str) -> None:
    """Several lines, each of them safe."""
    bar.say(text)


def output(text: str) -> None:
    """A text that is the result itself, for other programs: as a file holds it, but in a terminal's encoding."""
    sys.stdout.flush()
    if sys.stdout.isatty():
        sys.stdout.write(text)
    else:
        sys.stdout.buffer.write(file_text(text))
    sys.stdout.flush()


def note(text: str) -> None:
    """One line beside the result, on stderr."""
    errors.print(one_line(text, LONGEST), markup=False, soft_wrap=not errors.is_terminal)


def error(text: str) -> None:
    """One line on stderr that says what went wrong."""
    message = one_line(text, LONGEST)
    errors.print(Text.assemble(("error: ", "bold red"), message), soft_wrap=not errors.is_terminal)


def table(result: RichCast) -> None:
    """A result that knows how to show itself: a table on a terminal, its text elsewhere."""
    if console.is_terminal:
        console.print(result, "")
    else:
        lines(f"{result}\n")


class Tutorials(bar.Bar):
    """A bar for the row that is being trained."""

    def update(self, what: str, share: float) -> None:
        """So much of it is done."""
        what = f"{what:<24}"
        if not self.is_shown:
            self.start(what, total=1)
        self.move(share, what)


_COLUMNS = (("", "<16"), ("network", "<24"), ("reported", ">8"), ("as written", ">10"), ("better", ">10"), ("s", ">6"))
"""Of the tables of tutorials: name, and how it is aligned."""

_MARKS = {True: " ✓", False: " ✗", None: "  "}
"""Whether a reported accuracy is beaten."""


def tutorial_head(tutorial: Tutorial) -> None:
    """What a tutorial is, and the head of its table."""
    line("")
    console.print(Text(f"{tutorial.id}  {tutorial.title}", style="bold"), soft_wrap=not console.is_terminal)
    console.print(Text(_aligned([name for name, _ in _COLUMNS]), style="dim"), soft_wrap=True)


def tutorial_row(result: Result) -> None:
    """One line of a tutorial's table, and what there is to say of what was done as written."""
    style = "" if result.is_beaten is None else "green" if result.is_beaten else "red"
    console.print(Text(_aligned(_cells(result)), style=style), soft_wrap=True)
    for fact in _facts(result):
        line(f"  {fact}")


def tutorials_markdown(done: Sequence[tuple[Tutorial, list[Result]]], data: str, call: str, verdict: str) -> str:
    """The same tables as Markdown."""
    lines = ["# The five tutorials, run", "", f"Written by `{call}`: {data}, {verdict}."]
    for tutorial, results in done:
        lines += ["", f"## {tutorial.id}: {tutorial.title}", ""]
        lines += [_markdown_row([name for name, _ in _COLUMNS]), "|---|---|---:|---:|---:|---:|"]
        lines += [_markdown_row(_cells(result)) for result in results]
        lines += ["", *(f"- {_network(result)}: {fact}" for result in results for fact in _facts(result))]
    return "\n".join(lines) + "\n"


def _cells(result: Result) -> list[str]:
    row, written = result.row, result.written
    return [
        row.name,
        _network(result),
        f"{100 * row.reported:.0f} %" if row.reported else "–",
        percent(written.test) if written else "–",
        percent(result.better.test) + _MARKS[result.is_beaten],
        f"{result.seconds:.1f}",
    ]


def _network(result: Result) -> str:
    """Its layers, but for the input of a CNN, which is that of every one."""
    return "-".join(str(item) for item in result.recipe.layers if item != "1x28x28")


def _facts(result: Result) -> Iterator[str]:
    if written := result.written:
        relation = "=" if written.agrees else "differ from the"
        gradients = f"gradients {relation} hand-derived formulas: {written.error:.0e}"
        yield f"{gradients}; training images: {percent(written.train)}"
        yield f"validation on the way: {' '.join(f'{100 * share:.1f}' for share in written.curve)} %"
        if not written.is_finite:
            yield "as written, weights became NaN or infinite"
    if len(result.row.recipes) > 1:
        recipe = result.recipe
        choice = f"lr {recipe.lr:g}, batches of {recipe.batch_size}, init {recipe.init}"
        yield f"chosen of {len(result.row.recipes)} on the validation images: {choice}"


def _aligned(cells: Sequence[str]) -> str:
    return " ".join(f"{cell:{align}}" for cell, (_, align) in zip(cells, _COLUMNS, strict=True))


def _markdown_row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.strip() for cell in cells)} |"


def prediction(answer: Answer) -> None:
    """The digit that a picture shows, with a remark, and how probable each class is; or why there is none."""
    name, remarks = shown_name(str(answer.file)), "; ".join(answer.remarks)
    if answer.status == "refused":
        error(f"{name}: {remarks}")
        return
    if answer.of != 1:
        name += f", digit {answer.position} of {answer.of}"
    if answer.status == "in doubt":
        line(f"{name}: in doubt, perhaps a {answer.digit}: {remarks}")
        return
    line(f"{name}: {answer.digit} ({percent(max(answer.probabilities))}){remarks and ', but ' + remarks}")
    if console.is_terminal:
        for d, p in enumerate(answer.probabilities):
            bar = "█" * round(40 * p)
            style = "bold" if d == answer.digit else "dim"
            console.print(Text(f"  {d} {percent(p):>9} {bar}", style=style))
    else:
        line("  " + "  ".join(f"{d} {percent(p)}" for d, p in enumerate(answer.probabilities)))


def right(answers: Sequence[Answer]) -> None:
    """How many are read as what their folders are called by, if they are called by digits."""
    known = [answer for answer in answers if answer.expected is not None]
    if known:
        share = percent(sum(answer.is_right for answer in known) / len(known))
        counts = {status: sum(answer.status == status for answer in known) for status in ("in doubt", "refused")}
        others = "".join(f"; {n:,} {status}" for status, n in counts.items() if n)
        line(f"{share} of {len(known):,} are read as the digit of their folder{others}")
