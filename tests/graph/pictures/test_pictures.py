"""Pictures: what they show, read back from their SVG; and what becomes of names, arrays and paths that are odd."""

import re
import shutil
import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from tests.each import each
from tests.graph.graphs import every_case, recorded
from tinygrad_mnist import Tensor, cross_entropy, grad, graph, nn, no_grad
from tinygrad_mnist.engine import GraphError
from tinygrad_mnist.graph import RenderingError
from tinygrad_mnist.graph.pictures.boxes import picture, summary

SVG = "{http://www.w3.org/2000/svg}"
ODD_NAMES = [
    'a "quoted" name', "<script>alert(1)</script>", "<b>", "&amp; &", "back\\slash \\N \\\\", "π ∂ 数 🙂",
    "-->", "end", "1. x",
]  # fmt: skip


@pytest.fixture
def without_dot(monkeypatch):
    monkeypatch.setenv("PATH", "")


def root(drawing):
    try:
        return ElementTree.fromstring(drawing.pipe("svg", encoding="utf-8"))
    except RenderingError as error:
        pytest.skip(str(error))


def texts(drawing):
    return [text.text.strip() for text in root(drawing).iter(f"{SVG}text")]


def heights(drawing):
    """For each box its key and the height at which its first line stands."""
    groups = [group for group in root(drawing).iter(f"{SVG}g") if group.get("class") == "node"]
    return {g.find(f"{SVG}title").text: float(next(g.iter(f"{SVG}text")).get("y")) for g in groups}


def network(*sizes, batch=8):
    model = nn.MLP(sizes)
    loss = cross_entropy(model(Tensor(np.ones((batch, sizes[0]), np.float32), name="X")), np.arange(batch) % sizes[-1])
    loss.name = "loss"
    return loss, model


def scalars():
    """micrograd's way of writing."""
    a, b = (Tensor(value, requires_grad=True, name=name) for value, name in [(-4.0, "a"), (2.0, "b")])
    c = a + b
    c = c + c + 1
    return (c * b).relu() / 2 + 10 / c, [a, b]


def test_a_network_shows_parameters_data_layers_and_shapes():
    loss, _ = network(784, 16, 10)
    drawing = graph.draw(loss)
    assert {"X", "W1", "b2", "leaky_relu", "log_softmax", "layer1", "layer2", "loss", "8 × 784"} <= set(texts(drawing))
    assert drawing.source.startswith("digraph")


def test_kinds_are_told_apart_by_shape():
    loss, _ = network(5, 3)
    drawn = picture(loss * 2, backward=True)
    source = graph.draw(loss * 2, backward=True).source
    shapes = {box.kind: re.search(rf"\b{box.key} \[.*?shape=(\w+)", source)[1] for box in drawn.boxes}
    doubled = {box.kind for box in drawn.boxes if re.search(rf"\b{box.key} \[.*peripheries=2", source)}
    assert doubled == {"output"}
    rounded = {box.kind for box in drawn.boxes if re.search(rf'\b{box.key} \[.*style="rounded', source)}
    assert rounded == {"gradient"}
    others = {kind: shape for kind, shape in shapes.items() if kind not in doubled | rounded}
    assert len(set(others.values())) == len(others) == 6


@pytest.mark.parametrize("values", [False, True])
def test_each_vjp_stands_at_the_height_of_its_operation(values):
    loss, _ = network(6, 5, 4, 3)
    at = heights(graph.draw(loss, backward=True, values=values))
    description = graph.describe(loss)
    for vertex in description.operations:
        assert at[f"{vertex.key}_vjp"] == pytest.approx(at[vertex.key], abs=12)
    for leaf in [v for v in description.vertices if v.kind == "parameter"]:
        assert at[f"{leaf.key}_gradient"] == pytest.approx(at[leaf.key], abs=12)
    order = [at[v.key] for v in description.operations if v.op == "matmul"]
    assert order == sorted(order)


def test_the_backward_pass_undoes_broadcasts_and_adds_up():
    x, b = (Tensor(np.ones(s), requires_grad=True, name=n) for s, n in [((4, 3), "x"), ((3,), "b")])
    drawn = picture((x * x + b).sum(), backward=True)
    assert [box.lines for box in drawn.boxes if box.kind == "sum"] == [("Σ over axis 0",)]
    (plus,) = [box.key for box in drawn.boxes if box.kind == "plus"]
    assert len([arrow for arrow in drawn.arrows if arrow.target == plus]) == 2
    assert {"∂L/∂x", "∂L/∂b"} <= set(texts(graph.draw((x * x + b).sum(), backward=True)))
    y = x + Tensor(np.ones((2, 1, 1)), requires_grad=True)
    drawn = picture(y, backward=True)
    assert ("Σ over axes 1, 2",) in [box.lines for box in drawn.boxes]


