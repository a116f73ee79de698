"""What the site's programs gave is kept from one build to the next, until the package changes."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path


def forget_if_changed(package: Path, stamp: Path, folders: list[Path]) -> str:
    """Remove what was kept in the folders if it is of another package than this one, whose digest is given back."""
    content = hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        content.update(path.read_bytes())
    digest = content.hexdigest()
    if not stamp.exists() or stamp.read_text(encoding="utf-8") != digest:
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)
        stamp.parent.mkdir(parents=True, exist_ok=True)
        stamp.write_text(digest, encoding="utf-8")
    return digest
