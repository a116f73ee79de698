"""axe-core finds nothing serious in any page, in light and dark, wide and on a phone; `nox -s accessible` runs it."""

import os
from pathlib import Path

import numpy as np
import pytest

from docs.making.accessible import problems
from tests.comparing.test_pairing import network, run
from tests.grading.classroom.test_class_report import WHOLE
from tinygrad_mnist import Tensor, data, graph, nn, training
from tinygrad_mnist.cli.graph import loss_on_images
from tinygrad_mnist.screens.cell import cell
from tinygrad_mnist.sweeps import report
from tinygrad_mnist.sweeps.outcome import Outcome, Seed, Tried
from tinygrad_mnist.sweeps.settings import Settings

AXE = os.environ.get("TINYGRAD_MNIST_AXE", "")
VIEWS = {"page": "", "element": "goTo(turning + 5); choose(state.focus, [0, 0])", "health": "byId('health').click()"}
SCREENS = [(1400, 900, "light"), (1400, 900, "dark"), (390, 844, "light"), (390, 844, "dark")]

pytestmark = pytest.mark.skipif(not AXE, reason="TINYGRAD_MNIST_AXE names no axe.min.js: nox -s accessible installs it")


def written(folder: Path) -> dict[str, Path]:
    """Every kind of page, by its name."""
    digits = data.load("digits")
    cnn = loss_on_images(nn.network(("1x28x28", "4c3", "mp2", 10)), digits, count=2)
    mlp = loss_on_images(nn.network((784, 16, 10), "relu"), digits)
    x = Tensor(np.ones(3), requires_grad=True, name="x")
    looped = ((x * x) + x).sum()
    pages = {
        "explorer": graph.explore(mlp, folder / "mlp.html"),
        "explorer of a CNN": graph.explore(cnn, folder / "cnn.html"),
        "exercise": graph.exercise(mlp).to_html(folder / "exercise.html"),
        "orders": graph.compare_orders(looped, {"engine": graph.engine_order(looped)}, folder / "orders.html"),
    }
    rows, labels = digits.train[:8].inputs().astype(float), digits.train.labels[:8]
    head = '<!doctype html><html lang="en"><title>cells</title><style>:root { color-scheme: light dark; '
    head += "background: Canvas; color: CanvasText }</style>"
    texts = {
        "comparison": run(network((784, 10, 10)), rows, labels).to_html(),
        "report": WHOLE.results[1].report.to_html(),
        "class": WHOLE.to_html(),
        "learner": WHOLE.learner_html(WHOLE.results[0]),
        "sweep": swept(),
        "cell": f"{head}<main>{cells(digits)}</main>",
    }
    for name, text in texts.items():
        pages[name] = folder / f"{name}.html"
        pages[name].write_text(text, encoding="utf-8")
    return pages


def swept() -> str:
    """The page of a sweep of two trials."""
    recipe = training.PRESETS["tiny"]
    settings = Settings(recipe, {"lr": "1e-2..1e-1:log"}, trials=2, sampler="random", seed=0, source="digits", seeds=1)
    tried = [Tried(i, i, {"lr": 0.1**i}, 0.9, 0.3, (0.8, 0.9), 1.0, None) for i in (1, 2)]
    return report.page(Outcome(recipe, tried[0], tried, [Seed(0, 0.9, 0.9)], [], {"lr": 1.0}, settings))


def cells(digits: data.Dataset) -> str:
    """What a notebook shows of several things."""
    return "".join(thing._repr_html_() for thing in (digits, nn.MLP((784, 10)), WHOLE)) + cell("<end>")


def test_axe_finds_nothing_serious(browser, tmp_path):
    found = []
    for name, path in written(tmp_path).items():
        for width, height, scheme in SCREENS:
            screen = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
            browser.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
            media = [{"name": "prefers-color-scheme", "value": scheme}]
            browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": media})
            for view, script in VIEWS.items() if name.startswith("explorer") else [("page", "")]:
                browser.open(path)
                browser.driver.execute_script(script)
                for serious in problems(browser.driver, Path(AXE)):
                    found.append(f"{name}, {view}, {width}, {scheme}: {serious}")
    browser.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    assert not found, "\n".join(found)