def test_a_part_of_the_graph_has_that_part_of_the_backward_pass():
    loss, model = network(6, 5, 4)
    shown = texts(graph.draw(loss, wrt=[model.weights[1]], backward=True))
    assert "∂loss/∂W2" in shown
    assert not {"W1", "∂loss/∂b2", "∂loss/∂W1"} & set(shown)


def test_scalar_expressions_show_their_values():
    output, (a, b) = scalars()
    shown = texts(graph.draw(output, backward=True, values=True))
    slopes = [slope.item() for slope in grad(output, [a, b])]
    assert {f"{output.item():.4g}", "-4", *(f"{slope:.4g}" for slope in slopes)} <= set(shown)


@each(
    ("array", "said"),
    [
        (np.zeros((0, 3)), "empty"),
        (np.float32(2.5), "2.5"),
        (np.array([1, -0.0]), "[1, 0]"),
        (np.array([np.nan, 1]), "[nan, 1]"),
        (np.arange(10), "0 … 9"),
        (np.array([np.nan, np.inf, -np.inf, 1, 2]), "1 … 2, 1 NaN, 2 Inf"),
        (np.full(7, np.nan), "7 NaN"),
        (np.arange(9) > 4, "0 … 1"),
        (np.array([1j, 2]), "complex numbers"),
    ],
)
def test_arrays_are_summed_up(array, said):
    assert summary(np.asarray(array)) == said


@each("array", [np.full((3, 4), np.nan), np.zeros((0, 4)), np.full((3, 4), np.inf)])
def test_arrays_without_numbers_are_drawn(array):
    x = Tensor(array, requires_grad=True, name="x")
    assert "x" in texts(graph.draw((x * 2).sum(), backward=True, values=True))


@each("name", sorted({name for name, _ in every_case()}))
def test_every_operation_draws_forward_and_backward_and_to_second_order(name):
    cases = [recorded(name, case) for other, case in every_case() if other == name]
    cases = [(output, leaves) for output, leaves in cases if output.requires_grad]
    for output, _ in cases:
        assert graph.draw(output, backward=True, values=True).source
        assert graph.mermaid(output, backward=True)
    if cases:
        output, leaves = cases[-1]
        assert "∂L/∂x0" in texts(graph.draw(output, backward=True))
        slope = grad(output, leaves, create_graph=True)[0]
        if slope.op:  # that of what is linear is a constant, to which no graph leads
            assert "∂L/∂L = 1" in texts(graph.draw(slope, backward=True))


def test_a_recorded_backward_pass_draws():
    x = Tensor([1.0, 2.0, 3.0], requires_grad=True, name="x")
    (slope,) = grad((x.tanh() ** 3).sum(), [x], create_graph=True)
    assert "∂L/∂x" in texts(graph.draw(slope.sum(), backward=True, values=True))


def test_layers_fold_to_one_box():
    loss, _ = network(6, 5, 4)
    shown = texts(graph.draw(loss, depth=0))
    assert {"layer1", "layer2", "loss", "X", "2 parameters", "4 operations"} <= set(shown)
    assert not {"W1", "leaky_relu"} & set(shown)
    assert "layer1 backward" in texts(graph.draw(loss, depth=0, backward=True))
    assert graph.draw(loss, depth=5).source == graph.draw(loss).source


def test_depth_opens_one_level_after_another():
    W = [Tensor(np.eye(2), requires_grad=True, name=f"encoder.{part}.weight") for part in ["first", "second"]]
    output = (Tensor(np.ones((1, 2)), name="x") @ W[0]).relu() @ W[1]
    folded = [[box.lines[0] for box in picture(output, depth=depth).boxes if box.kind != "data"] for depth in (0, 1, 2)]
    assert folded[0] == ["encoder"]
    assert folded[1] == ["first", "second"]
    assert {"W1", "W2"} <= set(folded[2])


def deep(layers):
    a = Tensor(np.ones((1, 2)), name="x")
    for i in range(layers):
        a = (a @ Tensor(np.eye(2), requires_grad=True, name=f"W{i}")).relu() * 0.5
    return a.sum()


def chain(length):
    x = Tensor(1.0, requires_grad=True, name="x")
    for _ in range(length):
        x = x + 1
    return x


