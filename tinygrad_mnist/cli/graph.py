"""`tinygrad-mnist graph`: the graph of a network and its loss, as a picture, a page, formulas or NumPy source."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from tinygrad_mnist import data, nn, training
from tinygrad_mnist import graph as readings
from tinygrad_mnist.cli import show
from tinygrad_mnist.cli.options import (
    Data,
    if_given,
    known_activation,
    load,
    load_data,
    network_layers,
    one_of,
    outputs,
    prepare_files,
)
from tinygrad_mnist.compiler import compile
from tinygrad_mnist.engine import Tensor
from tinygrad_mnist.files import write_atomically, write_text
from tinygrad_mnist.graph.recording import Recording

EXAMPLES, FEW = 8, 2
"""How many images the network is shown; the few where a page holds the maps of each."""

PICTURES = ("svg", "png", "pdf")
FORMULAS = ("text", "markdown", "latex", "mathml")
TEXTS = ("dot", "mermaid", *FORMULAS, "numpy", "plan")
FORMATS = (*PICTURES, "html", *TEXTS)
SUFFIXES = {
    ".gv": "dot",
    ".mmd": "mermaid",
    ".txt": "text",
    ".md": "markdown",
    ".tex": "latex",
    ".py": "numpy",
    ".htm": "html",
}
known_format = if_given(one_of(FORMATS))

Drawn = tuple[bool, bool, int | None]
"""Whether the backward pass and values are drawn, and how many levels of layers are opened."""

ModelOrNew = Annotated[Path | None, typer.Argument(help="A model.safetensors; without it, a new network.")]
NewLayers = Annotated[str | None, typer.Option(help="A new network, as `train` takes it. [default: 784,128,64,10]")]
NewActivation = Annotated[str | None, typer.Option(help="Of a new network. [default: leaky_relu]")]


def graph(
    model: ModelOrNew = None,
    source: Data = "digits",
    layers: NewLayers = None,
    activation: NewActivation = None,
    format: Annotated[
        str | None,
        typer.Option(help=f"{', '.join(FORMATS)}. [default: by the name of the file, or svg]", callback=known_format),
    ] = None,
    backward: Annotated[
        bool, typer.Option("--backward", help="Draw the backward pass beside the forward one.")
    ] = False,
    values: Annotated[bool, typer.Option("--values", help="Write values, or their range, into the picture.")] = False,
    depth: Annotated[
        int | None, typer.Option(min=0, help="Levels of layers to open: 0 draws each layer as one box.")
    ] = None,
    indices: Annotated[
        bool, typer.Option("--indices", help="Below each formula, what it says of one element. [format: text]")
    ] = False,
    html: Annotated[Path | None, typer.Option(help="The file of the page that steps.")] = None,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="The file. [default: texts are printed, else graph.FORMAT]")
    ] = None,
) -> None:
    """Show the graph of a network and its loss on a few images."""
    if html:
        if out or format:
            raise typer.BadParameter("--html names the file and its format: leave out --format and -o")
        format, out = "html", html
    format = format or (_format_of(out) if out else "text" if indices else "svg")
    if indices and format not in FORMULAS:
        raise typer.BadParameter(f"--indices is for formulas: add --format, one of {', '.join(FORMULAS)}")
    network = new_or_loaded(model, layers, activation)
    dataset = load_data(source, outputs(network))
    has_maps = len(training.input_shape(network)) > 1
    count = FEW if format == "html" and has_maps else EXAMPLES
    loss = loss_on_images(network, dataset, whole=format == "numpy", count=count)
    drawn = backward, values, depth
    if format in TEXTS:
        text = step_plan(network, dataset) if format == "plan" else _text(format, loss, network, drawn, indices)
        if out is None:
            show.output(text)
            return
    path = out or Path(f"graph.{format}")
    prepare_files(path)
    if format == "html":
        readings.explore(loss, path)
    elif format in PICTURES:
        write_atomically(path, readings.draw(loss, None, *drawn).pipe(format))
    else:
        write_text(path, text)
    show.line(f"saved {path}")


def _format_of(path: Path) -> str:
    suffix = path.suffix.lower()
    found = SUFFIXES.get(suffix, suffix.lstrip("."))
    if found not in FORMATS:
        raise typer.BadParameter(f"the name {path.name!r} tells no format: add --format, one of {', '.join(FORMATS)}")
    return found


def new_or_loaded(model: Path | None, layers: str | None, activation: str | None) -> nn.Module:
    """The network of a file, or a new one."""
    if model is None:
        items = network_layers(layers or "784,128,64,10")
        return nn.network(items, known_activation(activation or "leaky_relu"))
    if layers or activation:
        raise typer.BadParameter(f"{model} has its own layers and activation: leave out --layers and --activation")
    return load(model)


def loss_on_images(network: nn.Module, dataset: data.Dataset, whole: bool = False, count: int = EXAMPLES) -> Tensor:
    """The loss of a network on the first images of a data set, named so; no line of the reader's made it.

    whole: what is computed from the images alone, such as their patches, is recorded too.
    """
    images = dataset.train[:count]
    if not len(images):
        raise data.DataError(f"{dataset.name}: there are no training images")
    X = Tensor(training.model_inputs(network, images), requires_grad=whole, name="X")
    loss = nn.cross_entropy(network(X), images.labels)
    loss.name, X.requires_grad = "loss", False
    for node in Recording(loss).operations:
        node.place = None
    return loss


def step_plan(network: nn.Module, dataset: data.Dataset) -> str:
    """The plan of a compiled step: forward and backward on the first images of a data set."""
    images = dataset.train[:EXAMPLES]

    @compile
    def step(x: Any, labels: Any) -> Tensor:
        loss = nn.cross_entropy(network(x), labels)
        network.zero_grad()
        loss.backward()
        return loss

    step(training.model_inputs(network, images), images.labels)
    return step.plan()


def _text(format: str, loss: Tensor, network: nn.Module, drawn: Drawn, indices: bool) -> str:
    if format in FORMULAS:
        explanation = readings.explain(loss, list(network.parameters()), indices=indices)
        return explanation.document() if format == "latex" else str(getattr(explanation, format)())
    if format == "numpy":
        return str(readings.to_numpy(loss, list(network.parameters())))
    if format == "mermaid":
        return readings.mermaid(loss, None, *drawn)
    return str(readings.draw(loss, None, *drawn).source)
