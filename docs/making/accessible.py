"""`python -m docs.making.accessible build/site [PICTURES]`: axe-core finds nothing serious on any page of the site.

Each page is opened in headless Chromium as on a desk and on a phone, light and dark; with a folder for PICTURES, it is
also kept as people see it. axe-core comes with `npm --prefix javascript ci`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docs.making import browsers

AXE = Path(
    os.environ.get("TINYGRAD_MNIST_AXE")
    or Path(__file__).parents[2] / "javascript" / "node_modules" / "axe-core" / "axe.min.js"
)
WIDTHS = (1400, 390)
SCHEMES = ("light", "dark")
SERIOUS = ("serious", "critical")
NODES = 5
"""How many of the elements that break a rule are told."""

RUN = """
const done = arguments[arguments.length - 1];
const options = {resultTypes: ["violations"], iframes: arguments[0]};
axe.run(document, options).then(found => done(found.violations), error => done(String(error)));
"""


def problems(browser: Any, axe: Path = AXE, frames: bool = True) -> list[str]:
    """What axe-core finds serious on the page that is open: each rule, and the first elements that break it."""
    browser.execute_script(axe.read_text(encoding="utf-8"))
    found = browser.execute_async_script(RUN, frames)
    if isinstance(found, str):
        return [found]
    return [
        f"{rule['id']} ({len(rule['nodes'])} times): {' | '.join(map(_told, rule['nodes'][:NODES]))}"
        for rule in found
        if rule["impact"] in SERIOUS
    ]


def _told(node: Any) -> str:
    return f"{node['html'][:160]} {' '.join(node['failureSummary'].split())[:300]}"


def too_wide(browser: Any) -> list[str]:
    """Whether the page moves sideways."""
    width, seen = browser.execute_script("return [document.documentElement.scrollWidth, window.innerWidth]")
    return [f"{width} pixels wide, of which {seen} are seen"] if width > seen else []


def settings(browser: Any) -> Iterator[str]:
    """The browser as each width and each colour scheme, by name."""
    for width in WIDTHS:
        for scheme in SCHEMES:
            screen = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
            browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
            media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
            browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
            yield f"{width}-{scheme}"


def check(site: Path, pictures: Path | None = None) -> Iterator[str]:
    """A line for each problem of each page."""
    browser = browsers.opened(is_still=True)
    try:
        for setting in settings(browser):
            for page in sorted(site.rglob("*.html")):
                browser.get(page.as_uri())
                name = page.relative_to(site).as_posix()
                for problem in problems(browser) + too_wide(browser):
                    yield f"{name} at {setting}: {problem}"
                if pictures:
                    browser.save_screenshot(str(pictures / f"{name.replace('/', '-')}-{setting}.png"))
    finally:
        browser.quit()


def main() -> int:
    """What the command does."""
    if not AXE.exists():
        print(f"there is no axe-core, {AXE.name}: npm --prefix javascript ci")
        return 1
    site, *pictures = map(Path, sys.argv[1:])
    if not any(site.rglob("*.html")):
        print(f"{site}: there are no pages; build the site first: nox -s docs")
        return 1
    for folder in pictures:
        folder.mkdir(parents=True, exist_ok=True)
    found = []
    for problem in check(site.resolve(), *pictures):
        print(problem, flush=True)  # the whole takes minutes
        found.append(problem)
    print(f"{len(found)} serious problems")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