def calls(function, *args):
    count = 0

    def tick(*_):
        nonlocal count
        count += 1

    sys.setprofile(tick)
    try:
        function(*args)
    finally:
        sys.setprofile(None)
    return count


@pytest.mark.parametrize("make", [deep, chain])
@pytest.mark.parametrize("function", [graph.describe, graph.draw, graph.mermaid])
def test_the_work_grows_with_the_graph_and_no_faster(make, function):
    small, large = make(150), make(600)
    calls(function, small)
    assert calls(function, large) < 5 * calls(function, small)


def test_large_graphs_are_drawn_as_layers():
    long = chain(10_000)
    assert len(graph.describe(long).vertices) == 20_001
    shown = picture(long, backward=True)
    assert {box.kind for box in shown.boxes} == {"parameter", "layer", "output", "vjp", "gradient", "layer vjp"}
    assert ("outside of layers", "9,999 operations") in [box.lines for box in shown.boxes]
    assert "x" in texts(graph.draw(long))
    assert [box.lines[0] for box in picture(deep(2500)).boxes].count("layer7") == 1


@each("name", ODD_NAMES)
def test_names_stay_text(name):
    x = Tensor(np.ones((2, 3)), requires_grad=True, name=name)
    layer = Tensor(np.ones(3), requires_grad=True, name=f"{name}.weight")
    drawing = graph.draw((x + layer).sum(), backward=True, values=True)
    said = " ".join(name.split())
    assert {said, f"∂L/∂{said}"} <= set(texts(drawing))
    titles = [a.get("{http://www.w3.org/1999/xlink}title") for a in root(drawing).iter(f"{SVG}a")]
    assert f"{said} · parameter · 2 × 3 · float64" in titles
    assert not list(root(drawing).iter(f"{SVG}script"))


def test_unprintable_and_long_names_are_shortened_to_a_line():
    x = Tensor(1.0, requires_grad=True, name="a\n\x00\x1b[31m" + "long " * 50)
    (name, *_) = texts(graph.draw(x * 2))
    assert name.startswith(r"a\n\x00\x1b[31mlong")
    assert "…" in name
    assert 50 < len(name) <= 60


@each("name", ["   ", "\t", "\u200b", "\ud800", "\x1b[2J", "\u202eabc"])
def test_names_that_nobody_would_see_are_seen(name):
    x = Tensor(np.ones((3, 2)), name=name)
    z = x @ Tensor(np.ones((2, 2)), requires_grad=True, name="W")
    z.name = name
    loss = z.sum()
    for text in (graph.mermaid(loss), graph.draw(loss, backward=True).source):
        assert '[""]' not in text
        assert "></FONT>" not in text
        assert all(line.replace("\t", "").isprintable() for line in text.splitlines())
    assert texts(graph.draw(loss, backward=True))


def test_two_tensors_of_one_name_are_two_boxes():
    a, b = (Tensor(np.ones(2), requires_grad=True, name="W1") for _ in range(2))
    assert texts(graph.draw(a * b)).count("W1") == 2
    assert texts(graph.draw(a * b, backward=True)).count("∂L/∂W1") == 2


def test_what_cannot_be_drawn_is_told():
    x = Tensor([1.0, 2.0], requires_grad=True, name="x")
    with no_grad():
        silent = x * 2
    for wrong, error, message in [
        (lambda: graph.draw(silent), GraphError, "no graph leads to"),
        (lambda: graph.mermaid(silent), GraphError, "no graph leads to"),
        (lambda: graph.draw(x * 2, wrt=[Tensor([1.0], name="other")]), GraphError, "does not depend on other"),
        (lambda: graph.draw(x * 2, depth=-1), ValueError, "depth=-1"),
        (lambda: graph.draw([x * 2, x * 3], backward=True), ValueError, "one output"),
        (lambda: graph.draw(np.ones(2)), TypeError, "a tensor or several"),
    ]:
        with pytest.raises(error, match=message):
            wrong()


def test_a_leaf_and_a_graph_that_ends_where_it_begins_are_drawn():
    x = Tensor([1.0, 2.0], requires_grad=True, name="x")
    y = x.exp()
    assert texts(graph.draw(x, backward=True, values=True))[:2] == ["x", "[1, 2]"]
    assert "exp" in texts(graph.draw(y, wrt=[y], backward=True))


def test_several_outputs_and_vectors_are_drawn():
    x = Tensor([1.0, 2.0], requires_grad=True, name="x")
    assert {"exp", "sin"} <= set(texts(graph.draw([x.exp(), x.sin()])))
    assert "∂L/∂x" in texts(graph.draw(x.exp(), backward=True))


