"""How large the playground's page is, how soon it is ready, and how long it is ever blocked: in a headless Chromium.

    python benchmarks/playground.py FOLDER [--beside DIST]

FOLDER holds the npm package pyodide and NumPy's wheel for it, as for `tinygrad-mnist playground --html --pyodide`.
DIST is TensorFlow's playground, github.com/tensorflow/playground, as `npm install && npm run build` leaves it in dist:
the same is measured of it. Needs selenium, and chromium with chromedriver.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1]))

from docs.making import browsers
from tinygrad_mnist.playground.page import page


class Page(NamedTuple):
    """What a page is asked, in JavaScript: when it was ready, to train, to pause, and the times of steps."""

    ready: str
    train: str
    pause: str
    steps: dict[str, str]


OURS_STEPS = """
await engine.ask("set_up", { network: "NETWORK" });
await engine.ask("advance", { steps: 5 });
const times = [];
for (let i = 0; i < 5; i++) {
  const start = performance.now();
  await engine.ask("advance", { steps: 20 });
  times.push((performance.now() - start) / 20);
}
return times;
"""

OURS = Page(
    ready='performance.getEntriesByName("ready")[0]?.startTime',
    train='show("train"); train("end")',
    pause="await pause()",
    steps={
        f"{network}, 32 digits": OURS_STEPS.replace("NETWORK", network) for network in ("784,30,10", "784,128,64,10")
    },
)

THEIRS = Page(
    ready='performance.getEntriesByType("navigation")[0].loadEventEnd',
    train='document.getElementById("play-pause-button").click()',
    pause='document.getElementById("play-pause-button").click()',
    steps={
        "2,4,2,1, 25 batches of 10 points, with its pictures": """
const times = [];
for (let i = 0; i < 100; i++) {
  const start = performance.now();
  document.getElementById("next-step-button").click();
  times.push(performance.now() - start);
}
return times;
"""
    },
)

TIMES = """
const paint = performance.getEntriesByName("first-contentful-paint")[0]?.startTime;
return [paint ?? null, READY ?? null];
"""

WATCH = """
const gaps = [];
let last = performance.now();
const tick = (now) => { gaps.push(now - last); last = now; if (watching) requestAnimationFrame(tick); };
let watching = true;
let longest = 0;
const watch = (list) => { longest = Math.max(longest, ...list.getEntries().map(({ duration }) => duration)); };
new PerformanceObserver(watch).observe({ type: "longtask" });
requestAnimationFrame((now) => { last = now; requestAnimationFrame(tick); });
TRAIN;
await new Promise((resolve) => setTimeout(resolve, 1000 * arguments[0]));
watching = false;
PAUSE;
return [gaps, longest];
"""


def started(driver: Any, path: Path, ready: str) -> tuple[float, float]:
    """When it was first painted, and when it was ready, in milliseconds from its opening."""
    driver.get("about:blank")
    driver.get(path.as_uri())
    while True:
        times = driver.execute_script(TIMES.replace("READY", ready))
        if all(times):
            return times


def run(driver: Any, script: str, *arguments: Any) -> Any:
    """What the body of an asynchronous function comes to in the page."""
    return driver.execute_script(f"return (async function () {{ {script} }})(...arguments)", *arguments)


def measure(driver: Any, path: Path, asked: Page, repeats: int, seconds: float) -> None:
    """Print the page's figures."""
    paints, readies = zip(*(started(driver, path, asked.ready) for _ in range(repeats)), strict=True)
    print(f"  first paint   {median(paints):.0f} ms, of {repeats}")
    print(f"  ready         {median(readies) / 1000:.2f} s, of {sorted(round(r) for r in readies)} ms")
    gaps, longest = run(driver, WATCH.replace("TRAIN", asked.train).replace("PAUSE", asked.pause), seconds)
    rate = 1000 * len(gaps) / sum(gaps)
    print(f"  training      {rate:.0f} frames a second, the longest of {max(gaps):.0f} ms")
    print(f"  longest task  {longest:.0f} ms; 0 where none took 50 ms")
    for of, script in asked.steps.items():
        print(f"  a step of {of}  {median(run(driver, script)):.2f} ms")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--beside", type=Path, metavar="DIST", help="TensorFlow's playground")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=6, help="of training that is watched")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "playground.html")
        path.write_text(page("worker", asked.folder), encoding="utf-8")
        driver = browsers.opened()
        driver.set_script_timeout(120)
        try:
            print(f"ours, {path.stat().st_size / 1e6:.2f} MB")
            measure(driver, path, OURS, asked.repeats, asked.seconds)
            if asked.beside:
                size = sum(file.stat().st_size for file in asked.beside.iterdir())
                print(f"TensorFlow's, {size / 1e6:.2f} MB")
                measure(driver, asked.beside.resolve() / "index.html", THEIRS, asked.repeats, asked.seconds)
        finally:
            driver.quit()


if __name__ == "__main__":
    main()
