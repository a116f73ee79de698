"""How large the playground's page is, how soon it is ready, and how long it is ever blocked: in a headless Chromium.

    python benchmarks/playground.py FOLDER

FOLDER holds the npm package pyodide and NumPy's wheel for it, as for `tinygrad-mnist playground --html --pyodide`.
Needs selenium, and chromium with chromedriver.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from docs.making import browsers
from tinygrad_mnist.playground.page import page

TIMES = """
const paint = performance.getEntriesByName("first-contentful-paint")[0];
const ready = performance.getEntriesByName("ready")[0];
return [paint?.startTime ?? null, ready?.startTime ?? null];
"""

TRAIN = """
const done = arguments[1];
const gaps = [];
let last = performance.now();
const tick = (now) => { gaps.push(now - last); last = now; if (watching) requestAnimationFrame(tick); };
let watching = true;
let longest = 0;
const watch = (list) => { longest = Math.max(longest, ...list.getEntries().map(({ duration }) => duration)); };
new PerformanceObserver(watch).observe({ type: "longtask" });
show("train");
requestAnimationFrame((now) => { last = now; requestAnimationFrame(tick); });
train("end");
setTimeout(() => {
  watching = false;
  pause().then(() => done([gaps, longest]));
}, 1000 * arguments[0]);
"""

STEPS = """
const done = arguments[1];
(async () => {
  await engine.ask("set_up", { network: arguments[0] });
  await engine.ask("advance", { steps: 5 });
  const times = [];
  for (let i = 0; i < 5; i++) {
    const start = performance.now();
    await engine.ask("advance", { steps: 20 });
    times.push((performance.now() - start) / 20);
  }
  done(times);
})();
"""


def started(driver: Any, path: Path) -> tuple[float, float]:
    """When it was first painted, and when it was ready, in milliseconds from its opening."""
    driver.get("about:blank")
    driver.get(path.as_uri())
    while True:
        paint, ready = driver.execute_script(TIMES)
        if ready:
            return paint, ready


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=6, help="of training that is watched")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "playground.html")
        path.write_text(page("worker", asked.folder), encoding="utf-8")
        print(f"file          {path.stat().st_size / 1e6:.2f} MB")
        driver = browsers.opened()
        driver.set_script_timeout(120)
        try:
            paints, readies = zip(*(started(driver, path) for _ in range(asked.repeats)), strict=True)
            print(f"first paint   {median(paints):.0f} ms, of {asked.repeats}")
            print(f"ready         {median(readies) / 1000:.2f} s, of {sorted(round(r) for r in readies)} ms")
            gaps, longest = driver.execute_async_script(TRAIN, asked.seconds)
            rate = 1000 * len(gaps) / sum(gaps)
            print(f"training      {rate:.0f} frames a second, the longest of {max(gaps):.0f} ms")
            print(f"longest task  {longest:.0f} ms; 0 where none took 50 ms")
            for network in ("784,30,10", "784,128,64,10"):
                times = driver.execute_async_script(STEPS, network)
                print(f"a step of {network}, 32 digits  {median(times):.2f} ms")
        finally:
            driver.quit()


if __name__ == "__main__":
    main()