def test_a_folder_that_is_not_there_is_told(tmp_path):
    drawing = graph.draw(scalars()[0])
    root(drawing)
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        drawing.render(outfile=tmp_path / "file" / "graph.svg")


MAGIC = {"svg": b"<?xml", "png": b"\x89PNG", "pdf": b"%PDF"}


@pytest.mark.parametrize("format", MAGIC)
def test_files_are_written_by_dot(tmp_path, format):
    if not shutil.which("dot"):
        pytest.skip("there is no dot")
    check_files(tmp_path, format)


@pytest.mark.parametrize("format", MAGIC)
def test_files_are_written_by_pygraphviz(tmp_path, without_dot, format):
    pytest.importorskip("pygraphviz")
    check_files(tmp_path, format)


def check_files(folder, format):
    drawing = graph.draw(network(6, 5, 4)[0], backward=True)
    assert drawing.pipe(format).startswith(MAGIC[format])
    path = drawing.render(outfile=folder / f"graph.{format}", cleanup=True)
    assert [p.name for p in folder.iterdir()] == [f"graph.{format}"]
    assert Path(path).read_bytes().startswith(MAGIC[format])
    path = drawing.render("named", directory=folder, format=format)
    assert path == str(folder / f"named.{format}")
    assert {p.name for p in folder.iterdir()} == {f"graph.{format}", "named", f"named.{format}"}


def test_pygraphviz_draws_what_dot_draws(monkeypatch):
    pytest.importorskip("pygraphviz")
    if not shutil.which("dot"):
        pytest.skip("there is no dot")
    drawing = graph.draw(network(6, 5, 4)[0])
    by_dot = texts(drawing)
    monkeypatch.setenv("PATH", "")
    assert sorted(texts(drawing)) == sorted(by_dot)


def test_without_graphviz_the_way_out_is_told(without_dot, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "pygraphviz", None)
    drawing = graph.draw(scalars()[0])
    for draw in [drawing.pipe, lambda: drawing.render(outfile=tmp_path / "graph.svg")]:
        with pytest.raises(RenderingError, match=r"apt install graphviz.*tinygrad-mnist\[viz\].*Mermaid"):
            draw()
    assert not list(tmp_path.iterdir())
    assert "tinygrad-mnist[viz]" in drawing._repr_mimebundle_()["text/plain"]
    assert drawing.source
    drawing.save(tmp_path / "graph.dot")


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in for dot is a shell script")
def test_a_dot_that_fails_is_told(tmp_path, monkeypatch):
    (tmp_path / "dot").write_text("#!/bin/sh\necho trouble in init_rank >&2; exit 1\n")
    (tmp_path / "dot").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(RenderingError, match=r"dot could not draw the graph.*trouble in init_rank"):
        graph.draw(scalars()[0]).pipe()


def test_it_shows_itself_in_a_notebook():
    drawing = graph.draw(scalars()[0])
    root(drawing)
    assert "<svg" in drawing._repr_mimebundle_()["image/svg+xml"]


def test_a_wide_one_is_as_wide_as_a_page():
    drawing = graph.draw(network(6, 5, 4)[0], backward=True)
    drawing.graph_attr["ratio"], drawing.graph_attr["size"] = "fill", "20,4!"
    svg = drawing._repr_mimebundle_()["image/svg+xml"]
    assert re.search(r'<svg [^>]*width="720pt" height="1\d\dpt"', svg), svg[:800]


def test_mermaid_has_the_same_boxes_and_arrows():
    loss, _ = network(6, 5, 4)
    text = graph.mermaid(loss, backward=True)
    drawn = picture(loss, backward=True)
    lines = [line.strip() for line in text.splitlines()]
    assert lines[0] == "flowchart TB"
    assert len([line for line in lines if re.match(r"\w+ (-->|==>|-\.-)", line)]) == len(drawn.arrows)
    assert {re.match(r"\w+", line)[0] for line in lines if re.match(r'\w+\W+"', line)} >= {b.key for b in drawn.boxes}
    assert lines.count("end") == len([line for line in lines if line.startswith("subgraph")]) == 3


@each("name", ODD_NAMES)
def test_names_stay_text_in_mermaid(name):
    x = Tensor(1.0, requires_grad=True, name=name)
    (line,) = [line for line in graph.mermaid(x * 2).splitlines() if "[(" in line]
    label = re.fullmatch(r'    n0\[\("([^"`<>&\\]*)"\)\]:::value', line)[1]
    assert re.sub(r"#(\d+);", lambda number: chr(int(number[1])), label) == " ".join(name.split())
