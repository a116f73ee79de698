"""What the site's programs gave is kept from one build to the next, until the package changes."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path


def forget_if_changed(package: Path, stamp: Path, folders: list[Path]) -> None:
    """Remove what was kept in the folders if it is of another package than the one that is here."""
    digest = hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        digest.update(path.read_bytes())
    if not stamp.exists() or stamp.read_text(encoding="utf-8") != digest.hexdigest():
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)
        stamp.parent.mkdir(parents=True, exist_ok=True)
        stamp.write_text(digest.hexdigest(), encoding="utf-8")
