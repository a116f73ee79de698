"""The account behind the page: its numbers, its forms of derivatives, its file, and what bad input does to it."""

from __future__ import annotations

import base64
import json
from typing import Any

import numpy as np
import pytest

from tests.each import each
from tests.engine.cases import FUNCTIONS, TABLE
from tinygrad_mnist import Tensor, cross_entropy, grad, graph, nn
from tinygrad_mnist.engine import GraphError
from tinygrad_mnist.engine.autodiff import unbroadcast
from tinygrad_mnist.graph.page.layout import lay_out
from tinygrad_mnist.graph.page.writing import account

EVERY_CASE = each(("name", "case"), [(name, case) for name, entry in TABLE.items() for case in entry.cases])


class Reader:
    """Reads an account as the page does."""

    def __init__(self, data: dict[str, Any]) -> None:
        self.data = json.loads(json.dumps(data, allow_nan=False))
        types = {"f4": np.dtype("<f4"), "f8": np.dtype("<f8")}
        self.buffers = [np.frombuffer(base64.b64decode(b["bytes"]), types[b["type"]]) for b in self.data["buffers"]]
        self.vertices = {vertex["key"]: vertex for vertex in self.data["vertices"]}

    def array(self, view: dict[str, Any]) -> np.ndarray[Any, Any]:
        buffer = self.buffers[view["buffer"]]
        strides = [step * buffer.itemsize for step in view["strides"]]
        return np.lib.stride_tricks.as_strided(buffer[view["offset"] :], view["shape"], strides)

    def named(self, name: str) -> dict[str, Any]:
        return next(vertex for vertex in self.data["vertices"] if vertex["name"] == name)

    def share(self, step: dict[str, Any], share: dict[str, Any]) -> np.ndarray[Any, Any] | None:
        """The contribution again, from the form of the derivative alone, as the page adds up its terms."""
        vertex, came_in = self.vertices[step["node"]], self.array(step["cameIn"])
        operand = vertex["operands"][share["position"]]
        shape = tuple(operand["value"]["shape"])
        if vertex["product"]:
            return self._product(vertex, share["position"], came_in, shape)
        form = operand["local"]
        if form is None:
            return None
        weight = self.array(form["weight"]).astype(np.float64)
        if form["form"] == "sparse":
            total = np.zeros(int(np.prod(shape)))
            origin, to = (self.array(form[end]).astype(int) for end in ("from", "to"))
            np.add.at(total, origin, weight * came_in.ravel()[to])
            return total.reshape(shape)
        to = self._targets(form)
        fed = np.where(to < 0, 0, came_in.ravel()[to] * weight)
        return np.asarray(unbroadcast(fed, shape))

    def _targets(self, form: dict[str, Any]) -> np.ndarray[Any, Any]:
        if "list" in form["to"]:
            return self.array(form["to"]["list"]).astype(int)
        grid = np.indices(form["shape"])
        steps = np.array(form["to"]["strides"], int).reshape(-1, *[1] * len(form["shape"]))
        return np.asarray((grid * steps).sum(axis=0) + form["to"]["offset"], int)

    def _product(self, vertex: Any, position: int, came_in: Any, shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
        """Every assignment of the letters, one after the other."""
        letters, arrays = vertex["product"]["operands"], [self.array(x["value"]) for x in vertex["operands"]]
        result = vertex["product"]["result"]
        sizes: dict[str, int] = {}
        for term, array in zip(letters, arrays):
            for letter, n in zip(term, array.shape):
                sizes[letter] = max(sizes.get(letter, 1), n)
        total = np.zeros(shape)
        for at in np.ndindex(*sizes.values()):
            here = dict(zip(sizes, at))
            pick = lambda array, term: array[tuple(0 if n == 1 else here[c] for n, c in zip(array.shape, term))]  # noqa: B023, E731
            factors = [pick(a, t) for i, (a, t) in enumerate(zip(arrays, letters)) if i != position]
            place = tuple(0 if n == 1 else here[c] for n, c in zip(shape, letters[position]))
            total[place] += np.prod(factors) * came_in[tuple(here[c] for c in result)]
        return total


@EVERY_CASE
def test_every_operation_has_its_steps_its_numbers_and_its_terms(name: str, case: Any) -> None:
    inputs = [Tensor(x, requires_grad=True) for x in case.inputs]
    made = case.call(FUNCTIONS[name], *inputs)
    out = made[-1] if isinstance(made, list) else made
    if out.op is None or not out.size:
        return
    seed = np.linspace(0.5, 1.5, out.size).reshape(out.shape)
    page = Reader(account(out, seed))
    steps = page.data["steps"]
    phases = [step["phase"] for step in steps]
    turn = phases.index("start")
    assert (phases[0], phases[-1]) == ("given", "done")
    assert set(phases[1:turn]) == {"forward"}
    assert set(phases[turn + 1 : -1]) == {"backward"}
    for step in steps:
        assert step["sentence"]
        for share in step["shares"]:
            assert share["formula"] is None or share["formula"].startswith("<math")
            terms = page.share(step, share)
            assert terms is not None
            np.testing.assert_allclose(terms, page.array(share["contribution"]), rtol=1e-9, atol=1e-12)
    leaves = [vertex for vertex in page.data["vertices"] if vertex["kind"] == "parameter"]
    expected = {id(x): g.numpy() for x, g in zip(inputs, grad(out, inputs, seed))}
    reached = [x for x in inputs if np.any(expected[id(x)])]
    assert len(leaves) >= len(reached)
    for leaf in leaves:
        x = next(x for x in inputs if np.array_equal(x.numpy(), page.array(leaf["value"])))
        np.testing.assert_array_equal(page.array(leaf["gradient"]), expected[id(x)])


def network(activation: str = "relu") -> tuple[Tensor, nn.MLP]:
    model = nn.MLP((784, 12, 10), activation=activation)
    images = np.random.default_rng(0).random((8, 784), dtype=np.float32)
    loss = cross_entropy(model(Tensor(images, name="X")), np.arange(8))
    loss.name = "loss"
    return loss, model


def test_a_network_is_told_with_the_names_of_the_book_and_its_gradients() -> None:
    loss, model = network()
    page = Reader(account(loss))
    names = [vertex["name"] for vertex in page.data["vertices"]]
    assert {"X", "W1", "W1ᵀ", "X W1ᵀ", "b1", "z1", "a1", "z2", "loss"} <= set(names)
    assert len(names) == len(set(names))
    for p, g in zip(model.parameters(), grad(loss, model.parameters())):
        np.testing.assert_array_equal(page.array(page.named(str(p.name))["gradient"]), g.numpy())
    told = " ".join(step["sentence"] for step in page.data["steps"])
    assert "b1 was added to all 8 rows, so its gradient is the sum over the 8 rows of ∂loss/∂z1." in told
    assert "(ŷ − y)/8" in told


def test_a_matrix_and_its_transposed_are_stored_once() -> None:
    loss, _ = network()
    page = Reader(account(loss))
    for what in ("value", "gradient"):
        straight, turned = (page.named(name)[what] for name in ("W1", "W1ᵀ"))
        assert straight["buffer"] == turned["buffer"]
        np.testing.assert_array_equal(page.array(straight), page.array(turned).T)


def test_the_steps_are_in_the_engine_s_order() -> None:
    loss, _ = network()
    page = Reader(account(loss))
    description = graph.describe(loss)
    order = [step["node"] for step in page.data["steps"] if step["phase"] == "backward"]
    assert order == [description.key(step.node) for step in graph.play(loss)]
    order = [step["node"] for step in page.data["steps"] if step["phase"] == "forward"]
    assert order == [vertex.key for vertex in description.operations]


def test_where_it_was_made_is_told() -> None:
    a = Tensor([1.0, 2.0], requires_grad=True, name="a")
    b = a * 3
    made = Reader(account(b.sum())).data["vertices"][1]
    assert made["source"]["file"] == "test_writing.py"
    assert made["source"]["text"] == "b = a * 3"
    assert made["caption"] == "× 3"


def test_shares_add_up_in_order() -> None:
    a = Tensor([1.0, 2.0], requires_grad=True, name="a")
    page = Reader(account((a * a + a).sum()))
    shares = [share for step in page.data["steps"] for share in step["shares"] if share["to"] == "n0"]
    assert [share["number"] for share in shares] == [1, 2, 3]
    running = np.cumsum([page.array(share["contribution"]) for share in shares], axis=0)
    np.testing.assert_array_equal([page.array(share["total"]) for share in shares], running)
    assert page.named("a")["uses"] == 3


def test_an_output_with_several_elements_needs_a_gradient() -> None:
    x = Tensor([1.0, 2.0], requires_grad=True)
    with pytest.raises(GraphError, match="not a scalar"):
        account(x * 2)
    assert Reader(account(x * 2, [1.0, 0.0])).named("L")["value"]["shape"] == [2]


def test_a_tensor_without_a_graph_says_what_to_do(tmp_path: Any) -> None:
    with pytest.raises(GraphError, match="requires_grad=True"):
        graph.explore(Tensor([1.0], name="X"), tmp_path / "page.html")
    with pytest.raises(GraphError, match="no graph leads to W"):
        graph.explore(Tensor(1.0, requires_grad=True, name="W"), tmp_path / "page.html")
    assert not list(tmp_path.iterdir())


def test_a_path_that_cannot_be_written_leaves_nothing_behind(tmp_path: Any) -> None:
    out = Tensor(1.0, requires_grad=True) * 2
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        graph.explore(out, tmp_path / "missing" / "page.html")
    (tmp_path / "folder.html").mkdir()
    with pytest.raises(OSError, match="is a folder: name a file in it"):
        graph.explore(out, tmp_path / "folder.html")
    assert [path.name for path in tmp_path.iterdir()] == ["folder.html"]


def test_what_a_page_can_not_show_is_said() -> None:
    x = Tensor(1.0, requires_grad=True)
    y = x
    for _ in range(2100):
        y = y + 1
    with pytest.raises(ValueError, match="up to 2000 values"):
        account(y)
    with pytest.raises(TypeError, match="complex"):
        account((Tensor(np.ones(2), requires_grad=True) * np.array([1j, 2.0])).sum(), np.array(1.0))


def test_names_and_numbers_that_break_pages_do_not_break_this_one(tmp_path: Any) -> None:
    bad = np.array([1.0, np.nan, np.inf])
    x, w, v = (Tensor(bad, requires_grad=True, name=name) for name in ("</script><b>", "W", "W"))
    empty = Tensor(np.ones((2, 0)), requires_grad=True, name="")
    out = (x * w * v).sum() + empty.sum()
    page = Reader(account(out))
    assert {"</script><b>", "W", "W (2)"} <= {vertex["name"] for vertex in page.data["vertices"]}
    np.testing.assert_array_equal(page.array(page.named("W")["value"]), bad)
    assert "1 NaN and 1 Inf" in page.named("W")["marks"][0]["text"]
    text = graph.explore(out, tmp_path / "page.html", title="<title>").read_text(encoding="utf-8")
    assert text.count("</script>") == 2
    assert "&lt;title&gt;" in text
    assert "http" not in text.replace("http-equiv", "").replace("http://www.w3.org", "")


def test_health_marks_what_is_wrong() -> None:
    x = Tensor(np.full((4, 3), -1.0), requires_grad=True, name="x")
    dead, flat = x.relu(), (x * 20).tanh()
    page = Reader(account((dead + flat).sum()))
    marks = {vertex["op"] or vertex["name"]: vertex["marks"] for vertex in page.data["vertices"]}
    assert marks["relu"][0]["text"].startswith("3 of 3 units dead")
    assert marks["tanh"][0]["text"].startswith("100% of the elements are saturated")
    assert marks["x"][0]["symbol"] == "∅"
    assert marks["add"] == []


def test_large_operations_say_so_where_their_terms_are_too_many() -> None:
    x = Tensor(np.linspace(0, 1, 3000), requires_grad=True)
    page = Reader(account(x.log_softmax().sum()))
    assert next(v for v in page.data["vertices"] if v["op"] == "log_softmax")["operands"][0]["local"] is None


def test_a_layout_has_every_arrow_downward_and_no_overlap() -> None:
    loss, _ = network()
    data = account(loss)
    at = {vertex["key"]: vertex for vertex in data["vertices"]}
    for edge in data["edges"]:
        assert at[edge["from"]]["y"] < at[edge["to"]]["y"]
        assert tuple(edge["points"][0]) == (at[edge["from"]]["x"], at[edge["from"]]["y"])
    for a in at.values():
        for b in at.values():
            if a is not b and a["y"] == b["y"]:
                assert abs(a["x"] - b["x"]) >= (a["width"] + b["width"]) / 2


def test_a_layout_takes_wide_and_deep_graphs() -> None:
    chain = [(f"{i}", f"{i + 1}") for i in range(1500)]
    fan = [("0", f"{i}") for i in range(2, 300, 7)]
    layout = lay_out({f"{i}": 50.0 for i in range(1501)}, chain + fan)
    assert len(layout.places) == 1501
    assert set(layout.routes) == {*chain, *fan}
